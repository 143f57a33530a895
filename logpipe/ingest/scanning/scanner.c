/* The fast way from lines of logpipe's own JSON to columns.
 *
 * One pass over a chunk. A line that is plain - one flat object, values of the types that their columns want, no key
 * twice - becomes a row. Any other line is left out and told by its index: the full SELECT of the format sees to it, and
 * says the same of the lines that are taken here. So this code need not know what to do with odd lines, only to notice
 * them; when in doubt, it leaves a line out.
 *
 * Texts become Arrow string views (https://arrow.apache.org/docs/format/Columnar.html): of the chunk itself, which is
 * buffer 0, or of a side buffer, which is buffer 1, where they had to be put together. Nothing here allocates.
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "views.h"

enum kind { TEXT, STRICT_TEXT, SERVICE, STREAM, LEVEL, TIME, FLOAT, UINT16, INT32, UINT64 };
enum { MOST_COLUMNS = 64, MOST_EXTRA = 64, DEEPEST = 32, LONGEST_NUMBER = 40, ERROR_SEVERITY = 17 };

typedef struct {
    const uint8_t *key;
    int64_t key_length;
    int64_t kind;
    void *values;   /* a row each; not touched where NULL */
    uint8_t *valid; /* Arrow's validity bitmap, zeroes */
    int64_t present; /* whether any row has a value */
} Column;

typedef struct {
    const uint8_t *key, *value;
    int32_t key_length, value_length;
} Member;

/* Everything of one call; `row` is the next to be written. */
typedef struct {
    const uint8_t *data, *data_end;
    uint8_t *side, *side_next;
    Column *columns;
    int32_t column_count;
    int32_t after[MOST_COLUMNS + 1]; /* the column that followed the last time: lines of one source are alike */
    Member extra[MOST_EXTRA];
    int32_t extra_count;
    uint64_t seen, set; /* columns whose key the line has, and those that have its value */
    int64_t row;
    uint8_t severity;
} Scan;

static const struct {
    const char *name;
    uint8_t length, severity;
} LEVELS[] = {{"INFO", 4, 9}, {"DEBUG", 5, 5}, {"WARNING", 7, 13}, {"ERROR", 5, 17}, {"CRITICAL", 8, 21}, {"TRACE", 5, 1}};
static const char *const STREAMS[] = {"app", "error", "performance", "business", "access"};

/* -- Reading ---------------------------------------------------------------------------------------------------- */

static const uint8_t *skip_blanks(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) at++;
    return at;
}

static bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* The first quote, backslash or control character, looked for eight bytes at a time. */
static const uint8_t *string_stop(const uint8_t *at, const uint8_t *end) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quotes = word ^ (ones * '"'), slashes = word ^ (ones * '\\');
        uint64_t found =
            (((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes) | ((word - ones * 0x20) & ~word)) & highs;
        if (found) return at + (__builtin_ctzll(found) >> 3); /* the lowest bit that is set is sure */
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20) at++;
    return at;
}

static int hex4(const uint8_t *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t byte = at[i], letter = byte | 0x20;
        if (is_digit(byte)) value = value * 16 + byte - '0';
        else if (letter >= 'a' && letter <= 'f') value = value * 16 + letter - 'a' + 10;
        else return -1;
    }
    return value;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (uint8_t)point;
    } else if (point < 0x800) {
        *out++ = (uint8_t)(0xC0 | point >> 6);
        *out++ = (uint8_t)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (uint8_t)(0xE0 | point >> 12);
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (point & 0x3F));
    } else {
        *out++ = (uint8_t)(0xF0 | point >> 18);
        *out++ = (uint8_t)(0x80 | (point >> 12 & 0x3F));
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (point & 0x3F));
    }
    return out;
}

/* One escape, `at` behind its backslash; what it stands for goes to `*out`. NULL for what no text can hold. */
static const uint8_t *read_escape(const uint8_t *at, const uint8_t *end, uint8_t **out) {
    if (at >= end) return NULL;
    switch (*at) {
    case '"': case '\\': case '/': *(*out)++ = *at; return at + 1;
    case 'b': *(*out)++ = '\b'; return at + 1;
    case 'f': *(*out)++ = '\f'; return at + 1;
    case 'n': *(*out)++ = '\n'; return at + 1;
    case 'r': *(*out)++ = '\r'; return at + 1;
    case 't': *(*out)++ = '\t'; return at + 1;
    case 'u': break;
    default: return NULL;
    }
    if (end - at < 5) return NULL;
    int point = hex4(at + 1);
    at += 5;
    if (point <= 0 || (point >= 0xDC00 && point < 0xE000)) return NULL;
    if (point >= 0xD800 && point < 0xDC00) {
        if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return NULL;
        int low = hex4(at + 2);
        if (low < 0xDC00 || low >= 0xE000) return NULL;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
    }
    *out = put_utf8(*out, (uint32_t)point);
    return at;
}

