#!/usr/bin/env python3
"""Numerical gradients: how often and in what order f is called, what is printed, and clear errors."""
import contextlib
import io
import random
import types
import unittest

import numpy as np

from lamina import layers
from lamina.gradient_check import (eval_numerical_gradient, eval_numerical_gradient_array,
                                   eval_numerical_gradient_blobs, eval_numerical_gradient_net, grad_check_sparse,
                                   rel_error)

FORM = r"^\[\w+\] expected [^\n]+$"


class Calls(unittest.TestCase):
    def test_f_is_called_at_x_first(self):
        """2 n + 1 calls, so that later draws of an unseeded dropout are the course's."""
        x, seen = np.array([1.0, 2.0]), []

        def f(a):
            seen.append(a.copy())
            return np.sum(a**2)

        np.testing.assert_allclose(eval_numerical_gradient(f, x, verbose=False, h=0.5), [2, 4])
        np.testing.assert_array_equal(seen, [[1, 2], [1.5, 2], [0.5, 2], [1, 2.5], [1, 1.5]])

    def test_draws_of_an_unseeded_dropout(self):
        x = np.ones((2, 3))
        np.random.seed(3)
        param = {"p": 0.5, "mode": "train"}
        eval_numerical_gradient(lambda a: layers.dropout_forward(a, param)[0].sum(), x, verbose=False)
        got = np.random.rand()
        np.random.seed(3)
        np.random.rand(13, 6)
        self.assertEqual(got, np.random.rand())

    def test_float32_is_moved_in_float64(self):
        """With any NumPy: from NumPy 2 on a float32 and a plain number alone make a float32."""
        x, moved = np.arange(1, 100, dtype="f4") / np.float32(700), []
        eval_numerical_gradient(lambda a: moved.append(a.copy()) or 0.0, x, verbose=False, h=0.1)
        np.testing.assert_array_equal(np.diagonal(moved[1::2]), (x.astype("f8") + 0.1).astype("f4"))

    def test_what_is_printed(self):
        with contextlib.redirect_stdout(io.StringIO()) as text:
            eval_numerical_gradient(lambda a: 3 * a.sum(), np.zeros((1, 2)), h=0.5)
        self.assertEqual(text.getvalue(), "(0, 0) 3.0\n(0, 1) 3.0\n")
        random.seed(1)
        with contextlib.redirect_stdout(io.StringIO()) as text:
            grad_check_sparse(lambda a: 3 * a.sum(), np.zeros(4), np.full(4, 1.0), 2, 0.5)
        self.assertEqual(text.getvalue(), 2 * "numerical: 3.000000 analytic: 1.000000, relative error: 5.000000e-01\n")

    def test_blobs_and_nets(self):
        def blob(*shape):
            return types.SimpleNamespace(vals=np.random.RandomState(sum(shape)).randn(*shape), diffs=np.ones(shape))

        x, w, out = blob(2, 3), blob(3, 4), blob(2, 4)
        out.diffs = np.random.RandomState(0).randn(2, 4)

        def run(x, w, out):
            out.vals[...] = x.vals @ w.vals

        net = types.SimpleNamespace(forward=lambda: run(x, w, out))
        before = x.vals.copy()
        for dx, dw in (eval_numerical_gradient_blobs(run, (x, w), out), eval_numerical_gradient_net(net, [x, w], out)):
            np.testing.assert_allclose(dx, out.diffs @ w.vals.T, atol=1e-9)
            np.testing.assert_allclose(dw, x.vals.T @ out.diffs, atol=1e-9)
        np.testing.assert_array_equal(x.vals, before)


class Errors(unittest.TestCase):
    def test_a_step_that_is_rounded_away(self):
        """Not a gradient of 0."""
        for x in (np.ones(3, np.float16), np.full(3, 300, np.float32), np.full(3, 1e12)):
            kept = x.copy()
            with self.assertRaisesRegex(ValueError, r"^\[eval_numerical_gradient\] expected a step h that float"):
                eval_numerical_gradient(lambda a: a.astype("f8").sum(), x, verbose=False)
            np.testing.assert_array_equal(x, kept)
        for x, h in ((np.ones(3, np.float16), 2**-6), (np.ones(3, np.float32), 1e-5), (np.array([np.nan]), 1e-5)):
            eval_numerical_gradient(lambda a: a.astype("f8").sum(), x, verbose=False, h=h)

    def test_wrong_kinds(self):
        x, total = np.ones(3), lambda a: a.sum()
        for call in [
            lambda: eval_numerical_gradient(lambda a: None, x, False),
            lambda: eval_numerical_gradient(lambda a: "1", x, False),
            lambda: eval_numerical_gradient(lambda a: 1j, x, False),
            lambda: eval_numerical_gradient(total, [1.0], False),
            lambda: eval_numerical_gradient(total, np.ones(3, int), False),
            lambda: eval_numerical_gradient(total, x, False, "1"),
            lambda: eval_numerical_gradient_array(lambda a: a, x, x.astype(object)),
            lambda: eval_numerical_gradient_array(lambda a: a, x, None),
            lambda: eval_numerical_gradient_array(lambda a: a.astype(object), x, x),
            lambda: grad_check_sparse(total, x, x.astype(object)),
            lambda: grad_check_sparse(total, x, [None] * 3),
            lambda: grad_check_sparse(total, x, x, "2"),
            lambda: rel_error(None, None),
            lambda: rel_error(x, "abc"),
            lambda: rel_error(x, [[1.0], [2.0, 3.0]]),
            lambda: rel_error(x, x.astype(complex)),
        ]:
            with self.assertRaisesRegex(TypeError, FORM):
                call()

    def test_wrong_shapes(self):
        x = np.ones(3)
        for call in [
            lambda: eval_numerical_gradient(lambda a: a, x, False),
            lambda: eval_numerical_gradient_array(lambda a: a, x, np.ones(4)),
            lambda: grad_check_sparse(lambda a: a.sum(), x, np.ones(4)),
            lambda: grad_check_sparse(lambda a: 0.0, x[:0], x[:0]),
            lambda: rel_error(x, np.ones(4)),
        ]:
            with self.assertRaisesRegex(ValueError, FORM):
                call()

    def test_small_integers_do_not_wrap(self):
        self.assertAlmostEqual(rel_error(np.uint8([1]), np.uint8([2])), 1 / 3)
        self.assertAlmostEqual(rel_error(np.int8([-100]), np.int8([100])), 1)
        self.assertAlmostEqual(rel_error(np.float16([0]), np.float16([0])), 0)
        counted = eval_numerical_gradient(lambda a: np.uint8(2 * a.sum()), np.ones(1), False, h=0.5)
        np.testing.assert_array_equal(counted, [2])


if __name__ == "__main__":
    unittest.main()
