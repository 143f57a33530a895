"""What a message says: what, since when, how much against usual, where, the first line of it, what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from logpipe_analysis import phrases
from logpipe_analysis.finding import SEVERITIES, Finding, Severity
from logpipe_shippers.notify.settings import Settings
from logpipe_shippers.notify.template import filled
from logpipe_shippers.notify.told import HELD, Planned, Said

_MOST_OTHERS: Final = 5
_MAX_TITLE: Final = 120
_MAX_WHAT: Final = 104
"""Of a title without the state, the longest of which is `acknowledged`."""
_MAX_NAME: Final = 20
_MOST_NAMED: Final = 2
"""Services, of which a title names so many."""
_MAX_EXPLANATION: Final = 400
_MAX_EVIDENCE: Final = 240


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for a channel."""

    thread: str
    """What all messages of one problem share."""
    number: int
    said: Said
    severity: Severity
    subject: str
    """The title of the thread's first message."""
    title: str
    text: str
    fields: Mapping[str, str]
    """What templates may name."""
    finding_ids: tuple[str, ...]
    at: datetime
    parts: tuple[tuple[str, str], ...] = ()
    """The text as names and values, for services that set it themselves; none where a template made it."""

    @property
    def key(self) -> str:
        """Of this message alone: the same when it is sent again."""
        return f"{self.thread}.{self.number}"


@dataclass(frozen=True, slots=True)
class Known:
    """What a message is made of, beside its findings."""

    now: datetime
    paths: Mapping[int, str]
    before: frozenset[str] = frozenset()
    """Findings that the thread told of before."""
    by: str | None = None
    """Who said to be at it, or what was said."""
    escalated: bool = False


def compose(planned: Planned, findings: Sequence[Finding], settings: Settings, known: Known) -> Message:
    """The message that is planned, of its findings as they are now."""
    ordered = sorted(findings, key=lambda one: (one.status != "open", -SEVERITIES.index(one.severity), one.started_at))
    fields = _fields(planned, ordered, settings, known)
    parts = tuple(_parts(planned, fields, known))
    fields["text"] = _lines(parts)
    title = filled(settings.title, fields) if settings.title else f"[{fields['state']}] {fields['title']}"
    text = filled(settings.body, fields) if settings.body else fields["text"]
    title = clean(title, _MAX_TITLE)
    return Message(
        planned.thread, planned.number, planned.said, planned.severity, planned.title or title,
        title, text, fields, planned.finding_ids, known.now, () if settings.body else parts,
    )  # fmt: skip


def trial(name: str, settings: Settings, now: datetime) -> Message:
    """A message that says that it is a test."""
    text = f"This is a test of the channel {name} by logpipe. Nothing is wrong, and nothing is to be done."
    fields = {"state": "test", "severity": "info", "title": f"test of {name}", "explanation": text, "text": text}
    title = f"[test] logpipe can reach {name}"
    at = now.astimezone(settings.zone)
    return Message(f"test-{at:%Y%m%dT%H%M%S%f}", 1, "test", "info", title, title, text, fields, (), now)


def clean(text: str, most: int) -> str:
    """On one line, without control characters, of bounded length: logs may hold anything."""
    return phrases.shortened("".join(part if part.isprintable() else " " for part in text), most)


def _fields(planned: Planned, ordered: Sequence[Finding], settings: Settings, known: Known) -> dict[str, str]:
    fields = dict.fromkeys(
        ("explanation", "service", "environment", "kind", "subject", "since", "lasted", "observed", "baseline", "times",
         "place", "evidence", "finding_id", "command", "acknowledge", "link"), "",
    )  # fmt: skip
    fields |= {"severity": planned.severity, "state": _state(planned, ordered), "title": planned.title or "a finding"}
    fields["count"] = str(len(ordered))
    if ordered:
        fields |= _of_finding(ordered[0], settings, known)
    if planned.group_key == HELD:
        fields["title"] = f"{len(ordered)} more findings held back by the limit of messages"
    elif len(ordered) > 1:
        fields["title"] = _with_more(fields["title"], ordered)
    rest = ordered if planned.group_key == HELD else ordered[1:]
    fields["others"] = "\n".join(_others(rest, known.before))
    return fields


def _state(planned: Planned, ordered: Sequence[Finding]) -> str:
    if planned.said == "resolved" and ordered and all(one.status == "muted" for one in ordered):
        return "muted"
    return planned.said if planned.said in ("acknowledged", "resolved") else planned.severity


