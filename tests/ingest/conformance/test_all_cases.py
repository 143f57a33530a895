"""Every case of the suite has its test; what cannot be tested here is told in the documents."""

import re
from pathlib import Path

import pytest

CASES = [
    *(f"R{number}" for number in range(1, 10)),
    *(f"C{number}" for number in range(1, 10)),
    *(f"I{number}" for number in range(1, 9)),
    *(f"Z{number}" for number in range(1, 6)),
    *(f"L{number}" for number in range(1, 9)),
    *(f"E{number}" for number in range(1, 5)),
    "J1",
    *(f"N{number}" for number in range(1, 7)),
    *(f"D{number}" for number in range(1, 10)),
    *(f"P{number}" for number in range(1, 3)),
    *(f"T{number}" for number in range(1, 4)),
    *(f"B{number}" for number in range(1, 6)),
    "G0",
]
UNTESTED = {"N6": "network file systems (case N6)"}
"""What needs more than a machine of one's own, and the words of docs/ingest.md for it."""

ELSEWHERE = {"I1": "test_identity.py", "G0": "test_chaos.py"}
"""Random models of their own."""

HERE = Path(__file__).parent


@pytest.mark.parametrize("case", CASES)
def test_the_case_has_a_test(case: str) -> None:
    """Named after it, of the running command; or a sentence in the documents."""
    if case in UNTESTED:
        assert UNTESTED[case] in (HERE.parents[2] / "docs" / "ingest.md").read_text()
        return
    if case in ELSEWHERE:
        assert re.search("^def test_", (HERE.parent / ELSEWHERE[case]).read_text(), re.MULTILINE)
        return
    sources = "\n".join(path.read_text() for path in HERE.glob("test_*.py"))
    bodies = re.findall(rf"^def test_{case.lower()}_.*?(?=^def |^@|\Z)", sources, re.MULTILINE | re.DOTALL)
    assert bodies
    assert all(re.search(r"\bcase\.(run|run_apart|follow|start)\(", body) for body in bodies), (
        "it does not run the command"
    )
