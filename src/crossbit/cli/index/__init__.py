"""`crossbit index`: create, fill, maintain and move a collection."""

from __future__ import annotations

import typer

from . import items, maintenance

app = typer.Typer(help="Create and maintain searchable collections of items.", no_args_is_help=True)

for command in (
    items.create,
    items.add,
    items.remove,
    items.update,
    items.sync,
    maintenance.relocate,
    maintenance.compact,
    maintenance.verify,
    maintenance.stats,
    maintenance.calibrate,
    maintenance.duplicates,
):
    app.command()(command)
app.command("export")(maintenance.export_)
app.command("import")(maintenance.import_)
