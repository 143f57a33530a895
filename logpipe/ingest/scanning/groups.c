/* Counting the rows of a chunk for the roll-ups: one pass, so that SQL has to put together thousands, not a million.
 *
 * A group is what the roll-ups tell apart before names are made: minute, service, environment, version, and what names
 * the operation. Two groups may well turn out to be one there; what is counted adds up.
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mask.h"
#include "views.h"

enum { STATEMENT = 3, METHOD, ROUTE, EVENT, TEXTS };
enum { MINUTE_US = 60000000, LEAST_STATUS = 100, MOST_STATUS = 599, ZERO_BUCKET = -32768, AHEAD = 16 };

typedef struct {
    const View *values;
    const uint8_t *valid; /* NULL where no row has a value */
} Texts;

/* Columns of the rows; `texts` are service, environment, version, db_statement, http_method, http_route, event. */
typedef struct {
    const uint8_t *data, *side;
    Texts texts[TEXTS];
    Texts streams;
    const int64_t *times;
    const uint8_t *severities;
    const uint16_t *statuses;
    const uint8_t *statuses_valid;
    const double *durations;
    const uint8_t *durations_valid;
    const uint32_t *bytes;
    uint8_t *masks;      /* room for those of all statements, and 8 bytes */
    int64_t *mask_ends;  /* room for as many as there are rows */
    int64_t is_mysql;    /* whether all statements are MySQL's */
} Rows;

/* Open addressing; `slots` is a power of two of indices into what was found, -1 where free. */
typedef struct {
    int32_t *slots;
    uint64_t mask;
    int64_t found;
} Table;

typedef struct {
    int64_t *group;
    int64_t *row; /* one of those counted, which tells their stream and level */
    uint16_t *status; /* 0 for none */
    uint64_t *events, *bytes;
} Counts;

typedef struct {
    int64_t *group;
    int16_t *bucket;
    uint64_t *events;
    double *sum_ms, *max_ms;
} Latencies;

static bool is_valid(const uint8_t *bitmap, int64_t row) { return bitmap != NULL && (bitmap[row >> 3] >> (row & 7) & 1); }