/* A string, `at` behind its opening quote: `*text` and `*length` are what it says, in the chunk or, with escapes, at
 * `*out`. Returns the byte behind its closing quote; NULL if it is not sound. */
static const uint8_t *read_string(
    const uint8_t *at, const uint8_t *end, uint8_t **out, const uint8_t **text, int64_t *length) {
    const uint8_t *stop = string_stop(at, end);
    if (stop < end && *stop == '"') {
        *text = at;
        *length = stop - at;
        return stop + 1;
    }
    uint8_t *begin = *out, *next = begin;
    for (;;) {
        memcpy(next, at, (size_t)(stop - at));
        next += stop - at;
        if (stop >= end || *stop < 0x20) return NULL;
        if (*stop == '"') break;
        at = read_escape(stop + 1, end, &next);
        if (at == NULL) return NULL;
        stop = string_stop(at, end);
    }
    *text = begin;
    *length = next - begin;
    *out = next;
    return stop + 1;
}

/* The end of a number as RFC 8259 spells it; NULL for none, and for one that a reader might round or spell anew. */
static const uint8_t *number_end(const uint8_t *at, const uint8_t *end, bool *is_whole) {
    const uint8_t *begin = at;
    if (at < end && *at == '-') at++;
    const uint8_t *digits = at;
    while (at < end && is_digit(*at)) at++;
    if (at == digits || (*digits == '0' && (at - digits > 1 || digits > begin))) return NULL;
    *is_whole = at == end || *at != '.';
    if (*is_whole) {
        if (at - digits > 18) return NULL;
    } else {
        const uint8_t *fraction = ++at;
        while (at < end && is_digit(*at)) at++;
        if (at == fraction || at - begin > LONGEST_NUMBER) return NULL;
    }
    return at < end && (*at | 0x20) == 'e' ? NULL : at;
}

static bool starts_with(const uint8_t *at, const uint8_t *end, const char *word, int64_t length) {
    return end - at >= length && memcmp(at, word, (size_t)length) == 0;
}

/* The end of any sound value. `scratch` has room for a string of the line. */
static const uint8_t *value_end(const uint8_t *at, const uint8_t *end, uint8_t *scratch, int depth) {
    if (at >= end || depth > DEEPEST) return NULL;
    const uint8_t *text;
    int64_t length;
    bool is_whole;
    switch (*at) {
    case '"': return read_string(at + 1, end, &scratch, &text, &length);
    case 't': return starts_with(at, end, "true", 4) ? at + 4 : NULL;
    case 'f': return starts_with(at, end, "false", 5) ? at + 5 : NULL;
    case 'n': return starts_with(at, end, "null", 4) ? at + 4 : NULL;
    case '{': case '[': break;
    default: return number_end(at, end, &is_whole);
    }
    uint8_t closing = *at == '{' ? '}' : ']';
    at = skip_blanks(at + 1, end);
    if (at < end && *at == closing) return at + 1;
    for (;;) {
        if (closing == '}') {
            uint8_t *out = scratch;
            if (at >= end || *at != '"') return NULL;
            at = read_string(at + 1, end, &out, &text, &length);
            if (at == NULL) return NULL;
            at = skip_blanks(at, end);
            if (at >= end || *at != ':') return NULL;
            at = skip_blanks(at + 1, end);
        }
        at = value_end(at, end, scratch, depth + 1);
        if (at == NULL) return NULL;
        at = skip_blanks(at, end);
        if (at >= end) return NULL;
        if (*at == closing) return at + 1;
        if (*at != ',') return NULL;
        at = skip_blanks(at + 1, end);
    }
}

static int two(const uint8_t *at) { return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1; }

