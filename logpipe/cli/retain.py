"""`logpipe retain`: remove what is too old or too much."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json
from logpipe.cli.retention import All, Levels, MaxSize, MinFree, Rejects, Streams, policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logpipe.store.retention import Share


def retain(
    db: Database = DEFAULT_DATABASE,
    stream: Streams = None,
    level: Levels = None,
    everything: All = None,
    rejects: Rejects = None,
    max_size: MaxSize = None,
    min_free: MinFree = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would go for its age, and remove nothing."),
    as_json: Json = False,
) -> None:
    """Remove events and rejects that are past their age, then the oldest while the database is too large.

    Ages count from now, by the events' own times: logpipe retain --stream performance=7d --level DEBUG=2d --all 90d

    Counts and latencies per minute stay, and verify stays clean: what was removed is entered in the table expired.
    Freed blocks are used again; logpipe compact gives them back to the volume.
    """
    from logpipe.cli import interruption, output
    from logpipe.store import Store
    from logpipe.store.retention import excess_bytes, expiring
    from logpipe.store.retention import retain as remove
    from logpipe.store.volume import measure

    policy = policy_of(stream, level, everything, rejects, max_size, min_free)
    if policy.empty:
        raise typer.BadParameter("say what to keep, for example --all 90d")
    interruption.explain("what was removed stays removed, and the same command goes on from there")
    now = datetime.now(UTC)
    with Store.open(db, read_only=dry_run, create=False, through_owner=True) as store:
        before = measure(store)
        shares = expiring(store, policy, now) if dry_run else _sum(remove(store, policy, now))
        after = measure(store)
        if as_json:
            output.json_lines(_as_json(shares, dry_run=dry_run))
            return
        if shares:
            output.table(
                ("what", "stream", "level", "would go" if dry_run else "removed", "MB of logs"),
                [(share.what, share.stream, share.level, share.count, share.bytes / 1e6) for share in shares],
            )
        count = sum(share.count for share in shares)
        if dry_run:
            output.note(f"{count:,} rows would go for their age; the database holds {before.used / 1e6:,.1f} MB")
            if over := excess_bytes(policy, before):
                output.note(f"and the oldest events while it holds too much: {over / 1e6:,.1f} MB as it is now")
            return
        output.note(
            f"{count:,} rows removed; the database holds {before.used / 1e6:,.1f} MB before and "
            f"{after.used / 1e6:,.1f} MB after, in a file of {after.file / 1e6:,.1f} MB"
        )
        if over := excess_bytes(policy, after):
            output.warning(f"it still holds {over / 1e6:,.1f} MB too much; logpipe stats says of what")


def _sum(pieces: "Iterable[list[Share]]") -> "list[Share]":
    from logpipe.store.retention import Share

    sums: dict[tuple[str, str | None, str | None], tuple[int, int]] = {}
    for piece in pieces:
        for share in piece:
            key = (share.what, share.stream, share.level)
            count, size = sums.get(key, (0, 0))
            sums[key] = (count + share.count, size + share.bytes)
    return sorted((Share(*key, *figures) for key, figures in sums.items()), key=lambda share: -share.count)


def _as_json(shares: "list[Share]", *, dry_run: bool) -> "Iterable[dict[str, object]]":
    from dataclasses import asdict

    return (asdict(share) | {"removed": not dry_run} for share in shares)
