"""What errors are told to be mostly about."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd

from logpipe.store import Store
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.causes import Causes
from logpipe_analysis.place import Place
from logpipe_analysis.timerange import TimeRange

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]


def _told(store: Store, at: At) -> str:
    buckets = Buckets(store, TimeRange.covering(at(0), at(60), timedelta(minutes=1)))
    return Causes.of(buckets, Place("shop", None), at(0), timedelta(hours=1)).told(None)


def test_a_message_is_told_as_its_pattern(traffic: Traffic, filled: Filled, at: At) -> None:
    """A template as it stands, with its own digits, and the exception beside it once."""
    failed = {"severity": 17, "template": "retry %s of 3", "message": "retry 2 of 3", "exception_type": "shop.Gone"}
    store = filled(traffic(1, 60, 2, **failed))
    assert _told(store, at).endswith(") saying “retry %s of 3”")
    assert _told(store, at).startswith("; mostly Gone (")


def test_what_says_nothing_has_no_message(traffic: Traffic, filled: Filled, at: At) -> None:
    """Neither the stream nor the exception stands in for one."""
    assert "saying" not in _told(filled(traffic(1, 60, 2, severity=17, exception_type="shop.Gone")), at)
    assert _told(filled(traffic(2, 60, 2, severity=17)), at) == ""
