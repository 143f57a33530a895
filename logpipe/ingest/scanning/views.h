/* Arrow's string views: https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout */

#ifndef LOGPIPE_VIEWS_H
#define LOGPIPE_VIEWS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { INLINE = 12 };

typedef struct {
    int32_t length;
    union {
        uint8_t bytes[INLINE];
        struct {
            uint8_t prefix[4];
            int32_t buffer, offset;
        };
    };
} View;

/* As `memcmp` says, but without a call for the few bytes that most names have. */
static inline bool equal_bytes(const uint8_t *one, const uint8_t *other, int64_t length) {
    if (length < 4 || length > 16) return memcmp(one, other, (size_t)length) == 0;
    if (length < 8) return memcmp(one, other, 4) == 0 && memcmp(one + length - 4, other + length - 4, 4) == 0;
    return memcmp(one, other, 8) == 0 && memcmp(one + length - 8, other + length - 8, 8) == 0;
}

#endif
