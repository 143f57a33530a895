/* The fast way from lines to columns: what the scanners share.
 *
 * One pass over a chunk. A line that is plain, as its scanner understands it, becomes a row. Any other line is left out
 * and told by its index: the full SELECT of the format sees to it, and says the same of the lines that are taken here.
 * So a scanner need not know what to do with odd lines, only to notice them; when in doubt, it leaves a line out.
 *
 * Texts become Arrow string views (https://arrow.apache.org/docs/format/Columnar.html): of the chunk itself, which is
 * buffer 0, or of a side buffer, which is buffer 1, where they had to be put together. Nothing here allocates.
 */

#ifndef LOGPIPE_SCAN_H
#define LOGPIPE_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "views.h"

enum kind { TEXT, STRICT_TEXT, SERVICE, STREAM, LEVEL, TIME, FLOAT, UINT16, INT32, UINT64 };
enum { LONGEST_NUMBER = 40 };

/* As in `scanner.py`, the three of them. */
typedef struct {
    const uint8_t *key;
    int64_t key_length;
    int64_t kind;
    void *values;   /* a row each; not touched where NULL */
    uint8_t *valid; /* Arrow's validity bitmap, zeroes */
    int64_t present; /* whether any row has a value */
} Column;

typedef struct {
    const uint8_t *data;
    int64_t size;
    const int64_t *starts, *ends; /* of each line in `data` */
    const uint8_t *skip;          /* not 0 for a line that is to be left out unseen */
    int64_t count;
} Lines;

/* Where the rows go. `side` begins with the service's name, for rows that name none, and has room behind it for the
 * bytes of all lines and once more the longest. `attributes` has room for as much as the scanner says; where the text
 * of a row begins and ends stands in `attribute_offsets`. `taken` gets the index of each line that became a row, `left`
 * those that may become one, `torn` those that no reader could make one of. */
typedef struct {
    Column *columns;
    int64_t column_count;
    uint8_t *side;
    int64_t service_length;
    uint8_t *severities;
    uint8_t *attributes_valid;
    int32_t *attribute_offsets;
    uint8_t *attributes;
    int64_t *taken, *left, *torn;
    int64_t left_count, torn_count;
} Rows;

/* Everything of one call; `row` is the next to be written. */
typedef struct {
    const uint8_t *data, *data_end;
    uint8_t *side, *side_next;
    Column *columns;
    int32_t column_count;
    View service;
    uint8_t *attributes_end; /* a row's go here */
    uint64_t set;            /* columns that the row has a value of, by bit */
    uint8_t severity;
    int64_t row;
} Scan;

typedef enum { LEFT, TORN, TAKEN } Outcome;

/* Writes the present row, and moves what it moves of `side_next` and `attributes_end`. */
typedef Outcome (*ReadLine)(Scan *scan, void *own, const uint8_t *at, const uint8_t *end);

/* The rows of the lines that `read` takes; returns their number. */
int64_t scan_lines(const Lines *lines, Rows *rows, ReadLine read, void *own);

/* Microseconds since 1970 of a date and a time of day in UTC; false if there is no such. */
bool read_moment(int year, int month, int day, int hour, int minute, int second, int64_t *microseconds);

/* A number of digits, perhaps with a minus, perhaps with a point, as a double; false if it is too much for one. */
bool read_decimal(const uint8_t *at, const uint8_t *end, double *value);

static inline bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* The number that two digits make; negative if they are none. */
static inline int two(const uint8_t *at) {
    return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1;
}

typedef uint8_t Bytes __attribute__((vector_size(16)));

/* The first quote, backslash or control character, looked for sixteen bytes at a time. */
static inline const uint8_t *string_stop(const uint8_t *at, const uint8_t *end) {
    for (; end - at >= 16; at += 16) {
        Bytes bytes;
        memcpy(&bytes, at, sizeof bytes);
        Bytes found = (Bytes)((bytes == '"') | (bytes == '\\') | (bytes < 0x20));
        uint64_t halves[2];
        memcpy(halves, &found, sizeof halves);
        if (halves[0]) return at + (__builtin_ctzll(halves[0]) >> 3);
        if (halves[1]) return at + 8 + (__builtin_ctzll(halves[1]) >> 3);
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20) at++;
    return at;
}

static inline bool starts_with(const uint8_t *at, const uint8_t *end, const char *word, int64_t length) {
    return end - at >= length && memcmp(at, word, (size_t)length) == 0;
}

/* The first `length` bytes of 8, the others 0. */
static inline uint64_t first_bytes(uint64_t word, int64_t length) {
    return length >= 8 ? word : length <= 0 ? 0 : word & (((uint64_t)1 << 8 * length) - 1);
}

static inline void put_view(const Scan *scan, View *view, const uint8_t *text, int64_t length) {
    bool in_chunk = text >= scan->data && text < scan->data_end;
    view->length = (int32_t)length;
    if (length > INLINE) {
        memcpy(view->prefix, text, 4);
        view->buffer = in_chunk ? 0 : 1;
        view->offset = (int32_t)(text - (in_chunk ? scan->data : scan->side));
    } else if (in_chunk && scan->data_end - text >= 16) {
        uint64_t low, high;
        memcpy(&low, text, 8);
        memcpy(&high, text + 8, 8);
        low = first_bytes(low, length);
        high = first_bytes(high, length - 8);
        memcpy(view->bytes, &low, 8);
        memcpy(view->bytes + 8, &high, 4);
    } else {
        memset(view->bytes, 0, INLINE);
        memcpy(view->bytes, text, (size_t)length);
    }
}

static inline void set_text(const Scan *scan, const Column *column, const uint8_t *text, int64_t length) {
    put_view(scan, (View *)column->values + scan->row, text, length);
}

/* A text that is not of the chunk, of at most INLINE bytes. */
static inline void set_name(const Scan *scan, const Column *column, const char *name) {
    View *view = (View *)column->values + scan->row;
    *view = (View){.length = (int32_t)strlen(name)};
    memcpy(view->bytes, name, strlen(name));
}

#endif
