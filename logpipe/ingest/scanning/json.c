/* Lines of logpipe's own JSON to columns, see `scan.h`.
 *
 * Plain is one flat object, values of the types that their columns want, no key twice.
 */

#include "scan.h"

enum { MOST_COLUMNS = 64, MOST_EXTRA = 64, UNKNOWN_KEYS = 16, DEEPEST = 32, ERROR_SEVERITY = 17 };

typedef struct {
    const uint8_t *key, *value;
    int32_t key_length, value_length;
} Member;

typedef struct {
    const uint8_t *key;
    int64_t length;
} Key;

/* Of the present line, and what was learnt from those before it, for lines of one source are alike. */
typedef struct {
    int32_t after[MOST_COLUMNS + 1]; /* the column that followed the last time */
    Key unknown[UNKNOWN_KEYS]; /* keys of no column, by their last byte and length */
    Member extra[MOST_EXTRA];
    int32_t extra_count;
    uint64_t seen; /* columns whose key the line has */
    uint64_t needed, exception, stacktrace; /* see `is_complete` */
    uint64_t defaulted; /* columns that the source tells where a record does not */
} Json;

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

/* `2026-03-14T09:26:53.123456Z` in microseconds since 1970; any other spelling is left to the full SELECT. */
static bool read_time(const uint8_t *at, int64_t length, int64_t *microseconds) {
    if (length != 27 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':'
        || at[19] != '.' || at[26] != 'Z')
        return false;
    int century = two(at), years = two(at + 2), tens = two(at + 20), hundreds = two(at + 22), rest = two(at + 24);
    if ((century | years | tens | hundreds | rest) < 0) return false;
    if (!read_moment(century * 100 + years, two(at + 5), two(at + 8), two(at + 11), two(at + 14), two(at + 17),
                     microseconds))
        return false;
    *microseconds += tens * 10000 + hundreds * 100 + rest;
    return true;
}

/* -- Writing ---------------------------------------------------------------------------------------------------- */

static bool set_level(Scan *scan, Column *column, const uint8_t *text, int64_t length) {
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++)
        if (length == LEVELS[i].length && equal_bytes(text, (const uint8_t *)LEVELS[i].name, length)) {
            scan->severity = LEVELS[i].severity;
            set_text(scan, column, text, length);
            return true;
        }
    return false;
}

