#!/usr/bin/env python3
"""The course's four notebooks run on lamina, and what they print.

The cells are taken from the text that $LAMINA_NOTEBOOKS names; without it from notebooks/stand_in.py, cells of our own that make
the same calls and the same draws. The images are the CIFAR-10 that $LAMINA_TEST_CIFAR10 names (a folder with
cifar-10-batches-bin in it); without it made-up ones of the same sizes.

usage: notebooks_test.py [--full] [unittest's arguments]; --full trains as long as the notebooks do (an hour)
"""
import os
import pathlib
import re
import sys
import tempfile
import time
import unittest

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "notebooks"))
import convert  # noqa: E402
import expected  # noqa: E402
import running  # noqa: E402
import shortening  # noqa: E402
import stand_in  # noqa: E402

FULL = "--full" in sys.argv
NUMBER = r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf)"


def squeezed(text):
    return re.sub(r"\[ +", "[", " ".join(text.split()))


def write_images(folder):
    """60,000 made-up images in ten classes, in CIFAR-10's binary layout: a smooth picture for each class, and noise."""
    place = pathlib.Path(folder, "cifar-10-batches-bin")
    place.mkdir(parents=True)
    draws = np.random.default_rng(6353)
    waves = draws.uniform(-2, 2, (10, 3, 2))
    at = np.arange(32) / 32
    pictures = np.array([[np.outer(np.sin(2 * np.pi * a * at), np.cos(2 * np.pi * b * at)) for a, b in wave] for wave in waves])
    noise = draws.normal(0, 60, (12000, 3072)).astype(np.float32)
    for name in [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]:
        labels = draws.integers(0, 10, 10000)
        rows = noise[draws.integers(0, 12000, 10000)] + (128 + 50 * pictures.reshape(10, 3072)[labels]).astype(np.float32)
        rows = np.clip(rows, 0, 255).astype(np.uint8)
        np.column_stack([labels.astype(np.uint8), rows]).tofile(place / name)


DAMAGED = r"""
```
In \lceil 1 \rceil: |# A comment in English words
         small data = {
           'X train': {'a b': 1},
           'y_val': 2,
         for i in range (2):
           grad num, = divmod (7, 2)
           f = 1 ambda : np. 1inspace (0. 5, 1, num \text{inputs})
           if grad num \leq 3:
              print('%. 2e' % i,
         total = sum([1,
                      2
         # Testing
         Testing things:
         total: 3
```
""" + "\n".join("```\nIn [1]: | x = 1\n```" for _ in range(3))

REPAIRED = """# A comment in English words
small_data = {
    'X_train': {'a b': 1},
    'y_val': 2,}
for i in range (2):
    grad_num, _ = divmod (7, 2)
    f = lambda _: np. linspace (0.5, 1, num inputs)
    if grad_num <= 3:
        print('%.2e' % i)
total = sum([1,
    2])
# Testing
"""


class Converter(unittest.TestCase):
    def test_repairs(self):
        cells = [cell for cell in convert.cells(DAMAGED) if cell.number == 1]
        self.assertEqual([cell.notebook for cell in cells], convert.NOTEBOOKS)
        self.assertEqual(cells[0].source, REPAIRED.replace("num inputs", "num_inputs"))

    def test_another_text(self):
        with self.assertRaisesRegex(ValueError, "expected 4 notebooks, found 0"):
            convert.cells("no notebooks")


class Notebooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        text = os.environ.get("LAMINA_NOTEBOOKS")
        if text:
            cls.cells = convert.cells(pathlib.Path(text).read_text(encoding="utf-8"))
        else:
            print("LAMINA_NOTEBOOKS names no text of the notebooks: cells of our own stand in for theirs.")
            cls.cells = stand_in.CELLS
        data = os.environ.get("LAMINA_TEST_CIFAR10")
        cls.real = bool(data)
        if not data:
            print("LAMINA_TEST_CIFAR10 names no folder: made-up images stand in for CIFAR-10; no losses on it are compared.")
            data = os.path.join(cls.folder.name, "data")
            write_images(data)
        os.environ["LAMINA_DATA"] = data
        running.kernel_for_this_python(cls.folder.name)

    def check(self, name):
        edits = (shortening.LIMITS + ([] if FULL else shortening.QUICK)) if os.environ.get("LAMINA_NOTEBOOKS") else []
        sources, said = running.shortened(name, self.cells, edits)
        for text in said:
            print(f"{name}, {text}")
        start = time.time()
        ran = running.run(convert.notebook(sources), self.folder.name, timeout=3600 if FULL else 280)
        self.compared = 0
        for number, cell in ran.items():
            if cell.error is not None:
                self.fail(f"{name}, cell {number}: {cell.error}")
            with self.subTest(cell=number):
                self.check_cell((name, number), cell)
        self.assertEqual(list(ran), [number for number, _ in sources], "cells that ran")
        print(f"{name}: {len(ran)} cells in {time.time() - start:.1f} s, {self.compared} printed values compared; seconds: "
              + ", ".join(f"[{number}] {cell.seconds:.2f}" for number, cell in ran.items() if cell.seconds >= 0.1), flush=True)

    def check_cell(self, key, cell):
        text = squeezed(cell.text)
        if os.environ.get("LAMINA_NOTEBOOKS_SHOW"):
            print(f"--- {key}\n{cell.text}")
        place = 0
        for wanted in expected.TEXT.get(key, []):
            found = text.find(wanted, place)
            self.assertGreaterEqual(found, 0, f"expected {wanted!r} in: {text[place:]}")
            place = found + len(wanted)
            self.compared += 1
        place = 0
        for label, value in expected.SUMS.get(key, []):
            found = re.compile(re.escape(label) + rf" ?({NUMBER})").search(text, place)
            self.assertTrue(found, f"expected {label!r} in: {text[place:]}")
            place = found.end()
            self.assertLessEqual(abs(float(found[1]) - value), 2 * np.spacing(value), f"expected {label}{value}, got {found[1]}")
            self.compared += 1
        place = 0
        for label, values, tolerance in expected.NEAR.get(key, []):
            found = text.find(label, place)
            self.assertGreaterEqual(found, 0, f"expected {label!r} in: {text[place:]}")
            place = found + len(label)
            if values is not None:
                got = [float(number) for number in re.findall(NUMBER, text[place:text.index("]", place)])]
                np.testing.assert_allclose(got, values, rtol=0, atol=tolerance, err_msg=label)
                self.compared += len(values)
        self.check_bounds(key, cell.text)
        if self.real and (FULL or key not in expected.ON_FEWER_IMAGES):
            self.check_losses(key, cell.text)
        if key in expected.PICTURES:
            self.assertGreaterEqual(cell.pictures, 1, "pictures")

    def check_bounds(self, key, text):
        """The errors that the cell prints."""
        if key not in expected.BOUNDS:
            return
        count, bounds = expected.BOUNDS[key]
        errors = re.findall(rf"^(\w*)[ \w]*(?:error|difference): +({NUMBER})", text, re.M)
        self.assertEqual(len(errors), count, f"errors in: {text}")
        for label, error in errors:
            self.assertLessEqual(float(error), bounds.get(label, bounds[""]), f"{label} error")
            self.compared += 1

    def check_losses(self, key, text):
        """The first loss of each training; where the text shows fewer trainings than there are, of the first ones."""
        losses = re.findall(rf"^\(Iteration 1 / \d+\) loss: ({NUMBER})", text, re.M)
        printed = expected.LOSSES.get(key, [])
        self.assertGreaterEqual(len(losses), len(printed), f"losses in: {text}")
        for wanted, got in zip(printed, losses):
            tolerance = expected.LOSS_TOLERANCES.get(key, 1e-3)
            self.assertAlmostEqual(float(got), float(wanted), delta=tolerance * float(wanted))
            self.compared += 1

    def test_fully_connected_nets(self):
        self.check("FullyConnectedNets")

    def test_batch_normalization(self):
        self.check("BatchNormalization")

    def test_dropout(self):
        self.check("Dropout")

    def test_convolutional_networks(self):
        self.check("ConvolutionalNetworks")


if __name__ == "__main__":
    try:
        import ipykernel  # noqa: F401
        import matplotlib  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as missing:
        print(f"skipped: the notebooks: {missing} (Debian's python3-nbclient, python3-ipykernel and "
              "python3-matplotlib have it)")
        sys.exit(77)
    unittest.main(argv=[argument for argument in sys.argv if argument != "--full"])
