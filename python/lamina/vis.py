"""Pictures of many filters or images in a grid."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lamina import _arguments

__all__ = ["visualize_grid", "vis_grid", "vis_nn"]


def _pictures(where: str, Xs: ArrayLike, shape: str = "(N, H, W, C)") -> np.ndarray:
    """Xs as images of real numbers; TypeError or ValueError if it is not."""
    images = _arguments.reals(where, "images", Xs)
    if images.ndim != len(shape.split(",")) or 0 in images.shape:
        raise ValueError(f"[{where}] expected images of shape {shape}, got {images.shape}")
    return images


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest of the finite values; 0 and 0 if there are none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def visualize_grid(Xs: ArrayLike, ubound: float = 255.0, padding: int = 1) -> np.ndarray:
    """Images Xs (N, H, W, C) in a square grid (rows, columns, C), row by row, each scaled to 0..ubound by itself.

    There are `padding` pixels of 0 between images. A constant image becomes 0. Values that are not finite are not used
    for the range of an image: infinities are clipped to it, NaN becomes 0. ValueError for images of another shape, a
    padding below 0 and a grid that does not fit into memory, TypeError for arguments of a wrong kind.
    """
    where = "visualize_grid"
    images = _pictures(where, Xs)
    ubound = _arguments.as_number(where, "ubound", ubound)
    padding = _arguments.as_whole(where, "padding", padding)
    if padding < 0:
        raise ValueError(f"[{where}] expected padding of 0 or more, got {padding}")
    N, H, W, C = images.shape
    side = math.isqrt(N - 1) + 1
    shape = (side * H + (side - 1) * padding, side * W + (side - 1) * padding, C)
    try:
        grid = np.zeros(shape)
    except (MemoryError, ValueError):
        raise ValueError(f"[{where}] expected a grid that memory can hold, got one of the shape {shape}") from None
    for i, image in enumerate(images.astype(np.float64)):
        row, column = divmod(i, side)
        top, left = row * (H + padding), column * (W + padding)
        low, high = _limits(image)
        if high > low:
            image = np.clip(np.where(np.isnan(image), low, image), low, high)
            grid[top:top + H, left:left + W] = ubound * ((image - low) / (high - low))
    return grid


def _framed(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Images (N, H, W, C) row by row, each with one pixel below it and to its right, all scaled to 0..1 together."""
    _, H, W, C = images.shape
    low, high = _limits(images)
    grid = np.full((rows, H + 1, columns, W + 1, C), low)
    for i, image in enumerate(images):
        grid[i // columns, :H, i % columns, :W] = np.clip(np.where(np.isnan(image), low, image), low, high)
    grid = grid.reshape(rows * (H + 1), columns * (W + 1), C) - low
    return grid / (high - low) if high > low else grid


def vis_grid(Xs: ArrayLike) -> np.ndarray:
    """Images Xs (N, H, W, C) in a square grid, row by row, all scaled to 0..1 together, with one pixel between them.

    The rest of the grid is 0. ValueError for another shape, TypeError unless they are real numbers.
    """
    images = _pictures("vis_grid", Xs)
    side = math.isqrt(len(images) - 1) + 1
    return _framed(images, side, side)


def vis_nn(rows: Sequence[Sequence[ArrayLike]]) -> np.ndarray:
    """Rows of images (H, W, C), such as images and their nearest neighbours, in a grid like that of vis_grid.

    ValueError unless all rows have the same length and all images the same shape, TypeError unless they are real
    numbers.
    """
    images = _pictures("vis_nn", rows, "(rows, columns, H, W, C)")
    return _framed(images.reshape(-1, *images.shape[2:]), *images.shape[:2])
