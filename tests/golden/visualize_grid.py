"""Grids of images as visualize_grid lays them out.

Run: python3 visualize_grid.py > visualize_grid.json
"""
import json
from math import ceil, sqrt

import numpy as np


def grid_of(images, ubound, padding):
    n, height, width, channels = images.shape
    side = ceil(sqrt(n))
    grid = np.zeros((side * (height + padding) - padding, side * (width + padding) - padding, channels))
    for k, image in enumerate(images):
        top, left = k // side * (height + padding), k % side * (width + padding)
        low, high = image.min(), image.max()
        grid[top:top + height, left:left + width] = ubound * (image - low) / (high - low)
    return grid


cases = []
for n, height, width, channels, ubound, padding in [(1, 2, 3, 1, 255, 1), (4, 3, 2, 3, 255, 1), (5, 2, 4, 3, 1, 2),
                                                    (10, 3, 3, 2, 255, 0)]:
    np.random.seed(len(cases))
    grid = grid_of(np.random.randn(n, height, width, channels), ubound, padding)
    cases.append({"seed": len(cases), "images": [n, height, width, channels], "ubound": ubound, "padding": padding,
                  "shape": grid.shape, "grid": grid.ravel().tolist()})
print(json.dumps(cases))
