"""Sandwich layers: consecutive layers of a net in one call. The results equal those of the layers one after another."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina import _arguments, _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from lamina._core import Cache

__all__ = [
    "affine_relu_forward", "affine_relu_backward", "affine_bn_relu_forward", "affine_bn_relu_backward",
    "affine_ln_relu_forward", "affine_ln_relu_backward", "conv_relu_forward", "conv_relu_backward",
    "conv_bn_relu_forward", "conv_bn_relu_backward", "conv_relu_pool_forward", "conv_relu_pool_backward",
]


def _rows(x: ArrayLike, w: ArrayLike, axis: int, *values: ArrayLike | None) -> list[Any]:
    given = [value for value in values if value is not None]
    return [_arguments.row(value, w, axis, x, *given) for value in values]


def affine_relu_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, Cache]:
    """relu(x w + b), shapes as for affine_forward. Returns out (N, M) and a cache for affine_relu_backward.

    ValueError for wrong shapes, TypeError for wrong kinds.
    """
    return _core.affine_relu_forward(x, w, _arguments.row(b, w, 1, x))


def affine_relu_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx in x's shape, dw (D, M) and db (M,), for dout (N, M).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.affine_relu_backward(dout, cache)


def affine_bn_relu_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike, gamma: ArrayLike, beta: ArrayLike,
                           bn_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """affine, batch normalization, relu: x, w, b as for affine_forward, gamma, beta and running averages (M,).

    bn_param as for batchnorm_forward. Returns out (N, M) and a cache for affine_bn_relu_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of bn_param.
    """
    arguments = _arguments.batchnorm("affine_bn_relu_forward", bn_param)
    out, cache, mean, var = _core.affine_bn_relu_forward(x, w, *_rows(x, w, 1, b, gamma, beta), *arguments)
    _arguments.keep_running(bn_param, arguments[0], mean, var)
    return out, cache


def affine_bn_relu_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, ...]:
    """dx in x's shape, dw (D, M), db, dgamma and dbeta (M,), for dout (N, M).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.affine_bn_relu_backward(dout, cache)


def affine_ln_relu_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike, gamma: ArrayLike, beta: ArrayLike,
                           ln_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """affine, layer normalization, relu: x, w, b as for affine_forward, gamma and beta (M,).

    ln_param as for layernorm_forward. Returns out (N, M) and a cache for affine_ln_relu_backward.
    ValueError for wrong shapes, TypeError for wrong kinds.
    """
    where = "affine_ln_relu_forward"
    eps = _arguments.number(where, "ln_param", _arguments.dictionary(where, "ln_param", ln_param), "eps", 1e-5)
    return _core.affine_ln_relu_forward(x, w, *_rows(x, w, 1, b, gamma, beta), eps)


def affine_ln_relu_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, ...]:
    """dx in x's shape, dw (D, M), db, dgamma and dbeta (M,), for dout (N, M).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.affine_ln_relu_backward(dout, cache)


def conv_relu_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike | None, conv_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Convolution and relu: x, w, b and conv_param as for conv_forward_fast.

    Returns out (N, F, H', W') and a cache for conv_relu_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of conv_param.
    """
    return _core.conv_relu_forward(x, w, _arguments.row(b, w, 0, x),
                                   _arguments.convolution("conv_relu_forward", conv_param))


def conv_relu_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """dx (N, C, H, W), dw in w's shape and db (F,) or None, for dout (N, F, H', W').

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.conv_relu_backward(dout, cache)


def conv_bn_relu_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike | None, gamma: ArrayLike, beta: ArrayLike,
                         conv_param: dict[str, Any], bn_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Convolution, spatial batch normalization and relu: x, w, b and conv_param as for conv_forward_fast.

    gamma, beta and the running averages (F,); bn_param as for batchnorm_forward. Returns out (N, F, H', W') and a
    cache for conv_bn_relu_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of conv_param or
    bn_param.
    """
    where = "conv_bn_relu_forward"
    arguments = _arguments.batchnorm(where, bn_param)
    out, cache, mean, var = _core.conv_bn_relu_forward(x, w, *_rows(x, w, 0, b, gamma, beta),
                                                       _arguments.convolution(where, conv_param), *arguments)
    _arguments.keep_running(bn_param, arguments[0], mean, var)
    return out, cache


def conv_bn_relu_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, ...]:
    """dx (N, C, H, W), dw in w's shape, db (or None), dgamma and dbeta (F,), for dout (N, F, H', W').

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.conv_bn_relu_backward(dout, cache)


def conv_relu_pool_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike | None, conv_param: dict[str, Any],
                           pool_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Convolution, relu and max pooling: x, w, b and conv_param as for conv_forward_fast.

    pool_param as for max_pool_forward_fast. Returns out (N, F, H'', W'') and a cache for conv_relu_pool_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of conv_param or
    pool_param.
    """
    where = "conv_relu_pool_forward"
    return _core.conv_relu_pool_forward(x, w, _arguments.row(b, w, 0, x), _arguments.convolution(where, conv_param),
                                        *_arguments.pooling(where, pool_param))


def conv_relu_pool_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """dx (N, C, H, W), dw in w's shape and db (F,) or None, for dout (N, F, H'', W'').

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.conv_relu_pool_backward(dout, cache)
