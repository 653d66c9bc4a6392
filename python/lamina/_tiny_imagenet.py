"""Tiny ImageNet's folder as arrays."""
from __future__ import annotations

import os
from typing import Any

import numpy as np


def _lines(path: str) -> list[list[str]]:
    """The fields of each line of a table with columns separated by tabs."""
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if line.strip()]


def _images(files: list[str], dtype: np.dtype) -> np.ndarray:
    """The pictures of these files, (N, 3, 64, 64)."""
    from PIL import Image

    images = np.empty((len(files), 3, 64, 64), dtype)
    for image, path in zip(images, files):
        try:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError) as error:
            raise ValueError(f"[load_tiny_imagenet] expected an image in {path}, got a broken file: {error}") from error
        if pixels.shape != (64, 64, 3):
            raise ValueError(f"[load_tiny_imagenet] expected an image of 64 x 64 pixels in {path}, got "
                             f"{pixels.shape[1]} x {pixels.shape[0]}")
        image[...] = pixels.transpose(2, 0, 1)
    return images


def _annotated(folder: str, table: str, numbers: dict[str, int], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The images that a table lists, and their labels."""
    rows = _lines(os.path.join(folder, table))
    try:
        labels = np.array([numbers[row[1]] for row in rows], np.int64)
    except (IndexError, KeyError) as error:
        raise ValueError(f"[load_tiny_imagenet] expected a file and one of the {len(numbers)} classes in each line of "
                         f"{os.path.join(folder, table)}") from error
    return _images([os.path.join(folder, "images", row[0]) for row in rows], dtype), labels


def load(path: str, dtype: np.dtype, subtract_mean: bool) -> dict[str, Any]:
    classes = [row[0] for row in _lines(os.path.join(path, "wnids.txt"))]
    numbers = {name: number for number, name in enumerate(classes)}
    words = {row[0]: row[1].split(", ") for row in _lines(os.path.join(path, "words.txt")) if len(row) > 1}
    X_train, y_train = [], []
    for number, name in enumerate(classes):
        folder = os.path.join(path, "train", name)
        files = [row[0] for row in _lines(os.path.join(folder, f"{name}_boxes.txt"))]
        X_train.append(_images([os.path.join(folder, "images", file) for file in files], dtype))
        y_train.append(np.full(len(files), number, np.int64))
    X = {"X_train": np.concatenate(X_train) if X_train else np.empty((0, 3, 64, 64), dtype)}
    y = {"y_train": np.concatenate(y_train) if y_train else np.empty(0, np.int64)}
    X["X_val"], y["y_val"] = _annotated(os.path.join(path, "val"), "val_annotations.txt", numbers, dtype)
    test = os.path.join(path, "test")
    if os.path.isfile(os.path.join(test, "test_annotations.txt")):
        X["X_test"], y["y_test"] = _annotated(test, "test_annotations.txt", numbers, dtype)
    else:
        names = sorted(os.listdir(os.path.join(test, "images")))
        X["X_test"] = _images([os.path.join(test, "images", name) for name in names], dtype)
        y["y_test"] = None
    mean = X["X_train"].mean(axis=0) if len(X["X_train"]) else np.zeros((3, 64, 64), dtype)
    if subtract_mean:
        for images in X.values():
            images -= mean
    return {"class_names": [words.get(name, [name]) for name in classes], **X, **y, "mean_image": mean}
