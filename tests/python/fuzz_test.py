#!/usr/bin/env python3
"""10,000 random calls of every function and class: each raises one line or gives the right answer. None crashes.

With LAMINA_TEST_FULL they are others each time.
"""
import collections
import contextlib
import faulthandler
import inspect
import io
import os
import random
import re
import sys
import time
import unittest
import warnings

import numpy as np
import reference
from fuzz_cases import as_arrays, cases, described, extreme, float_of, numpy_type
from fuzz_nets import Nets
from fuzz_tools import Tools
from hostile import hostile

import lamina
from lamina import data, fast_layers, gradient_check, im2col, layer_utils, layers, nets, optim, solver, vis

CALLS = int(os.environ.get("LAMINA_FUZZ_CALLS", 10000))
SEED = int(os.environ.get("LAMINA_FUZZ_SEED", 20 if "LAMINA_TEST_FULL" not in os.environ else time.time_ns() % 2**32))
EXPECTED = (ValueError, TypeError, KeyError, OSError)
MODULES = [layers, fast_layers, layer_utils, optim, gradient_check, nets, solver, data, vis, im2col]
TOLERANCE = {2: 2e-2, 4: 3e-4, 8: 1e-9}
# The course's own words, and the system's for a file that is not there.
FORM = re.compile(r"\[\w+\] expected .+|Unrecognized arguments .+|Invalid update_rule .+|\[Errno \d+\] .+")
RAISED = object()


def as_row(value, was):
    """A bias, gamma or beta for the reference: (D,), also where it was spoilt to (1, ..., D), as the layers take it."""
    return np.reshape(value, np.shape(value)[-1:]) if np.ndim(was) == 1 and np.ndim(value) > 1 else value


