"""The course's packages cs6353 and cs231n: their modules, CIFAR-10 in both layouts, grids, windows as columns."""
import importlib
import inspect
import io
import os
import pathlib
import pickle
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import lamina
from lamina import data, im2col, vis

NAMES = {
    "layers": ["affine_forward", "affine_backward", "relu_forward", "relu_backward", "batchnorm_forward",
               "batchnorm_backward", "batchnorm_backward_alt", "layernorm_forward", "layernorm_backward",
               "dropout_forward", "dropout_backward", "conv_forward_naive", "conv_backward_naive",
               "max_pool_forward_naive", "max_pool_backward_naive", "spatial_batchnorm_forward",
               "spatial_batchnorm_backward", "spatial_groupnorm_forward", "spatial_groupnorm_backward", "svm_loss",
               "softmax_loss"],
    "fast_layers": ["conv_forward_fast", "conv_backward_fast", "max_pool_forward_fast", "max_pool_backward_fast"],
    "layer_utils": ["affine_relu_forward", "affine_relu_backward", "conv_relu_forward", "conv_relu_backward",
                    "conv_bn_relu_forward", "conv_bn_relu_backward", "conv_relu_pool_forward",
                    "conv_relu_pool_backward"],
    "classifiers.fc_net": ["TwoLayerNet", "FullyConnectedNet", "affine_forward", "softmax_loss"],
    "classifiers.cnn": ["ConvNet", "ThreeLayerConvNet", "conv_forward_fast", "conv_bn_relu_forward"],
    "optim": ["sgd", "sgd_momentum", "rmsprop", "adam"],
    "solver": ["Solver"],
    "gradient_check": ["eval_numerical_gradient", "eval_numerical_gradient_array", "grad_check_sparse"],
    "data_utils": ["get_CIFAR10_data", "load_CIFAR10", "load_CIFAR_batch"],
    "vis_utils": ["visualize_grid"],
    "im2col": ["im2col_indices", "col2im_indices"],
}
PER_FILE = 12


