/* Arrow's string views: https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout */

#include <stdint.h>

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
