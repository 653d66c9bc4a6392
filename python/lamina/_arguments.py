"""Reads the dictionaries of settings that layers and update rules take: bn_param, conv_param, config, ..."""
from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np

_REQUIRED = object()
_LARGEST = 2**62  # larger whole numbers are rejected


def dictionary(where: str, name: str, params: Any) -> dict:
    """`params`; TypeError unless it is a dictionary."""
    if not isinstance(params, dict):
        raise TypeError(f"[{where}] expected {name} to be a dictionary, got {type(params).__name__}")
    return params


def _value(where: str, name: str, params: dict, key: str, default: Any) -> Any:
    value = params.get(key, default)
    if value is _REQUIRED:
        raise KeyError(f"[{where}] expected {name}['{key}'], got only the keys {sorted(map(str, params))}")
    return value


def as_number(where: str, name: str, value: Any) -> float:
    """A real number; TypeError for anything else, also for an array with axes, which would promote a result's type."""
    if isinstance(value, float):
        return value
    try:
        if not isinstance(value, (str, bytes)) and not (isinstance(value, np.ndarray) and value.ndim):
            return float(value)
    except OverflowError:
        raise ValueError(f"[{where}] expected {name} to be a float64, got a number beyond it") from None
    except (TypeError, ValueError):
        pass
    raise TypeError(f"[{where}] expected {name} to be a number, got {type(value).__name__}")


