"""The `logpipe` command, which needs more than an application that only writes logs has installed."""

import sys

try:
    import signal
except KeyboardInterrupt:
    sys.exit(130)  # as shells count what `main` does from then on


def main() -> None:
    """Run the command line, or say what to install for it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are loaded, Ctrl-C need not show where
    try:
        from logpipe.cli.main import main as run
    except ModuleNotFoundError as error:
        sys.exit(f"error: there is no module {error.name}; install the command with: pip install 'logpipe[pipeline]'")
    run()


if __name__ == "__main__":
    main()
