"""`logpipe rollup`: the counts and latencies per minute."""

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, Database

app = typer.Typer(no_args_is_help=True, help="The counts and latencies per minute.")


@app.callback()
def rollup() -> None:
    """The counts and latencies per minute."""


@app.command()
def rebuild(db: Database = DEFAULT_DATABASE) -> None:
    """Count every minute anew from its events; those of which events have expired stay as they are.

    Run it when verify says that roll-ups and events differ. The numbers of a sound database do not change.
    """
    from logpipe.cli import interruption, output
    from logpipe.store import Store
    from logpipe.store.rebuild import rebuild as count_anew

    interruption.explain("the minutes counted so far are right, and the others as they were")
    with Store.open(db, create=False, through_owner=True) as store:
        rebuilt = count_anew(store)
    output.note(f"{plural(rebuilt.minutes, 'minute')} counted anew")
    if rebuilt.left:
        output.note(f"{plural(rebuilt.left, 'minute')} left, since events of theirs have expired")
