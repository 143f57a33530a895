"""Audit events of the Kubernetes API: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return line.get("kind") == "Event" and str(line.get("apiVersion", "")).startswith("audit.k8s.io/")


KUBERNETES_AUDIT = JsonFormat(
    name="kubernetes_audit",
    title="Kubernetes audit events",
    columns={
        **spelled(
            ts=candidates("stageTimestamp", "requestReceivedTimestamp"),
            event=candidates("verb"),
            message=candidates("responseStatus.message"),
            http_path=(Candidate("requestURI", "nullif(regexp_extract({}, '^([^?#]*)', 1), '')"),),
            http_status=candidates("responseStatus.code"),
            user_id=candidates("user.username"),
            request_id=candidates("auditID"),
        ),
        "http_method": (),  # a verb of the API is none
    },
    marks=_is_record,
)
