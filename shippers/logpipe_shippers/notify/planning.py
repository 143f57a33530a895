"""What a channel is to be told next, if anything."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from logpipe_analysis.finding import SEVERITIES, Finding, Severity
from logpipe_analysis.marks import Mark
from logpipe_shippers.notify.attention import at_it, is_at_some
from logpipe_shippers.notify.routing import Routing, Step
from logpipe_shippers.notify.settings import Settings
from logpipe_shippers.notify.told import HELD, Planned, Thread


@dataclass(frozen=True, slots=True)
class Channel:
    """Whose turn it is."""

    name: str
    settings: Settings
    routing: Routing

    @property
    def target(self) -> str:
        return f"notify:{self.name}"


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is to tell, and what was told."""

    now: datetime
    findings: Sequence[Finding]
    """Those that are open."""
    incidents: Mapping[str, str]
    """Of each finding that is in one."""
    threads: Sequence[Thread]
    """Of all channels."""
    acknowledged: Mapping[str, Mark]
    """Findings that somebody said to be at."""
    fingerprints: Mapping[str, Mapping[str, bool]]
    """Of each thread of this channel; whether it told of them as critical."""
    messages_within_an_hour: int

    def is_acknowledged(self, finding: Finding) -> bool:
        """It, or another that some channel had been told of in the same thread."""
        return at_it(finding, self.threads, self.acknowledged) is not None

    def waits_since(self, finding: Finding, thread: Thread) -> datetime:
        """From when on somebody was to acknowledge it; where one is at the rest, from when it was called critical."""
        telling = thread.tellings[finding.finding_id]
        if finding.severity == "critical" and is_at_some(thread, self.acknowledged):
            return telling.critical_at or self.now
        return telling.at


def due(channel: Channel, situation: Situation) -> Planned | None:
    """The next message, the worst problem first; None where there is nothing to be said now."""
    own = [one for one in situation.threads if one.target == channel.target and not one.resolved]
    members = _by_thread(channel, situation, own)
    quiet = channel.settings.is_quiet(situation.now)
    plans = [*_of_threads(channel, situation, own, members), *_of_new(channel, situation, own, members)]
    allowed = [one for one in plans if not quiet or one.severity == "critical"]
    return min(allowed, key=_turn, default=None)


def is_wanted(channel: Channel, situation: Situation, finding: Finding) -> bool:
    """Whether routes lead a finding to a channel now: at once, or because nobody has acknowledged it."""
    return any(
        channel.name in route.match.to or channel.name in _escalated(situation, finding, route.match.to, route.steps)
        for route in channel.routing.of(finding)
    )


def is_direct(channel: Channel, finding: Finding) -> bool:
    """Whether it goes to the channel without escalation."""
    return any(channel.name in route.match.to for route in channel.routing.of(finding))


def worst(findings: Sequence[Finding]) -> Severity:
    """The severity of the worst of them."""
    return max((one.severity for one in findings), key=SEVERITIES.index)


def _escalated(situation: Situation, finding: Finding, first: Sequence[str], steps: Sequence[Step]) -> set[str]:
    targets = {f"notify:{name}" for name in first}
    telling = [one for one in situation.threads if finding.finding_id in one.tellings and not one.resolved]
    since = [situation.waits_since(finding, one) for one in telling if one.target in targets]
    if not since or situation.is_acknowledged(finding):
        return set()
    waited = situation.now - min(since)
    return {name for step in steps if waited >= step.after for name in step.to}


def _by_thread(channel: Channel, situation: Situation, own: Sequence[Thread]) -> dict[str, list[Finding]]:
    """Open findings by the thread that tells of them or is to do so; those of no thread by the empty one."""
    members: dict[str, list[Finding]] = {name: [] for name in ("", *(one.thread for one in own))}
    for finding in situation.findings:
        thread = next((one for one in own if finding.finding_id in one.tellings), None)
        if thread is None and not is_wanted(channel, situation, finding):
            continue
        thread = thread or next((one for one in own if _joins(channel, situation, finding, one)), None)
        members[thread.thread if thread else ""].append(finding)
    return members


def _joins(channel: Channel, situation: Situation, finding: Finding, thread: Thread) -> bool:
    """Whether a finding that was not told of is of a thread's problem: of its group, or of an incident in it."""
    if thread.group_key == _key(channel, situation, finding):
        return True
    incident = situation.incidents.get(finding.finding_id)
    together = {situation.incidents.get(each) for each in thread.tellings}
    return channel.settings.group == "incident" and incident is not None and incident in together


def _key(channel: Channel, situation: Situation, finding: Finding) -> str:
    if channel.settings.group == "finding":
        return f"finding {finding.finding_id}"
    incident = situation.incidents.get(finding.finding_id)
    if channel.settings.group == "incident" and incident is not None:
        return f"incident {incident}"
    return " ".join(part for part in ("service", finding.service, finding.environment) if part)


def _of_threads(
    channel: Channel, situation: Situation, own: Sequence[Thread], members: Mapping[str, Sequence[Finding]]
) -> Iterator[Planned]:
    for thread in own:
        now_open = members[thread.thread]
        if not now_open:
            yield _next(thread, "resolved", (), thread.severity)
        elif _is_newly_acknowledged(situation, thread, now_open):
            yield _next(thread, "acknowledged", (), thread.severity)
        elif _has_grown(situation, thread, now_open) and _may_say_more(channel, situation, thread, now_open):
            severity = max(thread.severity, worst(now_open), key=SEVERITIES.index)
            yield _next(thread, "update", now_open, severity)


