/* Records of MySQL's and MariaDB's slow logs to columns, see `scan.h`; here a line is a record, of several lines.
 *
 * Plain is what `_PLAIN_HEAD` of `formats/mysql_slow.py` matches with a time that says its zone, or none:
 *
 *     [# Time: 2026-03-14T09:00:00.250000Z]
 *     # User@Host: user[user] @ host [address]  Id: 41
 *     [# Thread_id: 41  Schema: shop  QC_hit: No]
 *     # Query_time: 0.812500  Lock_time: 0.000125  Rows_sent: 1  Rows_examined: 10000[  Rows_affected: 0]
 *     [# Rows_affected: 0  Bytes_sent: 58]
 *     [use shop;]
 *     SET timestamp=1773478799;
 *     SELECT …;
 */

#include "text.h"

#include <math.h>

/* In the order of `scanner.py`. */
enum { TS, SERVICE_NAME, STREAM_NAME, MESSAGE, DURATION, SYSTEM, STATEMENT };

typedef struct {
    Text time, user, other_user, host, address, id, thread, schema;
    Text query_time, lock_time, sent, examined, affected, bytes_sent;
    Text database, timestamp, body, statement;
} Slow;

/* -- Reading ---------------------------------------------------------------------------------------------------- */

/* Moves behind the word, if it is there. */
static bool take(const uint8_t **at, const uint8_t *end, const char *word) {
    int64_t length = (int64_t)strlen(word);
    if (!starts_with(*at, end, word, length)) return false;
    *at += length;
    return true;
}

static void skip_blanks(const uint8_t **at, const uint8_t *end) {
    while (is_at(*at, end, ' ')) ++*at;
}

static bool is_name_byte(uint8_t byte) {
    return is_letter_or_digit(byte) || byte == '_' || byte == '-' || byte == '.' || byte == '$' || byte == '%';
}

static Text take_name(const uint8_t **at, const uint8_t *end, bool (*belongs)(uint8_t)) {
    Text text = {*at, *at};
    while (text.end < end && belongs(*text.end)) text.end++;
    *at = text.end;
    return text;
}

static bool is_address_byte(uint8_t byte) { return is_name_byte(byte) || byte == ':'; }

static bool is_word_byte(uint8_t byte) { return is_letter_or_digit(byte) || byte == '_'; }

static bool is_figure_byte(uint8_t byte) { return is_digit(byte) || byte == '.'; }

/* `name: 12`, with at least one blank between the two. */
static bool take_figure(const uint8_t **at, const uint8_t *end, const char *name, Text *figure) {
    if (!take(at, end, name) || !take(at, end, ": ")) return false;
    skip_blanks(at, end);
    *figure = take_name(at, end, is_figure_byte);
    return is_there(*figure);
}

static bool take_newline(const uint8_t **at, const uint8_t *end) {
    skip_blanks(at, end);
    return take(at, end, "\n");
}

static bool read_user(Slow *slow, const uint8_t **at, const uint8_t *end) {
    if (!take(at, end, "# User@Host: ")) return false;
    slow->user = take_name(at, end, is_name_byte);
    if (!take(at, end, "[")) return false;
    slow->other_user = take_name(at, end, is_name_byte);
    if (!take(at, end, "] @ ")) return false;
    slow->host = take_name(at, end, is_name_byte);
    if (!is_at(*at, end, ' ')) return false;
    skip_blanks(at, end);
    if (!take(at, end, "[")) return false;
    slow->address = take_name(at, end, is_address_byte);
    if (!take(at, end, "]")) return false;
    if (is_at(*at, end, ' ')) {
        skip_blanks(at, end);
        if (!take(at, end, "Id: ")) return false;
        skip_blanks(at, end);
        slow->id = take_name(at, end, is_digit);
        if (!is_there(slow->id)) return false;
    }
    return take(at, end, "\n");
}

