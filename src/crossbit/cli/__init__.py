"""The command line: thin and lazy. Data goes to stdout, progress and errors to stderr.

Each command is a function in the file of its group; heavy imports happen inside it, so that `--help` is instant.
"""

from __future__ import annotations

import sys

import typer

from ..errors import InputError

app = typer.Typer(
    help="Cross-modal retrieval in Hamming space: learn codes from pairs, evaluate them honestly, search them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; bad input ends with a message and status 2, an interrupt with 130."""
    try:
        app()
    except (InputError, FileNotFoundError, PermissionError, IsADirectoryError) as fault:
        print(f"crossbit: {fault}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("crossbit: interrupted; what was finished is kept", file=sys.stderr)
        sys.exit(130)