def _is_newly_acknowledged(situation: Situation, thread: Thread, now_open: Sequence[Finding]) -> bool:
    """Whether somebody is at all of it that is critical, of which some came after that was said last."""
    told = [one for one in now_open if one.finding_id in thread.tellings]
    if not is_at_some(thread, situation.acknowledged) or not all(situation.is_acknowledged(one) for one in told):
        return False
    later = [one for one in told if thread.tellings[one.finding_id].number > thread.acknowledged_in]
    return not thread.acknowledged_in or any(one.severity == "critical" for one in later)


def _has_grown(situation: Situation, thread: Thread, now_open: Sequence[Finding]) -> bool:
    return _rises(thread, now_open) or any(
        one.finding_id not in thread.tellings or _is_urgent(situation, thread, one) for one in now_open
    )


def _is_urgent(situation: Situation, thread: Thread, finding: Finding) -> bool:
    """Whether it is critical and was not told of as that: once, also if it comes and goes."""
    told = situation.fingerprints.get(thread.thread, {})
    return finding.severity == "critical" and not told.get(finding.fingerprint, False)


def _rises(thread: Thread, now_open: Sequence[Finding]) -> bool:
    return SEVERITIES.index(worst(now_open)) > SEVERITIES.index(thread.severity)


def _may_say_more(channel: Channel, situation: Situation, thread: Thread, now_open: Sequence[Finding]) -> bool:
    if _rises(thread, now_open) and worst(now_open) == "critical":
        return True
    if thread.group_key != HELD and any(_is_urgent(situation, thread, one) for one in now_open):
        return True
    if thread.group_key != HELD and _is_limited(channel, situation):
        return False
    return situation.now - thread.last_at >= channel.settings.update_every


def _of_new(
    channel: Channel, situation: Situation, own: Sequence[Thread], members: Mapping[str, Sequence[Finding]]
) -> Iterator[Planned]:
    groups: dict[str, list[Finding]] = {}
    for finding in members[""]:
        groups.setdefault(_key(channel, situation, finding), []).append(finding)
    groups = {key: group for key, group in groups.items() if not _cools(channel, situation, group)}
    if channel.settings.is_quiet(situation.now):
        groups = {key: group for key, group in groups.items() if worst(group) == "critical"}
    if groups and _is_limited(channel, situation):
        yield from _held(channel, situation, own, members, [one for group in groups.values() for one in group])
    else:
        for key, group in groups.items():
            yield _first(key, group)


def _held(
    channel: Channel,
    situation: Situation,
    own: Sequence[Thread],
    members: Mapping[str, Sequence[Finding]],
    beyond: Sequence[Finding],
) -> Iterator[Planned]:
    """What the limit lets pass no more is one problem, which counts them."""
    thread = next((one for one in own if one.group_key == HELD), None)
    if thread is None:
        yield _first(HELD, beyond)
    elif members[thread.thread]:
        everything = [*members[thread.thread], *beyond]
        if _may_say_more(channel, situation, thread, everything):
            yield _next(thread, "update", everything, max(thread.severity, worst(everything), key=SEVERITIES.index))


def _cools(channel: Channel, situation: Situation, group: Sequence[Finding]) -> bool:
    """Whether the channel has just heard the end of all this, and of nothing less severe."""
    return all(any(_is_past(channel, situation, one, thread) for thread in situation.threads) for one in group)


def _is_past(channel: Channel, situation: Situation, finding: Finding, thread: Thread) -> bool:
    return (
        thread.resolved
        and situation.now - thread.last_at < channel.settings.cool_down
        and finding.fingerprint in situation.fingerprints.get(thread.thread, {})
        and SEVERITIES.index(finding.severity) <= SEVERITIES.index(thread.severity)
    )


def _is_limited(channel: Channel, situation: Situation) -> bool:
    return situation.messages_within_an_hour >= channel.settings.messages_per_hour


def _first(key: str, group: Sequence[Finding]) -> Planned:
    ids = tuple(one.finding_id for one in group)
    return Planned(secrets.token_hex(8), 1, key, "problem", ids, _critical(group), worst(group))


def _next(
    thread: Thread, said: Literal["update", "acknowledged", "resolved"], group: Sequence[Finding], severity: Severity
) -> Planned:
    ids = dict.fromkeys((*thread.tellings, *(one.finding_id for one in group)))
    told = (each for each, telling in thread.tellings.items() if telling.critical_at is not None)
    critical = dict.fromkeys((*told, *_critical(group)))
    return Planned(
        thread.thread, thread.messages + 1, thread.group_key, said, tuple(ids), tuple(critical), severity, thread.title
    )  # fmt: skip


def _critical(group: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(one.finding_id for one in group if one.severity == "critical")


def _turn(planned: Planned) -> tuple[bool, int]:
    """Problems before all else, the worst first; findings come in the order of their onsets."""
    return planned.said not in ("problem", "update"), -SEVERITIES.index(planned.severity)
