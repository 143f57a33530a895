/* What the scanners share, see `scan.h`. */

#include "scan.h"

#include <math.h>
#include <stdlib.h>

static void set_valid(uint8_t *bitmap, int64_t row) { bitmap[row >> 3] |= (uint8_t)(1 << (row & 7)); }

int64_t scan_lines(const Lines *lines, Rows *rows, ReadLine read, void *own) {
    Scan scan = {.data = lines->data, .data_end = lines->data + lines->size, .side = rows->side,
                 .side_next = rows->side + rows->service_length, .columns = rows->columns,
                 .column_count = (int32_t)rows->column_count, .attributes_end = rows->attributes};
    put_view(&scan, &scan.service, rows->side, rows->service_length);
    uint64_t present = 0;
    rows->left_count = rows->torn_count = 0;
    rows->attribute_offsets[0] = 0;
    for (int64_t line = 0; line < lines->count; line++) {
        uint8_t *side_before = scan.side_next, *attributes_before = scan.attributes_end;
        scan.set = 0;
        scan.severity = 0;
        const uint8_t *at = lines->data + lines->starts[line], *end = lines->data + lines->ends[line];
        Outcome outcome = lines->skip[line] ? LEFT : read(&scan, own, at, end);
        if (outcome != TAKEN) {
            scan.side_next = side_before;
            scan.attributes_end = attributes_before;
            if (outcome == TORN) rows->torn[rows->torn_count++] = line;
            else rows->left[rows->left_count++] = line;
            continue;
        }
        for (uint64_t rest = scan.set; rest; rest &= rest - 1) {
            set_valid(scan.columns[__builtin_ctzll(rest)].valid, scan.row);
        }
        present |= scan.set;
        rows->severities[scan.row] = scan.severity;
        if (scan.attributes_end > attributes_before) set_valid(rows->attributes_valid, scan.row);
        rows->taken[scan.row++] = line;
        rows->attribute_offsets[scan.row] = (int32_t)(scan.attributes_end - rows->attributes);
    }
    for (int32_t i = 0; i < scan.column_count; i++) scan.columns[i].present = present >> i & 1;
    return scan.row;
}

bool read_moment(int year, int month, int day, int hour, int minute, int second, int64_t *microseconds) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && is_leap)) return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    /* Days from the civil date, with years that begin in March. */
    int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t date = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    *microseconds = (date * 86400 + hour * 3600 + minute * 60 + second) * 1000000;
    return true;
}

/* Exact when both the digits and the power of ten are (Clinger, PLDI 1990); else by the C library. */
bool read_decimal(const uint8_t *at, const uint8_t *end, double *value) {
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
    if (end - at > 17) {
        char copy[LONGEST_NUMBER + 1], *stop;
        if (end - at > LONGEST_NUMBER) return false;
        memcpy(copy, at, (size_t)(end - at));
        copy[end - at] = '\0';
        *value = strtod(copy, &stop);
        return stop == copy + (end - at) && isfinite(*value);
    }
    bool is_negative = *at == '-', in_fraction = false;
    int64_t digits = 0, scale = 0;
    for (at += is_negative; at < end; at++) {
        if (*at == '.') {
            in_fraction = true;
        } else {
            digits = digits * 10 + *at - '0';
            scale += in_fraction;
        }
    }
    if (digits > (int64_t)1 << 53) return false;
    *value = (double)digits / powers[scale];
    if (is_negative) *value = -*value;
    return true;
}

/* Bits that any of these bytes has. */
static uint8_t bits_of(const uint8_t *at, const uint8_t *end) {
    uint64_t bits = 0;
    for (uint64_t word; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        bits |= word;
    }
    while (at < end) bits |= *at++;
    bits |= bits >> 32;
    bits |= bits >> 16;
    return (uint8_t)(bits | bits >> 8);
}

static bool is_blank(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r'))) at++;
    return at == end;
}

/* Lines, of which those that are not blank are records so far. As in `lines.py`. */
typedef struct {
    int64_t *line_starts, *blank_starts;
    int64_t *starts, *ends; /* of the text of a record */
    int64_t *lengths;       /* of its line, with the newline */
    int64_t room;           /* for so many lines */
    int64_t lines, records, blanks;
    uint8_t bits; /* that any byte of them has; the highest also where a text begins with a NUL */
} Found;

/* The next lines of `data` from `from` on, the first `skip` bytes of which belong to no text; the last line may lack its
 * newline. Returns where the next one begins. */
int64_t logpipe_lines(const uint8_t *data, int64_t size, int64_t from, int64_t skip, Found *found) {
    const uint8_t *at = data + from, *end = data + size;
    found->lines = found->records = found->blanks = 0;
    for (; at < end && found->lines < found->room; skip = 0) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at)), *text = at + skip;
        const uint8_t *stop = newline == NULL ? end : newline, *next = newline == NULL ? end : newline + 1;
        found->bits |= bits_of(at, stop);
        if (stop > text && stop[-1] == '\r') stop--;
        found->line_starts[found->lines++] = at - data;
        if (is_blank(text, stop)) {
            found->blank_starts[found->blanks++] = at - data;
        } else {
            if (*text == 0) found->bits |= 0x80;
            found->starts[found->records] = text - data;
            found->ends[found->records] = stop - data;
            found->lengths[found->records++] = next - at;
        }
        at = next;
    }
    return at - data;
}