/* `2026-03-14T09:26:53.123456Z` in microseconds since 1970; any other spelling is left to the full SELECT. */
static bool read_time(const uint8_t *at, int64_t length, int64_t *microseconds) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (length != 27 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':'
        || at[19] != '.' || at[26] != 'Z')
        return false;
    int century = two(at), years = two(at + 2), month = two(at + 5), day = two(at + 8);
    int hour = two(at + 11), minute = two(at + 14), second = two(at + 17);
    int tens = two(at + 20), hundreds = two(at + 22), rest = two(at + 24);
    if ((century | years | month | day | hour | minute | second | tens | hundreds | rest) < 0) return false;
    int64_t year = century * 100 + years;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && is_leap)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    /* Days from the civil date, with years that begin in March. */
    int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t date = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    int64_t seconds = date * 86400 + hour * 3600 + minute * 60 + second;
    *microseconds = seconds * 1000000 + tens * 10000 + hundreds * 100 + rest;
    return true;
}

/* -- Writing ---------------------------------------------------------------------------------------------------- */

/* The first `length` bytes of 8, the others 0. */
static uint64_t first_bytes(uint64_t word, int64_t length) {
    return length >= 8 ? word : length <= 0 ? 0 : word & (((uint64_t)1 << 8 * length) - 1);
}

static void put_view(const Scan *scan, View *view, const uint8_t *text, int64_t length) {
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

static void set_text(Scan *scan, Column *column, const uint8_t *text, int64_t length) {
    put_view(scan, (View *)column->values + scan->row, text, length);
}

static bool set_level(Scan *scan, Column *column, const uint8_t *text, int64_t length) {
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++)
        if (length == LEVELS[i].length && memcmp(text, LEVELS[i].name, (size_t)length) == 0) {
            scan->severity = LEVELS[i].severity;
            set_text(scan, column, text, length);
            return true;
        }
    return false;
}

static bool set_stream(Scan *scan, Column *column, const uint8_t *text, int64_t length) {
    for (size_t i = 0; i < sizeof STREAMS / sizeof *STREAMS; i++)
        if (length == (int64_t)strlen(STREAMS[i]) && memcmp(text, STREAMS[i], (size_t)length) == 0) {
            set_text(scan, column, text, length);
            return true;
        }
    return false;
}

static bool set_string(Scan *scan, Column *column, const uint8_t *text, int64_t length) {
    int64_t microseconds;
    switch (column->kind) {
    case TEXT: case STRICT_TEXT: case SERVICE: set_text(scan, column, text, length); return true;
    case STREAM: return set_stream(scan, column, text, length);
    case LEVEL: return set_level(scan, column, text, length);
    case TIME:
        if (!read_time(text, length, &microseconds)) return false;
        ((int64_t *)column->values)[scan->row] = microseconds;
        return true;
    default: return false; /* a text may be a number, by the rules of a cast */
    }
}

