"""Safe reading of pickles: only arrays, numbers, text and lamina's own nets are accepted."""
from __future__ import annotations

import pickle
from typing import Any, BinaryIO

_ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
}
_NETS = {
    *(("lamina.nets", name) for name in ("TwoLayerNet", "FullyConnectedNet", "ConvNet", "ThreeLayerConvNet")),
    *(("lamina.optim", name) for name in ("sgd", "sgd_momentum", "rmsprop", "adam")),
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
        try:
            return super().find_class(module, name)
        except ModuleNotFoundError:  # numpy.core is called numpy._core from NumPy 2 on
            old, new = "numpy.core", "numpy._core"
            return super().find_class(module.replace(new, old) if new in module else module.replace(old, new), name)


class _Nets(_Arrays):
    """Also reads the nets of lamina and its update rules."""

    allowed = _ARRAYS | _NETS
    kinds = "arrays, numbers, text and nets of lamina"


def read(file: BinaryIO, nets: bool = False) -> Any:
    """The content of the pickle in an open file, with text of Python 2 as latin-1. Any exception if it is broken."""
    return (_Nets if nets else _Arrays)(file, encoding="latin1").load()
