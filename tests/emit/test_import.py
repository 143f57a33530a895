"""What importing costs, by what it loads."""

import signal
import subprocess
import sys

import pytest

import logpipe


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after the code."""
    program = f"import sys\n{code}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


CALLS = "from logpipe import get_logger, log_context, setup_logging"


def test_importing_logpipe_loads_nothing() -> None:
    """The command is to say what Ctrl-C does before anything is loaded."""
    assert modules_after("import logpipe") - modules_after("") == {"logpipe"}


def test_each_public_name_is_there() -> None:
    """Loaded when it is asked for; another one is none."""
    assert all(callable(getattr(logpipe, name)) for name in logpipe.__all__)
    with pytest.raises(AttributeError, match="no attribute 'setup'"):
        getattr(logpipe, "setup")  # noqa: B009


def test_a_prompt_completes_the_public_names() -> None:
    """Before any of them is loaded."""
    code = "import logpipe; print(set(logpipe.__all__) <= set(dir(logpipe)), 'logpipe.emit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_the_calls_load_little_more_than_logging_and_orjson() -> None:
    """Its own modules, `typing` and `contextvars`; loguru, python-json-logger and the files wait for their use."""
    added = modules_after(CALLS) - modules_after("import logging, orjson")
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
from logpipe import get_logger, log_context, setup_logging
assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING
assert sys.excepthook is hook and threading.active_count() == 1
"""
    assert "logpipe" in modules_after(code)


INTERRUPTING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where whoever started this ignores it
class Interrupting:
    armed = False
    def find_spec(self, name, *_):
        if self.armed:
            signal.raise_signal(signal.SIGINT)
        self.armed = name == "orjson.orjson"
sys.meta_path.insert(0, Interrupting())
"""


def test_an_application_that_ctrl_c_ends_while_it_loads_does_not_crash() -> None:
    """What orjson loads from C is there before: where that is interrupted, it ends the process by SIGSEGV."""
    program = f"import sys\n{INTERRUPTING}\n{CALLS}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.endswith("KeyboardInterrupt\n")
