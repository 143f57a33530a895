"""The first line of an incident: what probably happened, by the order of its findings and what links them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from logpipe_analysis import phrases
from logpipe_analysis.finding import Finding
from logpipe_analysis.incidents import Link
from logpipe_analysis.links import Evidence

_TOLD: Final = 3
"""Findings that the line names."""

_CAUSES: Final = ("deploy_regression", "silence", "slow_query", "new_query", "n_plus_one")
"""Kinds that are sooner a cause than a consequence of what began in the same bucket."""


def in_order(group: Mapping[str, Finding], links: Iterable[Link], evidence: Evidence) -> list[Finding]:
    """The findings by onset. Of those that began together first whose rows come first, then what names a cause."""
    follows = {link.other for link in links if link.leads}

    def rank(one: Finding) -> tuple[object, ...]:
        cause = _CAUSES.index(one.kind) if one.kind in _CAUSES else len(_CAUSES)
        return one.started_at, one.finding_id in follows, cause, evidence.exception(one) is None, one.finding_id

    return sorted(group.values(), key=rank)


def first_line(ordered: Sequence[Finding], links: Sequence[Link], evidence: Evidence) -> str:
    """One sentence. A finding on its own tells its own."""
    first = ordered[0]
    if len(ordered) == 1:
        return first.explanation
    told = [_beginning(first, evidence), *(_next(one, first, evidence) for one in ordered[1:_TOLD])]
    if len(ordered) > _TOLD:
        told.append(f"and {len(ordered) - _TOLD} more")
    return f"{'; '.join(told)} ({_why(ordered, links)})."


def _beginning(first: Finding, evidence: Evidence) -> str:
    deployed = evidence.deployment(first)
    if deployed is None:
        return f"{first.service}: {_what(first, evidence)}, at {first.started_at:%H:%M}"
    version = f"deployment of {deployed.version}" if deployed.version else "deployment"
    return f"{first.service}: the {version} at {deployed.at:%H:%M} was followed by {_what(first, evidence)}"


def _next(one: Finding, first: Finding, evidence: Evidence) -> str:
    when = "at the same time" if one.started_at == first.started_at else f"at {one.started_at:%H:%M}"
    service = f"{one.service}: " if one.service != first.service else ""
    return f"{when} {service}{_what(one, evidence)}"


def _what(one: Finding, evidence: Evidence) -> str:
    """Its title without the service, and the exception where that does not stand there."""
    title = phrases.shortened(one.title.removeprefix(f"{one.service}: "), 70)
    exception = (evidence.exception(one) or "").rsplit(".", 1)[-1]
    return f"{title} ({exception})" if exception and exception not in title else title


def _why(ordered: Sequence[Finding], links: Sequence[Link]) -> str:
    services = {one.service for one in ordered}
    reasons = dict.fromkeys(link.reason for link in links if not link.reason.startswith("both in "))
    counted = f"{len(ordered)} findings" + (f" in {len(services)} services" if len(services) > 1 else "")
    return "; ".join([counted, *list(reasons)[:2]])
