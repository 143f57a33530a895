"""The window over a file: what was cut out of it stays, while its buffers are used again."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.flow import Flow
from logpipe.ingest.files.reader import Reader, Replaced
from logpipe.ingest.scanning import lines
from logpipe.store import Store
from tests.ingest.logs import Take, line, sequences


def test_buffers_are_used_again_but_not_while_they_are_looked_into(tmp_path: Path) -> None:
    """Views by Python, NumPy and Arrow hold their bytes over later fillings; without views there are two buffers."""
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%07d\n" % number for number in range(100_000)))
    with Reader(str(path), None) as reader:
        window = Flow(reader, 0)
        window.aim(8_000)
        held: list[tuple[int, object]] = []
        number = 0
        while window.fill():
            size = min(window.find_last_newline(), 8_000)
            data = window.data[:size]
            if number % 3 == 0:
                views = (data, np.frombuffer(data, np.uint8), pa.py_buffer(data))
                held.append((window.position, views[number // 3 % 3]))
                if len(held) > 2:
                    position, view = held.pop(0)
                    assert bytes(memoryview(view)) == path.read_bytes()[position : position + 8_000]  # type: ignore[arg-type] # a buffer
            del data
            window.aim(8_000)
            window.advance(size)
            number += 1
        assert number == 100
        assert len(window._buffers) < 10


def test_records_of_a_filling_outlive_the_next(tmp_path: Path) -> None:
    """As the converter reads them while the reader goes on."""
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %06d of a log\n" % number for number in range(5_000)))
    with Reader(str(path), None) as reader:
        window = Flow(reader, 0)
        window.aim(1_000)
        columns = []
        while window.fill():
            size = window.find_last_newline()
            columns.append(lines.split(window.data[:size], at_start=False).column())
            window.aim(1_000)
            window.advance(size)
        assert len(columns) > 10
        texts = [text for column in columns for text in column.to_pylist()]
    assert texts == [f"line {number:06d} of a log" for number in range(5_000)]


class _Overwritten(Reader):
    """A file in whose place another stands as soon as it is read behind a position."""

    behind = 0

    def read_into(self, buffer: memoryview) -> int:
        count = super().read_into(buffer)
        if self.position > self.behind:
            Path(self.path).write_bytes(b"another\n" * 1000)
        return count


@pytest.mark.parametrize("position", [0, 500])
def test_what_was_overwritten_while_it_was_read_is_not_taken(tmp_path: Path, position: int) -> None:
    """Neither at the beginning of a file, nor behind what was read of it before: it may be half of each."""
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%09d\n" % number for number in range(1000)))
    with _Overwritten(str(path), None) as reader:
        reader.behind = position
        window = Flow(reader, position)
        with pytest.raises(Replaced):
            window.fill()


def test_a_file_overwritten_between_its_head_and_its_lines(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read then belongs to another file, which the next ingest knows; the copy of the first is known too."""
    log, copy = logs / "app.log", logs / "app.log.1"
    log.write_bytes(b"".join(map(line, range(60))))
    fill = Flow.fill

    def overwrite_first(flow: Flow) -> bool:
        if not copy.exists():
            copy.write_bytes(log.read_bytes())
            log.write_bytes(line(60))
        return fill(flow)

    monkeypatch.setattr(Flow, "fill", overwrite_first)
    take()
    with log.open("ab") as file:
        file.writelines(map(line, range(61, 120)))
    log.rename(logs / "app.log.2")
    take()
    assert sequences(store) == list(range(120))
    assert not verify(store).problems
