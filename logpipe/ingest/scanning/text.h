/* Stretches of lines, and attributes made of them, as the scanners of text share them. */

#ifndef LOGPIPE_TEXT_H
#define LOGPIPE_TEXT_H

#include "scan.h"

/* A stretch of the line; `at` is NULL where the line has none. */
typedef struct {
    const uint8_t *at, *end;
} Text;

static inline bool is_there(Text text) { return text.at < text.end; }

static inline bool is_at(const uint8_t *at, const uint8_t *end, uint8_t byte) { return at < end && *at == byte; }

static inline const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end) {
    while (at < end && is_digit(*at)) at++;
    return at;
}

static inline bool is_letter_or_digit(uint8_t byte) { return is_digit(byte) || (uint8_t)((byte | 0x20) - 'a') < 26; }

static inline void set(Scan *scan, int column, Text text) {
    if (!is_there(text)) return;
    set_text(scan, &scan->columns[column], text.at, text.end - text.at);
    scan->set |= (uint64_t)1 << column;
}

static inline uint8_t *copy(uint8_t *out, Text text) {
    memcpy(out, text.at, (size_t)(text.end - text.at));
    return out + (text.end - text.at);
}

static inline uint8_t *write_key(const Scan *scan, uint8_t *out, const char *key) {
    size_t length = strlen(key);
    *out = out == scan->attributes_end ? '{' : ',';
    *++out = '"';
    out++;
    memcpy(out, key, length);
    out += length;
    *out++ = '"';
    *out++ = ':';
    return out;
}

/* As JSON; there are no control characters. */
static inline uint8_t *write_text(const Scan *scan, uint8_t *out, const char *key, Text text) {
    out = write_key(scan, out, key);
    *out++ = '"';
    for (;;) {
        const uint8_t *stop = string_stop(text.at, text.end);
        out = copy(out, (Text){text.at, stop});
        if (stop == text.end) break;
        *out++ = '\\';
        *out++ = *stop;
        text.at = stop + 1;
    }
    *out++ = '"';
    return out;
}

#endif
