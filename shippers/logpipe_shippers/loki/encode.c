/* Rows as entries of Loki's push API: as messages of push.proto, or as members of "values" in JSON.

   A row is a time, a line and pairs of a name and a value: of columns, and of others that are packed beforehand. Pairs
   that are too many, or too large together, are left out and counted in one of their own. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct text {
    const uint8_t *data;
    int64_t size;
};

/* Arrow's layout of strings. */
struct column {
    const uint8_t *name;
    int64_t name_size;
    const int32_t *offsets;
    const uint8_t *data;
    const uint8_t *valid; /* a bitmap; NULL where all are */
};

struct rows {
    const int64_t *order; /* the rows to encode, in the order in which they are wanted */
    int64_t count;
    const int64_t *ns;
    const struct column *line;
    const struct column *columns;
    int64_t columns_count;
    const struct column *packed; /* of each pair two sizes of four bytes in the machine's order, the name, the value */
};

struct limits {
    int64_t bytes;   /* of names and values together */
    int64_t entries; /* at most MOST_PAIRS */
};

enum { MOST_PAIRS = 1024, COUNT_ROOM = 48 };
static const char OMITTED[] = "logpipe_omitted_fields";

static int is_valid(const struct column *column, int64_t row) {
    return column->valid == NULL || (column->valid[row >> 3] >> (row & 7) & 1);
}

static struct text text_of(const struct column *column, int64_t row) {
    struct text text = {column->data + column->offsets[row], column->offsets[row + 1] - column->offsets[row]};
    return text;
}

static int64_t varint_size(uint64_t value) {
    int64_t size = 1;
    for (; value >= 0x80; value >>= 7) size++;
    return size;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put(uint8_t *at, const void *data, int64_t size) {
    memcpy(at, data, (size_t)size);
    return at + size;
}

static int64_t field_size(int64_t size) { return 1 + varint_size((uint64_t)size) + size; }

static uint8_t *put_field(uint8_t *at, uint8_t tag, struct text text) {
    *at++ = tag;
    return put(put_varint(at, (uint64_t)text.size), text.data, text.size);
}

struct pairs {
    struct text names[MOST_PAIRS + 1];
    struct text values[MOST_PAIRS + 1];
    int64_t count;
    int64_t room;
    int64_t omitted;
    char number[24];
};

static void take(struct pairs *pairs, const struct limits *limits, struct text name, struct text value) {
    if (name.size + value.size > pairs->room || pairs->count >= limits->entries - 1) {
        pairs->omitted++;
        return;
    }
    pairs->names[pairs->count] = name;
    pairs->values[pairs->count++] = value;
    pairs->room -= name.size + value.size;
}

static void collect(struct pairs *pairs, const struct rows *rows, const struct limits *limits, int64_t row) {
    pairs->count = pairs->omitted = 0;
    pairs->room = limits->bytes - COUNT_ROOM;
    for (int64_t i = 0; i < rows->columns_count; i++) {
        const struct column *column = &rows->columns[i];
        if (!is_valid(column, row)) continue;
        struct text name = {column->name, column->name_size};
        take(pairs, limits, name, text_of(column, row));
    }
    struct text packed = text_of(rows->packed, row);
    for (const uint8_t *at = packed.data, *end = packed.data + packed.size; at < end;) {
        uint32_t sizes[2];
        memcpy(sizes, at, sizeof sizes);
        struct text name = {at + sizeof sizes, sizes[0]}, value = {name.data + sizes[0], sizes[1]};
        take(pairs, limits, name, value);
        at = value.data + value.size;
    }
    if (pairs->omitted) {
        int size = snprintf(pairs->number, sizeof pairs->number, "%lld", (long long)pairs->omitted);
        struct text name = {(const uint8_t *)OMITTED, sizeof OMITTED - 1}, value = {(const uint8_t *)pairs->number, size};
        pairs->names[pairs->count] = name;
        pairs->values[pairs->count++] = value;
    }
}

static uint8_t *put_message(uint8_t *at, int64_t ns, struct text line, const struct pairs *pairs) {
    int64_t seconds = ns / 1000000000, nanos = ns % 1000000000;
    int64_t time_size = 1 + varint_size((uint64_t)seconds) + 1 + varint_size((uint64_t)nanos);
    int64_t size = field_size(time_size) + field_size(line.size);
    for (int64_t i = 0; i < pairs->count; i++)
        size += field_size(field_size(pairs->names[i].size) + field_size(pairs->values[i].size));
    *at++ = 0x12;
    at = put_varint(at, (uint64_t)size);
    *at++ = 0x0A;
    at = put_varint(at, (uint64_t)time_size);
    *at++ = 0x08;
    at = put_varint(at, (uint64_t)seconds);
    *at++ = 0x10;
    at = put_varint(at, (uint64_t)nanos);
    at = put_field(at, 0x12, line);
    for (int64_t i = 0; i < pairs->count; i++) {
        *at++ = 0x1A;
        at = put_varint(at, (uint64_t)(field_size(pairs->names[i].size) + field_size(pairs->values[i].size)));
        at = put_field(put_field(at, 0x0A, pairs->names[i]), 0x12, pairs->values[i]);
    }
    return at;
}

static uint8_t *put_quoted(uint8_t *at, struct text text) {
    static const char digits[] = "0123456789abcdef";
    *at++ = '"';
    for (int64_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\') {
            *at++ = '\\';
            *at++ = byte;
        } else if (byte == '\n') {
            at = put(at, "\\n", 2);
        } else if (byte < 0x20) {
            at = put(at, "\\u00", 4);
            *at++ = (uint8_t)digits[byte >> 4];
            *at++ = (uint8_t)digits[byte & 15];
        } else {
            *at++ = byte;
        }
    }
    *at++ = '"';
    return at;
}

static uint8_t *put_json(uint8_t *at, int64_t ns, struct text line, const struct pairs *pairs) {
    at += sprintf((char *)at, "[\"%lld\",", (long long)ns);
    at = put_quoted(at, line);
    at = put(at, ",{", 2);
    for (int64_t i = 0; i < pairs->count; i++) {
        if (i) *at++ = ',';
        at = put_quoted(at, pairs->names[i]);
        *at++ = ':';
        at = put_quoted(at, pairs->values[i]);
    }
    return put(at, "}]", 2);
}

/* Writes the entries one after another to `out`, and to `ends` where each ends. `out` has room for all bytes of the rows
   and six times as much for JSON, and for each row and pair beside. */
void logpipe_loki_encode(const struct rows *rows, const struct limits *limits, int64_t json, uint8_t *out, int64_t *ends) {
    uint8_t *at = out;
    struct pairs pairs;
    for (int64_t i = 0; i < rows->count; i++) {
        int64_t row = rows->order[i];
        collect(&pairs, rows, limits, row);
        struct text line = text_of(rows->line, row);
        at = json ? put_json(at, rows->ns[row], line, &pairs) : put_message(at, rows->ns[row], line, &pairs);
        ends[i] = at - out;
    }
}
