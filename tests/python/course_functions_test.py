#!/usr/bin/env python3
"""The functions around a net that the course's packages have: pictures, windows as columns, files. What they give, and
what they say of wrong arguments."""
import importlib
import os
import pathlib
import pickle
import re
import tempfile
import unittest
import warnings

import numpy as np
from PIL import Image

from lamina import data, fast_layers, im2col, layer_utils, layers, vis
from lamina.nets import ConvNet, FullyConnectedNet
from lamina.solver import Solver

FORM = r"^\[\w+\] expected [^\n]+$"
NAMES = {
    "fast_layers": ["conv_forward_im2col", "conv_backward_im2col", "conv_forward_strides", "conv_backward_strides",
                    "max_pool_forward_reshape", "max_pool_backward_reshape", "max_pool_forward_im2col",
                    "max_pool_backward_im2col", "im2col_indices", "col2im_indices"],
    "gradient_check": ["eval_numerical_gradient_blobs", "eval_numerical_gradient_net"],
    "data_utils": ["load_pickle", "load_tiny_imagenet", "load_models"],
    "vis_utils": ["vis_grid", "vis_nn"],
}


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Own(FullyConnectedNet):
    """A net that is not the library's."""


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def all_raise(self, kind, calls):
        for number, call in enumerate(calls):
            with self.subTest(number=number), self.assertRaisesRegex(kind, FORM):
                call()


class Names(unittest.TestCase):
    def test_they_are_there(self):
        for package in ("cs6353", "cs231n"):
            for module, names in NAMES.items():
                loaded = importlib.import_module(f"{package}.{module}")
                for name in names:
                    self.assertTrue(callable(getattr(loaded, name, None)), f"{package}.{module}.{name}")

    def test_a_forward_and_its_backward_fit(self):
        random = np.random.RandomState(0)
        x, w, b = random.randn(2, 3, 8, 8), random.randn(4, 3, 3, 3), random.randn(4)
        conv, pool = {"stride": 1, "pad": 1}, {"pool_height": 2, "pool_width": 2, "stride": 2}
        for way in ("im2col", "strides"):
            out, cache = getattr(fast_layers, f"conv_forward_{way}")(x, w, b, conv)
            same, other = fast_layers.conv_forward_fast(x, w, b, conv)
            np.testing.assert_array_equal(out, same)
            for got, expected in zip(getattr(fast_layers, f"conv_backward_{way}")(out, cache),
                                     fast_layers.conv_backward_fast(out, other)):
                np.testing.assert_array_equal(got, expected)
        for way in ("im2col", "reshape"):
            out, cache = getattr(fast_layers, f"max_pool_forward_{way}")(x, pool)
            np.testing.assert_array_equal(out, x.reshape(2, 3, 4, 2, 4, 2).max((3, 5)))
            self.assertEqual(getattr(fast_layers, f"max_pool_backward_{way}")(out, cache).shape, x.shape)


