/* Lines of web servers' access logs, NCSA common and combined, to columns, see `scan.h`.
 *
 * Plain is what the first two layouts of `formats/access_log.py` match in only one way, with a time that says its zone:
 *
 *     [vhost ]client identity user [time] "request" status size[ "referer" "user agent"][ rest]
 */

#include "text.h"

#include <math.h>

/* In the order of `scanner.py`. */
enum { TS, SERVICE_NAME, STREAM_NAME, MESSAGE, METHOD, PATH, STATUS, USER, DURATION };
enum { MOST_WORDS = 5 };

typedef struct {
    Text vhost, client, identity, user, time;
    Text request, method, path, query, protocol;
    Text status, size, referer, user_agent, rest;
} Access;

static bool is_dash(Text text) { return text.end - text.at == 1 && *text.at == '-'; }

/* A dash stands for what is not known. */
static bool is_given(Text text) { return is_there(text) && !is_dash(text); }

/* -- Reading ---------------------------------------------------------------------------------------------------- */

static bool is_host(Text text) {
    for (const uint8_t *at = text.at; at < text.end; at++)
        if (!is_letter_or_digit(*at) && !memchr("_.*:-", *at, 5)) return false;
    return true;
}

/* The words before the time; returns their number, 0 for more than can be told apart. */
static int read_words(const uint8_t **at, const uint8_t *end, Text *words) {
    for (int count = 0; count < MOST_WORDS;) {
        const uint8_t *begin = *at, *stop = begin;
        while (stop < end && *stop > ' ' && *stop != '"' && *stop != '[' && *stop != '\\') stop++;
        if (stop == begin || !is_at(stop, end, ' ')) return 0;
        words[count++] = (Text){begin, stop};
        *at = stop + 1;
        if (is_at(*at, end, '[')) return count;
    }
    return 0;
}

/* A user may have two words. Where the first word may be a virtual host, it is one. */
static bool read_client(Access *access, const Text *words, int count) {
    bool has_host = count > 3 && is_host(words[0]) && *words[1].at != '-';
    const Text *next = words + has_host;
    int user_words = count - has_host - 2;
    if (has_host) access->vhost = words[0];
    access->client = next[0];
    access->identity = next[1];
    access->user = (Text){next[2].at, words[count - 1].end};
    if (*access->client.at == '-') return count == 3 && is_dash(access->client);
    return user_words == 1 || user_words == 2;
}

static int month_of(const uint8_t *name) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, name, 3) == 0) return i + 1;
    return 0;
}

