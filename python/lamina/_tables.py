"""Tables, read by the library in C++."""
from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina import _arguments, _core


@contextlib.contextmanager
def _unpacked(path: str) -> Iterator[str]:
    """The file, unpacked if its name ends in .gz; the library's errors become ValueError and name `path`."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"[load_table] expected a table, found no {path}")
    with contextlib.ExitStack() as stack:
        plain = path
        if path.endswith(".gz"):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            plain = os.path.join(folder, os.path.basename(path)[:-3])
            try:
                with gzip.open(path) as packed, open(plain, "wb") as file:
                    shutil.copyfileobj(packed, file)
            except (OSError, EOFError) as error:
                raise ValueError(f"[load_table] expected a gzipped table in {path}, got a broken file: {error}") from error
        try:
            yield plain
        except RuntimeError as error:
            what = str(error).replace(plain, path).partition("] ")[2]
            raise ValueError(f"[load_table] expected a table that can be used, got {what}") from None


def _list(name: str, columns: str | Sequence[str]) -> str:
    names = [columns] if isinstance(columns, str) else list(columns) if isinstance(columns, (list, tuple)) else [None]
    if not all(isinstance(column, str) for column in names):
        raise TypeError(f"[load_table] expected {name} to be a column's name or a list of names, got {columns!r}")
    return ",".join(names)


def load(path: str, target: str | Sequence[str], loss: str, options: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(loss, str):
        raise TypeError(f"[load_table] expected loss to be a name, got {type(loss).__name__}")
    given = {"loss": loss, "target": _list("target", target),
             **{name: _list(name, options[name]) for name in ("ignore_columns", "categories", "split_column")},
             "split_seed": _arguments.as_whole("load_table", "split_seed", options["split_seed"])}
    if not 0 <= given["split_seed"] < 2**32:
        raise ValueError(f"[load_table] expected split_seed of 0 to {2**32 - 1}, got {given['split_seed']}")
    for name in ("val_fraction", "test_fraction"):
        given[name] = _arguments.as_number("load_table", name, options[name])
    with _unpacked(path) as plain:
        found = _core.load_table(plain, given)
    found["preparation"] = json.loads(found["preparation"])
    return found


def rows(path: str, preparation: dict[str, Any], allow_unknown: bool) -> np.ndarray:
    _arguments.dictionary("table_rows", "preparation", preparation)
    try:
        text = json.dumps(preparation)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[table_rows] expected preparation to be what load_table gave, got another: {error}") from error
    with _unpacked(path) as plain:
        return _core.table_rows(plain, text, allow_unknown)
