"""What sampling, the tail and the limit of repetitions cost a record: `python benchmarks/emit_admission.py`.

Each setup has a process of its own; the setups take turns, and of each the best of seven rounds counts.
"""

import subprocess
import sys
import tempfile

ROUNDS = 7
SETUPS = {
    "written": ("info", "{}"),
    "off by level": ("debug", "{}"),
    "held for the tail": ("debug", "{'tail': 'DEBUG'}"),
    "written, with a tail": ("info", "{'tail': 'DEBUG'}"),
    "sampled out": ("info", "{'sample': {'INFO': 0}}"),
    "repeated, counted": ("info", "{'repeat_limit': 1}"),
}
PROGRAM = """
import sys, timeit
from logpipe import get_logger, log_context, setup_logging
level, settings, folder = sys.argv[1:]
setup_logging(service="bench", log_dir=folder, console=False, loguru=False, **eval(settings))
log = getattr(get_logger("shop.cart"), level)
def request():
    with log_context(request_id="9f3c"):
        for number in range(100):
            log("item %d of the cart", number, extra={"sku": "A-17"})
print(min(timeit.repeat(request, number=20, repeat=10)) / 2000 * 1e6)
"""


def microseconds(level: str, settings: str) -> float:
    """What a call takes, in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", PROGRAM, level, settings, folder]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print each setup, and how it compares to a record that is written."""
    best = dict.fromkeys(SETUPS, float("inf"))
    for _ in range(ROUNDS):
        for name, (level, settings) in SETUPS.items():
            best[name] = min(best[name], microseconds(level, settings))
    for name, taken in best.items():
        print(f"{name:22} {taken:6.1f} µs  {taken / best['written']:5.2f} of written")


if __name__ == "__main__":
    main()
