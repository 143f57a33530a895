"""Findings beside what really happened."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logpipe.errors import InputError
from logpipe_analysis.finding import Finding
from logpipe_analysis.labels import Label, load, score

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Told:
    finding: Finding
    onset: datetime
    reported_at: datetime


def _told(onset: float, delay: float = 2, service: str = "shop") -> _Told:
    start = NOON + onset * MINUTE
    finding = Finding(
        kind="error_spike", severity="warning", service=service, environment=None, subject=None, started_at=start,
        ended_at=None, baseline=1.0, observed=2.0, unit=None, score=1.0, confidence=1.0, title="", explanation="",
        evidence=(), sql="", fingerprint="",
    )  # fmt: skip
    return _Told(finding, start, start + delay * MINUTE)


LABEL = Label(NOON, NOON + 10 * MINUTE)


def test_precision_counts_findings_and_recall_counts_labels() -> None:
    """Two findings in one label are both right; the first of them gives the delay."""
    later = Label(NOON + 60 * MINUTE, None)
    figures = score([_told(1), _told(8), _told(40)], [LABEL, later], 5 * MINUTE)
    assert (figures.right, figures.findings, figures.found, figures.labels) == (2, 3, 1, 2)
    assert figures.precision == pytest.approx(2 / 3)
    assert figures.recall == 0.5
    assert figures.f1 == pytest.approx(4 / 7)
    assert figures.median_delay == 3 * MINUTE


def test_a_label_that_names_more_wants_more() -> None:
    """Its service and its kind; where it names none, any will do."""
    for label, right in (
        (LABEL, 1),
        (replace(LABEL, service="shop", kind="error_spike"), 1),
        (replace(LABEL, service="api"), 0),
        (replace(LABEL, kind="silence"), 0),
    ):
        assert score([_told(1)], [label], MINUTE).right == right


@pytest.mark.parametrize(("onset", "right"), [(-6, 0), (-5, 1), (14, 1), (15, 0)])
def test_the_onset_lies_within_the_label_and_its_slack(onset: float, right: int) -> None:
    """To the end, not including it."""
    assert score([_told(onset)], [LABEL], 5 * MINUTE).right == right


def test_nothing_to_find_and_nothing_found_are_perfect() -> None:
    """So that a quiet day counts for a detector that was quiet."""
    figures = score([], [], MINUTE)
    assert (figures.precision, figures.recall, figures.f1, figures.median_delay) == (1, 1, 1, None)
    assert score([], [LABEL], MINUTE).f1 == 0


def test_labels_are_read_from_csv_and_from_json(tmp_path: Path) -> None:
    """The same from both; what is empty is not said."""
    (tmp_path / "a.csv").write_text(
        "start,end,service,kind\n2026-01-05T12:00:00Z,2026-01-05 12:10,shop,\n2026-01-05T14:00:00+01:00,,,silence\n"
    )
    (tmp_path / "a.json").write_text(
        '[{"start": "2026-01-05T12:00:00Z", "end": "2026-01-05T12:10:00Z", "service": "shop"},'
        ' {"start": "2026-01-05T13:00:00Z", "end": null, "kind": "silence"}]'
    )
    expected = [replace(LABEL, service="shop"), Label(NOON + 60 * MINUTE, None, None, "silence")]
    assert load(tmp_path / "a.csv") == load(tmp_path / "a.json") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("start,end\nsoon,\n", "label 1: 'soon' is no time; write 2026-01-31T12:00:00Z"),
        ("begin,end\n2026-01-05,\n", "label 1 has no start; its fields are start, end, service, kind"),
        ("start,end,who\n2026-01-05,,me\n", "label 1 has a field who; the fields are start"),
        ("start,end\n2026-01-05,2026-01-04\n", "label 1 ends before it starts"),
        ('{"start": "2026-01-05"}', "holds no list"),
        ("[1", "is not JSON"),
        ("[1]", "label 1 has no start"),
    ],
)
def test_what_is_no_label_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """With the file and the number of the entry."""
    (tmp_path / "labels").write_text(text)
    with pytest.raises(InputError, match=sentence):
        load(tmp_path / "labels")
    with pytest.raises(InputError, match="none cannot be read"):
        load(tmp_path / "none")
