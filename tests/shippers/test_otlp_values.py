"""Values of logs as OTLP has them: whatever they are, a record can be encoded, decoded, and says what it can."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from logpipe_shippers.otlp.records import NAMES, records, request
from logpipe_shippers.otlp.values import any_value, key_values, members
from tests.shippers.http_server import Got
from tests.shippers.otlp_requests import Received, received, value_of
from tests.shippers.otlp_requests import members as as_object

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)

ATTRIBUTES = st.sampled_from(["", "attribute", "attribute.attribute"])
"""Names that one gets which is empty, or taken."""


def through(**columns: Any) -> Received:
    """A record of these columns, as a receiver has it."""
    row = {"source_id": 1, "source_pos": 0, "severity": 9, "us": 0, **columns}
    body = request(list(records([[row.get(name) for name in NAMES]], {}, 1)))
    [one] = received([Got("/v1/logs", {"Content-Type": "application/x-protobuf"}, body)])
    return one


@given(VALUES)
def test_values_of_json_stay_what_they_are(value: Any) -> None:
    """Their types too."""
    encoded = AnyValue.FromString(any_value(value).SerializeToString())
    assert repr(value_of(encoded)) == repr(_shallow(value))


def _shallow(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict | list) and depth == 10:
        return json.dumps(value)
    if isinstance(value, dict):
        return {key: _shallow(each, depth + 1) for key, each in value.items()}
    return [_shallow(each, depth + 1) for each in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text() | ATTRIBUTES, VALUES), st.text() | ATTRIBUTES)
def test_attributes_are_the_members_of_an_object(found: dict[str, Any], other: str) -> None:
    """But nulls, which say nothing, in their order; a name stands once, and is the first one's who has it."""
    told = as_object(key_values([*members(json.dumps(found)), (other, "second")]))
    given = [(key or "attribute", value) for key, value in [*found.items(), (other, "second")] if value is not None]
    taken: set[str] = set()
    for (name, value), (wanted, expected) in zip(told.items(), given, strict=True):
        assert re.fullmatch(r"(attribute\.)+" if wanted in taken else "", name.removesuffix(wanted)), name
        assert name.endswith(wanted)
        assert json.dumps(value) == json.dumps(_shallow(expected))
        taken.add(name)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ('{"n": 18446744073709551616}', {"n": "18446744073709551616"}),
        ('{"n": -9223372036854775808}', {"n": -(2**63)}),
        ('{"a": "\\ud800", "\\udfff": 1}', {"a": "\ufffd", "\ufffd": 1}),
        ('{"a": "\\ud83d\\ude00 x\\u0000y"}', {"a": "\U0001f600 x\0y"}),
        ('{"": 1, "attribute": 2}', {"attribute": 1, "attribute.attribute": 2}),
        ('{"http.route": "mine", "source_pos": 3}', {"attribute.http.route": "mine", "source_pos": 3}),
        ("[1, 2]", {"attributes": "[1, 2]"}),
        ('{"broken', {"attributes": '{"broken'}),
        ("", {}),
    ],
)
def test_hostile_attributes_have_a_form(attributes: str, told: dict[str, Any]) -> None:
    """Huge integers, lone surrogates, names that are taken or empty, what is no object."""
    one = through(attributes=attributes, http_route="/cart")
    assert {name: value for name, value in one.attributes.items() if name in told} == told
    assert one.attributes["http.route"] == "/cart"


def test_digits_without_end_and_depths_without_end_are_kept_as_text() -> None:
    """Neither is what decoders of others must bear."""
    digits = '{"n": ' + "9" * 5000 + "}"
    assert through(attributes=digits).attributes["attributes"] == digits
    depth = '{"d":' * 5000 + "1" + "}" * 5000
    assert through(attributes=depth).attributes["attributes"] == depth
    moderate = through(attributes='{"d":' * 50 + "1" + "}" * 50).attributes["d"]
    for _ in range(9):
        moderate = moderate["d"]
    assert moderate["d"] == json.dumps(json.loads('{"d":' * 39 + "1" + "}" * 39))
    assert math.isnan(through(attributes='{"n": NaN}').attributes["n"])


@pytest.mark.parametrize(
    ("trace_id", "span_id"), [("0" * 32, "0" * 16), ("abc", "xyz"), ("g" * 32, "1" * 15), ("١" * 32, "١" * 16)]
)
def test_ids_that_are_none_are_attributes(trace_id: str, span_id: str) -> None:
    """Of the wrong length, of other digits, or all zero, which OpenTelemetry has for none."""
    one = through(trace_id=trace_id, span_id=span_id)
    assert (one.log.trace_id, one.log.span_id) == (b"", b"")
    assert (one.attributes["trace_id"], one.attributes["span_id"]) == (trace_id, span_id)
    good = through(trace_id="AB" * 16, span_id="")
    assert (good.log.trace_id, good.log.span_id) == (b"\xab" * 16, b"")
    assert not {"trace_id", "span_id"} & good.attributes.keys()


@pytest.mark.parametrize(("us", "ns"), [(None, 0), (-1, 0), (1, 1000), (2**63, 0)])
def test_times_that_do_not_fit_are_left_to_the_time_of_observation(us: int | None, ns: int) -> None:
    """Before 1970 and after 2554."""
    one = through(us=us)
    assert (one.log.time_unix_nano, one.log.observed_time_unix_nano) == (ns, 1)


def test_an_event_without_anything_is_a_record() -> None:
    """Without a body, and of a service that is not known."""
    one = through(severity=0)
    assert not one.log.HasField("body")
    assert (one.resource, one.scope) == ({"service.name": "unknown_service"}, "")
    assert one.attributes == {"log.file.record_offset": 0}
