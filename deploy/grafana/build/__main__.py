"""`python -m deploy.grafana.build`: write deploy/grafana/dashboards again."""

from deploy.grafana.build.boards import BOARDS
from deploy.grafana.build.files import write

write(BOARDS)
