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
            SELECT source_id, path, family, generation, device, inode, size, epoch_us(modified_at)::HUGEINT * 1000,
                octet_length(head)::INTEGER, unhex(sha256(head)), compression, format, service, time_zone, state,
                format_chosen, copied_from, copied_bytes::BIGINT, copied_bytes::BIGINT
            FROM sources ORDER BY source_id
            """
        )
    }
    for source_id, length, copied_hash in store.execute(
        "SELECT source_id, copied_bytes::BIGINT, copied_hash FROM sources WHERE copied_from IS NOT NULL"
    ):
        sources[source_id].enter(0, length, copied_hash, None)
    for source_id, hash_from, end, range_hash, tail_hash in store.execute(
        "SELECT source_id, hash_from, max(to_pos), arg_max(range_hash, to_pos), arg_max(tail_hash, to_pos) "
        "FROM ledger GROUP BY source_id, hash_from ORDER BY source_id, hash_from"
    ):
        sources[source_id].enter(hash_from, end, range_hash, tail_hash)
    return list(sources.values())
