"""`logpipe gaps`: what was lost, or may have been."""

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json


def gaps(db: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """List the bytes that could not be read: overwritten, deleted or damaged before their turn came.

    A gap without an end says from where on something may be missing: nobody saw how much was written there.
    """
    from logpipe.cli import output
    from logpipe.ingest.audit.gaps import known_gaps
    from logpipe.store import Store

    with Store.open(db, read_only=True) as store:
        found = known_gaps(store)
    if as_json:
        output.json_lines(
            {
                "path": gap.path,
                "source_id": gap.source_id,
                "from_pos": gap.from_pos,
                "to_pos": gap.to_pos,
                "reason": gap.reason,
                "detected_at": gap.detected_at,
            }
            for gap in found
        )
        return
    if not found:
        output.note("nothing is known to be lost")
        return
    output.table(
        ("file", "reason", "from byte", "to byte", "bytes", "noticed at"),
        [
            (
                *(output.place(gap.path), gap.reason, gap.from_pos, gap.to_pos),
                *(gap.bytes, gap.detected_at),
            )
            for gap in found
        ],
    )
