"""What importing costs, by what it loads."""

import subprocess
import sys


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after the code."""
    program = f"import sys\n{code}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_logpipe_loads_little_more_than_logging_and_orjson() -> None:
    """Its own modules, `typing` and `contextvars`; loguru, python-json-logger and the files wait for their use."""
    added = modules_after("import logpipe") - modules_after("import logging, orjson")
    foreign = {name for name in added if name.partition(".")[0] != "logpipe"}
    assert foreign <= {"_contextvars", "_typing", "contextvars", "typing", "typing.io", "typing.re"}
    assert {"logpipe.ingest", "logpipe.store", "logpipe.emit.emitter", "logpipe.emit.settings"}.isdisjoint(added)


def test_setup_without_loguru_does_not_load_it() -> None:
    """Who does not use it does not pay for it."""
    code = "import logpipe, tempfile; logpipe.setup_logging(log_dir=tempfile.mkdtemp(), loguru=False, console=False)"
    assert "loguru" not in modules_after(code)


def test_setup_loads_no_front_end_that_the_application_does_not_use() -> None:
    """structlog and OpenTelemetry need not even be installed."""
    code = "import logpipe, tempfile; logpipe.setup_logging(log_dir=tempfile.mkdtemp(), console=False)\n"
    code += "logpipe.get_logger().error('m')"
    assert {"structlog", "opentelemetry", "pythonjsonlogger"}.isdisjoint(modules_after(code))


def test_setup_without_sampling_does_not_load_it() -> None:
    """Nor the tail, nor the limit of repetitions, nor what they need."""
    code = "import logpipe, tempfile; logpipe.setup_logging(log_dir=tempfile.mkdtemp(), loguru=False, console=False)"
    assert {"logpipe.emit.admission", "logpipe.emit.sampling", "logpipe.emit.tail"}.isdisjoint(modules_after(code))


def test_importing_configures_nothing() -> None:
    """No handler, no level, no hook, no thread."""
    code = """
import logging, threading
hook = sys.excepthook
import logpipe
assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING
assert sys.excepthook is hook and threading.active_count() == 1
"""
    assert "logpipe" in modules_after(code)
