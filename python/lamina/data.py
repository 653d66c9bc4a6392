"""CIFAR-10 as the course's notebooks use it, arrays of images and labels with the mean image subtracted; Tiny ImageNet;
tables.

Both official layouts of CIFAR-10 are read: `cifar-10-batches-py` (pickles, from which only arrays, numbers and text are
accepted) and `cifar-10-batches-bin` (bytes).

Wrong arguments raise ValueError or TypeError, broken files ValueError, missing ones FileNotFoundError.
"""
from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Union

import numpy as np
from numpy.typing import DTypeLike

from lamina import _arguments, _pickles, _tables, _tiny_imagenet

__all__ = [
    "load_CIFAR_batch", "load_CIFAR10", "get_CIFAR10_data", "find_CIFAR10", "load_pickle", "load_models",
    "load_tiny_imagenet", "load_table", "table_rows",
]

_Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
_PIXELS = 3 * 32 * 32
_FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")
_PARTS = [f"data_batch_{i}" for i in range(1, 6)]


def _unpickle(file: BinaryIO, path: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _pickles.read(file)
    except Exception as error:
        raise ValueError(f"[load_CIFAR_batch] expected a CIFAR-10 batch in {path}, got a broken file: {error}") from error
    if not isinstance(batch, dict) or "data" not in batch or "labels" not in batch:
        raise ValueError(f"[load_CIFAR_batch] expected a dictionary with data and labels in {path}")
    pixels, labels = np.asarray(batch["data"]), np.asarray(batch["labels"])
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXELS:
        raise ValueError(f"[load_CIFAR_batch] expected data of shape (N, {_PIXELS}) and type uint8 in {path}, got shape "
                         f"{pixels.shape} and type {pixels.dtype}")
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
        raise ValueError(f"[load_CIFAR_batch] expected {len(pixels)} whole labels in {path}, got shape {labels.shape} "
                         f"of type {labels.dtype}")
    return pixels, labels.astype(np.int64)


def _read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The bytes (N, 3, 32, 32) and labels (N,) of one file of either layout."""
    if path.endswith(".bin"):
        rows = np.fromfile(path, np.uint8)
        if rows.size == 0 or rows.size % (_PIXELS + 1):
            raise ValueError(f"[load_CIFAR_batch] expected records of {_PIXELS + 1} bytes in {path}, got {rows.size} bytes")
        rows = rows.reshape(-1, _PIXELS + 1)
        pixels, labels = rows[:, 1:], rows[:, 0].astype(np.int64)
    else:
        with open(path, "rb") as file:
            pixels, labels = _unpickle(file, path)
    if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(f"[load_CIFAR_batch] expected labels from 0 to 9 in {path}, got {labels.min()} to {labels.max()}")
    return pixels.reshape(-1, 3, 32, 32), labels


def _path(root: str, part: str) -> str:
    for name in (part, part + ".bin"):
        if os.path.isfile(os.path.join(root, name)):
            return os.path.join(root, name)
    raise FileNotFoundError(f"[load_CIFAR10] expected {part} or {part}.bin in {root}")


def load_CIFAR_batch(filename: _Path) -> tuple[np.ndarray, np.ndarray]:
    """One file of CIFAR-10: images (N, 32, 32, 3), float64 from 0 to 255, and labels (N,), int64.

    ValueError if the file is broken or of another kind, TypeError if filename is not a path.
    """
    pixels, labels = _read(_arguments.path("load_CIFAR_batch", "filename", filename))
    return pixels.transpose(0, 2, 3, 1).astype(np.float64), labels


def load_CIFAR10(ROOT: _Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """CIFAR-10 from a folder of either layout: Xtr (50000, 32, 32, 3), Ytr (50000,), Xte (10000, 32, 32, 3), Yte.

    FileNotFoundError if a file is missing, ValueError if one is broken, TypeError if ROOT is not a path.
    """
    root = _arguments.path("load_CIFAR10", "ROOT", ROOT)
    parts = [_read(_path(root, part)) for part in _PARTS]
    Xtr = np.empty((sum(len(labels) for _, labels in parts), 32, 32, 3))
    start = 0
    for pixels, labels in parts:
        Xtr[start:start + len(labels)] = pixels.transpose(0, 2, 3, 1)
        start += len(labels)
    Xte, Yte = load_CIFAR_batch(_path(root, "test_batch"))
    return Xtr, np.concatenate([labels for _, labels in parts]), Xte, Yte


def _places() -> Iterator[str]:
    """Folders that may hold the files: below the working directory, beside the package, where `lamina data` puts it."""
    beside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for package in ("cs6353", "cs231n"):
        for base in (".", beside):
            yield os.path.join(base, package, "datasets")
    for base in (".", "datasets", "data"):
        yield base
    cache = os.environ.get("XDG_CACHE_HOME", "")
    in_cache = os.path.join(cache, "lamina") if os.path.isabs(cache) else None
    for base in (os.environ.get("LAMINA_DATA"), in_cache, os.path.expanduser("~/.cache/lamina")):
        if base:
            yield base
            yield os.path.join(base, "cifar10")
            yield os.path.join(base, "cifar-10")


def find_CIFAR10() -> str:
    """The folder of CIFAR-10's files. If there is none, FileNotFoundError with the command that fetches them."""
    for base in _places():
        for folder in (*(os.path.join(base, name) for name in _FOLDERS), base):
            try:
                for part in (*_PARTS, "test_batch"):
                    _path(folder, part)
            except FileNotFoundError:
                continue
            return folder
    raise FileNotFoundError(f"[get_CIFAR10_data] expected {_FOLDERS[0]} or {_FOLDERS[1]} in cs6353/datasets, $LAMINA_DATA "
                            "or ~/.cache/lamina, found none: `lamina data fetch cifar10` downloads it")


def get_CIFAR10_data(num_training: int = 49000, num_validation: int = 1000, num_test: int = 1000,
                     subtract_mean: bool = True) -> dict[str, np.ndarray]:
    """CIFAR-10 as the notebooks train on it.

    Returns a dictionary of X_train (num_training, 3, 32, 32), X_val (the num_validation images after those) and X_test
    (num_test), float64, with the mean image of X_train subtracted if subtract_mean; and of their labels y_train, y_val,
    y_test, int64. ValueError unless the counts are integers and at most as many as there are images, FileNotFoundError
    if find_CIFAR10 finds nothing.
    """
    root = find_CIFAR10()
    counts = [("num_training", num_training), ("num_validation", num_validation), ("num_test", num_test)]
    for name, count in counts:
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
            raise ValueError(f"[get_CIFAR10_data] expected {name} to be a whole number of 0 or more, got {count!r}")
    need = int(num_training) + int(num_validation)
    X, y = np.empty((num_training, 3, 32, 32)), np.empty(need, np.int64)
    X_val = np.empty((num_validation, 3, 32, 32))
    start = 0
    for part in _PARTS:                                # images go straight to their final place: one copy in memory
        pixels, labels = _read(_path(root, part))
        stop = min(start + len(labels), need)
        split = min(max(num_training, start), stop)
        X[start:split] = pixels[:max(split - start, 0)]
        X_val[split - num_training:max(stop - num_training, 0)] = pixels[max(split - start, 0):max(stop - start, 0)]
        y[start:stop] = labels[:max(stop - start, 0)]
        start += len(labels)
        if start >= need:
            break
    if start < need:
        raise ValueError(f"[get_CIFAR10_data] expected num_training + num_validation of {start} or less, got {need}")
    pixels, labels = _read(_path(root, "test_batch"))
    if num_test > len(labels):
        raise ValueError(f"[get_CIFAR10_data] expected num_test of {len(labels)} or less, got {num_test}")
    X_test, y_test = pixels[:num_test].astype(np.float64), labels[:num_test]
    if subtract_mean and num_training:
        mean = np.mean(X, axis=0)
        for images in (X, X_val, X_test):
            images -= mean
    return {"X_train": X, "y_train": y[:num_training], "X_val": X_val, "y_val": y[num_training:],
            "X_test": X_test, "y_test": y_test}


def load_pickle(f: BinaryIO) -> Any:
    """The content of the pickle in an open file, read safely: arrays, numbers, text and containers of these.

    ValueError if it is broken or refers to anything else, TypeError if f is not an open file.
    """
    if not hasattr(f, "read") or not hasattr(f, "readline"):
        raise TypeError(f"[load_pickle] expected f to be a file opened to read bytes, got {type(f).__name__}")
    try:
        return _pickles.read(f)
    except Exception as error:
        raise ValueError(f"[load_pickle] expected a pickle of arrays, numbers and text, got a broken file: "
                         f"{' '.join(str(error).split())}") from error


def load_models(models_dir: _Path) -> dict[str, Any]:
    """The nets in a folder of Solver's checkpoints, by the files' names.

    Other files are skipped with a UserWarning each, and so are checkpoints of nets that are not lamina's own, because no
    code of a pickle is run. OSError if the folder cannot be read, TypeError if models_dir is not a path.
    """
    folder = _arguments.path("load_models", "models_dir", models_dir)
    models = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            try:
                checkpoint = _pickles.read(file, nets=True)
                if not isinstance(checkpoint, dict) or "model" not in checkpoint:
                    raise ValueError("a pickle without a model")
                models[name] = checkpoint["model"]
            except Exception as error:
                warnings.warn(f"[load_models] expected a checkpoint of a net of lamina, skipped {path}: "
                              f"{' '.join(str(error).split()) or type(error).__name__}", stacklevel=2)
    return models


def load_tiny_imagenet(path: _Path, dtype: DTypeLike = np.float32, subtract_mean: bool = True) -> dict[str, Any]:
    """Tiny ImageNet from its folder, such as tiny-imagenet-200, as a dictionary:

    class_names             a list for each class of the names that WordNet has for it
    X_train, X_val, X_test  images (N, 3, 64, 64) of type dtype; mean_image is subtracted if subtract_mean
    y_train, y_val, y_test  labels (N,), int64; y_test is None if the folder has no labels of the test images
    mean_image              (3, 64, 64), the mean of X_train

    OSError if a file is missing, ValueError if one is broken, TypeError if dtype is not a floating type or path is not
    a path. Needs the package Pillow.
    """
    folder = _arguments.path("load_tiny_imagenet", "path", path)
    try:
        wanted = np.dtype(dtype)
    except (TypeError, ValueError):
        wanted = np.dtype(object)
    if dtype is None or wanted.kind != "f":
        raise TypeError(f"[load_tiny_imagenet] expected dtype to be a type of real numbers, got {dtype!r}")
    return _tiny_imagenet.load(folder, wanted, bool(subtract_mean))


def load_table(path: _Path, target: str | Sequence[str], *, loss: str = "softmax", ignore_columns: str | Sequence[str] = (),
               categories: str | Sequence[str] = (), split_column: str = "", split_seed: int = 0, val_fraction: float = 0.1,
               test_fraction: float = 0.1) -> dict[str, Any]:
    """The CSV file at path as the data of Solver, prepared and split as `lamina train --data FILE.csv --target ...` does. The
    options mean what the command's flags of these names do: ignore_columns and categories are columns' names, split_column
    is one; without it val_fraction and test_fraction of the rows are held out, drawn by split_seed.

    X_train, X_val, X_test  rows (N, D) of float64: numbers standardised, a category as one number for each of its kinds
    y_train, y_val, y_test  with the loss softmax or svm classes (N,), int64, by their place in names; with squared, absolute
                            or huber numbers (N, K), standardised; with sigmoid labels (N, K), 0 or 1
    names                   of the classes, or of the K numbers or labels
    preparation             how cells became numbers, a dictionary: for table_rows, and for the unit of a target k, which is
                            y * targets[k]["deviation"] + targets[k]["mean"]

    ValueError with file, line and column for what is wrong with the table, FileNotFoundError if there is none.
    """
    return _tables.load(_arguments.path("load_table", "path", path), target, loss, {
        "ignore_columns": ignore_columns, "categories": categories, "split_column": split_column, "split_seed": split_seed,
        "val_fraction": val_fraction, "test_fraction": test_fraction})


def table_rows(path: _Path, preparation: dict[str, Any], allow_unknown: bool = False) -> np.ndarray:
    """All rows (N, D) of the table at path, prepared like another table: preparation is what load_table returned for that one.
    Columns are found by name.

    ValueError for a column that is missing and, unless allow_unknown, for a category that training rows did not have.
    """
    return _tables.rows(_arguments.path("table_rows", "path", path), preparation, bool(allow_unknown))
