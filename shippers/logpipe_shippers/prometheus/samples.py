"""The samples as JSON, for programs that have no parser of the text format."""

from collections.abc import Iterable
from typing import Any

import orjson
from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar, Sample


def as_json(metrics: Iterable[Metric]) -> bytes:
    """A list of families: `name`, `type`, `help` and `samples`; a number that JSON does not have is null."""
    return orjson.dumps({"families": [_family(metric) for metric in metrics]})


def _family(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "type": metric.type,
        "help": metric.documentation,
        "samples": [_sample(sample) for sample in metric.samples],
    }


def _sample(sample: Sample) -> dict[str, Any]:
    shown = {"name": sample.name, "labels": sample.labels, "value": float(sample.value)}
    return shown | ({"exemplar": _exemplar(sample.exemplar)} if sample.exemplar else {})


def _exemplar(exemplar: Exemplar) -> dict[str, Any]:
    return {"labels": exemplar.labels, "value": exemplar.value, "timestamp": exemplar.timestamp}
