"""The command line: thin and lazy. Data goes to stdout, progress, warnings and errors to stderr.

Each command is a function in the file of its group; heavy imports happen inside it, so that `--help` is instant.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from .. import __version__
from ..errors import CrossbitError, extra_named
from . import (
    compare,
    datasets,
    demo,
    doctor,
    evaluate,
    explain,
    features,
    fit,
    index,
    methods,
    protocols,
    search,
    serve,
)
from .output import visible
from .warnings import shown_once

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crossbit {__version__}")
        raise typer.Exit


@app.callback()
def global_options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Cross-modal retrieval in Hamming space: learn codes from pairs, evaluate them honestly, search them."""


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
app.add_typer(index.app, name="index")
app.command()(search.search)
app.command()(search.tune)
app.command()(explain.explain)
app.command()(serve.serve)
app.command()(doctor.doctor)

#: The status with which typer ends a command that was interrupted.
INTERRUPTED = 130


def main() -> None:
    """Run the command line; an error ends with a message and status 2, an interrupt with 130."""
    # Threads that spin while they wait make small networks several times slower on a machine that is not idle.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: the encoding may lack characters of a caption
    try:
        with shown_once():
            _run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has had enough, as in `| head`
        sys.exit(1)
    except MemoryError as error:
        print(f"crossbit: out of memory: {error}; use fewer items or shorter codes", file=sys.stderr)
        sys.exit(2)
    except (CrossbitError, OSError) as error:
        print(visible(f"crossbit: {error}"), file=sys.stderr)
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("crossbit: interrupted; finished work is kept", file=sys.stderr)
        raise


def _run() -> None:
    try:
        app()
    except ModuleNotFoundError as error:
        raise extra_named(error) from None
