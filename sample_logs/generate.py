"""Generate the day: `generate(folder)` writes the logs and returns the ground truth."""

import json
import multiprocessing
from dataclasses import asdict
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final

from logpipe import setup_logging
from sample_logs import shop_api, shop_web, shop_worker
from sample_logs.clock import VirtualClock
from sample_logs.damage import damage
from sample_logs.day import Day
from sample_logs.incidents import DATE, DAY_S, FULL_DISK, INCIDENTS, SLOW_RELEASE, Incident, moment
from sample_logs.servers import write_billing, write_nginx, write_postgresql

SEED: Final = 20260312
ENVIRONMENT: Final = "production"
HOST: Final = "shop-1"

Truth = dict[str, Any]

_RUNS: Final = {
    shop_web.SERVICE: (
        (shop_web.OLD_VERSION, 0.0, SLOW_RELEASE.start),
        (shop_web.NEW_VERSION, SLOW_RELEASE.start, DAY_S),
    ),
    shop_api.SERVICE: ((shop_api.VERSION, 0.0, DAY_S),),
    shop_worker.SERVICE: ((shop_worker.VERSION, 0.0, DAY_S),),
}
"""Of each service the versions, and the seconds of the day in which they ran."""


def generate(folder: Path, *, seed: int = SEED, scale: float = 1.0, since: float = 0.0, until: float = DAY_S) -> Truth:
    """Write the logs of the day into an empty folder, and the ground truth beside it as `truth.json`.

    `scale` is the traffic as a share of the whole day's; what runs by a timer hardly shrinks. Of the day only what lies
    from the second `since` on and before `until` is written, and of the incidents those that go on then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    day = Day(seed, scale, since, until)
    shop_web.simulate(day)
    shop_api.simulate(day)
    shop_worker.simulate(day)
    writers = [_start(day, folder, service) for service in _RUNS]
    records = {
        "services": sum(len(moments) for moments in day.moments.values()),
        "nginx": write_nginx(day, folder / "nginx.access.log"),
        "postgresql": write_postgresql(day, folder / f"postgresql-{DATE:%Y-%m-%d}.log"),
        "billing": write_billing(day, folder / "billing.log"),
    }
    for writer in writers:
        writer.join()
        if writer.exitcode:
            raise RuntimeError(f"{writer.name} could not write its logs: exit code {writer.exitcode}")
    truth = _truth(day, folder, records)
    path = folder.parent / "truth.json"
    path.write_text(json.dumps({"seed": seed, "scale": scale, **truth}, indent=2) + "\n", encoding="utf-8")
    return truth


def _start(day: Day, folder: Path, service: str) -> SpawnProcess:
    """A process of its own for each service, as they have in life; not forked, for the caller may have threads."""
    own = Day(day.seed, day.scale, day.since, day.until, {service: day.moments[service]})
    process = multiprocessing.get_context("spawn").Process(target=_emit, args=(own, folder, service), name=service)
    process.start()
    return process


def _emit(day: Day, folder: Path, service: str) -> None:
    for version, start, end in _RUNS[service]:
        with VirtualClock(moment(start).timestamp()) as clock:
            logging = setup_logging(
                service=service,
                environment=ENVIRONMENT,
                version=version,
                host=HOST,
                log_dir=folder,
                level="INFO",
                console=False,
                rotate_every="never",
                max_bytes="4G",
            )
            try:
                day.play(service, clock, start, end)
            finally:
                logging.close()


def _truth(day: Day, folder: Path, records: dict[str, int]) -> Truth:
    incidents = [
        one.as_json() | _damage(folder, records, one) for one in INCIDENTS if one.overlaps(day.since, day.until)
    ]
    return {
        "date": f"{DATE:%Y-%m-%d}",
        "since": moment(day.since).isoformat(),
        "until": moment(day.until).isoformat(),
        "records": records,
        "incidents": incidents,
    }


def _damage(folder: Path, records: dict[str, int], incident: Incident) -> dict[str, Any]:
    """Do it, where that is the incident, and tell what was done."""
    if incident is not FULL_DISK:
        return {}
    damaged = damage(folder / str(FULL_DISK.subject), f"{moment(FULL_DISK.start):%Y-%m-%dT%H:%M:%S}".encode())
    records["services"] -= damaged.lost
    return {"lines": damaged.rejects, **asdict(damaged)}