def as_bool(where: str, name: str, value: Any) -> bool:
    """True or False, also NumPy's; TypeError for anything else."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise TypeError(f"[{where}] expected {name} to be True or False, got {type(value).__name__}")


def as_whole(where: str, name: str, value: Any) -> int:
    """A whole number, also given as a float; TypeError for anything else, ValueError beyond 2^62."""
    try:
        whole = operator.index(value)
    except TypeError:
        number = as_number(where, name, value)
        if not number.is_integer():
            raise TypeError(f"[{where}] expected {name} to be a whole number, got {value}") from None
        whole = int(number)
    if abs(whole) > _LARGEST:
        raise ValueError(f"[{where}] expected {name} of at most 2^62, got {whole}")
    return whole


def as_wholes(where: str, name: str, values: Any) -> list[int]:
    """A list of whole numbers: TypeError."""
    if isinstance(values, (str, bytes, dict)):
        raise TypeError(f"[{where}] expected {name} to be a list of whole numbers, got {type(values).__name__}")
    try:
        listed = list(values)
    except TypeError:
        raise TypeError(f"[{where}] expected {name} to be a list of whole numbers, got "
                        f"{type(values).__name__}") from None
    return [as_whole(where, f"{name}[{i}]", value) for i, value in enumerate(listed)]


def array(where: str, name: str, value: Any) -> np.ndarray:
    """An array of real numbers, in its own type: TypeError for anything else."""
    try:
        found = np.asarray(value)
    except (TypeError, ValueError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiub":
        what = type(value).__name__ if found.ndim == 0 or found is not value else f"one of {found.dtype}"
        raise TypeError(f"[{where}] expected {name} to be an array of real numbers, got {what}")
    return found


def reals(where: str, name: str, value: Any) -> np.ndarray:
    """An array of real numbers; integers, bools and float16 become float64: TypeError for anything else."""
    found = array(where, name, value)
    return found if found.dtype.kind == "f" and found.itemsize >= 4 else found.astype(np.float64)


def _typed(value: Any) -> Any:
    """As NumPy promotes it: from NumPy 2 on, a plain number and an array of one differ in what they promote to."""
    return value if isinstance(value, (bool, int, float)) else np.asarray(value)


def row(value: Any, like: Any, axis: int, *others: Any) -> Any:
    """A bias, gamma or beta as (D,), where it is a number or broadcasts to that; D is the length of the axis of `like`.

    As in NumPy, a plain number does not raise the type of the result above that of `like` and the other arrays. What
    does not broadcast is returned unchanged, so that the layer reports it.
    """
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size != 1:
        return value
    try:
        found, shape = np.asarray(value), np.shape(like)
        wanted = shape[axis]
        if found.dtype.kind not in "fiub" or found.shape == (wanted,) or found.shape[:-1] != (1,) * (found.ndim - 1):
            return value
        if found.ndim == 0:
            together = np.result_type(*map(_typed, (like, *others, value)))
            found = found.astype(together if together.kind == "f" else found.dtype)
        return np.broadcast_to(found.reshape(found.shape[-1:]), (wanted,))
    except (IndexError, OverflowError, TypeError, ValueError):
        return value


def path(where: str, name: str, value: Any) -> str:
    """A path as text; TypeError for anything else."""
    try:
        return os.fsdecode(value)
    except TypeError:
        raise TypeError(f"[{where}] expected {name} to be a path, got {type(value).__name__}") from None


def number(where: str, name: str, params: dict, key: str, default: Any = _REQUIRED) -> float:
    """params[key] as a real number, else TypeError; KeyError if it is missing and there is no default."""
    return as_number(where, f"{name}['{key}']", _value(where, name, params, key, default))


def whole(where: str, name: str, params: dict, key: str, default: Any = _REQUIRED) -> int:
    """params[key] as an integer, else TypeError or ValueError; KeyError if it is missing and there is no default."""
    return as_whole(where, f"{name}['{key}']", _value(where, name, params, key, default))


def training(where: str, name: str, params: dict) -> bool:
    """Whether params['mode'] is 'train' rather than 'test'; ValueError for another mode, KeyError for none."""
    mode = _value(where, name, params, "mode", _REQUIRED)
    if isinstance(mode, str):
        if mode == "train":
            return True
        if mode == "test":
            return False
    raise ValueError(f"[{where}] expected {name}['mode'] to be 'train' or 'test', got {mode!r}")


def batchnorm(where: str, bn_param: Any) -> tuple:
    """The entries of bn_param for C++: train, eps, momentum, running mean and variance or None."""
    dictionary(where, "bn_param", bn_param)
    return (training(where, "bn_param", bn_param), number(where, "bn_param", bn_param, "eps", 1e-5),
            number(where, "bn_param", bn_param, "momentum", 0.9), bn_param.get("running_mean"),
            bn_param.get("running_var"))


def keep_running(bn_param: dict, train: bool, mean: Any, var: Any) -> None:
    """Puts the running averages into bn_param; at test time they are unchanged."""
    if train or bn_param.get("running_mean") is None:
        bn_param["running_mean"] = mean
    if train or bn_param.get("running_var") is None:
        bn_param["running_var"] = var


def _sides(where: str, params: dict, key: str, default: Any = _REQUIRED) -> tuple[int, int]:
    """An entry of conv_param for height and width: one number for both, or a pair."""
    value, name = _value(where, "conv_param", params, key, default), f"conv_param['{key}']"
    if not isinstance(value, (tuple, list)) and np.ndim(value) == 0:
        both = as_whole(where, name, value)
        return both, both
    pair = as_wholes(where, name, value)
    if len(pair) != 2:
        raise ValueError(f"[{where}] expected {name} to be a number or a pair, got {len(pair)} numbers")
    return pair[0], pair[1]


def convolution(where: str, conv_param: Any) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]:
    """Stride, pad and dilation for height and width, and the groups."""
    dictionary(where, "conv_param", conv_param)
    return (_sides(where, conv_param, "stride"), _sides(where, conv_param, "pad"),
            _sides(where, conv_param, "dilation", 1), whole(where, "conv_param", conv_param, "groups", 1))


def pooling(where: str, pool_param: Any) -> tuple[int, int, int]:
    """Height, width and stride of the window."""
    dictionary(where, "pool_param", pool_param)
    return (whole(where, "pool_param", pool_param, "pool_height"), whole(where, "pool_param", pool_param, "pool_width"),
            whole(where, "pool_param", pool_param, "stride"))