def _of_finding(finding: Finding, settings: Settings, known: Known) -> dict[str, str]:
    begun, end = finding.started_at.astimezone(settings.zone), finding.ended_at or known.now
    fields = {
        "title": _what(finding),
        "explanation": clean(finding.explanation, _MAX_EXPLANATION),
        "service": clean(finding.service, 80),
        "environment": clean(finding.environment or "", 80),
        "kind": finding.kind,
        "subject": clean(finding.subject or "", _MAX_EVIDENCE),
        "since": f"{begun:%Y-%m-%d %H:%M} {begun.tzname()}",
        "lasted": phrases.duration(max(end - finding.started_at, finding.started_at - finding.started_at)),
        "observed": _figure(finding.observed, finding.unit),
        "baseline": _figure(finding.baseline, finding.unit),
        "finding_id": finding.finding_id,
        "command": f"logpipe explain {finding.finding_id}",
        "acknowledge": f"logpipe findings ack {finding.finding_id}",
        "link": f"{settings.link.rstrip('/')}/findings/{finding.finding_id}" if settings.link else "",
    }
    if finding.observed is not None and finding.baseline and finding.observed > finding.baseline:
        fields["times"] = phrases.times(finding.observed, finding.baseline)
    if finding.evidence:
        first = finding.evidence[0]
        path = known.paths.get(first.source_id, f"source {first.source_id}")
        fields |= {
            "place": f"{clean(path, 200)} at byte {first.source_pos}",
            "evidence": clean(first.text, _MAX_EVIDENCE),
        }
    return fields


def _what(finding: Finding) -> str:
    """Its title, and where it is, if that does not say so."""
    where = "" if finding.service in finding.title else f"{finding.service}: "
    return clean(where + finding.title, 100)


def _with_more(title: str, ordered: Sequence[Finding]) -> str:
    """The first, and how many more there are, with their services where these are others: room is made for that."""
    services = list(dict.fromkeys(one.service for one in ordered[1:]))
    named = [clean(each, _MAX_NAME) for each in services[:_MOST_NAMED]]
    more = f" and {len(services) - len(named)} more" if len(services) > len(named) else ""
    where = f" in {', '.join(named)}{more}" if services != [ordered[0].service] else ""
    rest = f" (+{len(ordered) - 1}{where})"
    return clean(title, _MAX_WHAT - len(rest)) + rest


def _figure(value: float | None, unit: str | None) -> str:
    if value is None:
        return ""
    return phrases.milliseconds(value) if unit == "ms" else f"{phrases.number(value)} {unit or ''}".strip()


def _others(findings: Sequence[Finding], before: frozenset[str]) -> list[str]:
    lines = []
    for one in findings[:_MOST_OTHERS]:
        new = "+ " if before and one.finding_id not in before else ""
        lines.append(f"{new}{one.severity}: {_what(one)} ({one.finding_id})")
    more = len(findings) - len(lines)
    return [*lines, f"and {more} more: logpipe findings --status open"] if more > 0 else lines


def _parts(planned: Planned, fields: Mapping[str, str], known: Known) -> Sequence[tuple[str, str]]:
    """The usual body: some ten lines, each with its name."""
    where = " in ".join(part for part in (fields["service"], fields["environment"]) if part)
    parts = [("", _news(planned, fields, known)), ("", fields["explanation"])]
    if planned.said == "resolved":
        parts += [("lasted", fields["lasted"]), ("since", fields["since"]), ("where", where)]
        return _given([*parts, ("see", fields["link"]) if fields["link"] else ("more", fields["command"])])
    usual = f", usually {fields['baseline']}" if fields["baseline"] else ""
    times = f" ({fields['times']})" if fields["times"] else ""
    acknowledge = fields["acknowledge"] if planned.said != "acknowledged" else ""
    return _given(
        [
            *parts,
            ("since", f"{fields['since']}, {fields['lasted']} ago" if fields["since"] else ""),
            ("now", f"{fields['observed']}{usual}{times}" if fields["observed"] else ""),
            ("where", where),
            ("line", f"{fields['place']}\n{fields['evidence']}" if fields["place"] else ""),
            ("also", fields["others"]),
            ("next", fields["command"]),
            ("on it", acknowledge),
            ("see", fields["link"]),
        ]
    )


def _news(planned: Planned, fields: Mapping[str, str], known: Known) -> str:
    new = [each for each in planned.finding_ids if each not in known.before]
    match planned.said:
        case "acknowledged":
            return f"Acknowledged{f': {clean(known.by, 200)}' if known.by else ''}."
        case "resolved":
            return f"{fields['state'].capitalize()}."
        case "update":
            return f"Since the last message: {len(new)} more finding{'s'[: len(new) != 1]}." if new else "It got worse."
    if planned.group_key == HELD:
        return f"{len(new)} more finding{'s'[: len(new) != 1]} held back by the limit of messages; the worst of them:"
    return "Escalated: nobody has acknowledged it." if known.escalated else ""


def _given(parts: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    return [part for part in parts if part[1]]


def _lines(parts: Sequence[tuple[str, str]]) -> str:
    shown = []
    for name, value in parts:
        first, *rest = value.split("\n")
        shown += [f"{name:<7}{first}" if name else first, *(f"{'':<7}{line}" for line in rest)]
    return "\n".join(shown)
