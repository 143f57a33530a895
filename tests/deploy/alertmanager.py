"""A real Alertmanager with the configuration of deploy/, whose receivers are servers of the test."""

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.deploy.debian import ROOT
from tests.deploy.servers import DEADLINE_S, reserved_port, started
from tests.shippers.http_server import Answers, serving

PASSWORD = "the password of the file"


@dataclass
class Mailbox:
    """A server of mail that offers to check a password, and keeps what comes."""

    messages: list[Message] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802, aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.messages.append(BytesParser().parsebytes(envelope.content))
        return "250 taken"


@dataclass(frozen=True)
class Running:
    """An Alertmanager, and what its receivers got."""

    url: str
    web: Answers
    mail: Mailbox
    log: Path

    def post(self, *alerts: Mapping[str, Any]) -> None:
        """Send alerts as Prometheus does."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    def alerts(self, **label: str) -> dict[str, bool]:
        """Of the alerts with a label, by name, whether each is inhibited."""
        wanted = "&".join(f"filter={name}%3D%22{urllib.parse.quote(value)}%22" for name, value in label.items())
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?{wanted}", timeout=10) as answer:
            return {one["labels"]["alertname"]: one["status"]["state"] == "suppressed" for one in json.load(answer)}

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What came to a path of the web server."""
        return [json.loads(got.body) for got in self.web.got if got.path == path]


@contextmanager
def running(folder: Path, *, missing: str = "") -> Iterator[Running]:
    """Alertmanager with its receivers; `missing` names a file of secrets that is not there."""
    mailbox = Mailbox()
    with serving() as web, _mail_server(mailbox) as smtp_port:
        configure(folder, web.url, smtp_port, missing)
        with _started(folder) as url:
            yield Running(url, web, mailbox, folder / "log")


@contextmanager
def _mail_server(mailbox: Mailbox) -> Iterator[int]:
    """Gives its port."""
    with reserved_port() as port:
        controller = Controller(
            mailbox,
            hostname="127.0.0.1",
            port=port,
            server_hostname="localhost",  # else it asks DNS for each client, which may take long
            ready_timeout=DEADLINE_S,
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN"],  # in other words than Alertmanager expects
            authenticator=lambda server, session, envelope, mechanism, data: AuthResult(
                success=isinstance(data, LoginPassword) and data.password.decode() == PASSWORD
            ),
        )
        controller.start()
        try:
            yield port
        finally:
            controller.stop()


def configure(folder: Path, web: str, smtp_port: int, missing: str) -> None:
    """The configuration as it is, but for addresses, secrets, and how long it waits."""
    shutil.copytree(ROOT / "deploy" / "alertmanager", folder, dirs_exist_ok=True)
    secrets = {"smtp_password": PASSWORD, "slack_webhook_url": f"{web}/slack", "pagerduty_routing_key": "a key"}
    for name, value in secrets.items():
        if name != missing:
            (folder / name).write_text(value)
    text = (folder / "alertmanager.yml").read_text().replace("/run/secrets/", f"{folder}/")
    configuration = yaml.safe_load(text)
    configuration["global"] |= {
        "smtp_smarthost": f"127.0.0.1:{smtp_port}",
        "smtp_require_tls": False,
        "pagerduty_url": f"{web}/pagerduty",
    }
    configuration["route"] |= {"group_wait": "100ms", "group_interval": "1s"}
    for route in configuration["route"]["routes"]:
        route.pop("group_wait", None)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(configuration))


def _started(folder: Path) -> AbstractContextManager[str]:
    return started(
        folder,
        "prometheus-alertmanager",
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        "--cluster.listen-address=",
    )
