"""pino and bunyan, whose levels are numbers: https://getpino.io · https://github.com/trentm/node-bunyan"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates


def _is_record(line: Mapping[str, object]) -> bool:
    numbered = isinstance(line.get("level"), int) or isinstance(line.get("time"), int)
    return numbered and {"time", "level", "msg"} <= line.keys() and bool({"pid", "hostname", "v"} & line.keys())


PINO_JSON = JsonFormat(
    name="pino_json", title="pino and bunyan", columns=spelled(logger=candidates("name")), marks=_is_record
)