class Fuzz(Nets, Tools, unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(SEED)
        np.random.seed(SEED)
        random.seed(SEED)
        self.seen, self.called, self.unclear = (collections.Counter() for _ in range(3))
        self.calls, self.last = 0, None

    def call(self, function, *arguments, **named):
        """What the function gives; RAISED where it raises an error, which is to be a clear one."""
        self.calls += 1
        self.called[function.__qualname__ if inspect.ismethod(function) else function.__name__] += 1
        try:
            return function(*arguments, **named)
        except Exception as error:
            self.raised(error, function.__name__)
            return RAISED

    def raised(self, error, name):
        kind = next((kind for kind in EXPECTED if isinstance(error, kind)), None)
        self.seen[kind.__name__ if kind else "unexpected"] += 1
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        if kind is None or not FORM.fullmatch(text):
            self.unclear[f"{name}: {type(error).__name__}: {text}"] += 1

    def near(self, got, expected, what, itemsize=8):
        """To the precision of got, or of a type of fewer bytes from which it was computed.

        What lies beyond got's type is infinite.
        """
        expected = np.asarray(expected)
        self.assertEqual(got.shape, expected.shape, what)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), what)
        if got.dtype.kind == "f":
            beyond = np.abs(expected) > np.finfo(got.dtype).max
            np.testing.assert_array_equal(got[beyond], np.sign(expected[beyond]) * np.inf, what)
            got, expected = got[~beyond], expected[~beyond]
        difference = np.abs(got.astype("f8") - expected)
        scale = np.nanmax(np.abs(expected), initial=1.0)
        self.assertLessEqual(np.nanmax(difference, initial=0.0), TOLERANCE[min(got.itemsize, itemsize)] * scale, what)

    def one_layer(self):
        name, forward, backward, expected, arguments = (lambda c: c[self.rng.integers(len(c))])(cases(self.rng))
        proper = arguments
        arguments = [hostile(self.rng, a) for a in arguments]
        before = [dict(a) if isinstance(a, dict) else a for a in arguments]
        what = f"{forward.__name__} {[described(a) for a in before]}"
        np.random.seed(5)
        found = self.call(forward, *arguments)
        if found is RAISED:
            return
        out, cache = found
        dout = self.rng.standard_normal(out.shape).astype(out.dtype)
        spoilt = hostile(self.rng, dout)
        with_cache = cache if self.rng.random() < 0.97 else [None, self.last, (cache,), 3][self.rng.integers(4)]
        grads = self.call(backward, spoilt, with_cache)
        if grads is RAISED:
            grads, spoilt = None, dout
        if with_cache is not cache:
            grads = None if with_cache is not self.last else grads
        self.last, different = cache, with_cache is self.last and with_cache is not cache
        dictionaries = [a for a in before if isinstance(a, dict)]
        if extreme([*before, spoilt]) or any(
                np.all(p.get("eps", 1) == 0) or p.get("seed", 0) is None for p in dictionaries):
            self.seen["extreme"] += 1
            return
        before[1:] = [as_row(a, was) for a, was in zip(before[1:], proper[1:])]
        right, gradients = expected(*map(as_arrays, before), np.asarray(spoilt, "f8").reshape(out.shape))
        self.near(out, right, what)
        if not any("running_mean" in p or "running_var" in p for p in dictionaries):
            floats = [np.asarray(a) for a in before if not isinstance(a, dict) and np.ndim(a)]
            self.assertEqual(out.dtype, numpy_type(floats or before[:1]), what)
        if grads is None or different:
            return
        self.seen["right"] += 1
        grads, gradients = (grads, gradients) if isinstance(grads, tuple) else ((grads,), (gradients,))
        self.assertEqual(len(grads), len(gradients))
        for g, e in zip(grads, gradients):
            self.assertEqual(g is None, e is None, what)
            if e is not None:
                self.near(g, e, "gradient of " + what + f" {np.asarray(spoilt).dtype}", out.itemsize)

    def one_loss(self):
        N, C = self.rng.integers(1, 7, 2)
        x, y = hostile(self.rng, self.rng.standard_normal((N, C))), hostile(self.rng, self.rng.integers(0, C, N))
        function, expected = [(layers.softmax_loss, reference.softmax_loss), (layers.svm_loss, reference.svm_loss)][
            self.rng.integers(2)]
        found = self.call(function, x, y)
        if found is not RAISED and not extreme([x]):
            loss, dx = found
            right, gradient = expected(np.asarray(x).astype("f8"), np.asarray(y))
            self.seen["right"] += 1
            self.near(dx, gradient, function.__name__)
            self.assertAlmostEqual(loss, right, delta=TOLERANCE[dx.itemsize] * max(1, right))

    def one_loss_of_numbers(self):
        shape = self.rng.integers(1, 7, 2)
        name = self.rng.choice(["sigmoid_loss", "squared_loss", "absolute_loss", "huber_loss"])
        x, t = hostile(self.rng, self.rng.standard_normal(shape)), hostile(self.rng, self.rng.random(shape))
        found = self.call(getattr(layers, name), x, t)
        if found is not RAISED and not extreme([x, t]):
            loss, dx = found
            right, gradient = reference.loss_of_numbers(name)(np.asarray(x).astype("f8"), np.asarray(t).astype("f8"))
            self.seen["right"] += 1
            self.near(dx, gradient, name)
            self.assertAlmostEqual(loss, right, delta=TOLERANCE[dx.itemsize] * max(1, right))

    def one_softmax(self):
        x = hostile(self.rng, self.rng.standard_normal(self.rng.integers(0, 6, 2)))
        p = self.call(layers.softmax, x)
        if p is not RAISED and not extreme([x]):
            powers = np.exp(np.asarray(x).astype("f8"))
            self.seen["right"] += 1
            self.near(p, powers / powers.sum(1, keepdims=True), "softmax")

    def one_update(self):
        w = self.rng.standard_normal(self.rng.integers(1, 4, self.rng.integers(0, 4)))
        state = self.rng.random(w.shape)
        w, dw = hostile(self.rng, w), hostile(self.rng, self.rng.standard_normal(w.shape))
        rule = getattr(optim, optim.__all__[self.rng.integers(len(optim.__all__))])
        config = {"learning_rate": 0.5, "momentum": 0.25, "epsilon": 1e-3, "t": 3}
        if self.rng.random() < 0.5:
            config.update(velocity=state, cache=state, m=state, v=state)
        config = hostile(self.rng, config)
        before = dict(config) if isinstance(config, dict) else None
        old = np.array(w) if isinstance(w, np.ndarray) else w
        found = self.call(rule, w, dw, config)
        if found is RAISED:
            return
        next_w, after = found
        self.assertTrue(after is config or config is None)
        if rule is not optim.sgd and isinstance(w, np.ndarray):
            np.testing.assert_array_equal(w, old)
        if rule is optim.sgd and before is not None and not extreme([old, dw]):
            rate = float_of(before.get("learning_rate", 1e-2))
            if np.isfinite(rate) and abs(rate) < 1e6:
                self.seen["right"] += 1
                right = np.asarray(old).astype("f8") - rate * np.asarray(dw).astype("f8")
                self.near(next_w, right, "sgd")

    def one_of_the_package(self):
        before = lamina.num_threads()
        with contextlib.suppress(ValueError, TypeError):
            self.call(lamina.set_num_threads, hostile(self.rng, 2))
        self.call(lamina.num_threads)
        lamina.set_num_threads(before)

    def test_calls(self):
        kinds = [self.one_layer] * 16 + [self.one_loss, self.one_loss_of_numbers] * 4 + [self.one_softmax] * 2
        kinds += [self.one_update] * 4
        kinds += [self.one_net] * 4 + [self.one_solver] * 2 + [self.one_accuracy] + [self.one_of_the_package]
        kinds += [self.one_numerical_gradient] * 2 + [self.one_gradient_of_blobs, self.one_check, self.one_error]
        kinds += [self.one_grid, self.one_file, self.one_set, self.one_table, self.one_window] * 2
        with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            while self.calls < CALLS:
                kinds[self.rng.integers(len(kinds))]()
        print(f"{self.calls} calls: {dict(self.seen)}", file=sys.stderr)
        self.assertFalse(self.unclear, "not worded `[name] expected ...`:\n" + "\n".join(self.unclear))
        for kind in ("right", "ValueError", "TypeError", "KeyError"):
            self.assertGreater(self.seen[kind], CALLS / 400)
        public = {getattr(module, name).__name__ for module in MODULES for name in module.__all__}
        public |= {"num_threads", "set_num_threads", "Solver.train", "Solver.check_accuracy"}
        public |= {"_Net.loss", "_Net.summary", "FullyConnectedNet.loss"}
        few = {name: self.called[name] for name in public if self.called[name] < CALLS / 1000}
        self.assertEqual(few, {}, "functions and classes that were hardly called")


if __name__ == "__main__":
    faulthandler.enable()
    print(f"LAMINA_FUZZ_SEED={SEED} makes these calls again", file=sys.stderr, flush=True)
    unittest.main()
