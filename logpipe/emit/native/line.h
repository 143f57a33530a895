/* A line of JSON as it grows. Texts are escaped as orjson escapes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_INLINE = 4096 };

typedef struct {
  char *bytes;
  size_t length, capacity;
  bool suspect; /* one of its texts may hold a secret */
  char within[LINE_INLINE];
} Line;

/* What makes a text suspect, as `redaction.Redaction` tells it: literals, which are looked for in the text folded (ASCII in
 * lower case, digits as 0, without what may stand between words), and runs of digits. */
typedef struct {
  size_t count;
  struct {
    char *bytes;
    size_t length;
  } literals[256];
  size_t shortest;              /* of the literals */
  size_t digits;                /* so many on end, or three groups of them, are suspect; 0: never */
  bool all;                     /* any text is */
  uint8_t pairs[65536 / 8];     /* the first two bytes of each literal */
} Suspicion;

void line_begin(Line *line);
void line_end(Line *line);

/* All of these give false without memory. */
bool line_raw(Line *line, const char *bytes, size_t length);
bool line_text(Line *line, const char *bytes, size_t length, const Suspicion *suspicion); /* NULL: not looked at */
bool line_number(Line *line, int64_t number);
/* A number of at most three decimals and fifteen digits: the shortest text that gives it back is plain. */
bool line_decimal(Line *line, double number);
bool line_is_decimal(double number);
bool line_time(Line *line, int64_t time_us);

/* Only looks whether the text is suspect. */
void line_look(Line *line, const char *bytes, size_t length, const Suspicion *suspicion);

/* True where the literal, folded and of two bytes or more, was taken in. */
bool suspicion_add(Suspicion *suspicion, const char *literal, size_t length);
void suspicion_clear(Suspicion *suspicion);
