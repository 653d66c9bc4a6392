#!/usr/bin/env python3
"""The update rules against NumPy's arithmetic and the notebook's values, and the numerical gradients."""
import contextlib
import io
import random
import unittest

import numpy as np
from printed_values import printed_value, printed_values

from lamina import layers, optim
from lamina.gradient_check import (eval_numerical_gradient, eval_numerical_gradient_array, grad_check_sparse,
                                   rel_error)


def momentum(w, dw, c):
    v = c.get("momentum", 0.9) * c.get("velocity", np.zeros_like(w)) - c.get("learning_rate", 1e-2) * dw
    return w + v, {"velocity": v}


def rmsprop(w, dw, c):
    rate = c.get("decay_rate", 0.99)
    cache = rate * c.get("cache", np.zeros_like(w)) + (1 - rate) * dw**2
    return w - c.get("learning_rate", 1e-2) * dw / (np.sqrt(cache) + c.get("epsilon", 1e-8)), {"cache": cache}


def adam(w, dw, c):
    b1, b2, t = c.get("beta1", 0.9), c.get("beta2", 0.999), c.get("t", 0) + 1
    m = b1 * c.get("m", np.zeros_like(w)) + (1 - b1) * dw
    v = b2 * c.get("v", np.zeros_like(w)) + (1 - b2) * dw**2
    step = c.get("learning_rate", 1e-3) * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + c.get("epsilon", 1e-8))
    return w - step, {"m": m, "v": v, "t": t}


def adagrad(w, dw, c):
    cache = c.get("cache", np.zeros_like(w)) + dw**2
    return w - c.get("learning_rate", 1e-2) * dw / (np.sqrt(cache) + c.get("epsilon", 1e-8)), {"cache": cache}


def adamw(w, dw, c):
    w = w.astype(np.result_type(w, dw))  # float16 would round the decay away
    return adam(w - c.get("learning_rate", 1e-3) * (c.get("weight_decay", 1e-2) * w), dw, c)


