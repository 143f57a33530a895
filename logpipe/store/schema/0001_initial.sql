-- The first schema. No unique constraint and no enum: DuckLake has neither, and what makes exactly once is the ledger,
-- which is written in the transaction of the rows that it counts.

CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);

CREATE SEQUENCE source_ids;
CREATE SEQUENCE ledger_ids;

-- One row a file generation: a rotated file keeps its row, a truncated or recreated one gets a new row.
CREATE TABLE sources (
    source_id INTEGER NOT NULL,
    path VARCHAR NOT NULL,           -- where the generation was last seen
    family VARCHAR NOT NULL,         -- folder and stem without rotation and compression suffixes
    generation INTEGER NOT NULL,     -- 1 for the first of its family
    device UBIGINT,
    inode UBIGINT,
    size UBIGINT NOT NULL,           -- bytes, as last seen (compressed files: of the compressed file)
    modified_at TIMESTAMPTZ,
    head BLOB NOT NULL,              -- the first bytes, at most 4,096, decompressed
    compression VARCHAR,             -- gzip, zstd, bz2, xz; NULL when plain
    format VARCHAR NOT NULL,
    service VARCHAR NOT NULL,        -- for records that name none
    time_zone VARCHAR NOT NULL,      -- of times that name none
    state VARCHAR NOT NULL,          -- active, complete (nothing more will come), gone (deleted or overwritten)
    first_seen_at TIMESTAMPTZ NOT NULL,
    copied_from INTEGER,             -- the source that it began as a copy of, which has
    copied_bytes UBIGINT NOT NULL DEFAULT 0, -- so many of its first bytes
    copied_hash BLOB,                -- of these, as range_hash in the ledger
    format_chosen BOOLEAN NOT NULL DEFAULT false -- by a user, and so not detected again while the file is short
);

CREATE TABLE events (
    ts TIMESTAMPTZ,
    level VARCHAR,
    stream VARCHAR,
    service VARCHAR,
    environment VARCHAR,
    version VARCHAR,
    host VARCHAR,
    logger VARCHAR,
    event VARCHAR,
    message VARCHAR USING COMPRESSION zstd, -- a third smaller than DuckDB's choice, and written faster
    template VARCHAR,
    duration_ms DOUBLE,
    trace_id VARCHAR,
    span_id VARCHAR,
    request_id VARCHAR USING COMPRESSION zstd, -- random letters are written, and found, faster so
    user_id VARCHAR,
    http_method VARCHAR,
    http_route VARCHAR,
    http_path VARCHAR,
    http_status USMALLINT,
    db_system VARCHAR,
    db_statement VARCHAR,
    exception_type VARCHAR,
    exception_message VARCHAR,
    exception_stacktrace VARCHAR,
    module VARCHAR,
    function VARCHAR,
    line INTEGER,
    process INTEGER,
    thread VARCHAR,
    instance VARCHAR,
    seq UBIGINT,
    severity UTINYINT NOT NULL,      -- 0 where the source gives no level
    attributes JSON USING COMPRESSION zstd, -- what has no column, and values whose type does not fit theirs
    source_id INTEGER NOT NULL,
    source_pos UBIGINT NOT NULL,     -- byte at which the record begins, decompressed; within its line where that has more
    bytes UINTEGER NOT NULL          -- length of the record with its newlines
);

CREATE TABLE rejects (
    source_id INTEGER NOT NULL,
    source_pos UBIGINT NOT NULL,
    bytes UBIGINT NOT NULL,          -- length of the line with its newline
    reason VARCHAR NOT NULL,
    detail VARCHAR,
    raw BLOB NOT NULL,               -- the line itself, without its newline
    rejected_at TIMESTAMPTZ NOT NULL
);

