from dataclasses import dataclass

from logpipe.ingest.formats.logpipe_jsonl import LOGPIPE_JSONL

FORMATS = {"logpipe": LOGPIPE_JSONL}


@dataclass
class D:
    format: object


def detect(lines):
    return D(LOGPIPE_JSONL)
