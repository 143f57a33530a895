"""`logpipe ship otlp`: events to a collector of OpenTelemetry."""

from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Since
from logpipe.cli.shipping import CaFile, Follow, PasswordFile, TokenFile, User


def otlp(
    url: Annotated[
        str, typer.Option(envvar="LOGPIPE_OTLP_URL", help="Of the collector, without /v1/logs.", metavar="URL")
    ] = "http://localhost:4318",
    user: User = None,
    password_file: PasswordFile = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    follow: Follow = False,
    since: Since = None,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Send events as log records by OTLP over HTTP, from where the last run ended; a new target begins at --since.

    Example: logpipe ship otlp --url http://localhost:4318 --follow
    """
    from logpipe.cli.shipping import access, beginning, of_target, ship
    from logpipe_shippers.otlp import Otlp, Settings

    settings = of_target(Settings, access(url, user, password_file, token_file, ca_file))
    ship([Otlp("main", settings, beginning(db, since))], db, follow=follow)
