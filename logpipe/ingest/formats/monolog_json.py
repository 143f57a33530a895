"""Monolog's JsonFormatter, of Laravel and Symfony: https://seldaek.github.io/monolog/"""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates

_NUMBERS: Final = "('100', '200', '250', '300', '400', '500', '550', '600')"
"""Of Monolog's own levels, which say no more than their names."""


def _is_record(line: Mapping[str, object]) -> bool:
    return {"message", "level_name", "channel", "datetime"} <= line.keys()


MONOLOG_JSON = JsonFormat(
    name="monolog_json",
    title="Monolog",
    columns=spelled(
        ts=candidates("datetime.date", "datetime"),
        level=candidates("level_name"),
        logger=candidates("channel"),
        exception_type=candidates("context.exception.class"),
        exception_message=candidates("context.exception.message"),
    ),
    marks=_is_record,
    redundant={"level": f"level IS NOT NULL AND json_extract_string(json, '$.level') IN {_NUMBERS}"},
)
