"""People: what is found, to those who have to know, as one message that grows, and to nobody twice."""

from logpipe_shippers.notify.notifier import Notifier, attended, load, make
from logpipe_shippers.notify.routing import ROUTES, Routing
from logpipe_shippers.notify.routing import read as routing

__all__ = ["ROUTES", "Notifier", "Routing", "attended", "load", "make", "routing"]
