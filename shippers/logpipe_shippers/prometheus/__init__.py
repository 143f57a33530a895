"""The store as metrics for Prometheus."""

from logpipe_shippers.prometheus.collector import Limits, StoreCollector, exposition

__all__ = ["Limits", "StoreCollector", "exposition"]
