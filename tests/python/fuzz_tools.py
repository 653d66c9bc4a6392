"""fuzz_test.py's calls of what stands around a net: numerical gradients, pictures, windows as columns, files."""
import os
import pickle
import tempfile
import types

import numpy as np
from fuzz_cases import extreme
from hostile import WRONG, hostile

from lamina import data, gradient_check, im2col, vis


def small(rng, least=1, most=4, axes=(0, 3)):
    return rng.standard_normal(rng.integers(least, most, rng.integers(*axes)))


class Tools:
    def failed(self, result):
        """Whether a call of self.call raised."""
        return type(result) is object

    def total(self, a):
        """Sometimes no number."""
        if self.rng.random() < 0.99:
            return np.sum(np.asarray(a, "f8"))
        return WRONG[self.rng.integers(len(WRONG))](self.rng, a)

    def unchanged(self, function, x, *arguments, **named):
        old = np.array(x) if isinstance(x, np.ndarray) else None
        result = self.call(function, *arguments, **named)
        if old is not None and old.dtype != object:
            np.testing.assert_array_equal(x, old)
        return result

    def one_numerical_gradient(self):
        proper, h = small(self.rng, 1, 3), hostile(self.rng, 1e-3)
        x = hostile(self.rng, proper)
        function, wrong = gradient_check.eval_numerical_gradient, self.rng.random() < 0.1
        if self.rng.random() < 0.5:
            f = self.total if wrong else lambda a: np.sum(np.asarray(a, "f8"))
            found, right = self.unchanged(function, x, f, x, self.rng.random() < 0.5, h), 1
        else:
            function = gradient_check.eval_numerical_gradient_array
            df = np.full(proper.shape, 3.0)
            found, right = self.unchanged(function, x, lambda a: 2 * a, x, hostile(self.rng, df) if wrong else df, h), 6
        if not self.failed(found) and not wrong and not extreme([x]) and found.itemsize > 2 and abs(h - 1e-3) < 1e-9:
            self.seen["right"] += 1
            np.testing.assert_allclose(found, np.full(x.shape, right), atol=0.3)

    def one_gradient_of_blobs(self):
        proper = small(self.rng, 1, 3)
        x = types.SimpleNamespace(vals=hostile(self.rng, proper))
        out = types.SimpleNamespace(vals=None, diffs=np.ones(proper.shape))

        def run(*_):
            out.vals = 2 * np.asarray(x.vals)

        if self.rng.random() < 0.5:
            self.call(gradient_check.eval_numerical_gradient_blobs, run, [x], out, 1e-3)
        else:
            self.call(gradient_check.eval_numerical_gradient_net, types.SimpleNamespace(forward=run), [x], out, 1e-3)

    def one_check(self):
        x = small(self.rng)
        gradient, checks = hostile(self.rng, np.ones(x.shape)), hostile(self.rng, 2)
        x = hostile(self.rng, x)
        if isinstance(checks, (int, float)) and checks > 100:
            checks = 1.5
        self.unchanged(gradient_check.grad_check_sparse, x, self.total, x, gradient, checks, hostile(self.rng, 1e-3))

    def one_error(self):
        x = small(self.rng, 0)
        a, b = hostile(self.rng, x), hostile(self.rng, x + 1)
        found = self.call(gradient_check.rel_error, a, b)
        if not self.failed(found) and not extreme([a, b]):
            a, b = np.asarray(a, "f8"), np.asarray(b, "f8")
            right = np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)), initial=0)
            self.seen["right"] += 1
            np.testing.assert_allclose(found, right, rtol=1e-5)

    def one_grid(self):
        images = hostile(self.rng, self.rng.random((*self.rng.integers(1, 5, 3), 3)))
        kind = self.rng.integers(3)
        if kind == 0:
            found, top = self.call(vis.visualize_grid, images, hostile(self.rng, 3.0), hostile(self.rng, 1)), None
        elif kind == 1:
            found, top = self.call(vis.vis_grid, images), 1
        else:
            found, top = self.call(vis.vis_nn, hostile(self.rng, self.rng.random((2, *self.rng.integers(1, 4, 4))))), 1
        if not self.failed(found):
            self.assertEqual((found.dtype, found.ndim), (np.float64, 3))
            if top is not None:
                self.seen["right"] += 1
                self.assertTrue(np.all((found >= 0) & (found <= top)))

    def one_window(self):
        x = self.rng.standard_normal((*self.rng.integers(1, 3, 2), 4, 4))
        given, kind = hostile(self.rng, x), self.rng.integers(3)
        wholes = [hostile(self.rng, value) for value in (2, 2, 0, 2)]
        shape = [hostile(self.rng, int(n)) for n in x.shape] if self.rng.random() < 0.5 else x.shape
        if self.rng.random() < 0.05:
            shape = WRONG[self.rng.integers(len(WRONG))](self.rng, np.ones(3))
        cols = im2col.im2col_indices(x, 2, 2, 0, 2)
        if kind == 0:
            self.call(im2col.get_im2col_indices, shape, *wholes)
        elif kind == 1:
            self.call(im2col.im2col_indices, given, *wholes)
        else:
            given = hostile(self.rng, cols)
            found = self.call(im2col.col2im_indices, given, x.shape, 2, 2, 0, 2)
            if not self.failed(found) and not extreme([given]):
                self.seen["right"] += 1
                self.assertAlmostEqual(float(found.astype("f8").sum()), float(np.asarray(given, "f8").sum()), delta=0.5)

    def one_file(self):
        """Files of bytes that are none of what they should be, and paths that are no paths."""
        content = [b"", bytes(3073), bytes([11]) * 3073,
                   pickle.dumps({"data": np.zeros((1, 3072), "u1"), "labels": [3]}),
                   pickle.dumps(np.arange(3)), pickle.dumps(os.getcwd), pickle.dumps({"data": None, "labels": [1]})]
        raw = content[self.rng.integers(len(content))]
        if self.rng.random() < 0.3 and raw:
            raw = raw[:self.rng.integers(len(raw))]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data_batch_1" + str(self.rng.choice(["", ".bin"])))
            with open(path, "wb") as file:
                file.write(raw)
            wrong = [None, 3.5, [path], object(), os.path.join(folder, "none"), 10**6, {}]
            pick = lambda right: wrong[self.rng.integers(len(wrong))] if self.rng.random() < 0.3 else right
            kind = self.rng.integers(5)
            if kind == 0:
                self.call(data.load_CIFAR_batch, pick(os.fsencode(path)))
            elif kind == 1:
                self.call(data.load_CIFAR10, pick(folder))
            elif kind == 2:
                with open(path, "rb") as file:
                    self.call(data.load_pickle, pick(file))
            elif kind == 3:
                self.call(data.load_models, pick(folder))
            else:
                self.call(data.load_tiny_imagenet, pick(folder),
                          [np.float32, "f8", int, None, "x"][self.rng.integers(5)])

    def one_table(self):
        """Tables that are right, wrong or none, and options of the wrong kinds."""
        tables = [b"x,y\n" + b"".join(b"%d,%s\n" % (i, b"ab"[i % 2:i % 2 + 1]) for i in range(20)), b"", b"x,y\n1\n", b"x,x\n1,2\n",
                  b"\xff\xfe", b"x,y\n" + b"1,a\n" * 3, b'x,y\n"1,a\n', bytes(self.rng.integers(0, 256, 50, "u1"))]
        preparation = {"target": "classes", "inputs": [{"name": "x", "mean": 0.0, "deviation": 1.0}],
                       "targets": [{"name": "y", "categories": ["a", "b"]}]}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, str(self.rng.choice(["t.csv", "t.csv.gz"])))
            with open(path, "wb") as file:
                file.write(tables[self.rng.integers(len(tables)) if self.rng.random() < 0.7 else 0])
            wrong = [None, 3.5, [1], object(), "none", -1, {}, "", 1.0, float("nan")]
            pick = lambda right: wrong[self.rng.integers(len(wrong))] if self.rng.random() < 0.15 else right
            if self.rng.random() < 0.5:
                self.call(data.load_table, pick(path), pick("y"), loss=pick("softmax"), ignore_columns=pick(()), categories=pick(()),
                          split_column=pick(""), split_seed=pick(0), val_fraction=pick(0.2), test_fraction=pick(0.1))
            else:
                self.call(data.table_rows, pick(path), {**preparation, "inputs": pick(preparation["inputs"])}, pick(False))

    def one_set(self):
        """CIFAR-10 of 12 images a file."""
        with tempfile.TemporaryDirectory() as folder:
            for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
                np.zeros((2, 3073), np.uint8).tofile(os.path.join(folder, f"{name}.bin"))
            before = os.environ.get("LAMINA_DATA")
            os.environ["LAMINA_DATA"] = folder
            try:
                if self.rng.random() < 0.5:
                    self.call(data.find_CIFAR10)
                else:
                    counts = [hostile(self.rng, value) for value in (7, 2, 1)]
                    if not any(isinstance(count, int) and count > 100 for count in counts):
                        self.call(data.get_CIFAR10_data, *counts)
            finally:
                os.environ.pop("LAMINA_DATA")
                if before is not None:
                    os.environ["LAMINA_DATA"] = before
