"""`logpipe ship alertmanager`: open findings as alerts."""

from enum import StrEnum
from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database
from logpipe.cli.shipping import CaFile, Follow, PasswordFile, TokenFile, User


class Least(StrEnum):
    """How severe a finding is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


def alertmanager(
    url: Annotated[
        str, typer.Option(envvar="LOGPIPE_ALERTMANAGER_URL", help="Of the server.", metavar="URL")
    ] = "http://localhost:9093",
    min_severity: Annotated[Least, typer.Option(help="The least severe findings to send.")] = Least.WARNING,
    external_url: Annotated[
        str | None,
        typer.Option(
            help="Where people see findings: alerts link to URL/findings/ID.", metavar="URL", show_default=False
        ),
    ] = None,
    user: User = None,
    password_file: PasswordFile = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    follow: Follow = False,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Send the open findings to Alertmanager, and the end of those that were sent before.

    With --follow they are sent again every minute, as Alertmanager wants it; without, run it as often.

    Example: logpipe ship alertmanager --url http://localhost:9093 --follow
    """
    from logpipe.cli.shipping import access, of_target, ship
    from logpipe_shippers.alertmanager import Alertmanager, Settings

    spoken_to = access(url, user, password_file, token_file, ca_file)
    settings = of_target(Settings, spoken_to, min_severity=min_severity.value, external_url=external_url)
    ship([Alertmanager("main", settings)], db, follow=follow)
