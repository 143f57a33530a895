/* Statements without most of their values, so that many fall into one group before SQL makes a fingerprint of each.
 *
 * The macro `query_fingerprint` makes the same of a statement and of its mask, but where it leaves the statement as it
 * is; where it is not known to be MySQL's, in any dialect. What the dialects read differently (backslashes, `--`, `#`,
 * quotes between dollars, comments in comments) stays as it is up to the end.
 */

#include "mask.h"

#include <string.h>

static bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* Behind what is quoted from `at` on, whose quote may be doubled; NULL where it depends on what a backslash means. */
static const uint8_t *quote_end(const uint8_t *at, const uint8_t *end, bool is_mysql) {
    uint8_t quote = *at++;
    for (; at < end; at++) {
        if (*at == quote) return at + 1;
        if (*at != '\\' || quote == '`') continue;
        if (!is_mysql || ++at == end) return NULL;
    }
    return end;
}

/* Behind the comment from `at` on; NULL where it has no end, holds another, or is executed. It may say what counts. */
static const uint8_t *comment_end(const uint8_t *at, const uint8_t *end, bool *counts) {
    bool has_point = false, has_colon = false, has_slash = false, has_backtick = false;
    at += 2;
    if (at < end && *at == '!') return NULL;
    for (; end - at > 1; at++) {
        if (at[0] == '*' && at[1] == '/') {
            *counts = has_backtick || (has_point && has_colon && has_slash); /* as Percona Toolkit's do */
            return at + 2;
        }
        if (at[0] == '/' && at[1] == '*') return NULL;
        has_point |= *at == '.';
        has_colon |= *at == ':';
        has_slash |= *at == '/';
        has_backtick |= *at == '`';
    }
    return NULL;
}

static uint8_t *put(uint8_t *out, const uint8_t *at, const uint8_t *end) {
    memcpy(out, at, (size_t)(end - at));
    return out + (end - at);
}

/* A name stays; so does a backtick, which tells MySQL where nothing else does. */
static bool is_value(const uint8_t *at, const uint8_t *stop, bool is_mysql) {
    if (is_mysql) return *at != '`';
    return *at == '\'' && memchr(at, '`', (size_t)(stop - at)) == NULL;
}

/* Whether the last quote is one, and does not belong to a backslash. */
static bool is_closed(const uint8_t *at, const uint8_t *stop) {
    int backslashes = 0;
    if (stop[-1] != *at) return false;
    for (const uint8_t *before = stop - 2; before > at && *before == '\\'; before--) backslashes++;
    return backslashes % 2 == 0;
}

/* Both quotes, or the first of a text that has no end. */
static uint8_t *put_quotes(uint8_t *out, const uint8_t *at, const uint8_t *stop, const uint8_t *end) {
    *out++ = *at;
    if (stop < end || (stop - at > 1 && is_closed(at, stop))) *out++ = *at;
    return out;
}

int64_t mask(const uint8_t *at, const uint8_t *end, uint8_t *out, bool is_mysql) {
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
        case '"':
        case '`':
            if ((stop = quote_end(at, end, is_mysql)) == NULL) return put(out, at, end) - begin;
            out = is_value(at, stop, is_mysql) ? put_quotes(out, at, stop, end) : put(out, at, stop);
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
void logpipe_masks(const uint8_t *data, const int32_t *offsets, int64_t count, int64_t is_mysql, uint8_t *out,
                   int32_t *out_offsets) {
    out_offsets[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *at = data + offsets[i], *end = data + offsets[i + 1];
        out_offsets[i + 1] = out_offsets[i] + (int32_t)mask(at, end, out + out_offsets[i], is_mysql);
    }
}
