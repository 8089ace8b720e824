"""The entry point of the program, which loads nothing before it runs."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it; Ctrl+C ends it quietly even while it loads."""
    try:
        from tui.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