static bool read_thread(Slow *slow, const uint8_t **at, const uint8_t *end) {
    if (!take(at, end, "# Thread_id: ")) return true;
    slow->thread = take_name(at, end, is_digit);
    if (!is_there(slow->thread) || !take(at, end, "  Schema: ")) return false;
    slow->schema = take_name(at, end, is_word_byte);
    return take(at, end, "  QC_hit: No\n");
}

static bool read_figures(Slow *slow, const uint8_t **at, const uint8_t *end) {
    if (!take(at, end, "# ") || !take_figure(at, end, "Query_time", &slow->query_time)) return false;
    skip_blanks(at, end);
    if (!take_figure(at, end, "Lock_time", &slow->lock_time)) return false;
    skip_blanks(at, end);
    if (!take_figure(at, end, "Rows_sent", &slow->sent)) return false;
    skip_blanks(at, end);
    if (!take_figure(at, end, "Rows_examined", &slow->examined)) return false;
    if (is_at(*at, end, ' ')) {
        skip_blanks(at, end);
        if (!is_at(*at, end, '\n') && !take_figure(at, end, "Rows_affected", &slow->affected)) return false;
    }
    if (!take_newline(at, end)) return false;
    if (is_there(slow->affected) || !take(at, end, "# ")) return true;
    if (!take_figure(at, end, "Rows_affected", &slow->affected)) return false;
    skip_blanks(at, end);
    return take_figure(at, end, "Bytes_sent", &slow->bytes_sent) && take_newline(at, end);
}

/* What the server puts in front of a statement. */
static bool read_settings(Slow *slow, const uint8_t **at, const uint8_t *end) {
    if (take(at, end, "use ")) {
        bool is_quoted = take(at, end, "`");
        slow->database = take_name(at, end, is_word_byte);
        if (!is_there(slow->database) || (is_quoted && !take(at, end, "`")) || !take(at, end, ";\n")) return false;
    }
    if (!take(at, end, "SET timestamp=")) return false;
    slow->timestamp = take_name(at, end, is_digit);
    int64_t length = slow->timestamp.end - slow->timestamp.at;
    return (length == 9 || length == 10) && take(at, end, ";\n");
}

static bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

static bool begins_as(const uint8_t *at, const uint8_t *end, const char *word) {
    for (; *word; at++, word++)
        if (at == end || (*at | 0x20) != *word) return false;
    return true;
}

/* What might be a setting too, a command of an administrator, or a blank beyond ASCII, is left to the full SELECT. */
static bool read_statement(Slow *slow, const uint8_t *at, const uint8_t *end) {
    if (at >= end || *at >= 0x80 || end[-1] >= 0x80 || is_space(*at) || *at == '#' || begins_as(at, end, "use") || begins_as(at, end, "set")) return false;
    while (at < end && end[-1] == ' ') end--;
    while (at < end && (end[-1] == ';' || end[-1] == '\n')) end--;
    slow->statement = (Text){at, end};
    return is_there(slow->statement);
}

static bool read_slow(Slow *slow, const uint8_t *at, const uint8_t *end) {
    memset(slow, 0, sizeof *slow);
    if (take(&at, end, "# Time: ")) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL) return false;
        slow->time = (Text){at, newline};
        at = newline + 1;
    }
    if (!read_user(slow, &at, end) || !read_thread(slow, &at, end) || !read_figures(slow, &at, end)) return false;
    slow->body = (Text){at, end};
    if (!read_settings(slow, &at, end) || !read_statement(slow, at, end)) return false;
    while (slow->body.end[-1] == '\n') slow->body.end--;
    bool named_as_other = slow->user.end - slow->user.at == slow->other_user.end - slow->other_user.at
                          && memcmp(slow->user.at, slow->other_user.at, (size_t)(slow->user.end - slow->user.at)) == 0;
    return named_as_other || !is_there(slow->user);
}

