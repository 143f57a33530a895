"""All measurements, one after the other: `make bench`. Results go to benchmarks/RESULTS.md."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NEED_DATA = ("eval.py", "eval_formats.py")


def main() -> None:
    """Run each in a process of its own; what needs the labelled sets is left out where they are not."""
    data = os.environ.get("LOGPIPE_EVAL_DATA")
    subprocess.run([sys.executable, HERE / "ingest.py"], check=True)
    for name in NEED_DATA:
        if data:
            subprocess.run([sys.executable, HERE / name], check=False)  # 1 where a figure misses its target
        else:
            print(f"{name} needs labelled data: name its folder in LOGPIPE_EVAL_DATA")


if __name__ == "__main__":
    main()
