#ifndef LOGPIPE_MASK_H
#define LOGPIPE_MASK_H

#include <stdbool.h>
#include <stdint.h>

/* Writes the mask of a statement, which is no longer than it; returns its length. */
int64_t mask(const uint8_t *at, const uint8_t *end, uint8_t *out, bool is_mysql);

#endif
