"""What the commands of `logpipe ship` share: how a receiver is named, and how targets run."""

import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from logpipe_shippers.delivery.access import Access
    from logpipe_shippers.delivery.shipper import Shipper

Settings = TypeVar("Settings", bound="Access")

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as the database grows, until Ctrl-C.")]
User = Annotated[str | None, typer.Option(help="For basic authentication.", metavar="NAME", show_default=False)]
PasswordFile = Annotated[
    str | None,
    typer.Option(help="A file whose first line is the password.", metavar="FILE", show_default=False),
]
TokenFile = Annotated[
    str | None,
    typer.Option(help="A file whose first line is a bearer token.", metavar="FILE", show_default=False),
]
CaFile = Annotated[
    str | None,
    typer.Option(help="Certificates to trust in place of the system's, as PEM.", metavar="FILE", show_default=False),
]


def access(
    url: str, user: str | None, password_file: str | None, token_file: str | None, ca_file: str | None
) -> "Access":
    """How the receiver is spoken to.

    Raises:
        SettingError: a secret cannot be read.
    """
    if user is not None and not password_file:
        raise typer.BadParameter("--user needs --password-file")
    from logpipe_shippers.delivery.access import Access
    from logpipe_shippers.delivery.secrets import Secret

    password = Secret.from_file(password_file) if password_file else None
    token = Secret.from_file(token_file) if token_file else None
    return Access(url, user, password, token, ca_file)


def of_target(kind: "type[Settings]", spoken_to: "Access", **more: Any) -> "Settings":
    """The settings of a target, which extend how its receiver is spoken to."""
    from dataclasses import fields

    given: dict[str, Any] = {field.name: getattr(spoken_to, field.name) for field in fields(spoken_to)}
    return kind(**given, **more)


def beginning(db: str, since: str | None) -> "datetime | None":
    """The time that --since names, if any.

    Raises:
        StoreError: the store, of which the newest event may be meant, cannot be read.
    """
    from logpipe.cli.options import stretch
    from logpipe.store import Store

    if since is None:
        return None
    with Store.open(db, read_only=True) as store:
        return stretch(store, since, None)[0]


def alone(db: str, targets: "Collection[str]", *, remedy: str, follow: bool = False) -> "AbstractContextManager[None]":
    """These targets are this command's alone while the block runs."""
    from logpipe_shippers.delivery.holding import holding

    words = [word for word in sys.argv[1:] if not word.startswith("-")][:2]  # options may hold what is secret
    command = " ".join(["logpipe", *words, *(["--follow"] if follow else [])])
    return holding(db, targets, command, remedy=remedy)


def ship(shippers: "Sequence[Shipper[Any]]", db: str, *, follow: bool) -> None:
    """Run targets to their end, or until Ctrl-C with `follow`; exit code 1 where one gave up or refused something.

    Raises:
        Held: another process has one of them; nothing is shipped to the others either.
    """
    from logpipe.cli import output
    from logpipe.cli.interruption import request
    from logpipe.cli.shipping_progress import ShippingProgress
    from logpipe.store.without_pandas import without_pandas
    from logpipe_shippers.delivery.run import run

    stop = threading.Event()
    names = [one.name for one in shippers]
    with (
        ShippingProgress() as progress,
        without_pandas(),  # its loading would keep the store from others
        alone(db, names, follow=follow, remedy="end that one first, or ship under another name"),
    ):
        if follow:
            request(stop)
            output.note(f"shipping to {', '.join(names)}; Ctrl-C ends it")
        errors = run(shippers, db, follow=follow, stop=stop, told=progress.add)
    for name in sorted(progress.counts):
        output.note(progress.told(name))
    for error in errors:
        output.error(str(error))
    if errors or any(refused for _, refused in progress.counts.values()):
        raise typer.Exit(1)
