"""Who is at what: an acknowledgement holds for what its thread had told of by then, and for what is not critical."""

from collections.abc import Mapping, Sequence

from logpipe_analysis.finding import Finding
from logpipe_analysis.marks import Mark
from logpipe_shippers.notify.told import Thread


def at_it(finding: Finding, threads: Sequence[Thread], said: Mapping[str, Mark]) -> Mark | None:
    """What was said of it; else the last acknowledgement of another, in a thread that tells of both, that holds."""
    if finding.finding_id in said:
        return said[finding.finding_id]
    found = [
        said[each]
        for thread in threads
        if finding.finding_id in thread.tellings and not thread.resolved
        for each in thread.tellings
        if each in said and _holds(said[each], each, finding, thread)
    ]
    return max(found, key=lambda mark: mark.made_at, default=None)


def is_at_some(thread: Thread, said: Mapping[str, Mark]) -> bool:
    """Whether somebody is at any of its findings."""
    return any(each in said for each in thread.tellings)


def _holds(mark: Mark, acknowledged: str, finding: Finding, thread: Thread) -> bool:
    """What comes to a thread later is covered, unless it is critical: nobody has said to be at that."""
    known = max(thread.tellings[acknowledged].at, thread.tellings[finding.finding_id].at)
    return finding.severity != "critical" or mark.made_at >= known
