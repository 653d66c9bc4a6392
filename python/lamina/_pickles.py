"""Safe reading of pickles: only arrays, numbers, text and lamina's own nets are accepted."""
from __future__ import annotations

import pickle
from typing import Any, BinaryIO

import numpy as np

_CORE = np.ndarray.__reduce__(np.zeros(0))[0].__module__.rpartition(".")[0]  # numpy.core; numpy._core from NumPy 2 on
_ARRAYS = {
    *((f"{core}.{module}", name) for core in ("numpy.core", "numpy._core") for module, name in (
        ("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))),
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
}
# What pickles of the protocols 0 and 1 make an object by, and Python 2's names for it.
_OBJECTS = {
    *((module, name) for module in ("copyreg", "copy_reg") for name in ("_reconstructor", "__newobj__")),
    ("builtins", "object"), ("__builtin__", "object"),
}


def _nets() -> set[tuple[str, str]]:
    """The nets of lamina, and what they and Solver's checkpoints are made of."""
    from lamina import nets, optim

    return {
        *(("lamina.nets", name) for name in nets.__all__ if isinstance(getattr(nets, name), type)),
        *(("lamina.optim", name) for name in optim.__all__),
        *(("numpy", name) for name in ("float16", "float32", "float64", "longdouble")),
        ("lamina._core", "Net"),
    }


class _Arrays(pickle.Unpickler):
    """Reads arrays, numbers, text and plain containers; anything else that a pickle refers to is rejected, not run."""

    allowed = _ARRAYS
    kinds = "arrays, numbers and text"

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"expected only {self.kinds}, got {module}.{name}")
        for core in ("numpy.core.", "numpy._core."):  # as the NumPy that wrote it calls it
            if module.startswith(core):
                module = f"{_CORE}.{module[len(core):]}"
        return super().find_class(module, name)


class _Nets(_Arrays):
    """Also reads the nets of lamina and its update rules."""

    kinds = "arrays, numbers, text and nets of lamina"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allowed = _ARRAYS | _OBJECTS | _nets()


def read(file: BinaryIO, nets: bool = False) -> Any:
    """The content of the pickle in an open file, with text of Python 2 as latin-1. Any exception if it is broken."""
    return (_Nets if nets else _Arrays)(file, encoding="latin1").load()