/* `2026-03-14T09:00:00.250000Z` in microseconds since 1970. */
static bool read_iso(Text time, int64_t *microseconds) {
    const uint8_t *at = time.at;
    if (time.end - at < 20 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':') return false;
    int century = two(at), years = two(at + 2);
    if (century < 10 || years < 0) return false;
    if (!read_moment(century * 100 + years, two(at + 5), two(at + 8), two(at + 11), two(at + 14), two(at + 17),
                     microseconds))
        return false;
    at += 19;
    if (*at == '.') {
        int64_t unit = 100000;
        for (at++; at < time.end && is_digit(*at) && unit; at++, unit /= 10) *microseconds += (*at - '0') * unit;
    }
    return time.end - at == 1 && *at == 'Z';
}

static bool read_seconds(Text digits, int64_t *microseconds) {
    int64_t seconds = 0;
    for (const uint8_t *at = digits.at; at < digits.end; at++) seconds = seconds * 10 + *at - '0';
    *microseconds = seconds * 1000000;
    return true;
}

/* A whole number that is written as the log has it. */
static bool is_count(Text text) {
    const uint8_t *at = text.at;
    if (text.end - at > 15 || (*at == '0' && text.end - at > 1)) return false;
    return skip_digits(at, text.end) == text.end;
}

/* Seconds with up to six digits behind the point, and up to nine before it. */
static bool is_seconds(Text text) {
    const uint8_t *point = skip_digits(text.at, text.end);
    if (point == text.at || point - text.at > 9) return false;
    if (point == text.end) return true;
    const uint8_t *stop = *point == '.' ? skip_digits(point + 1, text.end) : point;
    return stop == text.end && stop > point + 1 && stop - point <= 7;
}

static bool are_plain(const Slow *slow) {
    if (!is_seconds(slow->query_time) || !is_seconds(slow->lock_time)) return false;
    if (!is_count(slow->sent) || !is_count(slow->examined)) return false;
    if (is_there(slow->affected) && !is_count(slow->affected)) return false;
    return !is_there(slow->bytes_sent) || is_count(slow->bytes_sent);
}

/* -- Writing ---------------------------------------------------------------------------------------------------- */

/* Milliseconds, the point three digits further on, with no more zeros than DuckDB writes. */
static uint8_t *write_milliseconds(uint8_t *out, Text seconds) {
    uint8_t digits[20];
    int count = 0, behind = -1;
    for (const uint8_t *at = seconds.at; at < seconds.end; at++) {
        if (*at == '.') behind = 0;
        else digits[count++] = *at, behind += behind >= 0;
    }
    for (behind = behind < 0 ? 0 : behind; behind < 3; behind++) digits[count++] = '0';
    int before = count - behind + 3, first = 0;
    while (first < before - 1 && digits[first] == '0') first++;
    while (count > before && digits[count - 1] == '0') count--;
    for (int i = first; i < before; i++) *out++ = digits[i];
    *out++ = '.';
    if (count <= before) *out++ = '0';
    for (int i = before; i < count; i++) *out++ = digits[i];
    return out;
}

static uint8_t *write_there(const Scan *scan, uint8_t *out, const char *key, Text text) {
    return is_there(text) ? write_text(scan, out, key, text) : out;
}

/* In the order of the full SELECT. */
static void write_attributes(Scan *scan, const Slow *slow) {
    uint8_t *out = scan->attributes_end;
    bool has_address = is_there(slow->address);
    out = write_there(scan, out, "db_user", slow->other_user);
    out = write_there(scan, out, "client_address", has_address ? slow->address : slow->host);
    if (has_address) out = write_there(scan, out, "client_host", slow->host);
    out = write_there(scan, out, "db_name", is_there(slow->schema) ? slow->schema : slow->database);
    out = write_there(scan, out, "connection_id", is_there(slow->id) ? slow->id : slow->thread);
    out = write_milliseconds(write_key(scan, out, "lock_ms"), slow->lock_time);
    out = copy(write_key(scan, out, "rows_sent"), slow->sent);
    out = copy(write_key(scan, out, "rows_examined"), slow->examined);
    if (is_there(slow->affected)) out = copy(write_key(scan, out, "rows_affected"), slow->affected);
    if (is_there(slow->bytes_sent)) out = copy(write_key(scan, out, "bytes_sent"), slow->bytes_sent);
    *out++ = '}';
    scan->attributes_end = out;
}