static bool set_stream(Scan *scan, Column *column, const uint8_t *text, int64_t length) {
    for (size_t i = 0; i < sizeof STREAMS / sizeof *STREAMS; i++)
        if (length == (int64_t)strlen(STREAMS[i]) && equal_bytes(text, (const uint8_t *)STREAMS[i], length)) {
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

static bool set_number(Scan *scan, Column *column, const uint8_t *at, const uint8_t *end, bool is_whole) {
    if (column->kind == FLOAT) return read_decimal(at, end, (double *)column->values + scan->row);
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

/* A text that no cast makes a finite number of, for a column of numbers. */
static bool is_no_number(const Column *column, const uint8_t *text, int64_t length) {
    bool is_letter = length > 0 && (uint8_t)((text[0] | 0x20) - 'a') < 26;
    return is_letter && (column->kind == FLOAT || column->kind == UINT16 || column->kind == INT32 || column->kind == UINT64);
}

/* -- A line ----------------------------------------------------------------------------------------------------- */

static bool equal_but_for_case(const uint8_t *one, const uint8_t *other, int64_t length) {
    for (int64_t i = 0; i < length; i++) {
        uint8_t difference = one[i] ^ other[i];
        if (difference != 0 && difference != 0x20) return false;
    }
    return true;
}

/* The column whose key and colon stand here, where it is the one that followed the last time; else -1. */
static int32_t expected_column(const Scan *scan, const Json *json, int32_t last, const uint8_t *key, const uint8_t *end) {
    int32_t guess = json->after[last + 1];
    if (guess < 0) return -1;
    const Column *column = &scan->columns[guess];
    int64_t length = column->key_length;
    bool is_it = end - key > length + 1 && key[length] == '"' && key[length + 1] == ':'
                 && equal_bytes(column->key, key, length);
    return is_it ? guess : -1;
}

/* The column of a key; -1 for a key of no column, -2 for one that might be meant for a column. */
static int32_t column_of(const Scan *scan, Json *json, int32_t last, const uint8_t *key, int64_t length) {
    Key *unknown = &json->unknown[length ? (key[length - 1] + length) % UNKNOWN_KEYS : 0];
    if (unknown->length == length && unknown->key != NULL && equal_bytes(unknown->key, key, length)) return -1;
    for (int32_t i = 0; i < scan->column_count; i++) {
        const Column *column = &scan->columns[i];
        if (column->key_length != length || !equal_but_for_case(column->key, key, length)) continue;
        if (memcmp(column->key, key, (size_t)length) != 0) return -2;
        json->after[last + 1] = i;
        return i;
    }
    *unknown = (Key){key, length};
    return -1;
}

static bool add_extra(Json *json, const uint8_t *key, int64_t key_length, const uint8_t *value, const uint8_t *end) {
    if (json->extra_count == MOST_EXTRA || key_length == 0) return false;
    for (int32_t i = 0; i < json->extra_count; i++)
        if (json->extra[i].key_length == key_length && equal_bytes(json->extra[i].key, key, key_length))
            return false;
    json->extra[json->extra_count++] = (Member){key, value, (int32_t)key_length, (int32_t)(end - value)};
    return true;
}

/* One member, from its key's opening quote; returns the byte behind its value, NULL to leave the line out. */
static const uint8_t *read_member(
    Scan *scan, Json *json, const uint8_t *at, const uint8_t *end, int32_t *last) {
    if (at >= end || *at != '"') return NULL;
    const uint8_t *key = at + 1, *key_end;
    int32_t index = expected_column(scan, json, *last, key, end);
    if (index >= 0) {
        key_end = key + scan->columns[index].key_length;
        at = key_end + 1;
    } else {
        key_end = string_stop(key, end);
        if (key_end >= end || *key_end != '"') return NULL;
        at = skip_blanks(key_end + 1, end);
        if (at >= end || *at != ':') return NULL;
        index = column_of(scan, json, *last, key, key_end - key);
        if (index == -2) return NULL;
    }
    at = skip_blanks(at + 1, end);
    if (at >= end) return NULL;
    if (index >= 0) {
        Column *column = &scan->columns[index];
        uint64_t bit = (uint64_t)1 << index;
        if (json->seen & bit) return NULL;
        json->seen |= bit;
        *last = index;
        if (*at == '"') {
            const uint8_t *text;
            int64_t length;
            const uint8_t *stop = read_string(at + 1, end, &scan->side_next, &text, &length);
            if (stop == NULL) return NULL;
            if (set_string(scan, column, text, length)) {
                scan->set |= bit;
                return stop;
            }
            if (!is_no_number(column, text, length)) return NULL;
        } else if ((is_digit(*at) || *at == '-') && column->kind != STRICT_TEXT) {
            bool is_whole;
            const uint8_t *stop = number_end(at, end, &is_whole);
            if (stop == NULL || !set_number(scan, column, at, stop, is_whole)) return NULL;
            scan->set |= bit;
            return stop;
        }
    }
    /* No column wants it: an unknown key, or a null, a boolean, a list or such a text under a known one. */
    const uint8_t *stop = value_end(at, end, scan->side_next, 0);
    return stop != NULL && add_extra(json, key, key_end - key, at, stop) ? stop : NULL;
}

/* The columns of one object into the present row; false to leave it out. */
static bool read_object(Scan *scan, Json *json, const uint8_t *at, const uint8_t *end) {
    int32_t last = -1;
    json->extra_count = 0;
    json->seen = 0;
    at = skip_blanks(at, end);
    if (at >= end || *at != '{') return false;
    at = skip_blanks(at + 1, end);
    for (;;) {
        at = read_member(scan, json, at, end, &last);
        if (at == NULL) return false;
        at = skip_blanks(at, end);
        if (at >= end) return false;
        if (*at == '}') return skip_blanks(at + 1, end) == end;
        if (*at != ',') return false;
        at = skip_blanks(at + 1, end);
    }
}

/* `{"key":value,...}` of the members without a column; returns the byte behind it. */
static uint8_t *write_extra(const Json *json, uint8_t *out) {
    *out++ = '{';
    for (int32_t i = 0; i < json->extra_count; i++) {
        const Member *member = &json->extra[i];
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

/* What the source says of a record that does not say it itself. */
static void set_defaults(Scan *scan, const Json *json) {
    for (uint64_t rest = json->defaulted & ~scan->set; rest; rest &= rest - 1) {
        Column *column = &scan->columns[__builtin_ctzll(rest)];
        if (column->kind == SERVICE) ((View *)column->values)[scan->row] = scan->service;
        else set_name(scan, column, scan->severity >= ERROR_SEVERITY ? "error" : "app");
    }
    scan->set |= json->defaulted;
}

/* A stack trace says the rest of an exception, where the record does not; reading it is left to the full SELECT. */
static bool is_complete(const Scan *scan, const Json *json) {
    return (scan->set & json->needed) == json->needed
           && (!(scan->set & json->stacktrace) || (scan->set & json->exception) == json->exception);
}

/* Whether the line begins an object that it does not end, wherever the error in it stands. */
static bool is_torn(const uint8_t *at, const uint8_t *end) {
    at = skip_blanks(at, end);
    while (end > at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n')) end--;
    return at < end && *at == '{' && end[-1] != '}';
}

static Outcome read_line(Scan *scan, void *own, const uint8_t *at, const uint8_t *end) {
    Json *json = own;
    if (!read_object(scan, json, at, end)) return is_torn(at, end) ? TORN : LEFT;
    if (!is_complete(scan, json)) return LEFT;
    set_defaults(scan, json);
    if (json->extra_count) scan->attributes_end = write_extra(json, scan->attributes_end);
    return TAKEN;
}

static uint64_t columns_with(const Rows *rows, const char *key) {
    uint64_t found = 0;
    for (int64_t i = 0; i < rows->column_count; i++) {
        const Column *column = &rows->columns[i];
        bool same = column->key_length == (int64_t)strlen(key) && memcmp(column->key, key, strlen(key)) == 0;
        found |= (uint64_t)same << i;
    }
    return found;
}

/* The attributes take no more room than the lines. */
int64_t logpipe_scan_json(const Lines *lines, Rows *rows) {
    Json json = {.needed = columns_with(rows, "timestamp") | columns_with(rows, "level"),
                 .exception = columns_with(rows, "exception_type") | columns_with(rows, "exception_message"),
                 .stacktrace = columns_with(rows, "exception_stacktrace"),
                 .defaulted = columns_with(rows, "service") | columns_with(rows, "stream")};
    for (int32_t i = 0; i <= MOST_COLUMNS; i++) json.after[i] = -1;
    return scan_lines(lines, rows, read_line, &json);
}