class Broadcasting(Case):
    """A bias, gamma or beta of any shape that broadcasts to (D,)."""

    def same(self, forward, backward, before, after, count, axis_length):
        random = np.random.RandomState(1)
        full = [random.randn(axis_length) for _ in range(count)]
        for dtype in ("f8", "f4"):
            first = [a.astype(dtype) for a in before]
            for shape in ((), (1,), (1, axis_length), (1, 1), (1, 1, axis_length)):
                given = [a.astype(dtype)[:1].reshape(shape) if np.prod(shape) == 1 else a.astype(dtype).reshape(shape)
                         for a in full]
                wide = [np.broadcast_to(a, shape[:-1] + (axis_length,)).reshape(axis_length) for a in given]
                out, cache = forward(*first, *given, *after())
                right, other = forward(*first, *wide, *after())
                np.testing.assert_array_equal(out, right)
                self.assertEqual(out.dtype, dtype)
                for got, expected in zip(backward(out, cache), backward(out, other)):
                    np.testing.assert_array_equal(got, expected)
                    self.assertEqual(got.shape, expected.shape)

    def test_all_layers(self):
        random = np.random.RandomState(0)
        x, w = random.randn(5, 4), random.randn(4, 3)
        images, filters = random.randn(2, 3, 4, 4), random.randn(3, 3, 3, 3)
        conv, pool = {"stride": 1, "pad": 1}, {"pool_height": 2, "pool_width": 2, "stride": 2}
        train = lambda: {"mode": "train"}
        for way, before, after, count, length in [
            ("affine", (x, w), tuple, 1, 3), ("affine_relu", (x, w), tuple, 1, 3),
            ("batchnorm", (x,), lambda: (train(),), 2, 4), ("layernorm", (x,), lambda: ({},), 2, 4),
            ("spatial_batchnorm", (images,), lambda: (train(),), 2, 3),
            ("conv", (images, filters), lambda: (conv,), 1, 3), ("conv_relu", (images, filters), lambda: (conv,), 1, 3),
            ("conv_relu_pool", (images, filters), lambda: (conv, pool), 1, 3),
            ("affine_bn_relu", (x, w), lambda: (train(),), 3, 3), ("affine_ln_relu", (x, w), lambda: ({},), 3, 3),
            ("conv_bn_relu", (images, filters), lambda: (conv, train()), 3, 3),
        ]:
            with self.subTest(layer=way):
                names = [f"{way}_{side}{'_fast' if way == 'conv' else ''}" for side in ("forward", "backward")]
                found = [next(getattr(m, name) for m in (layers, layer_utils, fast_layers) if hasattr(m, name))
                         for name in names]
                self.same(*found, before, after, count, length)

    def test_a_number_takes_the_type_of_x(self):
        x = np.random.RandomState(0).randn(5, 4).astype("f4")
        out, cache = layers.batchnorm_forward(x, 1.0, 0, {"mode": "train"})
        self.assertEqual(out.dtype, np.float32)
        self.assertEqual([g.shape for g in layers.batchnorm_backward(out, cache)], [(5, 4), (4,), (4,)])
        self.assertEqual(layers.affine_forward(x.tolist(), x.T, 0.5)[0].dtype, np.float64)

    def test_a_number_promotes_as_in_numpy(self):
        """From NumPy 2 on, np.float64(1) raises the type of the result and 1.0 does not."""
        random = np.random.RandomState(0)
        for type_x in ("f2", "f4", "f8"):
            for type_w in ("f2", "f4", "f8"):
                x, w = random.randn(5, 4).astype(type_x), random.randn(4, 3).astype(type_w)
                for b in (1, 0.5, True, np.float32(0.5), np.float64(0.5), np.int64(1)):
                    for other in (0, 0.5, np.float64(0.5)):
                        with self.subTest(x=type_x, w=type_w, b=repr(b), other=repr(other)):
                            self.assertEqual(layers.affine_forward(x, w, b)[0].dtype, (x @ w + b).dtype)
                            self.assertEqual(layers.layernorm_forward(x, b, other, {})[0].dtype, (x * b + other).dtype)
        whole = np.ones((2, 3), "i1")
        np.testing.assert_array_equal(layers.affine_forward(whole, whole.T, 1000)[0], np.full((2, 2), 1003))

    def test_what_does_not_broadcast(self):
        x = np.ones((5, 4))
        self.all_raise(ValueError, [lambda b=b: layers.affine_forward(x, x.T, b) for b in (
            np.ones(4), np.ones((5, 1)), np.ones((2, 5)), np.ones((1, 4)), np.ones(0), np.ones((1, 0)))])
        self.all_raise(TypeError, [lambda b=b: layers.affine_forward(x, x.T, b) for b in ("1", 1j, {})])


class Seeds(Case):
    def test_errors(self):
        drop = lambda seed: (lambda: layers.dropout_forward(np.ones(3), {"p": 0.5, "mode": "train", "seed": seed}))
        self.all_raise(TypeError, map(drop, ("1", 0.5, {}, 1j)))
        self.all_raise(ValueError, map(drop, (-1, 2**70)))
        for seed in (None, 3, np.int8(3), [1, 2]):
            drop(seed)()


