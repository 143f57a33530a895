"""`logpipe compact`: give free blocks back to the volume."""

from logpipe.cli.options import DEFAULT_DATABASE, Database


def compact(db: Database = DEFAULT_DATABASE) -> None:
    """Make the database file as small as what it holds.

    A copy is made beside it and takes its place at once: there must be room for both, and no other process may have the
    database meanwhile. Killed at any time, it leaves the database as it was.
    """
    from logpipe.cli import interruption, output
    from logpipe.store.compaction import compact as copy_over

    interruption.explain("the database is as it was")
    done = copy_over(db)
    output.note(f"{done.before / 1e6:,.1f} MB before, {done.after / 1e6:,.1f} MB after -> {db}")
