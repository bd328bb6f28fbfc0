"""Export and import: Parquet with everything, FAISS and .npy files of codes for other programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ...errors import CrossbitError, InputError
from ...indexes.base import faiss_module
from ...io.atomic import atomic_file, atomic_write
from ...progress import Log, silent
from ..collection import Collection
from ..errors import OtherModelError
from ..ingest.add import AddResult
from ..item import Item, checked, edits_of, edits_text, refuse_id, refuse_undecodable
from ..storage.batch import FLAG, EncodedBatch
from ..storage.reads import items_of
from ..storage.sources import SOURCES, Sources

#: Items that are held in memory together.
BATCH = 4096
FORMATS = (".parquet", ".faiss", ".npy")
_ABOUT = b"crossbit"
#: Columns that exports of the first format lack.
_ADDED = ("source", "key", "edits")


def export(collection: Collection, path: Path, side: Modality = "image", log: Log = silent) -> int:
    """Write the items to a .parquet file, or the codes of one side to a .faiss or .npy file; return how many.

    The rows of a .faiss or .npy file are named by the lines of a file beside it, as codes.npy.jsonl. Files appear when
    they are complete.
    """
    if path.suffix == ".parquet":
        return _parquet(collection, path, log)
    if path.suffix not in FORMATS:
        raise InputError(f"{path} should end in {', '.join(FORMATS)}, which says what to write")
    with collection.view() as (connection, snapshot):
        codes = snapshot.sides[side]
        if path.suffix == ".npy":
            with atomic_file(path) as made, made.open("wb") as file:
                np.save(file, codes.codes.packed)
        else:
            _faiss(codes.codes, path)
        with atomic_file(path.with_name(f"{path.name}.jsonl")) as made, made.open("w", encoding="utf-8") as lines:
            for start in range(0, len(codes), BATCH):
                numbers = codes.numbers[start : start + BATCH].tolist()
                items = items_of(connection, numbers)
                lines.writelines(
                    json.dumps({"row": start + row, "id": items[number].id}) + "\n"
                    for row, number in enumerate(numbers)
                )
    return len(codes)


def import_parquet(collection: Collection, path: Path, log: Log = silent) -> AddResult:
    """Add the items of a Parquet file that `export` wrote; codes of another model are refused.

    Items with a source keep it. One of the same source and key is replaced, or of the same id where it has no source.
    """
    counts = AddResult()
    for batch, places, total in _batches(collection, path):
        added = collection.put(batch, places)
        counts.added += added.added
        counts.replaced += added.replaced
        counts.unchanged += added.unchanged
        counts.qualified += added.qualified
        log(counts.done, max(total, counts.done), {})
    return counts


def _batches(collection: Collection, path: Path) -> Iterator[tuple[EncodedBatch, Mapping[str, str], int]]:
    """Yield the items of a Parquet file, the places of sources, and how many items there are in all.

    A file that is no export is refused.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            places = _places(collection, path, (file.schema_arrow.metadata or {}).get(_ABOUT))
            schema = _schema(collection.bits)
            names = [name for name in schema.names if name in file.schema_arrow.names or name not in _ADDED]
            schema = pa.schema([schema.field(name) for name in names])
            _refuse_repeated(path, file.read([name for name in ("id", *_ADDED) if name in names]).to_pylist())
            for part in file.iter_batches(BATCH):
                rows = pa.Table.from_batches([part]).select(names).cast(schema).to_pylist()
                yield _batch(path, rows, collection.bits), places, file.metadata.num_rows
    except CrossbitError:
        raise
    except (pa.ArrowException, LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError) as fault:
        raise InputError(f"{path} is no export of a collection: {fault!r}") from None


