"""The sources of a store, with what was read of them."""

from logpipe.ingest.files.source import Source
from logpipe.store import Store
from logpipe.store.patience import waiting_for_memory


@waiting_for_memory
def load_sources(store: Store) -> list[Source]:
    """All sources, with what was read of them."""
    sources = {
        row[0]: Source(*row)
        for row in store.execute(
            """
            SELECT source_id, path, family, generation, device, inode, size, (epoch_ns(modified_at))::BIGINT,
                octet_length(head)::INTEGER, unhex(sha256(head)), compression, format, service, time_zone, state,
                copied_from, copied_bytes::BIGINT, copied_bytes::BIGINT
            FROM sources ORDER BY source_id
            """
        )
    }
    for source in sources.values():
        if source.copied_from is not None:
            length = source.copied_bytes
            source.ranges += [entry for entry in sources[source.copied_from].ranges if entry[1] <= length]
            for entry in store.execute(_ENTRIES_UP_TO, [source.copied_from, length]):
                source.enter(*entry)
            source.offset = length
    for source_id, hash_from, end, range_hash, tail_hash in store.execute(
        "SELECT source_id, hash_from, max(to_pos), arg_max(range_hash, to_pos), arg_max(tail_hash, to_pos) "
        "FROM ledger GROUP BY source_id, hash_from ORDER BY source_id, hash_from"
    ):
        sources[source_id].enter(hash_from, end, range_hash, tail_hash)
    return list(sources.values())


_ENTRIES_UP_TO = """
SELECT hash_from, max(to_pos), arg_max(range_hash, to_pos),
    CASE WHEN max(to_pos) = $2 THEN arg_max(tail_hash, to_pos) END
FROM ledger WHERE source_id = $1 AND to_pos <= $2 GROUP BY hash_from ORDER BY hash_from
"""
