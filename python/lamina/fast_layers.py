"""Convolution and max pooling by the library's fast path: the same results as lamina.layers' naive ones.

The names that end in im2col, strides and reshape stand for different algorithms in the course; here each is the same
fast path. If several elements of a window are the largest, the first one takes the gradient, in every variant.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina import _arguments, _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from lamina._core import Cache

__all__ = [
    "conv_forward_fast", "conv_backward_fast", "max_pool_forward_fast", "max_pool_backward_fast", "conv_forward_im2col",
    "conv_backward_im2col", "conv_forward_strides", "conv_backward_strides", "max_pool_forward_reshape",
    "max_pool_backward_reshape", "max_pool_forward_im2col", "max_pool_backward_im2col",
]


def conv_forward_fast(x: ArrayLike, w: ArrayLike, b: ArrayLike | None, conv_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Convolution of images with F filters.

    x (N, C, H, W), w (F, C, HH, WW), b (F,). conv_param contains stride, the distance between windows in pixels, and
    pad, the number of zeros added on each side; it may contain dilation, the distance between the pixels under
    neighbouring taps of a filter, and groups: w is then (F, C // groups, HH, WW). All but groups are one number, or a
    pair for height and width. b may be None. Returns out (N, F, H', W') with
    H' = 1 + (H + 2 pad - (HH - 1) dilation - 1) // stride, and a cache for conv_backward_fast, which holds a copy of x.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of conv_param.
    """
    return _core.conv_forward_fast(x, w, _arguments.row(b, w, 0, x),
                                   _arguments.convolution("conv_forward_fast", conv_param))


def conv_backward_fast(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The gradients of a convolution: dx (N, C, H, W), dw in w's shape and db (F,) or None, for dout (N, F, H', W').

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.conv_backward_fast(dout, cache)


def max_pool_forward_fast(x: ArrayLike, pool_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """The maximum of each window of x (N, C, H, W).

    pool_param holds pool_height, pool_width and stride, in pixels. Returns out (N, C, H', W') with
    H' = 1 + (H - pool_height) // stride, and a cache for max_pool_backward_fast.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of pool_param.
    """
    return _core.max_pool_forward_fast(x, *_arguments.pooling("max_pool_forward_fast", pool_param))


def max_pool_backward_fast(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx (N, C, H, W) for dout (N, C, H', W'): the first maximum of each window takes its gradient.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.max_pool_backward_fast(dout, cache)


conv_forward_im2col = conv_forward_strides = conv_forward_fast
conv_backward_im2col = conv_backward_strides = conv_backward_fast
max_pool_forward_reshape = max_pool_forward_im2col = max_pool_forward_fast
max_pool_backward_reshape = max_pool_backward_im2col = max_pool_backward_fast
