"""Undoing a deployment that failed its gate: at most once, and recorded before and after.

What was begun is written before anything is done: whoever finds it begun does not do it again, also where the process
died in the middle. So a rollback may be left undone, which is told, but is never done twice unasked.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import orjson

from logpipe.errors import LogpipeError, SettingError, StoreError
from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis import findings, phrases
from logpipe_analysis.finding import Finding
from logpipe_analysis.gate.verdict import Verdict, as_row

TOKEN: Final = "LOGPIPE_ROLLBACK_TOKEN"  # noqa: S105 - the name of the variable
TOKEN_FILE: Final = "LOGPIPE_ROLLBACK_TOKEN_FILE"  # noqa: S105 - the name of the variable

_BEGUN = """
SELECT epoch_us(begun_at), outcome FROM rollbacks
WHERE service = $service AND environment IS NOT DISTINCT FROM $environment
    AND baseline = $baseline AND candidate = $candidate
ORDER BY attempt DESC
"""
_BEGIN = """
INSERT INTO rollbacks (service, environment, baseline, candidate, attempt, begun_at)
VALUES ($service, $environment, $baseline, $candidate, $attempt, $begun_at)
"""
_END = """
UPDATE rollbacks SET ended_at = $ended_at, succeeded = $succeeded, outcome = $outcome
WHERE service = $service AND environment IS NOT DISTINCT FROM $environment
    AND baseline = $baseline AND candidate = $candidate AND attempt = $attempt
"""

_Begun = tuple[Any, ...]
OpenStore = Callable[[], AbstractContextManager[Store]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do when a gate fails."""

    url: httpx.URL | None
    """Is sent the verdict as JSON by POST."""
    command: tuple[str, ...]
    """Is run without a shell, with the verdict as JSON on its standard input; empty for none."""
    timeout_s: float
    token: str | None = field(repr=False)
    """For the header Authorization; never written anywhere."""
    again: bool = False
    """Whether to do it though it was done before."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was done."""

    done: bool
    """False where an earlier gate had begun it, or it could not be recorded."""
    succeeded: bool | None
    """None where an earlier gate did it."""
    outcome: str
    """In a sentence: status of the answer, exit code of the command."""
    finding_id: str | None


def planned(
    url: str | None, command: str | None, timeout_s: float, *, again: bool, environ: Mapping[str, str] = os.environ
) -> Plan | None:
    """The plan that options and variables make; None where there is nothing to do.

    Raises:
        SettingError: the address is none, the command has unbalanced quotes, or the token cannot be read.
    """
    if url is None and command is None:
        return None
    return Plan(_address(url) if url is not None else None, _words(command or ""), timeout_s, _token(environ), again)


def roll_back(plan: Plan, verdict: Verdict, open_store: OpenStore, log: Callable[[str], None]) -> Rollback:
    """Do what is planned, unless it was begun before; `log` hears what goes on. Never raises for what goes wrong."""
    keys = _keys(verdict)
    began = datetime.now(UTC)
    finding = _finding(verdict)
    try:
        with open_store() as store:
            attempt, earlier = _begin(store, keys, _with(finding, "The rollback has begun."), began, again=plan.again)
    except LogpipeError as error:
        return Rollback(False, False, f"nothing was done, for it could not be recorded: {error}", None)
    if earlier:
        return _done_before(earlier, finding)
    outcomes = [done for done in (_posted(plan, verdict), _run(plan, verdict)) if done is not None]
    succeeded = all(ok for ok, _ in outcomes)
    outcome = "; ".join(sentence for _, sentence in outcomes)
    log(outcome)
    finding = _with(finding, f"Rollback {'done' if succeeded else 'FAILED'}: {outcome}.")
    if succeeded:
        finding = replace(finding, ended_at=verdict.candidate.until, status="resolved")
    ended = {
        **keys, "attempt": attempt, "ended_at": datetime.now(UTC), "succeeded": succeeded, "outcome": outcome
    }  # fmt: skip
    try:
        with open_store() as store, store.transaction() as connection:
            connection.execute(_END, ended)
            findings.put(connection, finding, datetime.now(UTC))
    except LogpipeError as error:
        outcome = f"{outcome}; its outcome could not be recorded: {error}"
    return Rollback(True, succeeded, outcome, finding.finding_id)


def _begin(
    store: Store, keys: dict[str, object], finding: Finding, now: datetime, *, again: bool
) -> tuple[int, _Begun | None]:
    """Record that it begins: the number of the attempt, and what another gate has begun where this one is not to."""
    earlier = store.execute(_BEGUN, keys)
    attempt = len(earlier)
    if earlier and not again:
        return attempt, earlier[0]
    try:
        with store.transaction() as connection:
            connection.execute(_BEGIN, {**keys, "attempt": attempt, "begun_at": now})
            findings.put(connection, finding, now)
    except StoreError:
        begun = store.execute(_BEGUN, keys)
        if len(begun) == attempt:
            raise
        return attempt, begun[0]  # at the same moment: the database takes one of the two
    return attempt, None


