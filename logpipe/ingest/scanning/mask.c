/* Statements without most of their values, so that many fall into one group before SQL makes a fingerprint of each.
 *
 * The macro `query_fingerprint` makes the same of a statement and of its mask, in any dialect, but where it leaves the
 * statement as it is. What the dialects read differently (backslashes, `--`, `#`, quotes between dollars, comments in
 * comments) stays as it is up to the end.
 */

#include "mask.h"

#include <string.h>

static bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* Behind what is quoted from `at` on, whose quote may be doubled; NULL where a backslash comes first. */
static const uint8_t *quote_end(const uint8_t *at, const uint8_t *end) {
    uint8_t quote = *at++;
    for (; at < end; at++) {
        if (*at == '\\' && quote != '`') return NULL;
        if (*at == quote) return at + 1;
    }
    return end;
}

/* Behind the comment from `at` on; NULL where it has no end, holds another, or is executed. It may say what counts. */
static const uint8_t *comment_end(const uint8_t *at, const uint8_t *end, bool *counts) {
    *counts = false;
    at += 2;
    if (at < end && *at == '!') return NULL;
    for (; end - at > 1; at++) {
        if (at[0] == '*' && at[1] == '/') return at + 2;
        if (at[0] == '/' && at[1] == '*') return NULL;
        *counts |= *at == '/' || *at == ':' || *at == '`';
    }
    return NULL;
}

static uint8_t *put(uint8_t *out, const uint8_t *at, const uint8_t *end) {
    memcpy(out, at, (size_t)(end - at));
    return out + (end - at);
}

int64_t mask(const uint8_t *at, const uint8_t *end, uint8_t *out) {
    const uint8_t *begin = out, *stop;
    bool counts;
    while (at < end) {
        uint8_t byte = *at, next = end - at > 1 ? at[1] : 0;
        if (is_digit(byte)) {
            while (at < end && is_digit(*at)) at++;
            *out++ = '0';
            continue;
        }
        switch (byte) {
        case '\'':
            if ((stop = quote_end(at, end)) == NULL) return put(out, at, end) - begin;
            if (memchr(at, '`', (size_t)(stop - at)) != NULL) { /* which tells MySQL where nothing else does */
                out = put(out, at, stop);
            } else {
                *out++ = '\'';
                if (stop[-1] == '\'' && stop - at > 1) *out++ = '\'';
            }
            at = stop;
            continue;
        case '"':
        case '`':
            if ((stop = quote_end(at, end)) == NULL) return put(out, at, end) - begin;
            out = put(out, at, stop);
            at = stop;
            continue;
        case '/':
            if (next != '*') break;
            if ((stop = comment_end(at, end, &counts)) == NULL) return put(out, at, end) - begin;
            out = counts ? put(out, at, stop) : put(put(out, at, at + 2), stop - 2, stop);
            at = stop;
            continue;
        case '-':
            if (next != '-') break;
            return put(out, at, end) - begin;
        case '$':
            if (is_digit(next)) break;
            return put(out, at, end) - begin;
        case '#':
        case '\\':
            return put(out, at, end) - begin;
        }
        *out++ = *at++;
    }
    return out - begin;
}

/* The masks of texts in Arrow's form, of which the first begins at `offsets[0]`; there is room for as many bytes. */
void logpipe_masks(const uint8_t *data, const int32_t *offsets, int64_t count, uint8_t *out, int32_t *out_offsets) {
    out_offsets[0] = 0;
    for (int64_t i = 0; i < count; i++)
        out_offsets[i + 1] = out_offsets[i] + (int32_t)mask(data + offsets[i], data + offsets[i + 1], out + out_offsets[i]);
}
