"""The command line: thin and lazy. Data goes to stdout, progress and errors to stderr.

Each command is a function in the file of its group; heavy imports happen inside it, so that `--help` is instant.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

import typer

from ..errors import InputError, extra_named
from . import compare, datasets, demo, doctor, evaluate, explain, features, fit, methods, protocols, search, serve
from .index import items as index
from .index import maintenance as upkeep
from .output import visible

app = typer.Typer(
    help="Cross-modal retrieval in Hamming space: learn codes from pairs, evaluate them honestly, search them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(demo.demo)
app.add_typer(datasets.app, name="datasets")
app.add_typer(protocols.app, name="protocols")
app.add_typer(methods.app, name="methods")
app.add_typer(features.app, name="features")
app.command()(features.extract)
app.command()(fit.fit)
app.add_typer(evaluate.app, name="evaluate")
app.command()(compare.compare)
app.command()(compare.reproduce)
index.app.registered_commands += upkeep.app.registered_commands
app.add_typer(index.app, name="index")
app.command()(search.search)
app.command()(search.tune)
app.command()(explain.explain)
app.command()(serve.serve)
app.command()(doctor.doctor)

#: The status with which typer ends a command that was interrupted.
INTERRUPTED = 130


def main() -> None:
    """Run the command line; bad input and a failing disk end with a message and status 2, an interrupt with 130."""
    # Threads that spin while they wait make small networks several times slower on a machine that is not idle.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a caption may hold what the encoding does not
    try:
        _run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever reads has had enough, as in `| head`
        sys.exit(1)
    except MemoryError as fault:
        print(f"crossbit: there is not enough memory: {fault}; use fewer items or shorter codes", file=sys.stderr)
        sys.exit(2)
    except (InputError, OSError) as fault:
        print(visible(f"crossbit: {fault}"), file=sys.stderr)
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("crossbit: interrupted; what was finished is kept", file=sys.stderr)
        raise


def _run() -> None:
    try:
        app()
    except ModuleNotFoundError as error:
        raise extra_named(error) from None
