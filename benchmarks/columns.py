"""What the columns of `events` cost to insert: a row group of the clean log, with all of them and with some left out.

    python benchmarks/columns.py [--rounds 7]

Processor time of the statement on one thread, as when loading; the least of the rounds. A column that no record has is
NULL throughout, and yet appended, analysed and compressed.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Collection
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest import lines, write
from logpipe.ingest.ingest import ingest
from logpipe.ingest.loading.tuning import tune
from logpipe.ingest.options import Options
from logpipe.store import Store
from logpipe.store.arrow import to_arrow
from logpipe.store.database import ROW_GROUP

NEEDED = {"severity", "source_id", "source_pos", "bytes"}
OTHERWISE = {
    "request_id, by DuckDB's choice": (r"request_id VARCHAR USING COMPRESSION zstd", "request_id VARCHAR"),
    "request_id, uncompressed": (r"(request_id VARCHAR USING COMPRESSION) zstd", r"\1 uncompressed"),
    "message, by DuckDB's choice": (r"message VARCHAR USING COMPRESSION zstd", "message VARCHAR"),
    "attributes, by DuckDB's choice": (r"attributes JSON USING COMPRESSION zstd", "attributes JSON"),
    "all other text as dict_fsst": (r"(\w+ VARCHAR),", r"\1 USING COMPRESSION dict_fsst,"),
}


def events(folder: Path) -> pa.Table:
    """A row group, without the columns that are NULL."""
    log = folder / "clean.jsonl"
    with log.open("wb") as file:
        file.writelines(lines(ROW_GROUP))
    with Store.open(":memory:") as store:
        ingest(store, [str(log)], Options())
        table = to_arrow(store.connection.execute("FROM events ORDER BY source_pos"))
    return table.drop([name for name in table.column_names if table[name].null_count == len(table)])


def definition() -> str:
    """The statement that creates the table."""
    schema = (resources.files("logpipe.store") / "schema" / "0001_initial.sql").read_text()
    found = re.search(r"CREATE TABLE events \(.*?^\);", schema, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0]


def cost(
    table: pa.Table, created_by: str, folder: Path, rounds: int, dropped: Collection[str] = ()
) -> tuple[float, float]:
    """(milliseconds, megabytes) of inserting a table's columns but those that the store's table is not to have."""
    taken, size = [], 0.0
    for _ in range(rounds):
        path = folder / "columns.duckdb"
        path.unlink(missing_ok=True)
        with Store.open(path) as store:
            tune(store)
            connection = store.connection
            connection.execute("DROP TABLE events")
            connection.execute(created_by)
            for column in dropped:
                connection.execute(f"ALTER TABLE events DROP COLUMN {column}")
            kept = table.drop([name for name in dropped if name in table.column_names])
            connection.register("new_events", kept)
            columns = ", ".join(kept.column_names)
            started = time.thread_time()
            connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new_events")
            taken.append(time.thread_time() - started)
        size = path.stat().st_size / 1e6
    return min(taken) * 1e3, size


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table, created_by = events(folder), definition()
        with duckdb.connect() as connection:
            connection.execute(created_by)
            every = [column for (column, *_) in connection.execute("DESCRIBE events").fetchall()]
        empty = [column for column in every if column not in table.column_names]
        rows = {"all": cost(table, created_by, folder, rounds)}
        rows[f"without the {len(empty)} that are NULL"] = cost(table, created_by, folder, rounds, empty)
        for column in table.column_names:
            if column not in NEEDED:
                rows[f"without {column}"] = cost(table, created_by, folder, rounds, [column])
        for title, (pattern, other) in OTHERWISE.items():
            rows[title] = cost(table, re.sub(pattern, other, created_by), folder, rounds)
    write(
        "\n".join(
            [
                "## Columns",
                "",
                f"`python benchmarks/columns.py --rounds {rounds}`",
                "",
                f"{ROW_GROUP:,} events of the clean log inserted into {len(every)} columns.",
                "",
                "| | CPU, ms | of all | database, MB |",
                "| --- | --- | --- | --- |",
                *(
                    f"| {name} | {ms:.0f} | {ms / rows['all'][0]:.2f} | {size:.1f} |"
                    for name, (ms, size) in rows.items()
                ),
                "",
            ]
        )
    )


if __name__ == "__main__":
    main()
