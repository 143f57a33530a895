"""`logpipe gate --wait`: it looks again as data come in, under a clock of the test's."""

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from logpipe_analysis.gate.schedule import alpha_of, look
from logpipe_analysis.gate.verdict import Verdict
from logpipe_analysis.gate.waiting import Clock, Question, wait
from logpipe_analysis.settings import GateSettings
from tests.analysis.gate.conftest import Gated, Stored
from tests.analysis.gate.logs import Version

OLD = Version("1.0", per_minute=300)
NEW = Version("1.1", start=30, minutes=5, per_minute=300)
QUESTION = Question("shop", None, "1.0", "1.1", GateSettings())


class Arriving:
    """Five minutes of the candidate come in for every five that are slept."""

    def __init__(self, database: Path, arrival: Version) -> None:
        self.database, self.arrival = database, arrival
        self.now_s, self.looks = 0.0, list[Verdict]()

    def reading(self) -> AbstractContextManager[Store]:
        return Store.open(self.database, read_only=True)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        number = round(self.now_s // 300)
        arrived = replace(self.arrival, start=self.arrival.start + 5 * (number - 1))
        path = arrived.write(self.database.parent / "coming" / f"{number}.jsonl", 100 + number)
        with Store.open(self.database) as store:
            ingest(store, [str(path)], Options())

    def wait(self, longest: timedelta) -> Verdict:
        clock = Clock(lambda: self.now_s, self.sleep)
        return wait(QUESTION, self.reading, longest=longest, poll=timedelta(minutes=5), told=self.told, clock=clock)

    def told(self, verdict: Verdict, _number: int) -> None:
        self.looks.append(verdict)


def test_it_fails_as_soon_as_that_is_certain(stored: Stored) -> None:
    """Long before the time is over, and after a look that could not say."""
    arriving = Arriving(stored(OLD), replace(NEW, errors=0.3))
    verdict = arriving.wait(timedelta(hours=4))
    assert verdict.answer == "fail"
    assert arriving.now_s <= 20 * 60


def test_it_passes_as_soon_as_there_is_enough(stored: Stored) -> None:
    """Not before: the looks until then said that there was not."""
    arriving = Arriving(stored(replace(OLD, minutes=120)), replace(NEW, start=120, per_minute=600))
    verdict = arriving.wait(timedelta(hours=4))
    assert verdict.answer == "pass"
    assert 10 <= verdict.candidate.minutes < 120
    assert arriving.looks[0].answer == "not_enough_data"


def test_when_the_time_is_over_there_is_not_enough_data(stored: Stored) -> None:
    """The last look says what is missing."""
    verdict = Arriving(stored(OLD), replace(NEW, per_minute=2)).wait(timedelta(minutes=15))
    assert verdict.answer == "not_enough_data"
    assert verdict.reasons


def test_what_all_looks_may_err_is_no_more_than_alpha() -> None:
    """However long it waits; and the number of a look follows from the minutes alone."""
    settings = GateSettings()
    assert sum(alpha_of(number, settings) for number in range(1, 1000)) < settings.alpha
    assert [look(minutes, settings) for minutes in (4, 5, 7, 8, 12, 1000)] == [0, 1, 1, 2, 3, 13]


def test_an_answer_that_is_there_already_is_given_at_once(stored: Stored, gated: Gated) -> None:
    """With the certainty of that many looks."""
    stored(OLD, replace(NEW, minutes=30, errors=0.3))
    code, verdict = gated("--service", "shop", "--baseline", "1.0", "--candidate", "1.1", "--wait", "1h")
    assert (code, verdict["answer"]) == (3, "fail")
    assert verdict["alpha"] < GateSettings().alpha / 10
