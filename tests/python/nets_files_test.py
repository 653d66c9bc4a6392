#!/usr/bin/env python3
"""Nets from files: pickles of the course's own nets, saved parameters."""
import copy
import io
import os
import pickle
import tempfile
import unittest
import warnings

import numpy as np
from net_reference import small_nets

from lamina import _core, _pickles, nets, optim
from lamina.nets import ConvNet, Sequential, TwoLayerNet


class Files(unittest.TestCase):
    def setUp(self):
        np.random.seed(7)

    def test_pickles_without_a_net(self):
        """Those of the course's own classes, written in NumPy, under the same names."""
        for model, X, y in small_nets():
            state = {name: value for name, value in vars(model).items() if name not in ("_net", "label_smoothing")}
            for kept in (state, {name: state[name] for name in ("params", "bn_params", "normalization", "dropout_param")
                                 if name in state}):
                made = type(model).__new__(type(model))
                made.__setstate__(copy.deepcopy(kept))
                made.reg = model.reg
                loss, grads = model.loss(X, y)
                again, found = made.loss(X, y)
                self.assertEqual(again, loss)
                for name, grad in grads.items():
                    np.testing.assert_array_equal(found[name], grad)
                np.testing.assert_array_equal(made.loss(X), model.loss(X))
                self.assertEqual(set(vars(model)) - set(vars(made)), set())
        made = ConvNet.__new__(ConvNet)
        with self.assertRaisesRegex(ValueError, "^.ConvNet. expected a pickled net with the parameters of such a net"):
            made.__setstate__({"params": {"W1": np.zeros((2, 3))}})

    def test_pickles_of_all_protocols(self):
        for model, X, y in small_nets():
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                again = pickle.loads(pickle.dumps(model, protocol))
                self.assertEqual(again.loss(X, y)[0], model.loss(X, y)[0])
                examples = _core.Examples("test", X, y, 1.0, False, None)
                with self.assertRaisesRegex(TypeError, r"^\[pickle\] expected what can be pickled, got Examples"):
                    pickle.dumps(examples, protocol)

    def test_checkpoints_are_read_without_running_code(self):
        """Of every net, rule and protocol; and whichever of its two names for the module NumPy wrote."""
        (_, X, y), *_ = small_nets()
        every = [*small_nets(), (Sequential("affine 5 | relu | affine 5", (6,)), X.reshape(4, 6), y)]
        self.assertEqual({type(model) for model, _, _ in every},
                         {kind for kind in (getattr(nets, name) for name in nets.__all__) if isinstance(kind, type)})
        for model, X, y in every:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                checkpoint = {"model": model, "update_rule": optim.adamw, "loss_history": [np.float64(1)]}
                again = _pickles.read(io.BytesIO(pickle.dumps(checkpoint, protocol)), nets=True)["model"]
                self.assertEqual(again.loss(X, y)[0], model.loss(X, y)[0])
                found = _pickles.read(io.BytesIO(pickle.dumps(model.params, protocol)))
                np.testing.assert_array_equal(found[next(iter(found))], model.params[next(iter(found))])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for core in ("numpy.core", "numpy._core"):
                found = _pickles._Arrays(io.BytesIO()).find_class(core + ".numeric", "_frombuffer")
                self.assertEqual(found(b"ab", "u1", (2,), "C").tolist(), [97, 98])
        for module, name in (("copyreg", "_reconstructor"), ("builtins", "object"), ("lamina.nets", "is_plain")):
            with self.assertRaises(pickle.UnpicklingError):
                _pickles._Arrays(io.BytesIO()).find_class(module, name)

    def test_files(self):
        class Runs:
            def __reduce__(self):
                return (os.mkdir, (os.path.join(folder, "run"),))

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "best.npy")
            model, other = TwoLayerNet(4, 3, 2), TwoLayerNet(4, 3, 2)
            for save in (model.save, lambda path: np.save(path, model.params)):
                save(path)
                self.assertTrue(other.load(path))
                for name, w in model.params.items():
                    np.testing.assert_array_equal(other.params[name], w)
                other = TwoLayerNet(4, 3, 2)
            with self.assertRaisesRegex(ValueError, r"expected W1 of shape \(5, 3\) in .*, got \(4, 3\)"):
                TwoLayerNet(5, 3, 2).load(path)
            for content in ({"W1": Runs()}, Runs(), [1, 2]):
                np.save(path, content, allow_pickle=True)
                with self.assertRaisesRegex(ValueError, "expected parameters in"):
                    other.load(path)
            with open(path, "wb") as file:
                file.write(b"something else")
            with self.assertRaisesRegex(ValueError, "expected parameters in"):
                other.load(path)
            self.assertEqual(os.listdir(folder), ["best.npy"])
            with self.assertRaises(FileNotFoundError):
                other.load(os.path.join(folder, "none"))


if __name__ == "__main__":
    unittest.main()
