"""`setup_logging`: one call, after which `logging` and loguru write the same record.

The call loads what it needs: a library that only logs does not pay for files and settings.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logpipe.emit.installation import Logging


def setup_logging(
    *,
    service: str | None = None,
    level: str | int | None = None,
    log_dir: str | os.PathLike[str] | None = None,
    console: bool | str | None = None,
    environment: str | None = None,
    version: str | None = None,
    host: str | None = None,
    max_bytes: int | str | None = None,
    rotate_every: str | None = None,
    compress: str | None = None,
    keep_files: int | None = None,
    keep_days: int | None = None,
    max_line_bytes: int | str | None = None,
    uncaught: bool | None = None,
    loguru: bool | None = None,
    keep_bytes: int | str | None = None,
    layout: str | None = None,
    durability: str | None = None,
    sample: Mapping[str, float] | str | None = None,
    sample_key: str | None = None,
    tail: str | int | None = None,
    tail_records: int | None = None,
    tail_bytes: int | str | None = None,
    repeat_limit: int | None = None,
    repeat_window_s: float | None = None,
    warnings: bool | None = None,
    redact: bool | None = None,
    redact_keys: "Sequence[str] | str | None" = None,
    redact_patterns: "Sequence[str] | str | None" = None,
) -> "Logging":
    """Has `logging` and loguru write to `<log_dir>/<service>/{app,error,performance,business}.jsonl`.

    None means: by the variable, else the default; docs/emit.md has the table. Called again it replaces what it
    installed, and leaves handlers and sinks of others alone. Raises SettingError for a value that cannot be used;
    a folder that cannot be written is said on standard error, and what is lost is counted.
    """
    given = dict(locals())
    from logpipe.emit.installation import Logging
    from logpipe.emit.settings import load

    installed = Logging(load(given))
    installed.install()
    return installed
