"""Writes the samples of docs/sql.md again: each `$ logpipe …` is run on the small shop of tests/shop.sql."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from logpipe.store import Store, rollup

ROOT = Path(__file__).parent.parent
LOGPIPE = Path(sys.executable).with_name("logpipe")
SAMPLE = re.compile(r"(?<=```console\n\$ logpipe )(.*?)\n.*?(?=```)", re.DOTALL)


def main() -> None:
    page = ROOT / "docs" / "sql.md"
    with TemporaryDirectory() as folder:
        database = f"{folder}/logs.duckdb"
        with Store.open(database) as store, store.transaction() as connection:
            connection.execute((ROOT / "tests" / "shop.sql").read_text())
            rollup.roll_up(connection, "events")
        page.write_text(SAMPLE.sub(lambda sample: _run(sample[1], database), page.read_text()))


def _run(command: str, database: str) -> str:
    environment = {**os.environ, "LOGPIPE_DB": database}
    done = subprocess.run([LOGPIPE, *shlex.split(command)], env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return f"{command}\n{done.stdout}"


if __name__ == "__main__":
    main()