/* `14/Mar/2026:09:26:53 +0100` in microseconds since 1970; any other spelling is left to the full SELECT. */
static bool read_time(const uint8_t *at, int64_t *microseconds) {
    if (at[2] != '/' || at[6] != '/' || at[11] != ':' || at[14] != ':' || at[17] != ':' || at[20] != ' ') return false;
    int century = two(at + 7), years = two(at + 9), hours = two(at + 22), minutes = two(at + 24);
    if (century < 10 || years < 0 || hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return false;
    if (at[21] != '+' && at[21] != '-') return false;
    if (!read_moment(century * 100 + years, month_of(at + 3), two(at), two(at + 12), two(at + 15), two(at + 18),
                     microseconds))
        return false;
    int64_t offset = (hours * 60 + minutes) * INT64_C(60000000);
    *microseconds += at[21] == '-' ? offset : -offset;
    return true;
}

/* A text in quotes, `at` behind the first; returns the byte behind the last. A backslash goes with what follows it. */
static const uint8_t *read_quoted(const uint8_t *at, const uint8_t *end, Text *text, bool *has_quotes) {
    *has_quotes = false;
    text->at = at;
    for (;;) {
        at = string_stop(at, end);
        if (at >= end || *at < ' ') return NULL;
        if (*at == '"') break;
        if (end - at < 2 || at[1] < ' ') return NULL;
        *has_quotes |= at[1] == '"';
        at += 2;
    }
    text->end = at;
    return at + 1;
}

/* `GET /path?query HTTP/1.1`; what is no such has only a message. */
static void read_request(Access *access) {
    const uint8_t *at = access->request.at, *end = access->request.end;
    Text method = {at, at}, path, query = {NULL, NULL}, protocol = {NULL, NULL};
    while (method.end < end && *method.end >= 'A' && *method.end <= 'Z') method.end++;
    if (!is_there(method) || !is_at(method.end, end, ' ')) return;
    path.at = path.end = method.end + 1;
    while (path.end < end && *path.end != ' ' && *path.end != '?') path.end++;
    if (!is_there(path)) return;
    at = path.end;
    if (is_at(at, end, '?')) {
        query.at = ++at;
        while (at < end && *at != ' ') at++;
        query.end = at;
    }
    if (at < end) {
        protocol = (Text){at + 1, end};
        if (end - at < 7 || memcmp(at, " HTTP/", 6) != 0) return;
        for (at += 6; at < end; at++)
            if (!is_digit(*at) && *at != '.') return;
    }
    access->method = method;
    access->path = path;
    access->query = query;
    access->protocol = protocol;
}

/* The referer and the user agent, where both are there; NULL for one alone. */
static const uint8_t *read_agent(Access *access, const uint8_t *at, const uint8_t *end) {
    bool has_quotes;
    if (end - at < 2 || at[1] != '"') return at;
    at = read_quoted(at + 2, end, &access->referer, &has_quotes);
    if (at == NULL || !starts_with(at, end, " \"", 2)) return NULL;
    return read_quoted(at + 2, end, &access->user_agent, &has_quotes);
}

/* From the time on. */
static bool read_since_time(Access *access, const uint8_t *at, const uint8_t *end) {
    bool has_quotes;
    if (end - at < 30 || memcmp(at + 27, "] \"", 3) != 0) return false;
    access->time = (Text){at + 1, at + 27};
    at = read_quoted(at + 30, end, &access->request, &has_quotes);
    /* Behind a quote that is escaped a request might end as well. */
    if (at == NULL || has_quotes || !is_there(access->request) || !is_at(at, end, ' ')) return false;
    read_request(access);
    access->status.at = ++at;
    access->status.end = at = is_at(at, end, '-') ? at + 1 : skip_digits(at, end);
    if ((access->status.end - access->status.at != 3 && !is_dash(access->status)) || !is_at(at, end, ' ')) return false;
    access->size.at = ++at;
    access->size.end = at = is_at(at, end, '-') ? at + 1 : skip_digits(at, end);
    if (!is_there(access->size)) return false;
    if (at == end) return true;
    if (*at != ' ' || (at = read_agent(access, at, end)) == NULL) return false;
    access->rest = (Text){at, end};
    return at == end || *at == ' ';
}

static bool read_access(Access *access, const uint8_t *at, const uint8_t *end) {
    Text words[MOST_WORDS];
    memset(access, 0, sizeof *access);
    int count = read_words(&at, end, words);
    return count >= 3 && read_client(access, words, count) && read_since_time(access, at, end);
}

/* -- The rest of the line ----------------------------------------------------------------------------------------- */

/* `12.5`; where it ends, NULL for none. */
static const uint8_t *decimal_end(const uint8_t *at, const uint8_t *end) {
    const uint8_t *point = skip_digits(at, end);
    if (point == at || !is_at(point, end, '.')) return NULL;
    const uint8_t *stop = skip_digits(point + 1, end);
    return stop > point + 1 ? stop : NULL;
}

/* ` 12.5` or ` "12.5"`, up to the end. */
static bool is_lone_decimal(Text text, Text *number) {
    if (!is_at(text.at, text.end, ' ')) return false;
    number->at = text.at + 1 + is_at(text.at + 1, text.end, '"');
    number->end = decimal_end(number->at, text.end);
    return number->end != NULL && number->end + is_at(number->end, text.end, '"') == text.end;
}

static bool is_in_address(uint8_t byte) {
    return is_digit(byte) || (uint8_t)((byte | 0x20) - 'a') < 6 || byte == '.' || byte == ':';
}

/* ` "192.0.2.1, 192.0.2.2"` or ` "-"`; returns what stands behind it, or the text itself where it is none. */
static Text skip_addresses(Text rest, Text *addresses) {
    if (!starts_with(rest.at, rest.end, " \"", 2)) return rest;
    const uint8_t *begin = rest.at + 2, *at = begin;
    if (is_at(at, rest.end, '-')) {
        at++;
    } else {
        for (;;) {
            const uint8_t *address = at;
            while (at < rest.end && is_in_address(*at)) at++;
            if (at == address) return rest;
            if (!is_at(at, rest.end, ',')) break;
            at += 1 + is_at(at + 1, rest.end, ' ');
        }
    }
    if (!is_at(at, rest.end, '"')) return rest;
    *addresses = (Text){begin, at};
    return (Text){at + 1, rest.end};
}

/* The rest, unless it is addresses, a decimal or both and nothing else. */
static Text unread_of(Text rest, Text *addresses) {
    Text behind = skip_addresses(rest, addresses), number;
    bool is_read = !is_there(behind) || is_lone_decimal(behind, &number);
    return is_read ? (Text){NULL, NULL} : rest;
}

/* Alone behind whatever stands in quotes. */
static bool find_lone_seconds(Text rest, Text *number) {
    if (starts_with(rest.at, rest.end, " \"", 2)) {
        const uint8_t *quote = memchr(rest.at + 2, '"', (size_t)(rest.end - rest.at - 2));
        if (quote != NULL && is_lone_decimal((Text){quote + 1, rest.end}, number)) return true;
    }
    return is_lone_decimal(rest, number);
}

/* `rt=0.012` or `request_time="0.012"`, the first of them. */
static bool find_named_seconds(Text rest, Text *number) {
    for (const uint8_t *at = rest.at + 1; (at = memchr(at, '=', (size_t)(rest.end - at))) != NULL; at++) {
        const uint8_t *name = at;
        while (name > rest.at && (is_letter_or_digit(name[-1]) || name[-1] == '_')) name--;
        bool is_named = (at - name == 2 && memcmp(name, "rt", 2) == 0)
                        || (at - name == 12 && memcmp(name, "request_time", 12) == 0);
        number->at = at + 1 + is_at(at + 1, rest.end, '"');
        if (is_named && (number->end = decimal_end(number->at, rest.end)) != NULL) return true;
    }
    return false;
}

/* ` 12ms` or ` 1.5ms` at the end. */
static bool find_milliseconds(Text rest, Text *number) {
    if (rest.end - rest.at < 4 || memcmp(rest.end - 2, "ms", 2) != 0) return false;
    number->at = number->end = rest.end - 2;
    while (number->at > rest.at && number->at[-1] != ' ') number->at--;
    const uint8_t *stop = skip_digits(number->at, number->end);
    return stop > number->at && (stop == number->end || decimal_end(number->at, number->end) == number->end);
}

/* The duration, if there is one; false for a number that is none of ours. */
static bool set_duration(Scan *scan, Text rest) {
    Text number;
    if (!is_there(rest)) return true;
    double *value = (double *)scan->columns[DURATION].values + scan->row;
    bool in_seconds = find_lone_seconds(rest, &number) || find_named_seconds(rest, &number);
    if (!in_seconds && !find_milliseconds(rest, &number)) return true;
    if (!read_decimal(number.at, number.end, value)) return false;
    if (in_seconds) *value = round(*value * 1000 * 1000) / 1000; /* as DuckDB rounds to three digits */
    scan->set |= (uint64_t)1 << DURATION;
    return true;
}

static Text trimmed(Text text) {
    while (is_at(text.at, text.end, ' ')) text.at++;
    while (is_there(text) && text.end[-1] == ' ') text.end--;
    return text;
}

/* Whether the rest is without control characters, and its ends are not blanks beyond ASCII. */
static bool is_plain(Text rest) {
    for (const uint8_t *at = rest.at; at < rest.end; at++)
        if (*at < ' ') return false;
    Text text = trimmed(rest);
    return !is_there(text) || (*text.at < 0x80 && text.end[-1] < 0x80);
}

/* -- Writing ---------------------------------------------------------------------------------------------------- */

static uint8_t *write_given(const Scan *scan, uint8_t *out, const char *key, Text text) {
    return is_given(text) ? write_text(scan, out, key, text) : out;
}

/* In the order of the full SELECT. */
static void write_attributes(Scan *scan, const Access *access, Text addresses, Text rest) {
    uint8_t *out = scan->attributes_end;
    if (is_there(access->vhost)) out = write_text(scan, out, "virtual_host", access->vhost);
    out = write_given(scan, out, "client_address", access->client);
    out = write_given(scan, out, "identity", access->identity);
    if (is_there(access->query)) out = write_text(scan, out, "query", access->query);
    if (is_there(access->protocol)) out = write_text(scan, out, "protocol", access->protocol);
    if (is_given(access->size)) out = copy(write_key(scan, out, "response_size"), access->size);
    out = write_given(scan, out, "referer", access->referer);
    out = write_given(scan, out, "user_agent", access->user_agent);
    out = write_given(scan, out, "forwarded_for", addresses);
    if (rest.at != NULL) out = write_text(scan, out, "rest", trimmed(rest));
    if (out > scan->attributes_end) *out++ = '}';
    scan->attributes_end = out;
}

/* A number that is written as the line has it. */
static bool is_number(Text text) { return text.end - text.at <= 18 && (*text.at != '0' || text.end - text.at == 1); }

static void set_status(Scan *scan, Text status) {
    if (!is_given(status)) return;
    const uint8_t *at = status.at;
    ((uint16_t *)scan->columns[STATUS].values)[scan->row] = (uint16_t)((at[0] - '0') * 100 + two(at + 1));
    scan->set |= (uint64_t)1 << STATUS;
}

static Outcome read_line(Scan *scan, void *own, const uint8_t *at, const uint8_t *end) {
    Access *access = own;
    Text addresses = {NULL, NULL};
    if (!read_access(access, at, end) || !read_time(access->time.at, (int64_t *)scan->columns[TS].values + scan->row))
        return LEFT;
    if (!is_number(access->size) || !is_plain(access->rest) || !set_duration(scan, access->rest)) return LEFT;
    Text unread = unread_of(access->rest, &addresses);
    ((View *)scan->columns[SERVICE_NAME].values)[scan->row] = scan->service;
    set_name(scan, &scan->columns[STREAM_NAME], "access");
    scan->set |= (uint64_t)1 << TS | (uint64_t)1 << SERVICE_NAME | (uint64_t)1 << STREAM_NAME;
    set(scan, MESSAGE, access->request);
    set(scan, METHOD, access->method);
    set(scan, PATH, access->path);
    set_status(scan, access->status);
    if (is_given(access->user)) set(scan, USER, access->user);
    write_attributes(scan, access, addresses, unread);
    return TAKEN;
}

/* The attributes take up to twice the room of the lines, for escapes, and 200 bytes more a line, for their keys. */
int64_t logpipe_scan_access(const Lines *lines, Rows *rows) {
    Access access;
    return scan_lines(lines, rows, read_line, &access);
}