def _address(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingError(
            "the address of the rollback is not one of a server",
            remedy="give one as https://deploy.example/rollback",
            reason="bad_url",
        )
    return parsed


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise SettingError(
            f"the command of the rollback cannot be divided into words ({error})",
            remedy="quote it as for a shell",
            reason="bad_command",
        ) from None


def _token(environ: Mapping[str, str]) -> str | None:
    path = environ.get(TOKEN_FILE)
    if path is None:
        return environ.get(TOKEN)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"the token in {path} cannot be read", remedy=f"correct the path in {TOKEN_FILE}, or its rights"
        ) from error


def _posted(plan: Plan, verdict: Verdict) -> tuple[bool, str] | None:
    """Whether the server took it, and what to tell; of the answer its status alone, since its text is not ours."""
    if plan.url is None:
        return None
    shown = str(plan.url.copy_with(username=None, password=None, query=None, fragment=None))
    headers = {"Content-Type": "application/json"}
    if plan.token:
        headers["Authorization"] = f"Bearer {plan.token}"
    try:
        answer = httpx.post(plan.url, content=_json(verdict), headers=headers, timeout=plan.timeout_s)
    except httpx.TimeoutException:
        return False, f"POST {shown} was not answered within {plan.timeout_s:g} s"
    except (httpx.HTTPError, ValueError) as error:  # a token with a line break is no header
        return False, f"POST {shown} failed ({type(error).__name__})"
    return answer.is_success, f"POST {shown} answered {answer.status_code}"


def _run(plan: Plan, verdict: Verdict) -> tuple[bool, str] | None:
    """Whether the command ended with 0, and what to tell; of its words only the first, for others may be secrets."""
    if not plan.command:
        return None
    name = plan.command[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
            plan.command,
            stdin=subprocess.PIPE,
            stdout=sys.__stderr__,  # standard output is for the verdict
            env={**os.environ, **_variables(verdict)},
            start_new_session=True,
        )
    except OSError as error:
        return False, f"{name} could not be started: {(error.strerror or str(error)).lower()}"
    try:
        process.communicate(_json(verdict), plan.timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False, f"{name} was ended after {plan.timeout_s:g} s"
    return process.returncode == 0, f"{name} ended with exit code {process.returncode}"


def _variables(verdict: Verdict) -> dict[str, str]:
    return {
        "LOGPIPE_GATE_ANSWER": verdict.answer,
        "LOGPIPE_GATE_SERVICE": verdict.service or "",
        "LOGPIPE_GATE_ENVIRONMENT": verdict.environment or "",
        "LOGPIPE_GATE_BASELINE": verdict.baseline.name,
        "LOGPIPE_GATE_CANDIDATE": verdict.candidate.name,
        "LOGPIPE_GATE_REASON": verdict.reasons[0].replace("\0", " "),
    }


def _json(verdict: Verdict) -> bytes:
    return orjson.dumps(as_row(verdict), default=str, option=orjson.OPT_UTC_Z)


def _keys(verdict: Verdict) -> dict[str, object]:
    return {
        "service": verdict.service,
        "environment": verdict.environment,
        "baseline": verdict.baseline.name,
        "candidate": verdict.candidate.name,
    }


def _done_before(earlier: _Begun, finding: Finding) -> Rollback:
    begun_us, outcome = earlier
    began = datetime.fromtimestamp(begun_us / 1e6, UTC)
    said = outcome or "how it ended is not known"
    return Rollback(False, None, f"a gate began it at {began:%Y-%m-%d %H:%M} UTC: {said}", finding.finding_id)


def _with(finding: Finding, sentence: str) -> Finding:
    return replace(finding, explanation=f"{finding.explanation} {sentence}")


def _finding(verdict: Verdict) -> Finding:
    """The regression, without what was done about it."""
    service, baseline, candidate = verdict.service or "", verdict.baseline, verdict.candidate
    worst = next((effect for effect in verdict.effects if effect.outcome == "fail"), None)
    finding = Finding(
        kind="deploy_regression",
        severity="critical",
        service=service,
        environment=verdict.environment,
        subject=candidate.name,
        started_at=candidate.since or datetime.now(UTC),
        ended_at=None,
        baseline=worst.baseline if worst else None,
        observed=worst.candidate if worst else None,
        unit=worst.unit if worst else None,
        score=worst.ratio.low if worst else 1.0,
        confidence=round(1 - verdict.alpha, 4),
        title=phrases.shortened(f"{candidate.name} is worse than {baseline.name}"),
        explanation=f"{service}: {candidate.name} failed its gate against {baseline.name}: {verdict.reasons[0]}.",
        evidence=tuple(record.example() for record in verdict.evidence),
        sql=by_version_sql(service, baseline.name, candidate.name),
        fingerprint=findings.fingerprint("deploy_regression", service, verdict.environment, candidate.name),
        bucket_s=0.0,  # at no bucket's resolution, so an analysis leaves it as it is
    )
    return replace(finding, finding_id=findings.short_id(finding))


def by_version_sql(service: str, baseline: str, candidate: str) -> str:
    """Errors and volume of both versions by the minute, for people."""
    return (
        "SELECT minute AS bucket, version, sum(events) AS events,\n"
        "    coalesce(sum(events) FILTER (http_status >= 500), 0) AS server_errors,\n"
        "    coalesce(sum(events) FILTER (severity >= 17), 0) AS logged_errors\nFROM rollup_minute\n"
        f"WHERE service = {literal(service)} AND version IN ({literal(baseline)}, {literal(candidate)})\n"
        "GROUP BY 1, 2\nORDER BY 1, 2"
    )
