"""Where a new target begins: what happened before some time is not for it, and how much that is, is said."""

import logging
from datetime import UTC, datetime, timedelta

from logpipe.store import Store
from logpipe_shippers.delivery import backlog, record
from logpipe_shippers.delivery.backlog import Cursor

_log = logging.getLogger("logpipe.ship")


class Beginning:
    """Of one target."""

    def __init__(self, target: str, since: datetime | timedelta | None) -> None:
        """`since` is a time, or how long before now; where it is None, all that the store holds is for the target."""
        self._target = target
        self._since = since
        self._found: Cursor | None = None

    def stands(self, store: Store) -> Cursor:
        """Behind what was shipped; where nothing was, the beginning, which is looked for once.

        Raises:
            StoreError: the store cannot be read.
        """
        if (cursor := record.cursor(store, self._target)) is not None:
            return cursor
        if self._found is None:
            self._found = self._look(store)
        return self._found

    def _look(self, store: Store) -> Cursor:
        if self._since is None:
            return Cursor()
        since = datetime.now(UTC) - self._since if isinstance(self._since, timedelta) else self._since
        cursor = backlog.beginning(store, since)
        if before := backlog.before(store, since):
            level = logging.WARNING if cursor.ledger_id >= backlog.newest(store) else logging.INFO
            _log.log(
                level,
                "%s: %s events from before %s are left out; where they are wanted, begin earlier with --since, "
                "or since in the target's table",
                self._target,
                f"{before:,}",
                f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            )
        return cursor
