"""`logpipe sources`: the files that the store knows."""

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json

_SOURCES = """
SELECT source_id, path, format, service, state, size,
    coalesce(max(to_pos), 0)::BIGINT AS position,
    coalesce(sum(ledger.lines), 0)::BIGINT AS lines,
    coalesce(sum(ledger.events), 0)::BIGINT AS events,
    coalesce(sum(ledger.rejects), 0)::BIGINT AS rejects,
    max(committed_at) AS last_read_at
FROM sources LEFT JOIN ledger USING (source_id)
GROUP BY ALL ORDER BY path, source_id
"""


def sources(db: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """List the files that were read: format, service, how far, and what came of them."""
    from logpipe.cli import output
    from logpipe.store import Store

    columns = (
        *("source", "file", "format", "service", "state", "bytes"),
        *("read to", "lines", "events", "rejects", "last read"),
    )
    keys = (
        *("source_id", "path", "format", "service", "state", "size"),
        *("position", "lines", "events", "rejects", "last_read_at"),
    )
    with Store.open(db, read_only=True) as store:
        rows = store.execute(_SOURCES)
    if as_json:
        output.json_lines(dict(zip(keys, row, strict=True)) for row in rows)
    else:
        output.table(columns, [(source_id, output.place(path), *rest) for source_id, path, *rest in rows])
