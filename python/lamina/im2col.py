"""Convolution windows as columns, in NumPy: what the course's im2col module offers."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["get_im2col_indices", "im2col_indices", "col2im_indices"]


def get_im2col_indices(x_shape: tuple[int, int, int, int], field_height: int, field_width: int, padding: int = 1,
                       stride: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Channel (C h w, 1), row and column (C h w, H' W') of each element of each window of images (N, C, H, W)."""
    _, C, H, W = x_shape
    if field_height < 1 or field_width < 1 or padding < 0 or stride < 1:
        raise ValueError("[im2col] expected field sizes and stride of 1 or more and padding of 0 or more, got "
                         f"{field_height} x {field_width}, {stride}, {padding}")
    rows, columns = H + 2 * padding - field_height, W + 2 * padding - field_width
    if rows < 0 or columns < 0 or rows % stride or columns % stride:
        raise ValueError(f"[im2col] expected windows of {field_height} x {field_width} at stride {stride} to fit images "
                         f"of {H} x {W} with padding {padding}")
    k, i, j = (a.reshape(-1, 1) for a in np.indices((C, field_height, field_width)))
    top, left = (stride * a.reshape(1, -1) for a in np.indices((rows // stride + 1, columns // stride + 1)))
    return k, i + top, j + left


def im2col_indices(x: ArrayLike, field_height: int, field_width: int, padding: int = 1, stride: int = 1) -> np.ndarray:
    """Images (N, C, H, W) as windows (C h w, H' W' N): the images vary fastest along a row."""
    images = np.asarray(x)
    if images.ndim != 4:
        raise ValueError(f"[im2col] expected x of shape (N, C, H, W), got {images.shape}")
    k, i, j = get_im2col_indices(images.shape, field_height, field_width, padding, stride)
    border = (padding, padding)
    windows = np.pad(images, ((0, 0), (0, 0), border, border))[:, k, i, j]
    return windows.transpose(1, 2, 0).reshape(windows.shape[1], -1)


def col2im_indices(cols: ArrayLike, x_shape: tuple[int, int, int, int], field_height: int = 3, field_width: int = 3,
                   padding: int = 1, stride: int = 1) -> np.ndarray:
    """The sum of windows (C h w, H' W' N) over the images (N, C, H, W) that they lie on: im2col's gradient."""
    N, C, H, W = x_shape
    k, i, j = get_im2col_indices(x_shape, field_height, field_width, padding, stride)
    windows = np.asarray(cols)
    if windows.shape != (len(k), i.shape[1] * N):
        raise ValueError(f"[im2col] expected cols of shape {(len(k), i.shape[1] * N)}, got {windows.shape}")
    images = np.zeros((N, C, H + 2 * padding, W + 2 * padding), windows.dtype)
    np.add.at(images, (slice(None), k, i, j), windows.reshape(len(k), -1, N).transpose(2, 0, 1))
    return images[:, :, padding:padding + H, padding:padding + W]