def _refuse_repeated(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    for what, names in (("id", [row["id"] for row in rows]), ("source and key", [*filter(None, map(_named, rows))])):
        name, times = Counter(names).most_common(1)[0] if names else ("", 0)
        if times > 1:
            raise InputError(
                f"{path} has {times} items {name!r}, but each has its own {what}: import each export alone"
            )


def _named(row: Mapping[str, Any]) -> str | None:
    """Return the source and key of a row together, or none where it has no source."""
    return None if row.get("source") is None else f"{row['source']}/{row['key']}"


def _places(collection: Collection, path: Path, about: bytes | None) -> Mapping[str, str]:
    """Return the places of an export's sources; codes that another model made are refused."""
    try:
        stated = json.loads(about) if about else {}
    except ValueError:
        stated = {}
    if not isinstance(stated, dict) or not isinstance(stated.get("model"), str):
        raise InputError(f"{path} does not say which model made its codes; add its items with `crossbit index add`")
    if stated["model"] != collection.store.facts["model"]:
        raise OtherModelError(
            f"the codes of {path} were made by model {stated['model'][:12]}, but this collection holds those of"
            f" {collection.store.facts['model'][:12]}: add the items themselves with `crossbit index add`, or import"
            " into a collection of that model"
        )
    places = stated.get(SOURCES, {})
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise InputError(f"{path} is no export of a collection: its sources are {places!r:.60}")
    return places


def _parquet(collection: Collection, path: Path, log: Log) -> int:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    facts = collection.store.facts
    about = {"model": facts["model"], "bits": collection.bits, SOURCES: dict(Sources.of(facts).places)}
    schema = _schema(collection.bits).with_metadata({_ABOUT: json.dumps(about).encode()})
    with (
        collection.view() as (connection, snapshot),
        atomic_file(path) as made,
        ParquetWriter(made, schema) as writer,
    ):
        numbers = np.union1d(*(side.numbers for side in snapshot.sides.values()))
        for start in range(0, len(numbers), BATCH):
            items = items_of(connection, numbers[start : start + BATCH].tolist())
            batch = snapshot.batch(connection, dict(sorted(items.items())))
            if not collection.store.facts["vectors"]:
                batch = batch.without_vectors()
            writer.write_table(pyarrow.Table.from_pylist([_row(batch, row) for row in range(len(batch))], schema))
            log(min(start + BATCH, len(numbers)), len(numbers), {})
    return len(numbers)


def _schema(bits: int) -> Any:
    import pyarrow as pa

    code = pa.binary(-(-bits // 8))
    vector = pa.list_(pa.float16())  # of any size: pyarrow before 26 cannot read absent ones of a fixed size
    columns = {"id": pa.string(), "texts": pa.list_(pa.string()), "picture": pa.string(), "content": pa.string()}
    columns |= {"metadata": pa.string(), "thumbnail": pa.binary()} | dict.fromkeys(_ADDED, pa.string())
    columns |= {f"{m}_code": code for m in MODALITIES} | {f"{m}_vector": vector for m in MODALITIES}
    return pa.schema(columns)


def _row(batch: EncodedBatch, row: int) -> dict[str, Any]:
    item = batch.items[row]
    cells: dict[str, Any] = {
        "id": item.id,
        "texts": list(item.texts),
        "picture": item.picture,
        "content": item.content,
        "metadata": json.dumps(item.metadata),
        "thumbnail": batch.thumbnails[row],
        "source": item.source,
        "key": item.key,
        "edits": edits_text(item.edits),
    }
    for modality in MODALITIES:
        vector = batch.vector(row, modality)
        cells[f"{modality}_code"] = batch.code(row, modality)
        cells[f"{modality}_vector"] = None if vector is None else np.frombuffer(vector, "<f2")
    return cells


def _item(path: Path, row: Mapping[str, Any]) -> Item:
    """Return the item of a row; one that could not have been added is refused."""
    texts, picture, content = tuple(row["texts"] or ()), row["picture"], row["content"]
    source, key, edits = (row.get(name) for name in _ADDED)
    try:
        for id_ in (row["id"], *([] if source is None else [source, key])):
            refuse_id(id_)
        for text in (*texts, picture or ""):
            refuse_undecodable(text)
        metadata = checked(dict(json.loads(row["metadata"] or "{}")))
        known = edits_of(edits)
        if known is not None:
            refuse_undecodable("".join((*(known.texts or ()), *known.own_texts)))
            checked(known.metadata), checked(known.own_metadata)
    except InputError as fault:
        raise InputError(f"{path}: {fault}") from None
    hash_ = bytes.fromhex(content).hex() if content else None
    return Item(row["id"], texts, picture, metadata, hash_, source, None if source is None else key, known)


def _batch(path: Path, rows: Sequence[Mapping[str, Any]], bits: int) -> EncodedBatch:
    width = -(-bits // 8)
    items = [_item(path, row) for row in rows]
    present = np.array([sum(FLAG[m] for m in MODALITIES if row[f"{m}_code"] is not None) for row in rows], np.uint8)
    codes: dict[Modality, Codes] = {}
    vectors: dict[Modality, np.ndarray] = {}
    nothing = [np.nan] * bits
    for modality in MODALITIES:
        joined = b"".join(row[f"{modality}_code"] or bytes(width) for row in rows)
        codes[modality] = Codes(np.frombuffer(joined, np.uint8).reshape(len(rows), width), bits)
        listed = np.array([row[f"{modality}_vector"] or nothing for row in rows], np.float16)
        vectors[modality] = listed.reshape(len(rows), bits)
    return EncodedBatch(items, present, codes, vectors, [row["thumbnail"] for row in rows])


def _faiss(codes: Codes, path: Path) -> None:
    faiss = faiss_module()
    index = faiss.IndexBinaryFlat(8 * codes.packed.shape[1])
    index.add(codes.packed)
    atomic_write(path, faiss.serialize_index_binary(index).data)