static uint64_t mix(uint64_t one, uint64_t other) {
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static const uint8_t *bytes_of(const Rows *rows, const View *view) {
    if (view->length <= INLINE) return view->bytes;
    return (view->buffer ? rows->side : rows->data) + view->offset;
}

/* The seed is a secret of the process, so that no log can be written to make all hashes equal. */
static uint64_t hash_bytes(const uint8_t *at, int64_t length, uint64_t seed) {
    uint64_t word, hash = seed;
    const uint8_t *last = at + length - 8;
    for (; at < last; at += 8) {
        memcpy(&word, at, 8);
        hash = mix(hash ^ word, seed | 1);
    }
    memcpy(&word, last, 8);
    return mix(hash ^ word ^ (uint64_t)length, seed | 1);
}

static uint64_t hash_text(const Rows *rows, const View *view, uint64_t seed) {
    uint64_t words[2];
    memcpy(words, view, sizeof words);
    if (view->length <= INLINE) return mix(mix(seed ^ words[0], seed | 1) ^ words[1], seed | 1);
    return hash_bytes(bytes_of(rows, view), view->length, seed);
}

static bool equal_texts(const Rows *rows, const View *one, const View *other) {
    if (memcmp(one, other, 8) != 0) return false; /* length and prefix */
    if (one->length <= INLINE) return memcmp(one, other, sizeof *one) == 0;
    return equal_bytes(bytes_of(rows, one), bytes_of(rows, other), one->length);
}

/* Where the mask of a group's statement begins; that of the present row stands behind those of all groups. */
static int64_t mask_begin(const Rows *rows, int64_t group) { return group ? rows->mask_ends[group - 1] : 0; }

static uint64_t hash_statement(const Rows *rows, const View *view, int64_t groups, uint64_t seed) {
    const uint8_t *text = bytes_of(rows, view);
    int64_t begin = mask_begin(rows, groups);
    uint8_t *out = rows->masks + begin;
    int64_t length = mask(text, text + view->length, out, rows->is_mysql);
    rows->mask_ends[groups] = begin + length;
    if (length < 8) memset(out + length, 0, (size_t)(8 - length));
    return hash_bytes(out, length < 8 ? 8 : length, seed);
}

/* Statements are alike where their masks are equal, for they have one fingerprint. */
static bool alike(const Rows *rows, int64_t group, int64_t groups) {
    int64_t one = mask_begin(rows, group), other = mask_begin(rows, groups), length = rows->mask_ends[group] - one;
    return length == rows->mask_ends[groups] - other
           && memcmp(rows->masks + one, rows->masks + other, (size_t)length) == 0;
}

static int64_t minute_of(const Rows *rows, int64_t row) { return rows->times[row] / MINUTE_US; }

static bool has_status(const Rows *rows, int64_t row) { return is_valid(rows->statuses_valid, row); }

/* The HTTP status that a row is counted by; 0 where it has none, or a number that is none. */
static uint16_t status_of(const Rows *rows, int64_t row) {
    if (!has_status(rows, row)) return 0;
    uint16_t status = rows->statuses[row];
    return status >= LEAST_STATUS && status <= MOST_STATUS ? status : 0;
}

/* An event's name counts only where nothing else names the operation. */
static bool is_named_otherwise(const Rows *rows, int64_t row) {
    return has_status(rows, row) || is_valid(rows->texts[STATEMENT].valid, row)
           || is_valid(rows->texts[METHOD].valid, row) || is_valid(rows->texts[ROUTE].valid, row);
}

/* Leaves the mask of the row's statement behind those of the `groups` so far. */
static uint64_t hash_row(const Rows *rows, int64_t row, int64_t groups, int32_t texts, uint64_t seed) {
    rows->mask_ends[groups] = mask_begin(rows, groups);
    uint64_t hash = mix((uint64_t)minute_of(rows, row) ^ seed, seed | 1) + has_status(rows, row);
    for (int32_t i = 0; i < texts; i++) {
        uint64_t part = 1;
        if (is_valid(rows->texts[i].valid, row)) {
            const View *view = &rows->texts[i].values[row];
            part = i == STATEMENT ? hash_statement(rows, view, groups, seed) : hash_text(rows, view, seed);
        }
        hash = mix(hash ^ part, seed | 1);
    }
    return hash;
}

/* Whether a row is of a group, of which `one` is another row. */
static bool is_of_group(const Rows *rows, int64_t group, int64_t one, int64_t groups, int64_t other, int32_t texts) {
    if (minute_of(rows, one) != minute_of(rows, other) || has_status(rows, one) != has_status(rows, other)) return false;
    for (int32_t i = 0; i < texts; i++) {
        bool valid = is_valid(rows->texts[i].valid, one);
        if (valid != is_valid(rows->texts[i].valid, other)) return false;
        const View *left = &rows->texts[i].values[one], *right = &rows->texts[i].values[other];
        if (valid && !(i == STATEMENT ? alike(rows, group, groups) : equal_texts(rows, left, right))) return false;
    }
    return true;
}

/* The group of a row; a new one where `firsts`, a row of each group, has none like it. */
static int32_t group_of(Table *table, int64_t *firsts, const Rows *rows, int64_t row, uint64_t seed) {
    int32_t texts = is_named_otherwise(rows, row) ? EVENT : TEXTS;
    for (uint64_t slot = hash_row(rows, row, table->found, texts, seed);; slot++) {
        int32_t *at = &table->slots[slot & table->mask];
        if (*at < 0) {
            firsts[table->found] = row;
            return *at = (int32_t)table->found++;
        }
        int64_t first = firsts[*at];
        if ((is_named_otherwise(rows, first) ? EVENT : TEXTS) == texts
            && is_of_group(rows, *at, first, table->found, row, texts))
            return *at;
    }
}

/* The same for a number. */
static int32_t cell_of(Table *table, uint64_t *keys, uint64_t key, uint64_t seed, bool *is_new) {
    for (uint64_t slot = mix(key ^ seed, seed | 1);; slot++) {
        int32_t *at = &table->slots[slot & table->mask];
        *is_new = *at < 0;
        if (*is_new) {
            keys[table->found] = key;
            return *at = (int32_t)table->found++;
        }
        if (keys[*at] == key) return *at;
    }
}

/* As the macro `latency_bucket`. */
static int16_t bucket_of(double duration_ms) {
    return duration_ms > 0 ? (int16_t)(ceil(log2(fmax(duration_ms, 1e-6)) * 8) - 1) : ZERO_BUCKET;
}

static void count(const Rows *rows, int64_t row, int32_t group, const Counts *counts, int32_t cell, bool is_new) {
    if (is_new) {
        counts->group[cell] = group;
        counts->row[cell] = row;
        counts->status[cell] = status_of(rows, row);
        counts->events[cell] = counts->bytes[cell] = 0;
    }
    counts->events[cell]++;
    counts->bytes[cell] += rows->bytes[row];
}

static void
time_it(const Rows *rows, int64_t row, int32_t group, const Latencies *latencies, int32_t cell, bool is_new) {
    double duration = rows->durations[row];
    if (is_new) {
        latencies->group[cell] = group;
        latencies->bucket[cell] = bucket_of(duration);
        latencies->events[cell] = 0;
        latencies->sum_ms[cell] = latencies->max_ms[cell] = 0;
    }
    latencies->events[cell]++;
    latencies->sum_ms[cell] += duration;
    latencies->max_ms[cell] = fmax(latencies->max_ms[cell], duration);
}

/* Count `size` rows. `slots` has room for three tables of `mask` + 1, all -1; `keys` is room to work in, twice as large
 * as there are rows. Writes to `firsts` a row of each group, and to `found` the numbers of groups, counts and
 * latencies. */
void logpipe_count(
    const Rows *rows, int64_t size, uint64_t seed, int32_t *slots, uint64_t mask, int64_t *firsts, uint64_t *keys,
    const Counts *counts, const Latencies *latencies, int64_t *found) {
    Table groups = {slots, mask, 0}, cells = {slots + mask + 1, mask, 0}, buckets = {slots + 2 * (mask + 1), mask, 0};
    for (int64_t row = 0; row < size; row++) {
        if (row + AHEAD < size) /* the scan came by its texts long ago */
            for (int32_t i = 0; i < TEXTS; i++)
                if (is_valid(rows->texts[i].valid, row + AHEAD))
                    __builtin_prefetch(bytes_of(rows, &rows->texts[i].values[row + AHEAD]));
        int32_t group = group_of(&groups, firsts, rows, row, seed);
        bool is_new;
        /* A level goes with its severity, and each stream has a length of its own. */
        uint64_t key = (uint64_t)group << 32 | (uint64_t)status_of(rows, row) << 16
                       | (uint64_t)rows->severities[row] << 8 | (uint64_t)rows->streams.values[row].length;
        int32_t cell = cell_of(&cells, keys, key, seed, &is_new);
        count(rows, row, group, counts, cell, is_new);
        if (!is_valid(rows->durations_valid, row) || !(rows->durations[row] >= 0) || !isfinite(rows->durations[row]))
            continue;
        if (!is_named_otherwise(rows, row) && !is_valid(rows->texts[EVENT].valid, row)) continue;
        key = (uint64_t)group << 16 | (uint16_t)bucket_of(rows->durations[row]);
        cell = cell_of(&buckets, keys + size, key, seed, &is_new);
        time_it(rows, row, group, latencies, cell, is_new);
    }
    found[0] = groups.found;
    found[1] = cells.found;
    found[2] = buckets.found;
}
