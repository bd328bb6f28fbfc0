"""The routes that write, behind the API key and one at a time."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from ..errors import InputError
from .dependencies import Here, Served, Writer
from .limits import MAX_ITEMS
from .requests import Id, NewItems
from .responses import AddedAnswer, FaultAnswer, RemovedAnswer, added_answer

_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": FaultAnswer, "description": "The API key is missing or wrong"},
    403: {"model": FaultAnswer, "description": "The server has no API key and only reads"},
    507: {"model": FaultAnswer, "description": "The disk is full; nothing that was acknowledged is lost"},
}
router = APIRouter(prefix="/api/collections", dependencies=[Writer], responses=_REFUSALS)


@router.post("/{name}/items")
async def add(given: NewItems, shelf: Served, here: Here) -> AddedAnswer:
    """Add items, or replace those that have changed; asking twice does no harm.

    An item that cannot be used is named among the failures and the others are added; with none left it is an error.
    """
    raws = [each.raw() for each in given.items]
    added = await here.write.run(lambda: shelf.collection.add(raws, on_error="skip"))
    if len(added.failures) == len(raws):
        reasons = "; ".join(f"{each.id}: {each.reason}" for each in added.failures[:5])
        raise InputError(f"no item can be used: {reasons}")
    return added_answer(added)


@router.delete("/{name}/items")
async def remove(
    shelf: Served,
    here: Here,
    id: Annotated[list[Id], Query(min_length=1, max_length=MAX_ITEMS)],
) -> RemovedAnswer:
    """Remove items; where an id is unknown, none is removed."""
    return RemovedAnswer(removed=await here.write.run(lambda: shelf.collection.remove(id)))