class Rules(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(3)

    def same(self, got, expected, tolerance):
        self.assertEqual((got.dtype, got.shape), (expected.dtype, expected.shape))
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)

    def test_rules_are_numpys(self):
        for rule, reference in [(optim.sgd_momentum, momentum), (optim.rmsprop, rmsprop), (optim.adam, adam),
                                (optim.adagrad, adagrad), (optim.adamw, adamw)]:
            for wt, gt in [("f8", "f8"), ("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("f2", "f4")]:
                for options in [{}, {"learning_rate": 0}, {"learning_rate": np.float32(0.1), "momentum": 0.5},
                                {"learning_rate": 0.1, "weight_decay": 0.5, "epsilon": 1e-3}]:
                    w = self.rng.standard_normal((3, 5)).astype(wt)
                    config, plain, next_w = dict(options), dict(options), w
                    for _ in range(3):
                        dw = np.asfortranarray(self.rng.standard_normal(w.shape).astype(gt))
                        before, (expected, kept) = next_w.copy(), reference(next_w, dw, plain)
                        after, returned = rule(next_w, dw, config)
                        self.assertIs(returned, config)
                        np.testing.assert_array_equal(before, next_w)  # w is not changed
                        tolerance = 1e-14 if wt == gt == "f8" else 3e-6  # NumPy rounds float32 terms first
                        self.same(after, expected, tolerance)
                        for name, value in kept.items():
                            self.same(np.asarray(config[name]), np.asarray(value), tolerance)
                        plain.update(kept)
                        next_w = after

    def test_sgd_changes_w(self):
        for layout in [lambda a: a, np.asfortranarray, lambda a: a[::-1], lambda a: a.astype(">f8"),
                       lambda a: a.astype("f4"), lambda a: a.astype("f2")]:
            w = layout(self.rng.standard_normal((4, 6)))
            dw = self.rng.standard_normal(w.shape)
            expected = w.copy()
            expected -= 0.5 * dw
            next_w, config = optim.sgd(w, dw, {"learning_rate": 0.5})
            self.assertIs(next_w, w)
            np.testing.assert_allclose(w.astype("f8"), expected.astype("f8"), rtol=1e-3 if w.itemsize == 2 else 1e-6)
        both = np.arange(8.0)
        optim.sgd(both[1:], both[:-1], {"learning_rate": 1})  # they overlap
        np.testing.assert_array_equal(both, [0] + [1] * 7)
        next_w, config = optim.sgd([1, 2], [1, 1])
        self.assertEqual((next_w.tolist(), config), ([0.99, 1.99], {"learning_rate": 1e-2}))
        fixed = np.ones(3)
        fixed.flags.writeable = False
        with self.assertRaisesRegex(ValueError, "read-only"):
            optim.sgd(fixed, np.ones(3))
        with self.assertRaisesRegex(TypeError, "int64"):
            optim.sgd(np.ones(3, int), np.ones(3))

    def test_the_notebooks_momentum(self):
        N, D = 4, 5
        w = np.linspace(-0.4, 0.6, num=N * D).reshape(N, D)
        dw = np.linspace(-0.6, 0.4, num=N * D).reshape(N, D)
        config = {"learning_rate": 1e-3, "velocity": np.linspace(0.6, 0.9, num=N * D).reshape(N, D)}
        next_w, _ = optim.sgd_momentum(w, dw, config=config)
        error = rel_error(next_w.ravel(), printed_values("sgd_momentum.next_w"))
        self.assertAlmostEqual(error, printed_value("sgd_momentum.next_w_error"), delta=1e-14)
        error = rel_error(config["velocity"].ravel(), printed_values("sgd_momentum.velocity"))
        self.assertAlmostEqual(error, printed_value("sgd_momentum.velocity_error"), delta=1e-14)

    def test_wrong_calls(self):
        w = np.ones((2, 3))
        self.assertEqual(optim.__all__, ["sgd", "sgd_momentum", "rmsprop", "adam", "adagrad", "adamw"])
        for rule in map(vars(optim).get, optim.__all__):
            with self.assertRaisesRegex(ValueError, r"dw of shape \(2, 3\).*got \(3, 2\)"):
                rule(w, w.T)
            for bad in (None, "w", np.array([["a"] * 3] * 2), 1j * w):
                with self.assertRaises(TypeError):
                    rule(w, bad)
            with self.assertRaisesRegex(TypeError, "learning_rate"):
                rule(w, w, {"learning_rate": "fast"})
            with self.assertRaisesRegex(TypeError, "config to be a dictionary"):
                rule(w, w, [1])
        with self.assertRaisesRegex(ValueError, r"velocity of shape \(2, 3\).*got \(4,\)"):
            optim.sgd_momentum(w, w, {"velocity": np.zeros(4)})


class NumericalGradients(unittest.TestCase):
    def test_gradients(self):
        x = np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::-1]
        kept = x.copy()
        of_sum = eval_numerical_gradient(lambda a: (a**3).sum(), x, verbose=False)
        np.testing.assert_allclose(of_sum, 3 * x**2, atol=1e-8)
        of_array = eval_numerical_gradient_array(lambda a: a.T**2, x, np.ones((3, 2)))
        np.testing.assert_allclose(of_array, 2 * x, atol=1e-8)
        np.testing.assert_array_equal(x, kept)
        with self.assertRaises(ZeroDivisionError):
            eval_numerical_gradient(lambda a: 1 / 0, x, verbose=False)
        np.testing.assert_array_equal(x, kept)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            eval_numerical_gradient(lambda a: 2 * a[1], np.zeros(2))
        self.assertRegex(out.getvalue(), r"^\(0,\) 0.0\n\(1,\) 2.0")

    def test_sparse(self):
        x = np.arange(1.0, 7).reshape(2, 3)
        random.seed(4)
        expected = [tuple(random.randrange(m) for m in x.shape) for _ in range(10)]
        random.seed(4)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            grad_check_sparse(lambda a: (a**2).sum(), x, 2 * x)
        lines = out.getvalue().splitlines()
        self.assertEqual([float(line.split()[3].rstrip(",")) for line in lines], [2 * x[i] for i in expected])
        self.assertTrue(all(float(line.split()[-1]) < 1e-8 for line in lines))

    def test_wrong_calls(self):
        for bad, error in [(np.arange(3), TypeError), ([1.0], TypeError), (None, TypeError)]:
            with self.assertRaises(error):
                eval_numerical_gradient(lambda a: 0, bad)
        fixed = np.ones(2)
        fixed.flags.writeable = False
        with self.assertRaisesRegex(ValueError, "read-only"):
            eval_numerical_gradient_array(lambda a: a, fixed, fixed)
        with self.assertRaisesRegex(ValueError, "df's shape"):
            eval_numerical_gradient_array(lambda a: a, np.ones(2), np.ones(3))


class Dropout(unittest.TestCase):
    def test_draws_are_numpys_own(self):
        x = np.random.default_rng(1).standard_normal((40, 31))
        for dtype, wide in [("f8", 1e-15), ("f4", 1e-6)]:
            np.random.seed(9)
            np.random.randn(3)  # leaves a second normal waiting
            out, cache = layers.dropout_forward(x.astype(dtype), {"mode": "train", "p": 0.3})
            after = np.random.randn(5)
            np.random.seed(9)
            np.random.randn(3)
            mask = (np.random.rand(*x.shape) < 0.3) / 0.3
            np.testing.assert_array_equal(np.random.randn(5), after)
            np.testing.assert_allclose(out, x * mask, rtol=wide, atol=wide)
            self.assertEqual(out.dtype, np.dtype(dtype))
            np.testing.assert_allclose(layers.dropout_backward(x, cache), x * mask, rtol=1e-7, atol=1e-7)

    def test_seed_and_modes(self):
        x = np.ones((5, 5))
        np.random.seed(1)
        first, _ = layers.dropout_forward(x, {"mode": "train", "p": 0.5, "seed": 123})
        after = np.random.rand()
        second, _ = layers.dropout_forward(x, {"mode": "train", "p": 0.5, "seed": np.array([123])[0]})
        np.testing.assert_array_equal(first, second)
        self.assertEqual(np.random.rand(), after)
        state = np.random.get_state()
        out, cache = layers.dropout_forward(x, {"mode": "test", "p": 0.5})
        np.testing.assert_array_equal(np.random.get_state()[1], state[1])
        np.testing.assert_array_equal(out, x)
        self.assertFalse(np.shares_memory(out, x))
        np.testing.assert_array_equal(layers.dropout_backward(x, cache), x)
        with self.assertRaisesRegex(ValueError, "keeping"):
            layers.dropout_forward(x, {"mode": "train", "p": 0})
        with self.assertRaises(ValueError):
            layers.dropout_forward(x, {"mode": "train", "p": 0.5, "seed": -1})

    def test_another_generator(self):
        if not hasattr(np.random, "set_bit_generator"):
            return
        before = np.random.get_bit_generator()
        try:
            np.random.set_bit_generator(np.random.PCG64(4))
            out, cache = layers.dropout_forward(np.ones((4, 6)), {"mode": "train", "p": 0.5})
            np.random.set_bit_generator(np.random.PCG64(4))
            mask = (np.random.rand(4, 6) < 0.5) / 0.5
        finally:
            np.random.set_bit_generator(before)
        np.testing.assert_array_equal(out, mask)
        np.testing.assert_array_equal(layers.dropout_backward(np.ones((4, 6)), cache), mask)


if __name__ == "__main__":
    unittest.main()