-- The offset of a source is its last to_pos. lines + divided = events + joined + blanks + rejects. Rows come in
-- the order of their commits. Where rejects become events the counts change; where a source is read again its rows are
-- replaced; and where its patterns are to be mined anew they get new numbers.
CREATE TABLE ledger (
    ledger_id BIGINT NOT NULL,
    source_id INTEGER NOT NULL,
    from_pos UBIGINT NOT NULL,
    to_pos UBIGINT NOT NULL,
    lines UBIGINT NOT NULL,
    events UBIGINT NOT NULL,
    joined UBIGINT NOT NULL,         -- lines that continue the record before them
    blanks UBIGINT NOT NULL,
    divided UBIGINT NOT NULL,        -- records beyond the first of their line, where a line holds several
    rejects UBIGINT NOT NULL,
    hash_from UBIGINT NOT NULL,      -- small entries in a row go on with one hash, which begins here
    range_hash BLOB NOT NULL,        -- BLAKE3, 16 bytes, of hash_from..to_pos
    tail_hash BLOB NOT NULL,         -- the same of the bytes before to_pos, at most 4,096
    committed_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE gaps (
    source_id INTEGER NOT NULL,
    from_pos UBIGINT NOT NULL,
    to_pos UBIGINT,                  -- NULL where the end is not known
    reason VARCHAR NOT NULL,         -- overwritten, shrunk, deleted, given_up, damaged
    detected_at TIMESTAMPTZ NOT NULL
);

-- What retention removed, so that the ledger still adds up: entered in the transaction that removes. Sum to read.
CREATE TABLE expired (
    source_id INTEGER NOT NULL,
    minute TIMESTAMPTZ,              -- of the events; NULL for rejects
    events UBIGINT NOT NULL,
    rejects UBIGINT NOT NULL,
    bytes UBIGINT NOT NULL           -- of their lines
);

-- Roll-ups: appended in the transaction that inserts the events, so a key may stand in several rows. Sum to read.
CREATE TABLE rollup_minute (
    minute TIMESTAMPTZ NOT NULL,
    service VARCHAR NOT NULL,
    environment VARCHAR,
    version VARCHAR,
    stream VARCHAR,
    level VARCHAR,
    severity UTINYINT NOT NULL,
    http_status USMALLINT,           -- NULL where the record has none, or one outside 100 to 599
    operation_kind VARCHAR,          -- http, db, event; NULL where the record has no operation
    operation VARCHAR,               -- method and route, query fingerprint, or event name; 'other' past the cap
    events UBIGINT NOT NULL,
    bytes UBIGINT NOT NULL
);

-- Exponential histograms with 8 buckets an octave of milliseconds: bucket i holds (2^(i/8), 2^((i+1)/8)];
-- a duration of 0 is in bucket -32768. OpenTelemetry's ExponentialHistogram at scale 3.
CREATE TABLE latency_histogram (
    minute TIMESTAMPTZ NOT NULL,
    service VARCHAR NOT NULL,
    environment VARCHAR,
    version VARCHAR,
    operation_kind VARCHAR,
    operation VARCHAR,
    buckets STRUCT(bucket SMALLINT, events UBIGINT, sum_ms DOUBLE, max_ms DOUBLE)[] NOT NULL
);

CREATE VIEW latency_minute AS
SELECT * EXCLUDE (buckets), unnest(buckets, recursive := true) FROM latency_histogram;

-- The bounded names of operations: past the cap of a service the rest is counted under 'other'.
CREATE TABLE operations (service VARCHAR NOT NULL, operation_kind VARCHAR NOT NULL, operation VARCHAR NOT NULL);

-- Message patterns. Every event is counted under one, so their counts add up to the events mined. `patterns` only grows:
-- what turns out to be one pattern is merged by a map, so that an id stays what it was.
CREATE TABLE patterns (
    pattern_id VARCHAR NOT NULL,     -- first 12 hex digits of the MD5 of the template
    template VARCHAR NOT NULL,
    mined BOOLEAN NOT NULL,          -- made of messages, and so open to merging; else stated by the events themselves
    first_seen TIMESTAMPTZ NOT NULL, -- minutes
    last_seen TIMESTAMPTZ NOT NULL
);
-- What a pattern has counts of. Its id is short, for there are many counts.
CREATE TABLE pattern_series (
    series_id INTEGER NOT NULL,
    service VARCHAR NOT NULL,
    severity UTINYINT NOT NULL,
    pattern_id VARCHAR NOT NULL,     -- as it was mined: `pattern_counts` has the merged ids
    source_id INTEGER NOT NULL       -- where they stand, so that a source can be mined anew
);
CREATE TABLE pattern_cells (
    minute TIMESTAMPTZ NOT NULL,
    series_id INTEGER NOT NULL,
    events UBIGINT NOT NULL,
    source_pos UBIGINT NOT NULL      -- of one example in this minute
);

CREATE VIEW pattern_minute AS
SELECT minute, service, severity, pattern_id, events, source_id, source_pos
FROM pattern_cells JOIN pattern_series USING (series_id);

-- The map, made of what is in `patterns`: a pattern without a row keeps its id and its template.
CREATE TABLE pattern_merges (
    pattern_id VARCHAR NOT NULL,
    into_id VARCHAR NOT NULL,        -- of the earliest of those that are one
    template VARCHAR NOT NULL        -- of all of them together
);
-- What users said of patterns, which wins over mining. An id and a choice stand once.
CREATE TABLE pattern_choices (
    pattern_id VARCHAR NOT NULL,
    choice VARCHAR NOT NULL,         -- pin (not merged), merge (into another), name, mute (no findings)
    value VARCHAR,                   -- the other's id, or the name
    chosen_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE findings (
    finding_id VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,    -- same problem, same fingerprint
    kind VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,       -- info, warning, critical
    service VARCHAR NOT NULL,
    environment VARCHAR,
    subject VARCHAR,                 -- route, query fingerprint, pattern, stream ...
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,            -- NULL while it lasts
    baseline DOUBLE,
    observed DOUBLE,
    unit VARCHAR,                    -- of baseline and observed
    score DOUBLE NOT NULL,
    confidence DOUBLE NOT NULL,      -- 0 to 1
    title VARCHAR NOT NULL,
    explanation VARCHAR NOT NULL,
    evidence JSON NOT NULL,          -- [{"source_id":..,"source_pos":..,"ts":..,"text":..}, ..]
    sql VARCHAR NOT NULL,            -- reproduces the observation
    bucket_s DOUBLE NOT NULL,        -- the resolution at which it was found
    status VARCHAR NOT NULL,         -- open, resolved, muted
    detected_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Findings of one cause. Onset, end, severity and services are those of its findings.
CREATE TABLE incidents (
    incident_id VARCHAR NOT NULL,    -- an i, and the id of the finding that it began with
    title VARCHAR NOT NULL,          -- what probably happened
    finding_ids VARCHAR[] NOT NULL,  -- in the order of their onsets
    links JSON NOT NULL,             -- what puts them together: [{"one":..,"other":..,"reason":..}, ..]
    detected_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- What gates did about versions that failed: a row is written before anything is done, and completed after.
CREATE TABLE rollbacks (
    service VARCHAR NOT NULL,
    environment VARCHAR,
    baseline VARCHAR NOT NULL,
    candidate VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,        -- 0, and one more each time that it was asked for again
    begun_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,            -- NULL where how it ended is not known
    succeeded BOOLEAN,
    outcome VARCHAR
);
-- Of two gates that would begin it at once, one is refused.
CREATE UNIQUE INDEX rollbacks_once ON rollbacks (service, coalesce(environment, ''), baseline, candidate, attempt);

-- What people say of findings, in the order in which they said it; a mute concerns all findings of the fingerprint.
CREATE TABLE finding_marks (
    finding_id VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    action VARCHAR NOT NULL,         -- mute, unmute, resolve, acknowledge, note
    text VARCHAR,                    -- the reason, the note, or who acknowledged
    until TIMESTAMPTZ,               -- the end of a mute; NULL where it has none
    made_at TIMESTAMPTZ NOT NULL
);

-- What ingest tells of itself: a row a minute and source for which it did something, or that is behind. Past a number
-- of rows the oldest are summed into one. A minute may have several rows of a source. Sum to read.
CREATE TABLE telemetry (
    minute TIMESTAMPTZ,              -- when it was told; NULL in the row of the oldest
    source_id INTEGER,               -- NULL in the row of the oldest
    bytes UBIGINT NOT NULL,
    lines UBIGINT NOT NULL,
    rejects UBIGINT NOT NULL,
    batches UBIGINT NOT NULL,
    batch_s DOUBLE NOT NULL,         -- to make rows of the lines of its batches
    commit_s DOUBLE NOT NULL,        -- from then on, until they were known to be committed
    slowest_commit_s DOUBLE NOT NULL,
    lag_bytes UBIGINT NOT NULL,      -- in the file, and not in the store
    lag_s DOUBLE NOT NULL            -- for how long there were such, in every sweep
);

-- How far the pattern miner has come.
CREATE TABLE cursors (name VARCHAR NOT NULL, position BIGINT NOT NULL, updated_at TIMESTAMPTZ NOT NULL);

-- What analyses came to, while the store holds what it held then.
CREATE TABLE analyses (
    question VARCHAR NOT NULL,       -- digest of the range, the kinds and the settings that were asked for
    held VARCHAR NOT NULL,           -- what the store held: as long as this is so, the outcome is too
    outcome JSON NOT NULL
);

-- The targets of `logpipe ship`: how far each has come, and how it fares.
CREATE TABLE shipping (
    target VARCHAR NOT NULL,         -- kind and name, as loki:main
    ledger_id BIGINT,                -- what came with the ledger's entries up to this one is shipped,
    next_pos UBIGINT,                -- and of the next entry what lies before this byte; NULL where nothing is yet
    next_id BIGINT,                  -- that entry; 0 where none is begun
    since TIMESTAMPTZ,               -- what happened before is not for it; NULL where all is
    accepted UBIGINT NOT NULL,       -- events, or findings, that the receiver took
    refused UBIGINT NOT NULL,        -- and those that it will never take
    retries UBIGINT NOT NULL,
    succeeded_at TIMESTAMPTZ,        -- when something was last taken
    failing_since TIMESTAMPTZ,       -- NULL while it works
    error VARCHAR,                   -- the last one, while it fails
    followed BOOLEAN NOT NULL        -- whether a process is to ship to it all the time
);

-- Events that a receiver will never take, and why.
CREATE TABLE refusals (
    target VARCHAR NOT NULL,
    source_id INTEGER NOT NULL,
    source_pos UBIGINT NOT NULL,
    ts TIMESTAMPTZ,
    reason VARCHAR NOT NULL,
    refused_at TIMESTAMPTZ NOT NULL
);

-- Findings that an Alertmanager was told of, and not yet of their end.
CREATE TABLE alerts_sent (
    target VARCHAR NOT NULL,
    finding_id VARCHAR NOT NULL,
    labels JSON NOT NULL,            -- what it knows the alert by
    state VARCHAR NOT NULL,          -- firing; or refused, where it would not have it
    sent_at TIMESTAMPTZ NOT NULL     -- the first time with these labels
);

-- The streams that a target made in its Loki, so that what is sent again goes to the stream that it went to.
CREATE TABLE loki_streams (
    target VARCHAR NOT NULL,
    service VARCHAR NOT NULL,
    environment VARCHAR,
    stream VARCHAR,
    lane INTEGER NOT NULL,           -- 0, or more for lines that came late
    newest TIMESTAMPTZ NOT NULL      -- the time of its newest line
);

-- What people were told: a row a message, written before it is sent. Those of one problem share a thread.
CREATE TABLE notifications (
    target VARCHAR NOT NULL,         -- the channel, as notify:oncall
    thread VARCHAR NOT NULL,
    number INTEGER NOT NULL,         -- 1 for the first of its thread
    group_key VARCHAR NOT NULL,      -- the incident, service or finding that it is of; or held, for what is beyond the limit
    said VARCHAR NOT NULL,           -- problem, update, acknowledged, resolved
    finding_ids VARCHAR[] NOT NULL,  -- all that the thread has told of
    critical_ids VARCHAR[] NOT NULL, -- those of them that it has told of as critical
    severity VARCHAR NOT NULL,       -- the worst of them
    title VARCHAR NOT NULL,          -- of the first message
    due_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ              -- NULL where it is not known whether it was
);
