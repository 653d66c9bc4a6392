"""Convolution windows as columns, in NumPy: the functions of the course's im2col module."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lamina import _arguments

__all__ = ["get_im2col_indices", "im2col_indices", "col2im_indices"]

_MOST = 2**32
_Windows = tuple[tuple[int, int, int, int], int, int, int, int]


def _windows(where: str, x_shape: Any, field_height: Any, field_width: Any, padding: Any, stride: Any) -> _Windows:
    """The arguments as integers that fit one another; TypeError or ValueError if they are not."""
    try:
        lengths = tuple(x_shape)
    except TypeError:
        raise TypeError(f"[{where}] expected x_shape (N, C, H, W), got {type(x_shape).__name__}") from None
    shape = tuple(_arguments.as_whole(where, f"x_shape[{i}]", length) for i, length in enumerate(lengths))
    if len(shape) != 4 or min(shape) < 0:
        raise ValueError(f"[{where}] expected x_shape (N, C, H, W), got {shape}")
    height, width = (_arguments.as_whole(where, name, value)
                     for name, value in (("field_height", field_height), ("field_width", field_width)))
    padding, stride = _arguments.as_whole(where, "padding", padding), _arguments.as_whole(where, "stride", stride)
    if height < 1 or width < 1 or padding < 0 or stride < 1:
        raise ValueError(f"[{where}] expected field sizes and stride of 1 or more and padding of 0 or more, got "
                         f"{height} x {width}, {stride}, {padding}")
    _, C, H, W = shape
    rows, columns = H + 2 * padding - height, W + 2 * padding - width
    if rows < 0 or columns < 0 or rows % stride or columns % stride:
        raise ValueError(f"[{where}] expected windows of {height} x {width} at stride {stride} to fit images of "
                         f"{H} x {W} with padding {padding}")
    elements = max(C, 1) * height * width * (rows // stride + 1) * (columns // stride + 1)
    if elements > _MOST:
        raise ValueError(f"[{where}] expected windows of at most {_MOST} elements an image, got {elements}")
    return shape, height, width, padding, stride


def _indices(windows: _Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (_, C, H, W), height, width, padding, stride = windows
    k, i, j = (a.reshape(-1, 1) for a in np.indices((C, height, width)))
    top, left = (stride * a.reshape(1, -1) for a in np.indices(
        ((H + 2 * padding - height) // stride + 1, (W + 2 * padding - width) // stride + 1)))
    return k, i + top, j + left


def get_im2col_indices(x_shape: tuple[int, int, int, int], field_height: int, field_width: int, padding: int = 1,
                       stride: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Channel (C h w, 1), row and column (C h w, H' W') of each element of each window of images.

    x_shape is (N, C, H, W). Windows are field_height = h by field_width = w pixels, `stride` pixels apart, over images
    with `padding` zeros on each side; rows and columns are counted in the padded image. ValueError unless the windows
    fit the images evenly, TypeError for arguments of a wrong kind.
    """
    return _indices(_windows("get_im2col_indices", x_shape, field_height, field_width, padding, stride))


def im2col_indices(x: ArrayLike, field_height: int, field_width: int, padding: int = 1, stride: int = 1) -> np.ndarray:
    """Images (N, C, H, W) as windows (C h w, H' W' N): the images vary fastest along a row.

    field_height, field_width, padding, stride and errors as for get_im2col_indices; ValueError also unless x has 4
    axes.
    """
    where = "im2col_indices"
    images = _arguments.array(where, "x", x)
    if images.ndim != 4:
        raise ValueError(f"[{where}] expected x of shape (N, C, H, W), got {images.shape}")
    found = _windows(where, images.shape, field_height, field_width, padding, stride)
    border = (found[3], found[3])
    k, i, j = _indices(found)
    windows = np.pad(images, ((0, 0), (0, 0), border, border))[:, k, i, j]
    return windows.transpose(1, 2, 0).reshape(len(k), i.shape[1] * len(images))


def col2im_indices(cols: ArrayLike, x_shape: tuple[int, int, int, int], field_height: int = 3, field_width: int = 3,
                   padding: int = 1, stride: int = 1) -> np.ndarray:
    """Adds windows cols (C h w, H' W' N) to their places in images (N, C, H, W): the gradient of im2col.

    x_shape, field_height, field_width, padding, stride and errors as for get_im2col_indices; ValueError also if cols
    has another shape.
    """
    where = "col2im_indices"
    found = _windows(where, x_shape, field_height, field_width, padding, stride)
    (N, C, H, W), _, _, padding, _ = found
    windows = _arguments.array(where, "cols", cols)
    k, i, j = _indices(found)
    if windows.shape != (len(k), i.shape[1] * N):
        raise ValueError(f"[{where}] expected cols of shape {(len(k), i.shape[1] * N)}, got {windows.shape}")
    images = np.zeros((N, C, H + 2 * padding, W + 2 * padding), windows.dtype)
    np.add.at(images, (slice(None), k, i, j), windows.reshape(len(k), -1, N).transpose(2, 0, 1))
    return images[:, :, padding:padding + H, padding:padding + W]
