"""Events as log records of OpenTelemetry's protocol, to any collector.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from logpipe_shippers.otlp.target import Otlp, Settings, make

__all__ = ["Otlp", "Settings", "make"]
