"""The record from any ordinary handler: a formatter on python-json-logger, for `dictConfig` and the like."""

import logging
from collections.abc import Sequence
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from logpipe.emit.entry import Resource
from logpipe.emit.redaction import Redaction
from logpipe.emit.settings import load
from logpipe.emit.stdlib import from_log_record
from logpipe.emit.values import Entry


class JsonFormatter(BaseJsonFormatter):
    """Formats a LogRecord as the line that `setup_logging` would write.

    Takes `service`, `environment`, `version`, `host`, `max_line_bytes` and the settings of redaction as `setup_logging`
    does, and of python-json-logger's options `prefix`, `defaults`, `static_fields` and `rename_fields`.
    The shape is fixed: a format string is accepted, since `dictConfig` may give one, and has no effect.
    """

    def __init__(
        self,
        *args: Any,
        service: str | None = None,
        environment: str | None = None,
        version: str | None = None,
        host: str | None = None,
        max_line_bytes: int | None = None,
        redact: bool | None = None,
        redact_keys: Sequence[str] | str | None = None,
        redact_patterns: Sequence[str] | str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        names = {"service": service, "environment": environment, "version": version, "host": host}
        redaction = {"redact": redact, "redact_keys": redact_keys, "redact_patterns": redact_patterns}
        settings = load({**names, **redaction, "max_line_bytes": max_line_bytes})
        self._redaction = Redaction(
            keys=settings.redact_keys, patterns=settings.redact_patterns, enabled=settings.redact
        )
        self._resource = Resource(settings)
        self._max_line_bytes = settings.max_line_bytes

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON, without a newline."""
        entry = from_log_record(record, self._resource)
        entry |= {key: value for key, value in self.defaults.items() if key not in entry} | self.static_fields
        entry = self._redaction.by_key(entry)  # by the names that the caller gave
        renamed = {self.rename_fields.get(key, key): value for key, value in entry.items()}
        return self.serialize_log_record(self.process_log_record(renamed))

    def jsonify_log_record(self, log_data: Entry) -> str:
        """The JSON of an object."""
        return self._redaction.render(log_data, self._max_line_bytes)[1].decode().removesuffix("\n")
