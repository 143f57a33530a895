"""`logpipe ship`: what the database holds, to receivers."""

from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database
from logpipe.cli.ship_alertmanager import alertmanager
from logpipe.cli.ship_forget import forget
from logpipe.cli.ship_loki import loki
from logpipe.cli.ship_otlp import otlp
from logpipe.cli.ship_prometheus import prometheus
from logpipe.cli.shipping import Follow

app = typer.Typer(no_args_is_help=True, help="Events and findings to receivers: each with its own cursor and retries.")
app.command()(prometheus)
app.command()(loki)
app.command()(otlp)
app.command()(alertmanager)


@app.command(name="all")
def everything(
    config: Annotated[
        str, typer.Option("--config", envvar="LOGPIPE_SHIP_CONFIG", help="The targets, as TOML.", metavar="FILE")
    ] = "ship.toml",
    follow: Follow = False,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Ship to every target of a file, each on its own; docs/shipping.md says what the file may hold.

    Example: logpipe ship all --config ship.toml --follow
    """
    from logpipe.cli.shipping import ship
    from logpipe_shippers.targets import load

    ship(load(config), db, follow=follow)


app.command()(forget)
