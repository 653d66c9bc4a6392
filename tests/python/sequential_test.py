#!/usr/bin/env python3
"""lamina.nets.Sequential: the course's nets by their texts, gradients, draws, pickles and training of nets of any blocks."""
import copy
import pickle
import unittest

import numpy as np

from lamina.gradient_check import eval_numerical_gradient
from lamina.nets import ConvNet, FullyConnectedNet, Sequential
from lamina.solver import Solver

RESIDUAL = ("conv 4 3x3 | batchnorm | relu | repeat 2 ( residual ( conv 4 3x3 | batchnorm | relu | conv 4 3x3 | groupnorm 2 ) "
            "| relu ) | concat ( max_pool 2 | sigmoid ) ( conv 3 2x2 stride 2 pad 0 ) | layernorm | dropout 0.8 | affine 5")


def images(n=6, seed=3, size=8):
    random = np.random.RandomState(seed)
    return random.randn(n, 3, size, size), random.randint(5, size=n)


class SequentialNets(unittest.TestCase):
    def same(self, one, other, X, y):
        """The same draws, losses, gradients and scores, to the bit, though the parameters' names may differ."""
        for a, b in zip(one.params.values(), other.params.values()):
            np.testing.assert_array_equal(a, b)
        np.random.seed(7)
        loss, grads = one.loss(X, y)
        np.random.seed(7)
        other_loss, other_grads = other.loss(X, y)
        self.assertEqual(loss, other_loss)
        for a, b in zip(grads.values(), other_grads.values()):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(one.loss(X), other.loss(X))

    def test_the_courses_nets_by_their_texts(self):
        X, y = images()
        for dtype in (np.float32, np.float64):
            np.random.seed(1)
            ours = ConvNet((3, 8, 8), [4, 6], [3, 5], 5, 0.1, 0.3, dtype=dtype)
            np.random.seed(1)
            text = ("conv 4 3x3 init scale 0.1 | batchnorm | relu | conv 6 5x5 init scale 0.1 | batchnorm | relu | "
                    "max_pool 2 | affine 5 init scale 0.1")
            self.same(ours, Sequential(text, (3, 8, 8), 0.3, dtype), X.astype(dtype), y)
            np.random.seed(1)
            dense = FullyConnectedNet([20, 10], 192, 5, 0.6, "layernorm", 0.2, 0.05, dtype)
            np.random.seed(1)
            hidden = " | ".join(f"affine {n} init scale 0.05 | layernorm | relu | dropout 0.6" for n in (20, 10))
            self.same(dense, Sequential(f"{hidden} | affine 5 init scale 0.05", (192,), 0.2, dtype), X.astype(dtype), y)

    def test_gradients(self):
        np.random.seed(2)
        X, y = images(4)
        net = Sequential(RESIDUAL, (3, 8, 8), 0.1, np.float64)

        def loss(_):
            np.random.seed(5)  # the same masks
            return net.loss(X, y)[0]

        np.random.seed(5)
        _, grads = net.loss(X, y)
        largest = max(np.abs(g).max() for g in grads.values())
        for name in ("W1", "b1", "gamma2", "W5", "beta5", "W6", "b7"):
            numerical = eval_numerical_gradient(loss, net.params[name], verbose=False, h=1e-6)
            np.testing.assert_allclose(grads[name], numerical, atol=1e-6 * largest, rtol=0)

    def test_the_text_says_how_normalizations_compute(self):
        X, y = images()
        net = Sequential("flatten | batchnorm momentum 0.6 eps 0.5 no_scale | affine 5 no_bias", (3, 8, 8), dtype=np.float64)
        self.assertEqual(list(net.params), ["W1"])
        flat = X.reshape(6, -1)
        for eps, momentum in [(0.5, 0.6), (0.25, 0.1), (0.5, 0.6)]:
            if eps == 0.25:
                net.bn_params[0].update(eps=eps, momentum=momentum)
            else:
                net.bn_params[0] = {}
            old = net.bn_params[0].get("running_mean", 0)
            normalized = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + eps)
            scores = normalized @ net.params["W1"]
            p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            self.assertAlmostEqual(net.loss(X, y)[0], -np.log(p[range(6), y]).mean(), 12)
            np.testing.assert_allclose(net.bn_params[0]["running_mean"], momentum * old + (1 - momentum) * flat.mean(0), atol=1e-14)

    def test_what_stands_inside_other_blocks(self):
        X, y = images()
        net = Sequential("residual ( batchnorm | dropout 0.5 ) | affine 5", (3, 8, 8), dtype=np.float64)
        np.random.seed(4)
        loss, _ = net.loss(X, y)
        np.testing.assert_allclose(net.bn_params[0]["running_mean"], 0.1 * X.mean((0, 2, 3)), atol=1e-15)
        self.assertNotEqual(net.loss(X, y)[0], loss)  # another mask
        np.random.seed(4)
        self.assertEqual(net.loss(X, y)[0], loss)

    def test_names_and_text(self):
        net = Sequential(" conv 4 3x3 stride 1|relu | max_pool  2 |affine 5", (3, 8, 8))
        self.assertEqual(str(net), "conv 4 3x3 stride 1 | relu | max_pool 2 | affine 5")
        self.assertEqual({name: w.shape for name, w in net.params.items()},
                         {"W1": (4, 3, 3, 3), "b1": (4,), "W2": (64, 5), "b2": (5,)})
        self.assertIn("conv 3x3, 4 filters", net.summary())
        self.assertEqual(len(Sequential(RESIDUAL, (3, 8, 8)).bn_params), 6)

    def test_draws_go_on_from_numpys_stream(self):
        np.random.seed(3)
        np.random.randn(3)  # a normal waits
        net = Sequential("affine 4 | relu | affine 2 init xavier", (6,), dtype=np.float64)
        after = np.random.rand()
        np.random.seed(3)
        np.random.randn(3)
        first, second = np.random.randn(6, 4).astype(np.float64), np.random.randn(4, 2)
        np.testing.assert_array_equal(net.params["W1"], np.sqrt(2 / 6) * first)
        np.testing.assert_array_equal(net.params["W2"], np.sqrt(2 / 6) * second)
        self.assertEqual(np.random.rand(), after)

    def test_copies_and_pickles(self):
        X, y = images()
        net = Sequential(RESIDUAL, (3, 8, 8))
        net.loss(X, y)
        for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            self.assertEqual(str(other), str(net))
            np.testing.assert_array_equal(other.loss(X), net.loss(X))

    def test_training_in_cpp_is_training_in_python(self):
        X, y = images(40)
        data = {"X_train": X, "y_train": y, "X_val": X[:10], "y_val": y[:10]}

        def trained(Kind):
            np.random.seed(4)
            net = Sequential(RESIDUAL, (3, 8, 8), 0.01, np.float64)
            solver = Kind(net, data, update_rule="adam", num_epochs=2, batch_size=8, verbose=False)
            solver.train()
            return solver.loss_history, net

        class InPython(Solver):
            def _step(self):
                super()._step()

        losses, net = trained(Solver)
        in_python, other = trained(InPython)
        self.assertEqual(losses, in_python)
        for name, w in net.params.items():
            np.testing.assert_array_equal(w, other.params[name])

    def test_precision(self):
        X, y = images(20)
        text = "conv 16 3x3 | relu | affine 64 | relu | affine 5"
        np.random.seed(1)
        full = Sequential(text, (3, 8, 8))
        np.random.seed(1)
        rounded = Sequential(text, (3, 8, 8), precision="bf16")
        a, b = full.loss(X.astype("f4"), y)[0], rounded.loss(X.astype("f4"), y)[0]
        self.assertNotEqual(a, b)
        self.assertAlmostEqual(a, b, delta=0.05 * a)

    def test_mistakes(self):
        def message(kind, *args, **options):
            with self.assertRaises(kind) as caught:
                Sequential(*args, **options)
            return str(caught.exception)

        self.assertIn("got 'covn' at 9; did you mean conv?", message(ValueError, "relu   | covn 3"))
        self.assertIn("expected the net's text, got int", message(TypeError, 3))
        self.assertIn("expected input_dim (C, H, W) or (D,), got (3, 8)", message(ValueError, "affine 2", (3, 8)))
        self.assertIn("a last block that gives scores", message(ValueError, "conv 2 3x3"))
        self.assertIn("precision to be one of full, bf16", message(ValueError, "affine 2", precision="half"))
        self.assertIn("before 'conv 2 3x3'", message(ValueError, "affine 9 | conv 2 3x3"))


if __name__ == "__main__":
    unittest.main()
