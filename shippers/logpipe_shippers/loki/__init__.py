"""Events to a Loki: as lines of few streams, with structured metadata."""

from logpipe_shippers.loki.settings import Limits, LokiSettings
from logpipe_shippers.loki.shipper import LokiShipper

__all__ = ["Limits", "LokiSettings", "LokiShipper"]
