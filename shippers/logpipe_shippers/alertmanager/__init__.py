"""Open findings as alerts of Alertmanager, which groups, silences and routes them."""

from logpipe_shippers.alertmanager.settings import Settings
from logpipe_shippers.alertmanager.target import Alertmanager, make

__all__ = ["Alertmanager", "Settings", "make"]
