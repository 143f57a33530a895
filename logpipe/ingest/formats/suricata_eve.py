"""Suricata's EVE: https://docs.suricata.io/en/latest/output/eve/eve-json-format.html"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return {"timestamp", "event_type"} <= line.keys() and ("flow_id" in line or "src_ip" in line or "stats" in line)


SURICATA_EVE = JsonFormat(
    name="suricata_eve",
    title="Suricata EVE",
    columns=spelled(
        event=candidates("event_type"),
        message=candidates("alert.signature"),
        http_method=candidates("http.http_method"),
        http_path=(Candidate("http.url", "nullif(regexp_extract({}, '^([^?#]*)', 1), '')"),),
        http_status=candidates("http.status"),
    ),
    marks=_is_record,
)
