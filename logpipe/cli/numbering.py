"""What `logpipe verify` says of the numbers that processes gave their records."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from logpipe.cli.grammar import plural

if TYPE_CHECKING:
    from logpipe.ingest.audit.numbering import Numbering, Place, Process

_MANY = 20
"""Processes that are told of; --json has all."""
_FEW = 3


def show(numbering: "Numbering") -> None:
    """One sentence a process on what is absent, one on what stands twice, one on what is out of order."""
    from logpipe.cli import output

    if not numbering.processes:
        return
    if not numbering.absent:
        output.note(f"{_numbered(numbering)}: no number is absent")
    shown = sorted(numbering.troubled, key=lambda one: (-one.missing, -one.repeated, -one.absent))[:_MANY]
    for process in shown:
        for sentence in _serious(process):
            output.warning(f"{_who(process)}: {sentence}")
        for sentence in _harmless(process):
            output.note(f"{_who(process)}: {sentence}")
    if len(shown) < len(numbering.troubled):
        output.note(f"{plural(len(numbering.troubled) - len(shown), 'more process', 'more processes')}; see --json")
    if numbering.absent:
        output.note(
            f"{_numbered(numbering)}: {plural(numbering.absent, 'number')} absent = {numbering.missing:,} missing + "
            f"{numbering.told:,} told by the emitter + {numbering.undecided:,} undecided"
        )


def _numbered(numbering: "Numbering") -> str:
    return f"{plural(numbering.records, 'record')} numbered by {plural(numbering.processes, 'process', 'processes')}"


def _who(process: "Process") -> str:
    host = f" on {process.host}" if process.host else ""
    return f"{process.service or 'a service'}, process {process.process or '?'}{host}, instance {process.instance}"


def _serious(process: "Process") -> Iterator[str]:
    if process.missing:
        verb = "number is" if process.missing == 1 else "numbers are"
        yield f"at least {process.missing:,} {verb} in no file that was ingested; {_absent(process)}"
    if process.repeated:
        first = process.repeats[0]
        yield (
            f"{plural(process.repeated, 'record stands', 'records stand')} in the files more than once: number "
            f"{first.seq} at {_place(first.first)} and at {_place(first.last)}"
        )


def _harmless(process: "Process") -> Iterator[str]:
    if process.told:
        reasons = _some(sorted({drop.reason for drop in process.drops}))
        yield (
            f"{plural(process.told, 'number is', 'numbers are')} of records that the emitter could not write, as it "
            f"says itself ({reasons})" + ("" if process.missing else f"; {_absent(process)}")
        )
    if process.undecided:
        only = not process.missing and not process.told
        yield (
            f"{plural(process.undecided, 'number is', 'numbers are')} absent, which need not be a loss "
            f"({_some(process.doubts)})" + (f"; {_absent(process)}" if only else "")
        )
    if process.reordered:
        first = process.reorderings[0]
        yield (
            f"{plural(process.reordered, 'record stands', 'records stand')} behind a later one in their file, as "
            f"threads leave them: number {first.seq} behind {first.behind} at {_place(first.place)}"
        )


def _absent(process: "Process") -> str:
    """The first numbers that are absent, and where the first would stand."""
    first = process.holes[0]
    numbers = [
        f"{hole.first:,}" if hole.first == hole.last else f"{hole.first:,} to {hole.last:,}" for hole in process.holes
    ]
    counted = sum(hole.last - hole.first + 1 for hole in process.holes)
    more = " …" if counted < process.absent else ""
    where = (
        f"between {_place(first.previous)} and {_place(first.next)}"
        if first.previous
        else f"before {_place(first.next)}"
    )
    return f"absent: {', '.join(numbers)}{more}, the first {where}"


def _some(words: "tuple[str, ...] | list[str]") -> str:
    more = f", and {len(words) - _FEW} more" if len(words) > _FEW else ""
    return ", ".join(words[:_FEW]) + more


def _place(place: "Place | None") -> str:
    from logpipe.cli import output

    return f"{output.place(place.path)}:{place.source_pos}" if place else "?"
