"""`logpipe retain`: remove what is too old or too much."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, Database, Json
from logpipe.cli.retention import All, Levels, MaxSize, MinFree, Rejects, Streams, policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logpipe.store import Store
    from logpipe.store.retention import Policy, Share


def retain(
    db: Database = DEFAULT_DATABASE,
    stream: Streams = None,
    level: Levels = None,
    everything: All = None,
    rejects: Rejects = None,
    max_size: MaxSize = None,
    min_free: MinFree = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would go, and remove nothing."),
    as_json: Json = False,
) -> None:
    """Remove events and rejects that are past their age, then the oldest while the database is too large.

    Ages count from now, by the events' own times: logpipe retain --stream performance=7d --level DEBUG=2d --all 90d

    Counts and latencies per minute stay, and verify stays clean: what was removed is entered in the table expired.
    Freed blocks are used again; logpipe compact gives them back to the volume. Exit code 1 when too much is left.
    """
    from logpipe.cli import interruption
    from logpipe.store import Store

    policy = policy_of(stream, level, everything, rejects, max_size, min_free)
    if policy.empty:
        raise typer.BadParameter("say what to keep, for example --all 90d")
    interruption.explain("what was removed stays removed, and the same command goes on from there")
    with Store.open(db, read_only=dry_run, create=False, through_owner=True) as store:
        if dry_run:
            _foresee(store, policy, as_json=as_json)
        else:
            _remove(store, policy, as_json=as_json)


def _foresee(store: "Store", policy: "Policy", *, as_json: bool) -> None:
    from logpipe.cli import output
    from logpipe.cli.sizes import shown_size
    from logpipe.store.retention import excess_bytes, expiring, too_many
    from logpipe.store.volume import measure

    shares = expiring(store, policy, datetime.now(UTC))
    volume = measure(store)
    aged = sum(share.count for share in shares if share.what == "events")
    oldest = max(0, too_many(store, policy) - aged)
    if as_json:
        output.json_lines(_as_json(shares, dry_run=True))
        if oldest:
            what = {"what": "oldest events", "stream": None, "level": None, "count": oldest, "bytes": None}
            output.json_lines([what | {"removed": False}])
        return
    _table(shares, "would go")
    count = sum(share.count for share in shares)
    output.note(f"{plural(count, 'row')} would go for {'its' if count == 1 else 'their'} age")
    if policy.limits_size:
        output.note(
            f"the database holds {shown_size(volume.used)}, {shown_size(excess_bytes(policy, volume))} too much: "
            f"about {plural(oldest, 'event')} would go for that, the oldest"
        )


def _remove(store: "Store", policy: "Policy", *, as_json: bool) -> None:
    from logpipe.cli import output
    from logpipe.cli.sizes import shown_size
    from logpipe.store.retention import excess_bytes, retain
    from logpipe.store.volume import measure

    before = measure(store)
    shares = _sum(retain(store, policy, datetime.now(UTC)))
    after = measure(store)
    if as_json:
        output.json_lines(_as_json(shares, dry_run=False))
    else:
        _table(shares, "removed")
        rows = plural(sum(share.count for share in shares), "row")
        output.note(
            f"{rows} removed; the database holds {shown_size(before.used)} before and {shown_size(after.used)} after, "
            f"in a file of {shown_size(after.file)}"
        )
    if over := excess_bytes(policy, after):
        events_left = store.execute("SELECT count(*) > 0 FROM events") == [(True,)]
        why = "others use the database; run the command again" if events_left else "there is no event left to remove"
        output.error(f"it still holds {shown_size(over)} too much: {why}")
        raise typer.Exit(1)


def _table(shares: "list[Share]", count: str) -> None:
    from logpipe.cli import output

    if shares:
        output.table(
            ("what", "stream", "level", count, "MB of logs"),
            [(share.what, share.stream, share.level, share.count, share.bytes / 1e6) for share in shares],
        )


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