class Pictures(Case):
    def test_values_that_are_not_finite(self):
        images = np.arange(8.0).reshape(2, 2, 2, 1)
        images[0, 0, 0, 0], images[0, 1, 1, 0] = np.inf, np.nan
        grid = vis.visualize_grid(images, 1.0, 0)
        np.testing.assert_array_equal(grid[:2, :2, 0], [[1, 0], [1, 0]])
        np.testing.assert_allclose(grid[:2, 2:, 0], [[0, 1 / 3], [2 / 3, 1]])
        self.assertFalse(vis.visualize_grid(np.full((1, 2, 2, 1), np.nan)).any())

    def test_a_grid_stretched_as_a_whole(self):
        images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
        grid = vis.vis_grid(images)
        self.assertEqual(grid.shape, (6, 6, 1))
        for i, (top, left) in enumerate([(0, 0), (0, 3), (3, 0)]):
            np.testing.assert_allclose(grid[top:top + 2, left:left + 2], images[i] / 11)
        self.assertFalse(grid[2].any() or grid[:, 2].any() or grid[3:, 3:].any())
        rows = vis.vis_nn([[images[0], images[1], images[2]]])
        self.assertEqual(rows.shape, (3, 9, 1))
        np.testing.assert_allclose(rows[:2, 6:8], images[2] / 11)
        self.assertFalse(vis.vis_grid(np.ones((2, 1, 1, 1))).any())

    def test_errors(self):
        images = np.ones((2, 3, 3, 1))
        self.all_raise(TypeError, [
            lambda: vis.visualize_grid(images, padding="1"), lambda: vis.visualize_grid(images, padding=1.5),
            lambda: vis.visualize_grid(images, padding=None), lambda: vis.visualize_grid(images, "x"),
            lambda: vis.visualize_grid(images.astype(complex)), lambda: vis.visualize_grid(images.astype(object)),
            lambda: vis.visualize_grid(None), lambda: vis.vis_grid(None), lambda: vis.vis_nn([[None]]),
            lambda: vis.vis_nn([[images[0]], [images[0], images[1]]]),
        ])
        self.all_raise(ValueError, [
            lambda: vis.visualize_grid(images, padding=2**70), lambda: vis.visualize_grid(images, padding=2**50),
            lambda: vis.visualize_grid(images, 10**400), lambda: vis.visualize_grid(images, padding=-1),
            lambda: vis.visualize_grid(images[0]), lambda: vis.vis_grid(images[:0]), lambda: vis.vis_nn([]),
        ])


class Windows(Case):
    def test_whole_numbers_of_any_type(self):
        x = np.arange(16.0).reshape(1, 1, 4, 4)
        np.testing.assert_array_equal(im2col.im2col_indices(x, 2.0, np.int8(2), 0, 2),
                                      im2col.im2col_indices(x, 2, 2, 0, 2))
        self.assertEqual(im2col.im2col_indices(x[:0], 2, 2, 0, 2).shape, (4, 0))

    def test_errors(self):
        x = np.ones((1, 1, 4, 4))
        self.all_raise(TypeError, [
            lambda: im2col.im2col_indices(x, "2", 2), lambda: im2col.im2col_indices(x, 2, 2, 0.5),
            lambda: im2col.im2col_indices(None, 2, 2), lambda: im2col.get_im2col_indices(3, 2, 2),
            lambda: im2col.get_im2col_indices((1, 1, None, 4), 2, 2),
            lambda: im2col.col2im_indices(None, x.shape, 2, 2),
        ])
        self.all_raise(ValueError, [
            lambda: im2col.get_im2col_indices((3, 4), 2, 2), lambda: im2col.get_im2col_indices((1, 1, -4, 4), 2, 2),
            lambda: im2col.get_im2col_indices(x.shape, 2, 2, 2**40), lambda: im2col.im2col_indices(x, 2**70, 2),
            lambda: im2col.im2col_indices(x, 3, 3, 0, 2), lambda: im2col.im2col_indices(x, 0, 2),
            lambda: im2col.im2col_indices(x[0], 2, 2), lambda: im2col.col2im_indices(np.ones((3, 3)), x.shape, 2, 2),
        ])


