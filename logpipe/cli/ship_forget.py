"""`logpipe ship forget`: targets that are no more."""

from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database


def forget(
    target: Annotated[str, typer.Argument(help="Its kind and name, as loki:main.", metavar="TARGET")],
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Forget a target that is no more, with its cursor, its counts and what it refused; a later one begins anew.

    A target that a process ships to is refused: end that first.

    Example: logpipe ship forget loki:old
    """
    from logpipe.cli import output
    from logpipe.cli.shipping import alone
    from logpipe.store import Store
    from logpipe_shippers.delivery import record

    with (
        alone(db, [target], remedy="end that one first, or it would ship everything again"),
        Store.open(db, create=False, through_owner=True) as store,
    ):
        known = record.targets(store)
        if target not in known:
            there = f"there are {', '.join(known)}" if known else "there are none yet"
            raise typer.BadParameter(f"nothing was ever shipped to {target!r}; {there}")
        record.forget(store, target)
    output.note(f"{target} is forgotten")
