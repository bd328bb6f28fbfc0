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
from ..item import Item, checked, refuse_id, refuse_undecodable
from ..storage.batch import FLAG, EncodedBatch
from ..storage.reads import items_of

#: Items that are held in memory together.
BATCH = 4096
FORMATS = (".parquet", ".faiss", ".npy")
_ABOUT = b"crossbit"


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
    """Add the items of a Parquet file that `export` wrote; codes of another model are refused."""
    counts = AddResult()
    for batch, total in _batches(collection, path):
        added = collection.put(batch)
        counts.added += added.added
        counts.replaced += added.replaced
        counts.unchanged += added.unchanged
        log(counts.done, max(total, counts.done), {})
    return counts


def _batches(collection: Collection, path: Path) -> Iterator[tuple[EncodedBatch, int]]:
    """Yield the items of a Parquet file, and how many there are in all; a file that is no export is refused."""
    from pyarrow import ArrowException, Table
    from pyarrow.parquet import ParquetFile

    schema = _schema(collection.bits)
    try:
        with ParquetFile(path) as file:
            _refuse_other(collection, path, (file.schema_arrow.metadata or {}).get(_ABOUT))
            _refuse_repeated(path, file.read(["id"]).column("id").to_pylist())
            for part in file.iter_batches(BATCH):
                rows = Table.from_batches([part]).select(schema.names).cast(schema).to_pylist()
                yield _batch(path, rows, collection.bits), file.metadata.num_rows
    except CrossbitError:
        raise
    except (ArrowException, LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError) as fault:
        raise InputError(f"{path} is no export of a collection: {fault!r}") from None


def _refuse_repeated(path: Path, ids: Sequence[str]) -> None:
    id_, times = Counter(ids).most_common(1)[0] if ids else ("", 0)
    if times > 1:
        raise InputError(f"{path} has {times} items {id_!r}, but ids are unique: import each export alone")


def _refuse_other(collection: Collection, path: Path, about: bytes | None) -> None:
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


def _parquet(collection: Collection, path: Path, log: Log) -> int:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    about = {"model": collection.store.facts["model"], "bits": collection.bits}
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
    columns |= {"metadata": pa.string(), "thumbnail": pa.binary()}
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
    }
    for modality in MODALITIES:
        vector = batch.vector(row, modality)
        cells[f"{modality}_code"] = batch.code(row, modality)
        cells[f"{modality}_vector"] = None if vector is None else np.frombuffer(vector, "<f2")
    return cells


def _item(path: Path, row: Mapping[str, Any]) -> Item:
    """Return the item of a row; one that could not have been added is refused."""
    texts, picture, content = tuple(row["texts"] or ()), row["picture"], row["content"]
    try:
        refuse_id(row["id"])
        for text in (*texts, picture or ""):
            refuse_undecodable(text)
        metadata = checked(dict(json.loads(row["metadata"] or "{}")))
    except InputError as fault:
        raise InputError(f"{path}: {fault}") from None
    return Item(row["id"], texts, picture, metadata, bytes.fromhex(content).hex() if content else None)


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
