"""A process that appends numbered lines to a shared file, and says which of its calls have returned."""

import os
import sys
from pathlib import Path

from logpipe.emit._native import SharedFile


def main(path: str, name: str) -> None:
    """Until it is killed."""
    file = SharedFile(Path(path), max_bytes=65536, period_s=0)
    number = 0
    while True:
        number += 1
        file.append(b'{"by":"%s","number":%d,"pad":"%s"}\n' % (name.encode(), number, b"x" * (number % 400)))
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(*sys.argv[1:])
