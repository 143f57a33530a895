"""Amounts of data, typed and shown."""

import pytest

from logpipe.cli.sizes import parse_size, shown_size
from logpipe.errors import QueryError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("18B", 18),
        ("1.5 KB", 1500),
        ("500MB", 500_000_000),
        ("20gb", 20_000_000_000),
        ("2TB", 2_000_000_000_000),
        ("1KiB", 1024),
        ("1.5MiB", 1_572_864),
        ("20GiB", 20 << 30),
        ("1tib", 1 << 40),
        ("9" * 400 + "GB", int("9" * 400) * 10**9),
    ],
)
def test_a_size_is_a_number_and_a_unit(text: str, size: int) -> None:
    """Those with an i are powers of 1,024, the others of 1,000, as sizes are shown."""
    # Beyond what a context of decimals holds, only the order of magnitude counts.
    assert parse_size(text) == pytest.approx(size) if size < 1 << 60 else parse_size(text) > 1 << 60


@pytest.mark.parametrize("text", ["18", "20G", "20g", "big", "-5MB", "", "0MB", "0.4B", "5 MBit", "٣MB", "1e3MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """A number alone, too: whoever leaves the unit out may mean any."""
    with pytest.raises(QueryError, match="give a size as 500MB or 20GB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(1, "1 byte"), (999, "999 bytes"), (40_960, "41.0 KB"), (100_000, "0.1 MB"), (25_700_000_000, "25,700.0 MB")],
)
def test_small_sizes_are_shown_in_small_units(size: int, text: str) -> None:
    """Nothing that is there is shown as 0.0 MB."""
    assert shown_size(size) == text
