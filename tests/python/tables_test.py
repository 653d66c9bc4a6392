#!/usr/bin/env python3
"""Tables in Python: the arrays, the split and the preparation are those of the command."""
import gzip
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

from lamina.data import load_table, table_rows
from lamina.nets import Sequential
from lamina.solver import Solver

KINDS = ["ant", "bee", "cat"]


class Tables(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        random = np.random.RandomState(3)
        self.size = random.randn(200) + np.arange(200) % 3 * 4
        self.rows = [(KINDS[i % 3], "red" if i % 2 else "blue", f"{x:.6f}", str(i)) for i, x in enumerate(self.size)]

    def write(self, name, rows, header=("kind", "colour", "size", "number")):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(",".join(row) + "\n" for row in [header, *rows])
        return path

    def test_classes(self):
        path = self.write("kinds.csv", self.rows)
        data = load_table(path, "kind", ignore_columns=["number"])
        self.assertEqual(data["names"], KINDS)
        self.assertEqual([len(data["X_" + split]) for split in ("train", "val", "test")], [158, 21, 21])
        self.assertEqual({data[name].dtype for name in data if name[0] == "X"}, {np.dtype("f8")})
        self.assertEqual(data["X_train"].shape, (158, 3))
        self.assertEqual(data["y_train"].dtype, np.dtype("i8"))
        numbers = data["X_train"][:, 2]
        self.assertLess(abs(numbers.mean()) + abs(numbers.std() - 1), 1e-12)
        self.assertEqual(set(data["X_train"][:, 0]) | set(data["X_train"][:, 1]), {0.0, 1.0})
        columns = data["preparation"]["inputs"]
        self.assertEqual([column["name"] for column in columns], ["colour", "size"])
        # Each row of a split is a row of the table as table_rows() prepares it.
        whole = table_rows(path, data["preparation"])
        np.testing.assert_allclose(whole[:, 2], (np.round(self.size, 6) - columns[1]["mean"]) / columns[1]["deviation"], atol=1e-12)
        kinds = np.arange(200) % 3
        for split in ("train", "val", "test"):
            for x, y in zip(data["X_" + split], data["y_" + split]):
                at = np.flatnonzero((whole == x).all(1))
                self.assertIn(y, kinds[at])
        again = load_table(path, ["kind"], ignore_columns="number")
        np.testing.assert_array_equal(again["X_val"], data["X_val"])
        other = load_table(path, "kind", ignore_columns="number", split_seed=1, val_fraction=0.3)
        self.assertEqual(len(other["X_val"]), 60)
        model = Sequential("affine 16 | relu | affine 3", (3,))
        solver = Solver(model, data, update_rule="adam", optim_config={"learning_rate": 1e-2}, num_epochs=30, batch_size=20,
                        verbose=False)
        solver.train()
        self.assertGreater(solver.check_accuracy(data["X_test"], data["y_test"]), 0.8)

    def test_numbers_and_labels(self):
        path = self.write("numbers.csv", self.rows)
        data = load_table(path, ["size", "number"], loss="squared", test_fraction=0)
        self.assertEqual((data["names"], data["y_train"].shape[1], len(data["X_test"])), (["size", "number"], 2, 0))
        means = [column["mean"] for column in data["preparation"]["targets"]]
        self.assertLess(abs(data["y_train"].mean(axis=0)).max(), 1e-12)
        self.assertGreater(means[1], 80)
        flags = [(*row[1:3], str(i % 2), str(i % 3 // 2)) for i, row in enumerate(self.rows)]
        path = self.write("labels.csv", flags, ("colour", "size", "odd", "third"))
        data = load_table(path, "odd,third", loss="sigmoid")
        self.assertEqual(set(data["y_train"].ravel()), {0.0, 1.0})

    def test_gzipped(self):
        path = self.write("kinds.csv", self.rows)
        with open(path, "rb") as plain, gzip.open(path + ".gz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
        np.testing.assert_array_equal(load_table(path + ".gz", "kind")["X_train"], load_table(path, "kind")["X_train"])
        with open(path + ".gz", "wb") as broken:
            broken.write(b"no gzip")
        with self.assertRaisesRegex(ValueError, r"^\[load_table\] expected a gzipped table in .*kinds.csv.gz, got a broken file"):
            load_table(path + ".gz", "kind")

    def test_the_example(self):
        """It reaches what such nets reach: docs/tables.md has the means of ten splits."""
        try:
            import sklearn  # noqa: F401
        except ImportError as missing:
            self.skipTest(f"examples/tables.py: {missing} (Debian's python3-sklearn has it)")
        script = pathlib.Path(__file__).resolve().parents[2] / "examples" / "tables.py"
        done = subprocess.run([sys.executable, "-B", str(script)], capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        scores = {line.split(":")[0]: float(line.split()[-1]) for line in done.stdout.splitlines()}
        self.assertEqual(list(scores), ["wine", "breast cancer", "digits", "diabetes"])
        for name, least in [("wine", 0.9), ("breast cancer", 0.93), ("digits", 0.95), ("diabetes", 0.3)]:
            self.assertGreater(scores[name], least, done.stdout)

    def test_mistakes(self):
        path = self.write("kinds.csv", self.rows)
        for error, part, call in [
                (FileNotFoundError, "found no ", lambda: load_table(path + "x", "kind")),
                (ValueError, "expected a column 'knd'.*did you mean kind", lambda: load_table(path, "knd")),
                (ValueError, "expected a loss, one of softmax, .*, got 'l2'", lambda: load_table(path, "kind", loss="l2")),
                (ValueError, "expected fractions of 0 to below 1, got 1", lambda: load_table(path, "kind", val_fraction=1)),
                (ValueError, "expected split_seed of 0 to 4294967295, got -1", lambda: load_table(path, "kind", split_seed=-1)),
                (TypeError, "expected target to be a column's name", lambda: load_table(path, [1])),
                (TypeError, "expected preparation to be a dictionary", lambda: table_rows(path, "x"))]:
            with self.assertRaisesRegex(error, part) as caught:
                call()
            self.assertNotIn("\n", str(caught.exception))
        data = load_table(path, "kind", ignore_columns="number")
        other = self.write("other.csv", [("red", "1"), ("green", "2")], ("colour", "size"))
        with self.assertRaisesRegex(ValueError, "other.csv: line 3, column 'colour': expected one of the 2 categories.*'green'"):
            table_rows(other, data["preparation"])
        np.testing.assert_array_equal(table_rows(other, data["preparation"], allow_unknown=True)[:, :2], [[0, 1], [0, 0]])


if __name__ == "__main__":
    unittest.main()
