"""Why lines are rejected."""

import re
from pathlib import Path

from logpipe.ingest.audit.rejects import REASONS

DOCS = Path(__file__).parents[3] / "docs"


def test_every_reason_is_documented() -> None:
    """The table of docs/ingest.md has these, in this order, and no others."""
    table = (DOCS / "ingest.md").read_text().partition("| reason | the line |")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == REASONS
