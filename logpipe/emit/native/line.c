#define _GNU_SOURCE
#include "line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ESCAPED = 1, DIGIT = 2, BETWEEN = 4 };
enum { GROUPED_DIGITS = 14 }; /* the shortest card number in groups */

static const char SHORT[] = "\b\t\n\f\r\"\\", SHORT_NAMES[] = "btnfr\"\\";

static uint8_t classes[256], folded[256]; /* folded: 0 for what is between words */

__attribute__((constructor)) static void fill_tables(void) {
  for (int byte = 0; byte < 256; byte++) {
    if (byte < 0x20 || byte == '"' || byte == '\\') classes[byte] = ESCAPED;
    if (byte >= '0' && byte <= '9') classes[byte] = DIGIT;
    if (byte == ' ' || byte == '-' || byte == '_' || byte == ',') classes[byte] = BETWEEN;
    folded[byte] = classes[byte] & BETWEEN || byte == '"' ? 0 : classes[byte] & DIGIT ? '0' : (uint8_t)byte;
    if (byte >= 'A' && byte <= 'Z') folded[byte] = (uint8_t)(byte | 0x20);
  }
}

void line_begin(Line *line) {
  line->bytes = line->within, line->length = 0, line->capacity = LINE_INLINE, line->suspect = false;
}

void line_end(Line *line) {
  if (line->bytes != line->within) free(line->bytes);
}

static bool reserve(Line *line, size_t more) {
  if (line->length + more <= line->capacity) return true;
  size_t capacity = (line->length + more) * 2;
  bool within = line->bytes == line->within;
  char *bytes = realloc(within ? NULL : line->bytes, capacity);
  if (!bytes) return false;
  if (within) memcpy(bytes, line->within, line->length);
  line->bytes = bytes, line->capacity = capacity;
  return true;
}

bool line_raw(Line *line, const char *bytes, size_t length) {
  if (!reserve(line, length)) return false;
  memcpy(line->bytes + line->length, bytes, length);
  line->length += length;
  return true;
}

static char *escape(char *out, unsigned char byte) {
  const char *found = memchr(SHORT, byte, sizeof SHORT - 1);
  *out++ = '\\';
  if (found) {
    *out++ = SHORT_NAMES[found - SHORT];
    return out;
  }
  memcpy(out, "u00", 3);
  out[3] = "01"[byte >> 4], out[4] = "0123456789abcdef"[byte & 15];
  return out + 5;
}

static bool is_literal(const char *literal, size_t length, const char *at, const char *end) {
  for (; length; at++) {
    if (at == end) return false;
    uint8_t byte = folded[(unsigned char)*at];
    if (!byte) continue;
    if (byte != (unsigned char)*literal++) return false;
    length--;
  }
  return true;
}

static bool has_literal(const Suspicion *suspicion, const char *at, const char *end) {
  for (size_t i = 0; i < suspicion->count; i++)
    if (is_literal(suspicion->literals[i].bytes, suspicion->literals[i].length, at, end)) return true;
  return false;
}

static bool is_suspect(const char *bytes, const char *end, const Suspicion *suspicion) {
  if ((size_t)(end - bytes) < suspicion->shortest) return false;
  size_t run = 0, grouped = 0;
  unsigned before = 0;
  const char *at_before = bytes;
  for (const char *at = bytes; at < end; at++) {
    uint8_t byte = folded[(unsigned char)*at];
    if (byte == '0') {
      grouped++;
      if (++run == suspicion->digits) return true;
    } else {
      run = 0;
      if (byte) grouped = 0;
    }
    if (grouped >= GROUPED_DIGITS && suspicion->digits) return true;
    if (!byte) continue;
    unsigned pair = before << 8 | byte;
    if (suspicion->pairs[pair >> 3] >> (pair & 7) & 1 && has_literal(suspicion, at_before, end)) return true;
    before = byte, at_before = at;
  }
  return false;
}

bool line_text(Line *line, const char *bytes, size_t length, const Suspicion *suspicion) {
  if (!reserve(line, 6 * length + 2)) return false;
  if (!line->suspect && suspicion) line->suspect = suspicion->all || is_suspect(bytes, bytes + length, suspicion);
  char *out = line->bytes + line->length;
  *out++ = '"';
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (classes[byte] & ESCAPED)
      out = escape(out, byte);
    else
      *out++ = (char)byte;
  }
  *out++ = '"';
  line->length = (size_t)(out - line->bytes);
  return true;
}

void line_look(Line *line, const char *bytes, size_t length, const Suspicion *suspicion) {
  if (!line->suspect) line->suspect = suspicion->all || is_suspect(bytes, bytes + length, suspicion);
}

bool line_number(Line *line, int64_t number) {
  char digits[24], *at = digits + sizeof digits;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do *--at = (char)('0' + rest % 10);
  while (rest /= 10);
  if (number < 0) *--at = '-';
  return line_raw(line, at, (size_t)(digits + sizeof digits - at));
}

bool line_is_decimal(double number) {
  if (!(fabs(number) < 1e11) || (number == 0 && signbit(number))) return false;
  return (double)llrint(number * 1000) / 1000 == number; /* no other number of so few digits is this double */
}

bool line_decimal(Line *line, double number) {
  int64_t thousandths = llrint(number * 1000);
  uint64_t rest = thousandths < 0 ? -(uint64_t)thousandths : (uint64_t)thousandths;
  char decimals[] = {'.', (char)('0' + rest / 100 % 10), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
  size_t count = decimals[3] != '0' ? 4 : decimals[2] != '0' ? 3 : 2;
  if (thousandths < 0 && !line_raw(line, "-", 1)) return false;
  return line_number(line, (int64_t)(rest / 1000)) && line_raw(line, decimals, count);
}

bool line_time(Line *line, int64_t time_us) {
  static int64_t cached = INT64_MIN; /* under the GIL */
  static char words[] = "\"2026-01-02T03:04:05.000000Z\"";
  int64_t second = time_us / 1000000, rest = time_us % 1000000;
  if (rest < 0) second--, rest += 1000000;
  if (second != cached) {
    struct tm moment;
    time_t seconds = second;
    if (!gmtime_r(&seconds, &moment) || moment.tm_year < -900 || moment.tm_year > 8099) return false;
    char head[24];
    strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &moment);
    memcpy(words + 1, head, 19);
    cached = second;
  }
  for (int place = 26; place > 20; place--, rest /= 10) words[place] = (char)('0' + rest % 10);
  return line_raw(line, words, sizeof words - 1);
}

bool suspicion_add(Suspicion *suspicion, const char *literal, size_t length) {
  char *copy = length > 1 ? malloc(length) : NULL;
  if (!copy || suspicion->count == sizeof suspicion->literals / sizeof *suspicion->literals) {
    free(copy);
    return false;
  }
  memcpy(copy, literal, length);
  unsigned pair = (unsigned)(unsigned char)literal[0] << 8 | (unsigned char)literal[1];
  suspicion->pairs[pair >> 3] |= (uint8_t)(1 << (pair & 7));
  if (!suspicion->count || length < suspicion->shortest) suspicion->shortest = length;
  suspicion->literals[suspicion->count].bytes = copy;
  suspicion->literals[suspicion->count++].length = length;
  return true;
}

void suspicion_clear(Suspicion *suspicion) {
  for (size_t i = 0; i < suspicion->count; i++) free(suspicion->literals[i].bytes);
  suspicion->count = 0;
}
