"""The statements behind `numbering`.

Counts are made over blocks of 64 numbers, each a mask of one bit a number, so that memory follows a sixty-fourth of the
rows.
"""

from typing import Final

SHOWN: Final = 5
"""Examples of each kind that are given of a process."""

_NUMBERED: Final = "instance IS NOT NULL AND seq > 0 AND regexp_full_match(instance, '[0-9a-f]{16}')"

_MASK: Final = "bit_or(1::UBIGINT << ((seq - 1) % 64))"

_BLOCKS: Final = f"""
SELECT instance, (seq - 1) // 64 AS block, {_MASK} AS mask, count(*) AS rows
FROM events WHERE {_NUMBERED} GROUP BY ALL
"""

PROCESSES: Final = f"""
SELECT instance, service, host, process, first_at, last_at, source_ids, rows, highest, rows - numbers
FROM (
    SELECT instance, any_value(service) AS service, any_value(host) AS host, any_value(process) AS process,
        min(ts) FILTER (isfinite(ts)) AS first_at, max(ts) FILTER (isfinite(ts)) AS last_at, max(seq) AS highest,
        list(DISTINCT source_id) AS source_ids
    FROM events WHERE {_NUMBERED} GROUP BY instance
)
JOIN (
    SELECT instance, sum(rows)::BIGINT AS rows, sum(bit_count(mask))::BIGINT AS numbers
    FROM ({_BLOCKS}) GROUP BY instance
) USING (instance)
ORDER BY first_at, instance
"""

# Numbers between two records that were made while all was read, and how many are absent. What was made outside of
# that time bounds them by its number, so that only two times are asked for, and not those of each record.
DECIDED: Final = f"""
WITH asked AS (SELECT unnest($instances) AS instance, unnest($sinces) AS since, unnest($untils) AS until),
bounds AS (
    SELECT instance, max(seq) FILTER (ts < since) AS early, min(seq) FILTER (ts >= until) AS late,
        bool_and(ts > since) AS from_first
    FROM events JOIN asked USING (instance) WHERE seq > 0 GROUP BY instance
),
spans AS (
    SELECT instance,
        CASE WHEN any_value(from_first) THEN 1 ELSE min(seq) FILTER (early IS NULL OR seq > early) END AS first,
        max(seq) FILTER (late IS NULL OR seq < late) AS last
    FROM events JOIN bounds USING (instance) WHERE seq > 0 GROUP BY instance
)
SELECT instance, first, last, (last - first + 1 - sum(bit_count(mask)))::HUGEINT
FROM (
    SELECT instance, first, last, {_MASK} AS mask
    FROM events JOIN spans USING (instance)
    WHERE seq BETWEEN first AND last
    GROUP BY instance, first, last, (seq - 1) // 64
)
GROUP BY instance, first, last
"""

# A hole is in the block of the record behind it.
HOLES: Final = f"""
WITH asked AS (SELECT unnest($instances) AS instance, unnest($firsts) AS decided_first, unnest($lasts) AS decided_last),
blocks AS (
    SELECT instance, block, mask, decided_first, decided_last,
        coalesce(lag(block * 64 + length(bin(mask))) OVER (PARTITION BY instance ORDER BY block), 0) AS previous
    FROM ({_BLOCKS}) JOIN asked USING (instance)
),
broken AS (
    FROM blocks
    WHERE previous <> block * 64 OR mask::HUGEINT & (mask::HUGEINT + 1) <> 0
    QUALIFY row_number() OVER (
        PARTITION BY instance, block * 64 + 64 >= decided_first AND block * 64 < decided_last ORDER BY block
    ) <= {SHOWN}
),
present AS (
    SELECT instance, decided_first, decided_last, block, unnest(
        [previous] || [block * 64 + 1 + place FOR place IN range(64) IF mask >> place & 1 = 1]
    ) AS seq
    FROM broken
),
holes AS (
    SELECT instance, previous + 1 AS first, seq - 1 AS last,
        previous + 1 >= decided_first AND seq <= decided_last AS decided
    FROM (SELECT *, lag(seq) OVER (PARTITION BY instance, block ORDER BY seq) AS previous FROM present)
    WHERE seq > previous + 1
    QUALIFY row_number() OVER (PARTITION BY instance, decided ORDER BY first) <= {SHOWN}
),
near AS (
    SELECT instance, seq, min({{'id': source_id, 'pos': source_pos}}) AS place
    FROM events SEMI JOIN (
        SELECT instance, first - 1 AS seq FROM holes UNION ALL SELECT instance, last + 1 FROM holes
    ) USING (instance, seq)
    GROUP BY ALL
)
SELECT holes.instance, first, last, decided, previous.place, next.place
FROM holes
LEFT JOIN near AS previous ON previous.instance = holes.instance AND previous.seq = first - 1
LEFT JOIN near AS next ON next.instance = holes.instance AND next.seq = last + 1
ORDER BY holes.instance, decided DESC, first
"""

REPEATS: Final = f"""
SELECT instance, seq, count(*), min({{'id': source_id, 'pos': source_pos}}), max({{'id': source_id, 'pos': source_pos}})
FROM events
SEMI JOIN (
    SELECT instance, block FROM ({_BLOCKS}) WHERE rows > bit_count(mask)
    QUALIFY row_number() OVER (PARTITION BY instance ORDER BY block) <= {SHOWN}
) AS crowded ON crowded.instance = events.instance AND block = (seq - 1) // 64
GROUP BY instance, seq
HAVING count(*) > 1
QUALIFY row_number() OVER (PARTITION BY instance ORDER BY seq) <= {SHOWN}
ORDER BY instance, seq
"""

# Rows that stand behind a higher number of their process in the same file.
REORDERED: Final = f"""
SELECT instance, count(*), min({{'id': source_id, 'pos': source_pos, 'seq': seq, 'behind': previous}})
FROM (
    SELECT instance, source_id, source_pos, seq,
        lag(seq) OVER (PARTITION BY source_id, instance ORDER BY source_pos) AS previous
    FROM events WHERE source_id BETWEEN $first AND $last AND {_NUMBERED}
)
WHERE seq < previous
GROUP BY instance
"""

# A report that stands in the files twice tells of its drops once. Where a record could not be rendered, another, with a
# number of its own, stands in for it, and tells whether that had one.
DROPS: Final = f"""
SELECT instance, told_at, count, numbers, reason, sum(numbers) OVER (PARTITION BY instance)::HUGEINT
FROM (
    SELECT instance, seq, min(ts) FILTER (isfinite(ts)) AS told_at,
        coalesce(TRY_CAST(any_value(attributes ->> 'count') AS UBIGINT), 1) AS count,
        coalesce(
            TRY_CAST(any_value(attributes ->> 'numbers') AS UBIGINT),
            CASE any_value(event) WHEN 'logpipe.unrenderable' THEN 0 ELSE count END
        ) AS numbers,
        coalesce(any_value(attributes ->> 'reason'), any_value(message), '') AS reason
    FROM events
    WHERE event IN ('logpipe.dropped', 'logpipe.unrenderable') AND logger = 'logpipe' AND {_NUMBERED}
    GROUP BY instance, seq
)
QUALIFY row_number() OVER (PARTITION BY instance ORDER BY seq) <= {SHOWN}
ORDER BY instance, seq
"""
