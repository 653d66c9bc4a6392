"""Pictures of filters and images: many in one grid."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["visualize_grid"]


def visualize_grid(Xs: ArrayLike, ubound: float = 255.0, padding: int = 1) -> np.ndarray:
    """Images (N, H, W, C) in a square grid (rows, columns, C), row by row, each stretched to 0..ubound by itself.

    `padding` pixels of 0 lie between images; an image of one value only comes out as 0. ValueError for another shape.
    """
    images = np.asarray(Xs)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"[visualize_grid] expected images of shape (N, H, W, C), got {images.shape}")
    if padding < 0:
        raise ValueError(f"[visualize_grid] expected padding of 0 or more, got {padding}")
    N, H, W, C = images.shape
    side = math.isqrt(N - 1) + 1
    grid = np.zeros((side * H + (side - 1) * padding, side * W + (side - 1) * padding, C))
    for i, image in enumerate(images.astype(np.float64)):
        row, column = divmod(i, side)
        top, left = row * (H + padding), column * (W + padding)
        low, high = image.min(), image.max()
        if high > low:
            grid[top:top + H, left:left + W] = ubound * (image - low) / (high - low)
    return grid
