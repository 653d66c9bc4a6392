"""Files of a net's parameters."""
from __future__ import annotations

import os
from typing import Any, BinaryIO

import numpy as np

from lamina._pickles import _Arrays


def save(fname: str | os.PathLike[str], params: dict[str, Any]) -> None:
    """Writes NumPy's npz under the name as given, without adding .npz."""
    with open(fname, "wb") as file:
        np.savez(file, **{name: np.asarray(value) for name, value in params.items()})


def _pickled(file: BinaryIO) -> Any:
    """The dictionary that np.save wrote as an array of one object."""
    version = np.lib.format.read_magic(file)
    shape, _, dtype = (np.lib.format.read_array_header_1_0 if version == (1, 0) else
                       np.lib.format.read_array_header_2_0)(file)
    if shape != () or dtype != object:
        raise ValueError(f"an array of shape {shape} and type {dtype}")
    found = _Arrays(file, encoding="latin1").load()
    return found.item() if isinstance(found, np.ndarray) and found.shape == () else found


def load(fname: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The parameters in a file of save() or of np.save(fname, params). Code in the file is rejected, not run."""
    with open(fname, "rb") as file:
        try:
            if file.read(6) == b"\x93NUMPY":
                file.seek(0)
                found = _pickled(file)
            else:
                file.seek(0)
                with np.load(file, allow_pickle=False) as archive:
                    found = {name: archive[name] for name in archive.files}
            params = {str(name): np.asarray(value) for name, value in found.items()}
            if any(value.dtype.kind not in "fiub" for value in params.values()):
                raise ValueError("other things than arrays of numbers")
            return params
        except OSError:
            raise
        except Exception as error:
            raise ValueError(f"[load] expected parameters in {os.fspath(fname)}, got {error}") from error
