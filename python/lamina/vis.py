"""Pictures of filters and images: many in one grid."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lamina import _arguments

__all__ = ["visualize_grid", "vis_grid", "vis_nn"]


def _pictures(where: str, Xs: ArrayLike, shape: str = "(N, H, W, C)") -> np.ndarray:
    """Xs as images of real numbers: TypeError, ValueError."""
    images = _arguments.reals(where, "images", Xs)
    if images.ndim != len(shape.split(",")) or 0 in images.shape:
        raise ValueError(f"[{where}] expected images of shape {shape}, got {images.shape}")
    return images


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The least and the largest of the finite values; 0 and 0 where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def visualize_grid(Xs: ArrayLike, ubound: float = 255.0, padding: int = 1) -> np.ndarray:
    """Images Xs (N, H, W, C) in a square grid (rows, columns, C), row by row, each stretched to 0..ubound by itself.

    `padding` pixels of 0 lie between images. An image of one value only comes out as 0. Values that are not finite do
    not count for an image's range: infinities are cut to it, NaN becomes 0. ValueError for images of another shape, a
    padding below 0 and a grid that memory cannot hold, TypeError for arguments of a wrong kind.
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
    """Images (N, H, W, C) row by row, each with one pixel below it and to its right, all stretched to 0..1 together."""
    _, H, W, C = images.shape
    low, high = _limits(images)
    grid = np.full((rows, H + 1, columns, W + 1, C), low)
    for i, image in enumerate(images):
        grid[i // columns, :H, i % columns, :W] = np.clip(np.where(np.isnan(image), low, image), low, high)
    grid = grid.reshape(rows * (H + 1), columns * (W + 1), C) - low
    return grid / (high - low) if high > low else grid


def vis_grid(Xs: ArrayLike) -> np.ndarray:
    """Images Xs (N, H, W, C) in a square grid, row by row, all stretched to 0..1 together; one pixel lies between them.

    What no image covers is 0. ValueError for another shape, TypeError unless they are real numbers.
    """
    images = _pictures("vis_grid", Xs)
    side = math.isqrt(len(images) - 1) + 1
    return _framed(images, side, side)


def vis_nn(rows: Sequence[Sequence[ArrayLike]]) -> np.ndarray:
    """Rows of images (H, W, C), such as images and their nearest neighbours, in a grid as vis_grid's.

    ValueError unless all rows are equally long and all images of one shape, TypeError unless they are real numbers.
    """
    images = _pictures("vis_nn", rows, "(rows, columns, H, W, C)")
    return _framed(images.reshape(-1, *images.shape[2:]), *images.shape[:2])
