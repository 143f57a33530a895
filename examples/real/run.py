"""`make demo-real`: see real_shop/demonstration.py for what happens and docs/demo-real.md for what comes out."""

import sys

try:
    from real_shop.demonstration import main
except ModuleNotFoundError as missing:
    sys.exit(f"error: the Python package {missing.name} is not installed; `make demo-real` installs it")

if __name__ == "__main__":
    sys.exit(main())