static Outcome read_record(Scan *scan, void *own, const uint8_t *at, const uint8_t *end) {
    Slow *slow = own;
    int64_t *time = (int64_t *)scan->columns[TS].values + scan->row;
    double *duration = (double *)scan->columns[DURATION].values + scan->row;
    if (memchr(at, '\x1b', (size_t)(end - at)) != NULL) return LEFT;
    if (!read_slow(slow, at, end) || !are_plain(slow)) return LEFT;
    if (!(slow->time.at != NULL ? read_iso(slow->time, time) : read_seconds(slow->timestamp, time))) return LEFT;
    if (!read_decimal(slow->query_time.at, slow->query_time.end, duration)) return LEFT;
    *duration = round(*duration * 1000 * 1e6) / 1e6; /* as DuckDB rounds to six digits */
    ((View *)scan->columns[SERVICE_NAME].values)[scan->row] = scan->service;
    set_name(scan, &scan->columns[STREAM_NAME], "performance");
    set_name(scan, &scan->columns[SYSTEM], "mysql");
    scan->set |= (uint64_t)1 << TS | (uint64_t)1 << SERVICE_NAME | (uint64_t)1 << STREAM_NAME
                 | (uint64_t)1 << DURATION | (uint64_t)1 << SYSTEM;
    set(scan, MESSAGE, slow->body);
    set(scan, STATEMENT, slow->statement);
    write_attributes(scan, slow);
    return TAKEN;
}

/* -- Where records begin ---------------------------------------------------------------------------------------- */

/* What the server writes when it opens the log, as `_STARTED` of `formats/mysql_slow.py`. */
static bool is_opening(const uint8_t *at, const uint8_t *end) {
    const uint8_t *stop = at;
    if (take(&at, end, "Tcp port: ")) return true;
    while (stop < end && (!is_space(*stop) || *stop == '\v')) stop++; /* \S of RE2 */
    if (stop - at > 1 && stop[-1] == ',' && take(&stop, end, " Version: ")) return true;
    for (const char *const *word = (const char *const[]){"Time ", "Id ", "Command ", NULL}; *word; word++) {
        if (!take(&at, end, *word)) return false;
        skip_blanks(&at, end);
    }
    return take(&at, end, "Argument");
}

/* A user goes on with the record of the time in front of it. */
static bool begins_record(const uint8_t *at, const uint8_t *end, bool after_time) {
    if (take(&at, end, "# Time: ")) return true;
    if (take(&at, end, "# User@Host: ")) return !after_time;
    return is_opening(at, end);
}

/* Writes to `begins` whether each line begins a record, as `continues` of the format says; false where there is an
 * escape sequence, which that one sees to. */
int64_t logpipe_slow_begins(const uint8_t *data, int64_t size, const int64_t *starts, const int64_t *ends, int64_t count,
                            uint8_t *begins) {
    if (memchr(data, '\x1b', (size_t)size) != NULL) return false;
    bool after_time = false;
    for (int64_t line = 0; line < count; line++) {
        const uint8_t *at = data + starts[line], *end = data + ends[line];
        while (is_at(at, end, 0)) at++; /* as a writer leaves behind a truncation */
        begins[line] = begins_record(at, end, after_time);
        after_time = take(&at, end, "# Time: ") && memchr(at, '#', (size_t)(end - at)) == NULL;
    }
    return true;
}

/* The attributes take no more room than the head that they stand in, and 200 bytes more a record, for their keys. */
int64_t logpipe_scan_slow(const Lines *lines, Rows *rows) {
    Slow slow;
    return scan_lines(lines, rows, read_record, &slow);
}
