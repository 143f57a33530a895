"""The dashboards of deploy/grafana/dashboards as code: `python -m deploy.grafana.build` writes them again.

They have the classic schema (version 42), which a file, an import by hand and the API of Grafana 13 take, as those of
older ones did; the library would rather see its successor, and warns.
"""

import warnings

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
    from grafana_foundation_sdk.builders import dashboard, loki  # noqa: F401 - it is said once, as these are imported
