"""The program behind the command: `truckroll`, and `python -m deployments`."""

from __future__ import annotations

from tasks.interpreter import until_the_end, while_loading


def main() -> None:
    """Load the command line, and run it."""
    with while_loading():
        from deployments.cli import main as run
    with until_the_end():
        run()


if __name__ == "__main__":
    main()