class Payload:
    """Unpickled by pickle.load, it makes the file that it names."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def batches(seed):
    random = np.random.RandomState(seed)
    return [(random.randint(256, size=(PER_FILE, 3072)).astype(np.uint8), random.randint(10, size=PER_FILE))
            for _ in range(6)]


def write(folder, content, pickled):
    os.makedirs(folder)
    for name, (pixels, labels) in zip([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"], content):
        if pickled:
            with open(os.path.join(folder, name), "wb") as file:
                pickle.dump({"data": pixels, "labels": [int(label) for label in labels]}, file, protocol=2)
        else:
            rows = np.concatenate([labels.astype(np.uint8)[:, None], pixels], axis=1)
            rows.tofile(os.path.join(folder, name + ".bin"))


class ModulesTest(unittest.TestCase):
    def test_every_name_of_the_course_is_there(self):
        for package in ("cs6353", "cs231n"):
            for module, names in NAMES.items():
                loaded = importlib.import_module(f"{package}.{module}")
                for name in names:
                    self.assertTrue(callable(getattr(loaded, name, None)), f"{package}.{module}.{name}")

    def test_both_packages_are_one(self):
        def files(package):
            folder = pathlib.Path(importlib.import_module(package).__file__).parent
            self.assertFalse(folder.is_symlink(), folder)
            return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if "__pycache__" not in p.parts and p.is_file()}

        self.assertGreater(len(files("cs6353")), 12)
        self.assertEqual(files("cs6353"), files("cs231n"))

    def test_signatures(self):
        def parameters(f):
            return list(inspect.signature(f).parameters)

        fc_net = importlib.import_module("cs6353.classifiers.fc_net")
        expected = ["hidden_dims", "input_dim", "num_classes", "dropout", "normalization", "reg", "weight_scale",
                    "dtype", "seed"]
        found = parameters(fc_net.FullyConnectedNet)
        self.assertEqual([name for name in found if name in expected], expected)
        self.assertEqual(parameters(data.get_CIFAR10_data),
                         ["num_training", "num_validation", "num_test", "subtract_mean"])

    def test_a_module_of_the_user_joins_the_package(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("", "classifiers"):
                os.makedirs(os.path.join(folder, "cs6353", name), exist_ok=True)
                open(os.path.join(folder, "cs6353", name, "__init__.py"), "w").close()
            with open(os.path.join(folder, "cs6353", "classifiers", "mine.py"), "w") as file:
                file.write("from cs6353.layers import affine_forward\nANSWER = 42\n")
            # The user's folder comes after the package on the path, as a working directory does that is appended.
            code = (f"import sys; sys.path.append({folder!r})\n"
                    "from cs6353.classifiers.mine import ANSWER\nfrom cs6353.classifiers.fc_net import *\n"
                    "print(ANSWER, TwoLayerNet.__name__)")
            done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
            self.assertEqual(done.stdout, "42 TwoLayerNet\n", done.stderr)

    def test_a_folder_of_the_courses_own(self):
        """First on the path it is the package; without its __init__.py, or after lamina, it adds its modules."""
        home = os.path.dirname(os.path.dirname(os.path.abspath(lamina.__file__)))
        ask = ("import cs6353.layers, cs6353.extra\n"
               "print('lamina' if hasattr(cs6353.layers, 'relu_forward') else 'own', cs6353.extra.ANSWER)")
        lamina_first = "import os, sys, lamina\nsys.path.insert(0, os.path.dirname(os.path.dirname(lamina.__file__)))\n"
        with tempfile.TemporaryDirectory() as folder:
            package = os.path.join(folder, "cs6353")
            os.makedirs(package)
            for name, text in (("__init__", ""), ("layers", "OWN = 'own'\n"), ("extra", "ANSWER = 42\n")):
                with open(os.path.join(package, name + ".py"), "w") as file:
                    file.write(text)

            def said(code):
                done = subprocess.run([sys.executable, "-B", "-c", code], cwd=folder, capture_output=True, text=True,
                                      env={**os.environ, "PYTHONPATH": home}, check=False)
                return done.stdout + done.stderr

            self.assertEqual(said(ask), "own 42\n")
            self.assertEqual(said(lamina_first + ask), "lamina 42\n")
            os.remove(os.path.join(package, "__init__.py"))
            self.assertEqual(said(ask), "lamina 42\n")

    def test_the_example_of_the_page(self):
        page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "python.md"
        (program,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=False)
        best = re.search(r"^best on validation: (.*)$", done.stdout, re.M)
        self.assertIsNotNone(best, done.stderr)
        self.assertGreater(float(best[1]), 0.5)


class DataTest(unittest.TestCase):
    def setUp(self):
        self.content = batches(231)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = os.path.join(self.folder.name, "set")
        before = os.environ.get("LAMINA_DATA")
        self.addCleanup(lambda: os.environ.pop("LAMINA_DATA", None) if before is None
                        else os.environ.__setitem__("LAMINA_DATA", before))

    def test_both_layouts_load_alike(self):
        for pickled in (True, False):
            root = os.path.join(self.folder.name, f"layout{pickled}")
            write(root, self.content, pickled)
            Xtr, Ytr, Xte, Yte = data.load_CIFAR10(root)
            pixels = np.concatenate([part[0] for part in self.content[:5]]).reshape(-1, 3, 32, 32)
            np.testing.assert_array_equal(Xtr, pixels.transpose(0, 2, 3, 1))
            np.testing.assert_array_equal(Ytr, np.concatenate([part[1] for part in self.content[:5]]))
            np.testing.assert_array_equal(Xte, self.content[5][0].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            np.testing.assert_array_equal(Yte, self.content[5][1])
            self.assertEqual((Xtr.dtype, Ytr.dtype), (np.float64, np.int64))

    def test_the_notebooks_splits(self):
        write(os.path.join(self.root, "cifar-10-batches-bin"), self.content, False)
        os.environ["LAMINA_DATA"] = self.root
        X = np.concatenate([part[0] for part in self.content[:5]]).reshape(-1, 3, 32, 32).astype(np.float64)
        y = np.concatenate([part[1] for part in self.content[:5]])
        for num_training, num_validation in ((50, 10), (10, 3), (12, 12), (13, 0), (0, 5), (59, 1)):
            got = data.get_CIFAR10_data(num_training, num_validation, 7)
            mean = X[:num_training].mean(axis=0) if num_training else 0
            last = num_training + num_validation
            np.testing.assert_array_equal(got["X_train"], X[:num_training] - mean)
            np.testing.assert_array_equal(got["X_val"], X[num_training:last] - mean)
            np.testing.assert_array_equal(got["X_test"], self.content[5][0][:7].reshape(7, 3, 32, 32) - mean)
            np.testing.assert_array_equal(got["y_train"], y[:num_training])
            np.testing.assert_array_equal(got["y_val"], y[num_training:last])
            np.testing.assert_array_equal(got["y_test"], self.content[5][1][:7])
        np.testing.assert_array_equal(data.get_CIFAR10_data(9, 1, 1, subtract_mean=False)["X_train"], X[:9])
        with self.assertRaisesRegex(ValueError, "60 or less, got 61"):
            data.get_CIFAR10_data(60, 1, 1)

    def test_a_pickle_cannot_run_code(self):
        target = os.path.join(self.folder.name, "made by a pickle")
        path = os.path.join(self.folder.name, "data_batch_1")
        for content in (Payload(target), {"data": Payload(target), "labels": []}):
            with open(path, "wb") as file:
                pickle.dump(content, file)
            with self.assertRaisesRegex(ValueError, "expected only arrays, numbers and text, got .*mkdir"):
                data.load_CIFAR_batch(path)
        self.assertFalse(os.path.exists(target))

    def test_broken_files(self):
        write(self.root, self.content, True)
        with open(os.path.join(self.root, "data_batch_1"), "rb") as file:
            whole = file.read()
        path = os.path.join(self.folder.name, "cut")
        for length in list(range(0, 200)) + [len(whole) // 2, len(whole) - 1]:
            with open(path, "wb") as file:
                file.write(whole[:length])
            with self.assertRaises(ValueError):
                data.load_CIFAR_batch(path)
        with open(path + ".bin", "wb") as file:
            file.write(bytes(3072))
        with self.assertRaisesRegex(ValueError, "records of 3073 bytes"):
            data.load_CIFAR_batch(path + ".bin")
        with open(path + ".bin", "wb") as file:
            file.write(bytes([10]) + bytes(3072))
        with self.assertRaisesRegex(ValueError, "labels from 0 to 9"):
            data.load_CIFAR_batch(path + ".bin")
        with self.assertRaisesRegex(FileNotFoundError, "data_batch_1"):
            data.load_CIFAR10(self.folder.name)


class PicturesTest(unittest.TestCase):
    def test_grid(self):
        images = np.random.RandomState(0).randn(5, 4, 3, 2)
        grid = vis.visualize_grid(images, ubound=9.0, padding=2)
        self.assertEqual(grid.shape, (3 * 4 + 4, 3 * 3 + 4, 2))
        for i, image in enumerate(images):
            top, left = i // 3 * 6, i % 3 * 5
            np.testing.assert_allclose(grid[top:top + 4, left:left + 3],
                                       9.0 * (image - image.min()) / (image.max() - image.min()), rtol=1e-14)
        self.assertEqual(np.count_nonzero(grid), 5 * 4 * 3 * 2 - 5)   # each image's smallest value is 0
        self.assertFalse(vis.visualize_grid(np.ones((1, 2, 2, 1))).any())
        with self.assertRaisesRegex(ValueError, "got \\(3, 3\\)"):
            vis.visualize_grid(np.zeros((3, 3)))


class WindowsTest(unittest.TestCase):
    def test_against_loops(self):
        random = np.random.RandomState(1)
        for N, C, H, W, h, w, pad, stride in ((2, 3, 5, 7, 3, 3, 1, 2), (1, 1, 4, 4, 2, 2, 0, 2), (3, 2, 6, 5, 3, 2, 0, 1)):
            x = random.randn(N, C, H, W)
            padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
            rows, columns = (H + 2 * pad - h) // stride + 1, (W + 2 * pad - w) // stride + 1
            cols = im2col.im2col_indices(x, h, w, pad, stride)
            weights, back = random.randn(*cols.shape), np.zeros_like(padded)
            for r in range(rows):
                for c in range(columns):
                    for n in range(N):
                        at = (r * columns + c) * N + n
                        window = np.s_[n, :, r * stride:r * stride + h, c * stride:c * stride + w]
                        np.testing.assert_array_equal(cols[:, at], padded[window].ravel())
                        back[window] += weights[:, at].reshape(C, h, w)
            got = im2col.col2im_indices(weights, x.shape, h, w, pad, stride)
            np.testing.assert_allclose(got, back[:, :, pad:pad + H, pad:pad + W], rtol=1e-12, atol=1e-12)
        with self.assertRaisesRegex(ValueError, "to fit"):
            im2col.im2col_indices(np.zeros((1, 1, 4, 4)), 3, 3, 0, 2)


class PicklesTest(unittest.TestCase):
    def test_pickles_of_the_other_numpy(self):
        kept = pickle.dumps({"data": np.arange(6).reshape(2, 3)}, 2)
        for old, new in ((b"numpy.core", b"numpy._core"), (b"numpy._core", b"numpy.core")):
            if old not in kept:
                continue
            read = data._pickles.read(io.BytesIO(kept.replace(old, new)))
            np.testing.assert_array_equal(read["data"], np.arange(6).reshape(2, 3))


if __name__ == "__main__":
    unittest.main()