class Files(Case):
    def test_paths_as_bytes(self):
        rows = np.zeros((2, 3073), np.uint8)
        for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
            rows.tofile(self.folder / f"{name}.bin")
        self.assertEqual(data.load_CIFAR_batch(os.fsencode(self.folder / "test_batch.bin"))[0].shape, (2, 32, 32, 3))
        self.assertEqual(data.load_CIFAR10(os.fsencode(self.folder))[0].shape, (10, 32, 32, 3))
        self.all_raise(TypeError, [lambda: data.load_CIFAR_batch(None), lambda: data.load_CIFAR10(3),
                                   lambda: data.load_models(None), lambda: data.load_tiny_imagenet(None)])

    def test_pickles(self):
        path, made = self.folder / "some.pkl", self.folder / "made"
        content = {"a": np.arange(3.0), "b": ["text", (1, 2.5)], "c": np.float32(3)}
        path.write_bytes(pickle.dumps(content))
        with open(path, "rb") as file:
            got = data.load_pickle(file)
        np.testing.assert_array_equal(got.pop("a"), content.pop("a"))
        self.assertEqual(got, content)
        for raw in (pickle.dumps(Evil(str(made))), b"", b"no pickle"):
            path.write_bytes(raw)
            with open(path, "rb") as file:
                self.all_raise(ValueError, [lambda: data.load_pickle(file)])
        self.assertFalse(made.exists())
        self.all_raise(TypeError, [lambda: data.load_pickle("some.pkl")])

    def test_models(self):
        X, y = np.random.RandomState(0).randn(8, 3, 4, 4), np.arange(8) % 3
        sets = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
        nets = {"fc": FullyConnectedNet([5], 48, 3, normalization="batchnorm", dtype=np.float64),
                "conv": ConvNet((3, 4, 4), (2,), (3,), 3), "own": Own([5], 48, 3)}
        for name, net in nets.items():
            Solver(net, sets, num_epochs=1, batch_size=4, verbose=False,
                   checkpoint_name=str(self.folder / name)).train()
        (self.folder / "README.txt").write_text("no pickle")
        (self.folder / "other.pkl").write_bytes(pickle.dumps([1]))
        (self.folder / "params.pkl").write_bytes(pickle.dumps({"W1": np.zeros(2)}))
        (self.folder / "evil.pkl").write_bytes(pickle.dumps({"model": Evil(str(self.folder / "made"))}))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            models = data.load_models(self.folder)
        reasons = {"README.txt": "", "evil.pkl": r"got \w+\.mkdir", "other.pkl": "a pickle without a model",
                   "own_epoch_0.pkl": r"got __main__\.Own", "own_epoch_1.pkl": r"got __main__\.Own",
                   "params.pkl": "a pickle without a model"}
        self.assertEqual(len(caught), len(reasons))
        for warning, (name, reason) in zip(caught, reasons.items()):
            self.assertRegex(str(warning.message), r"^\[load_models\] expected a checkpoint of a net of lamina, skipped "
                             f"{re.escape(str(self.folder / name))}: .*{reason}$")
            self.assertEqual(warning.filename, __file__)
        self.assertEqual(sorted(models), ["conv_epoch_0.pkl", "conv_epoch_1.pkl", "fc_epoch_0.pkl", "fc_epoch_1.pkl"])
        self.assertEqual(models["fc_epoch_1.pkl"].loss(X).shape, (8, 3))
        self.assertEqual(models["conv_epoch_0.pkl"].loss(X, y)[1]["W_1"].shape, (2, 3, 3, 3))
        self.assertFalse((self.folder / "made").exists())

    def picture(self, place, value, mode="RGB"):
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, (64, 64), (value, value + 1, value + 2) if mode == "RGB" else value).save(place, format="PNG")

    def test_tiny_imagenet(self):
        root = self.folder
        (root / "wnids.txt").write_text("n02\nn01\n")
        (root / "words.txt").write_text("n01\tcat, tabby\nn02\tdog\nn03\tcow\n")
        for name, value in (("n01", 10), ("n02", 40)):
            for i in range(2):
                self.picture(root / "train" / name / "images" / f"{name}_{i}.JPEG", value + 10 * i)
            boxes = "".join(f"{name}_{i}.JPEG\t0\t0\t9\t9\n" for i in (1, 0))
            (root / "train" / name / f"{name}_boxes.txt").write_text(boxes)
        self.picture(root / "val/images/v.JPEG", 7, "L")
        (root / "val/val_annotations.txt").write_text("v.JPEG\tn01\t0\t0\t9\t9\n")
        self.picture(root / "test/images/t.JPEG", 9)
        got = data.load_tiny_imagenet(root, subtract_mean=False)
        self.assertEqual(got["class_names"], [["dog"], ["cat", "tabby"]])
        np.testing.assert_array_equal(got["X_train"][:, 0, 5, 5], [50, 40, 20, 10])
        np.testing.assert_array_equal(got["X_train"][0, :, 0, 0], [50, 51, 52])
        np.testing.assert_array_equal(got["y_train"], [0, 0, 1, 1])
        np.testing.assert_array_equal(got["X_val"], np.full((1, 3, 64, 64), 7, np.float32))
        self.assertEqual((got["y_val"].tolist(), got["y_test"], got["X_test"].shape), ([1], None, (1, 3, 64, 64)))
        np.testing.assert_array_equal(got["mean_image"][:, 3, 3], [30, 31, 32])
        centred = data.load_tiny_imagenet(os.fsencode(root), np.float64)
        np.testing.assert_array_equal(centred["X_test"][0, :, 0, 0], [-21, -21, -21])
        self.assertEqual(centred["X_train"].dtype, np.float64)
        (root / "test/test_annotations.txt").write_text("t.JPEG\tn02\n")
        self.assertEqual(data.load_tiny_imagenet(root)["y_test"].tolist(), [0])
        self.all_raise(TypeError, [lambda: data.load_tiny_imagenet(root, int),
                                   lambda: data.load_tiny_imagenet(root, "no")])
        (root / "val/val_annotations.txt").write_text("v.JPEG\tn09\n")
        self.all_raise(ValueError, [lambda: data.load_tiny_imagenet(root)])
        (root / "test/images/t.JPEG").write_bytes(b"broken")
        self.all_raise(ValueError, [lambda: data.load_tiny_imagenet(root)])


if __name__ == "__main__":
    unittest.main()