/* Exact when both the digits and the power of ten are (Clinger, PLDI 1990); else by the C library. */
static bool set_float(Scan *scan, Column *column, const uint8_t *at, const uint8_t *end) {
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
    double *value = (double *)column->values + scan->row;
    if (end - at > 17) {
        char copy[LONGEST_NUMBER + 1], *stop;
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

static bool set_number(Scan *scan, Column *column, const uint8_t *at, const uint8_t *end, bool is_whole) {
    if (column->kind == FLOAT) return set_float(scan, column, at, end);
    if (!is_whole) return false;
    if (column->kind == TEXT || column->kind == SERVICE) {
        set_text(scan, column, at, end - at);
        return true;
    }
    bool is_negative = *at == '-';
    int64_t number = 0;
    for (const uint8_t *digit = at + is_negative; digit < end; digit++) number = number * 10 + *digit - '0';
    if (is_negative) number = -number;
    switch (column->kind) {
    case UINT16:
        if (number < 0 || number > UINT16_MAX) return false;
        ((uint16_t *)column->values)[scan->row] = (uint16_t)number;
        return true;
    case INT32:
        if (number < INT32_MIN || number > INT32_MAX) return false;
        ((int32_t *)column->values)[scan->row] = (int32_t)number;
        return true;
    case UINT64:
        if (number < 0) return false;
        ((uint64_t *)column->values)[scan->row] = (uint64_t)number;
        return true;
    default: return false;
    }
}

/* -- A line ----------------------------------------------------------------------------------------------------- */

static bool equal_but_for_case(const uint8_t *one, const uint8_t *other, int64_t length) {
    for (int64_t i = 0; i < length; i++) {
        uint8_t difference = one[i] ^ other[i];
        if (difference != 0 && difference != 0x20) return false;
    }
    return true;
}

/* The column of a key; -1 for a key of no column, -2 for one that might be meant for a column. */
static int32_t column_of(Scan *scan, int32_t last, const uint8_t *key, int64_t length) {
    int32_t guess = scan->after[last + 1];
    if (guess >= 0 && scan->columns[guess].key_length == length
        && memcmp(scan->columns[guess].key, key, (size_t)length) == 0)
        return guess;
    for (int32_t i = 0; i < scan->column_count; i++) {
        const Column *column = &scan->columns[i];
        if (column->key_length != length || !equal_but_for_case(column->key, key, length)) continue;
        if (memcmp(column->key, key, (size_t)length) != 0) return -2;
        scan->after[last + 1] = i;
        return i;
    }
    return -1;
}

static bool add_extra(Scan *scan, const uint8_t *key, int64_t key_length, const uint8_t *value, const uint8_t *end) {
    if (scan->extra_count == MOST_EXTRA || key_length == 0) return false;
    for (int32_t i = 0; i < scan->extra_count; i++)
        if (scan->extra[i].key_length == key_length && memcmp(scan->extra[i].key, key, (size_t)key_length) == 0)
            return false;
    scan->extra[scan->extra_count++] = (Member){key, value, (int32_t)key_length, (int32_t)(end - value)};
    return true;
}

/* One member, from its key's opening quote; returns the byte behind its value, NULL to leave the line out. */
static const uint8_t *read_member(Scan *scan, const uint8_t *at, const uint8_t *end, int32_t *last) {
    if (at >= end || *at != '"') return NULL;
    const uint8_t *key = at + 1, *key_end = string_stop(key, end);
    if (key_end >= end || *key_end != '"') return NULL;
    at = skip_blanks(key_end + 1, end);
    if (at >= end || *at != ':') return NULL;
    at = skip_blanks(at + 1, end);
    if (at >= end) return NULL;
    int32_t index = column_of(scan, *last, key, key_end - key);
    if (index == -2) return NULL;
    if (index >= 0) {
        Column *column = &scan->columns[index];
        uint64_t bit = (uint64_t)1 << index;
        if (scan->seen & bit) return NULL;
        scan->seen |= bit;
        *last = index;
        if (*at == '"') {
            const uint8_t *text;
            int64_t length;
            at = read_string(at + 1, end, &scan->side_next, &text, &length);
            if (at == NULL || !set_string(scan, column, text, length)) return NULL;
            scan->set |= bit;
            return at;
        }
        if ((is_digit(*at) || *at == '-') && column->kind != STRICT_TEXT) {
            bool is_whole;
            const uint8_t *stop = number_end(at, end, &is_whole);
            if (stop == NULL || !set_number(scan, column, at, stop, is_whole)) return NULL;
            scan->set |= bit;
            return stop;
        }
    }
    /* No column wants it: an unknown key, or a null, a boolean or a list under a known one. */
    const uint8_t *stop = value_end(at, end, scan->side_next, 0);
    return stop != NULL && add_extra(scan, key, key_end - key, at, stop) ? stop : NULL;
}

/* The columns of one line into the present row; false to leave it out. */
static bool read_line(Scan *scan, const uint8_t *at, const uint8_t *end) {
    int32_t last = -1;
    scan->extra_count = 0;
    scan->seen = scan->set = 0;
    at = skip_blanks(at, end);
    if (at >= end || *at != '{') return false;
    at = skip_blanks(at + 1, end);
    for (;;) {
        at = read_member(scan, at, end, &last);
        if (at == NULL) return false;
        at = skip_blanks(at, end);
        if (at >= end) return false;
        if (*at == '}') return skip_blanks(at + 1, end) == end;
        if (*at != ',') return false;
        at = skip_blanks(at + 1, end);
    }
}

/* `{"key":value,...}` of the members without a column; returns the byte behind it. */
static uint8_t *write_extra(const Scan *scan, uint8_t *out) {
    *out++ = '{';
    for (int32_t i = 0; i < scan->extra_count; i++) {
        const Member *member = &scan->extra[i];
        if (i) *out++ = ',';
        *out++ = '"';
        memcpy(out, member->key, (size_t)member->key_length);
        out += member->key_length;
        *out++ = '"';
        *out++ = ':';
        memcpy(out, member->value, (size_t)member->value_length);
        out += member->value_length;
    }
    *out++ = '}';
    return out;
}

static void set_valid(uint8_t *bitmap, int64_t row) { bitmap[row >> 3] |= (uint8_t)(1 << (row & 7)); }

/* What the source says of a record that does not say it itself. */
static void set_defaults(Scan *scan, const View *service) {
    for (int32_t i = 0; i < scan->column_count; i++) {
        Column *column = &scan->columns[i];
        if (scan->set >> i & 1) continue;
        if (column->kind == SERVICE) {
            ((View *)column->values)[scan->row] = *service;
        } else if (column->kind == STREAM) {
            const char *stream = scan->severity >= ERROR_SEVERITY ? "error" : "app";
            set_text(scan, column, (const uint8_t *)stream, (int64_t)strlen(stream));
        } else {
            continue;
        }
        scan->set |= (uint64_t)1 << i;
    }
}

/* A stack trace says the rest of an exception, where the record does not; reading it is left to the full SELECT. */
static bool is_complete(const Scan *scan, uint64_t needed, uint64_t exception, uint64_t stacktrace) {
    return (scan->set & needed) == needed
           && (!(scan->set & stacktrace) || (scan->set & exception) == exception);
}

/* Read `count` lines, from `starts` to `ends` in `data`, but for those with `skip`.
 *
 * `needed` has a bit for each column that a row must have, `exception` and `stacktrace` for those that tell an
 * exception. `side` begins with the service's name and has room for the bytes of all lines and once more the longest.
 * `attributes` has room for the bytes of all lines; where the text of a row begins and ends stands in
 * `attribute_offsets`. `taken` gets the index of each line that became a row, `left` those of the others. Returns the
 * number of rows. */
int64_t logpipe_scan(
    const uint8_t *data, int64_t size, const int64_t *starts, const int64_t *ends, const uint8_t *skip, int64_t count,
    Column *columns, int32_t column_count, uint64_t needed, uint64_t exception, uint64_t stacktrace, uint8_t *side,
    int64_t service_length, uint8_t *severities, uint8_t *attributes, int32_t *attribute_offsets,
    uint8_t *attributes_valid, int64_t *taken, int64_t *left) {
    Scan scan = {.data = data, .data_end = data + size, .side = side, .side_next = side + service_length,
                 .columns = columns, .column_count = column_count};
    View service;
    put_view(&scan, &service, side, service_length);
    uint64_t present = 0;
    for (int32_t i = 0; i <= MOST_COLUMNS; i++) scan.after[i] = -1;
    int64_t left_count = 0;
    uint8_t *attributes_end = attributes;
    attribute_offsets[0] = 0;
    for (int64_t line = 0; line < count; line++) {
        uint8_t *side_before = scan.side_next;
        if (skip[line] || !read_line(&scan, data + starts[line], data + ends[line])
            || !is_complete(&scan, needed, exception, stacktrace)) {
            scan.side_next = side_before;
            left[left_count++] = line;
            continue;
        }
        set_defaults(&scan, &service);
        for (uint64_t rest = scan.set; rest; rest &= rest - 1) {
            set_valid(columns[__builtin_ctzll(rest)].valid, scan.row);
        }
        present |= scan.set;
        severities[scan.row] = scan.severity;
        if (scan.extra_count) {
            attributes_end = write_extra(&scan, attributes_end);
            set_valid(attributes_valid, scan.row);
        }
        taken[scan.row++] = line;
        attribute_offsets[scan.row] = (int32_t)(attributes_end - attributes);
    }
    for (int32_t i = 0; i < column_count; i++) columns[i].present = present >> i & 1;
    return scan.row;
}

/* The places of newlines in `data` from `from` on, as many as there is `room` for. */
int64_t logpipe_newlines(const uint8_t *data, int64_t size, int64_t from, int64_t *places, int64_t room) {
    int64_t found = 0;
    for (const uint8_t *at = data + from; found < room; at++) {
        at = memchr(at, '\n', (size_t)(data + size - at));
        if (at == NULL) break;
        places[found++] = at - data;
    }
    return found;
}
