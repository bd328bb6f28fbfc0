"""`crossbit methods`: the methods, their papers and their parameters."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated

import typer

from .output import JsonFlag, print_json, print_table

app = typer.Typer(help="List methods, or show the paper and parameters of one.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List all methods with year, paper and need for labels."""
    from ..methods import METHODS, method

    rows = [
        {
            "method": name,
            "year": method(name).source.year,
            "labels": "needs labels" if method(name).supervised else "",
            "paper": f"{method(name).source.authors}: {method(name).source.title}",
        }
        for name in sorted(METHODS)
    ]
    print_json(rows) if json else print_table(rows)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A name from `methods list`.")], json: JsonFlag = False) -> None:
    """Show a method's paper, idea, deviations and parameters."""
    from ..methods import method

    cls = method(name)
    parameters = {field.name: field.default for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if json:
        source = dataclasses.asdict(cls.source)
        print_json({"method": name, "supervised": cls.supervised, "source": source, "parameters": parameters})
        return
    typer.echo(inspect.cleandoc(inspect.getmodule(cls).__doc__ or ""))
    typer.echo(f"\nPaper: {cls.source.url}" + (f"\nCode:  {cls.source.code}" if cls.source.code else ""))
    typer.echo("\nParameters (set with --set name=value):")
    for parameter, value in parameters.items():
        typer.echo(f"  {parameter} = {value}")
