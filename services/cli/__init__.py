"""The command line. Each command declares its options here and calls the hop that has the work."""

import sys


def main() -> None:
    """The console script. It imports in here: Ctrl-C ends it in a line from the first moment."""
    try:
        from services.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("undertone: interrupted\n")
        sys.exit(130)
