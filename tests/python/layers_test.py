#!/usr/bin/env python3
"""The layers on random shapes, types and layouts, against NumPy's formulas."""
import unittest

import numpy as np
import reference

from lamina import fast_layers, layer_utils, layers

ROUNDS = 12
# Constant x epsilon; sums have at most a few hundred terms.
TOLERANCE = {"float64": 1e-12, "float32": 2e-4, "float16": 2e-2}


def odd(rng, array, kind):
    """The same numbers, laid out in another way."""
    if kind == "fortran":
        return np.asfortranarray(array)
    if kind == "reversed":
        return array[..., ::-1].copy()[..., ::-1]
    if kind == "strided":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if kind == "swapped":
        return array.astype(array.dtype.newbyteorder())
    if kind == "misaligned":
        raw = np.zeros(array.nbytes + 1, np.uint8)
        view = raw[1:].view(array.dtype).reshape(array.shape)
        view[...] = array
        return view
    if kind == "readonly":
        array = array.copy()
        array.flags.writeable = False
    if kind == "list":
        return array.tolist() if array.dtype == np.float64 else array
    return array


LAYOUTS = ["plain", "fortran", "reversed", "strided", "swapped", "misaligned", "readonly", "list"]


class Layers(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(7)

    def near(self, got, expected, dtype="float64", what=""):
        self.assertEqual(got.dtype, np.dtype(dtype), what)
        self.assertEqual(got.shape, expected.shape, what)
        scale = np.abs(expected).max(initial=1.0)
        self.assertLessEqual(np.abs(got - expected).max(initial=0.0), TOLERANCE[dtype] * scale, what)

    def check(self, forward, backward, expected, arrays, *others):
        """Forward and backward pass on arrays of each type and layout, against expected(*arrays, dout)."""
        for dtype in ("float64", "float32", "float16"):
            kind = LAYOUTS[self.rng.integers(len(LAYOUTS))]
            given = [a.astype(dtype) for a in arrays]
            exact = [a.astype("float64") for a in given]
            out, cache = forward(*(odd(self.rng, a, kind) for a in given), *others)
            dout = self.rng.standard_normal(out.shape).astype(dtype)
            right, gradients = expected(*exact, dout.astype("float64"))
            what = f"{forward.__name__} {dtype} {kind} {[a.shape for a in arrays]} {others}"
            self.near(out, right, dtype, what)
            self.assertTrue(out.flags.writeable)
            got = backward(odd(self.rng, dout, kind), cache)
            got, gradients = (got, gradients) if isinstance(got, tuple) else ((got,), (gradients,))
            self.assertEqual(len(got), len(gradients))
            for g, e in zip(got, gradients):
                self.near(g, e, dtype, what)

    def normal(self, *shape):
        return self.rng.standard_normal(shape)

    def sizes(self, count, low=1, high=9):
        return self.rng.integers(low, high, count).tolist()

    def test_affine(self):
        for _ in range(ROUNDS):
            x = self.normal(*self.sizes(self.rng.integers(2, 6), high=5))
            D, M = int(np.prod(x.shape[1:])), self.sizes(1)[0]
            self.check(layers.affine_forward, layers.affine_backward, reference.affine,
                       [x, self.normal(D, M), self.normal(M)])
        x = self.normal(2, 1, 2, 1, 2, 1, 2, 1)  # more axes than the library's own tensors have
        self.check(layers.affine_forward, layers.affine_backward, reference.affine,
                   [x, self.normal(8, 3), self.normal(3)])
        x, w, dout = self.normal(4, 3), self.normal(3, 2), self.normal(4, 2)
        out, cache = layers.affine_forward(x.astype("f4"), w.astype("f4"), None)
        self.near(out, x @ w, "float32")
        dx, dw, db = layers.affine_backward(dout.astype("f4"), cache)
        self.near(dx, dout @ w.T, "float32")
        self.near(dw, x.T @ dout, "float32")
        self.assertIsNone(db)
        out, cache = layers.affine_forward(np.zeros((0, 3)), np.ones((3, 2)), np.ones(2))
        self.assertEqual(out.shape, (0, 2))
        self.assertEqual([g.tolist() for g in layers.affine_backward(out, cache)], [[], [[0, 0]] * 3, [0, 0]])

    def test_activations(self):
        for _ in range(ROUNDS):
            x = self.normal(*self.sizes(self.rng.integers(0, 8), high=4), 3)
            self.check(layers.relu_forward, layers.relu_backward, reference.relu, [x])
            self.check(layers.sigmoid_forward, layers.sigmoid_backward, reference.sigmoid, [x])
            self.check(layers.tanh_forward, layers.tanh_backward, reference.tanh, [x])
            self.check(layers.silu_forward, layers.silu_backward, reference.silu, [x])
            self.check(layers.elu_forward, layers.elu_backward, lambda x, d: reference.elu(x, d, 0.25), [x], 0.25)
            self.check(layers.gelu_forward, layers.gelu_backward, reference.gelu, [x])
            self.check(layers.gelu_forward, layers.gelu_backward, lambda x, d: reference.gelu(x, d, True), [x], True)
            self.check(layers.leaky_relu_forward, layers.leaky_relu_backward,
                       lambda x, d: reference.leaky_relu(x, d, 0.25), [x], 0.25)
        out, cache = layers.relu_forward(np.float64(-3))
        self.assertEqual((out.shape, float(out)), ((), 0.0))
        self.assertEqual(layers.relu_backward(np.float64(2), cache).shape, ())
        np.testing.assert_array_equal(layers.relu_forward([np.nan, -1, np.inf])[0], [np.nan, 0, np.inf])

    def test_batchnorm(self):
        for _ in range(ROUNDS):
            N, D = self.sizes(2, 2, 40)
            for backward in (layers.batchnorm_backward, layers.batchnorm_backward_alt):
                self.check(lambda x, g, b: layers.batchnorm_forward(x, g, b, {"mode": "train"}), backward,
                           reference.batchnorm, [self.normal(N, D), self.normal(D), self.normal(D)])
            mean, var = self.normal(D), self.rng.random(D) + 0.5
            param = {"mode": "test", "running_mean": mean.astype("f4"), "running_var": var.astype("f4"), "eps": 1e-3}
            x, gamma, beta = self.normal(N, D), self.normal(D), self.normal(D)
            out, cache = layers.batchnorm_forward(x, gamma, beta, param)
            dout = self.normal(N, D)
            right, gradients = reference.batchnorm(x, gamma, beta, dout, eps=1e-3, statistics=(
                mean.astype("f4").astype("f8"), var.astype("f4").astype("f8")))
            self.near(out, right, "float64")
            for got, expected in zip(layers.batchnorm_backward_alt(dout, cache), gradients):
                self.near(got, expected)

    def test_running_averages(self):
        x = self.normal(20, 3)
        param = {"mode": "train", "momentum": 0.75}
        mean, var = np.zeros(3), np.zeros(3)
        for step in range(3):
            before = dict(param)
            layers.batchnorm_forward(x + step, np.ones(3, int), [1, 2, 3], param)
            mean = 0.75 * mean + 0.25 * (x + step).mean(0)
            var = 0.75 * var + 0.25 * (x + step).var(0)
            self.near(param["running_mean"], mean)
            self.near(param["running_var"], var)
            if step:
                self.assertFalse(np.shares_memory(before["running_mean"], param["running_mean"]))
        kept = param["running_mean"]
        layers.batchnorm_forward(x, np.ones(3), np.ones(3), {**param, "mode": "test"})
        param["mode"] = "test"
        layers.batchnorm_forward(x, np.ones(3), np.ones(3), param)
        self.assertIs(param["running_mean"], kept)
        single = {"mode": "train"}
        out, _ = layers.batchnorm_forward(x.astype("f4"), np.ones(3, "f4"), np.ones(3, "f4"), single)
        self.assertEqual((out.dtype, single["running_var"].dtype), (np.float32, np.float32))

    def test_normalizations(self):
        for _ in range(ROUNDS):
            N, D = self.sizes(2, 2, 30)
            self.check(layers.layernorm_forward, layers.layernorm_backward, reference.layernorm,
                       [self.normal(N, D), self.normal(D), self.normal(D)], {})
            N, H, W, G = self.sizes(4, 2, 5)
            C = G * self.sizes(1, 1, 4)[0]
            images = self.normal(N, C, H, W)
            self.check(lambda x, g, b: layers.spatial_batchnorm_forward(x, g, b, {"mode": "train"}),
                       layers.spatial_batchnorm_backward, reference.spatial_batchnorm,
                       [images, self.normal(C), self.normal(C)])
            for shape in [(C,), (1, C, 1, 1)]:
                self.check(lambda x, g, b, G: layers.spatial_groupnorm_forward(x, g, b, G, {}),
                           layers.spatial_groupnorm_backward,
                           lambda x, g, b, d: reference.spatial_groupnorm(x, g, b, G, d),
                           [images, self.normal(*shape), self.normal(*shape)], G)

    def test_convolution(self):
        for _ in range(ROUNDS):
            N, C, F, HH, WW, stride = self.sizes(6, 1, 4)
            pad, (H, W) = int(self.rng.integers(3)), self.sizes(2, 4, 9)
            param = {"stride": stride, "pad": pad}
            arrays = [self.normal(N, C, H, W), self.normal(F, C, HH, WW), self.normal(F)]
            expected = lambda x, w, b, d: reference.conv(x, w, b, d, stride, pad)
            self.check(layers.conv_forward_naive, layers.conv_backward_naive, expected, arrays, param)
            self.check(fast_layers.conv_forward_fast, fast_layers.conv_backward_fast, expected, arrays, param)

    def test_convolution_with_dilation_and_groups(self):
        for _ in range(ROUNDS):
            N, C, F, HH, WW, G = self.sizes(6, 1, 4)
            pair = lambda least: tuple(int(v) for v in self.rng.integers(least, 4, 2))
            param = {"stride": pair(1), "pad": list(pair(0)), "dilation": pair(1), "groups": G}
            arrays = [self.normal(N, C * G, *self.sizes(2, 10, 12)), self.normal(F * G, C, HH, WW), self.normal(F * G)]
            settings = [param[key] for key in ("stride", "pad", "dilation", "groups")]
            expected = lambda x, w, b, d: reference.conv(x, w, b, d, *settings)
            for forward, backward in [(layers.conv_forward_naive, layers.conv_backward_naive),
                                      (fast_layers.conv_forward_fast, fast_layers.conv_backward_fast)]:
                self.check(forward, backward, expected, arrays, param)
                self.check_without_bias(forward, backward, settings, arrays[:2], param)

    def check_without_bias(self, forward, backward, settings, arrays, param):
        def expected(x, w, dout):
            out, grads = reference.conv(x, w, None, dout, *settings)
            return out, grads[:2]

        def gradients(dout, cache):
            dx, dw, db = backward(dout, cache)
            self.assertIsNone(db)
            return dx, dw

        self.check(lambda x, w, param: forward(x, w, None, param), gradients, expected, arrays, param)

    def test_pooling(self):
        for _ in range(ROUNDS):
            N, C, PH, PW, stride = self.sizes(5, 1, 4)
            x = self.normal(N, C, *self.sizes(2, 4, 9))
            param = {"pool_height": PH, "pool_width": float(PW), "stride": np.int8(stride)}
            expected = lambda x, d: reference.max_pool(x, d, PH, PW, stride)
            self.check(layers.max_pool_forward_naive, layers.max_pool_backward_naive, expected, [x], param)
            self.check(fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast, expected, [x], param)
            pad, exclude = int(self.rng.integers(min(PH, PW) // 2 + 1)), bool(self.rng.integers(2))
            self.check(layers.average_pool_forward, layers.average_pool_backward,
                       lambda x, d: reference.average_pool(x, d, PH, PW, stride, pad, exclude), [x],
                       {**param, "pad": pad, "exclude_pad": exclude})
            self.check(layers.global_average_pool_forward, layers.global_average_pool_backward, lambda x, d: (
                x.mean((2, 3)), np.broadcast_to(d[:, :, None, None], x.shape) / (x.shape[2] * x.shape[3])), [x])

    def test_losses(self):
        for _ in range(ROUNDS):
            N, C = self.sizes(2, 2, 30)
            for dtype in TOLERANCE:
                x = self.normal(N, C).astype(dtype)
                y = self.rng.integers(0, C, N).astype(self.rng.choice(["i1", "u2", ">i4", "i8", "u8"]))
                for got, right in [(layers.softmax_loss(x, y), reference.softmax_loss(x.astype("f8"), y)),
                                   (layers.softmax_loss(x, y, 0.25), reference.softmax_loss(x.astype("f8"), y, 0.25)),
                                   (layers.svm_loss(x, y.tolist()), reference.svm_loss(x.astype("f8"), y))]:
                    self.assertAlmostEqual(got[0], right[0], delta=TOLERANCE[dtype] * max(1, right[0]))
                    self.near(got[1], right[1], dtype)
                t, weights = self.rng.random((N, C)).astype(dtype), self.rng.random(N)
                for name in "sigmoid_loss", "squared_loss", "absolute_loss", "huber_loss":
                    for given in None, weights:
                        got = getattr(layers, name)(x, t, weights=given)
                        right = reference.loss_of_numbers(name)(x.astype("f8"), t.astype("f8"), given)
                        self.assertAlmostEqual(got[0], right[0], delta=TOLERANCE[dtype] * max(1, right[0]))
                        self.near(got[1], right[1], dtype)
                powers = np.exp(x.astype("f8"))
                self.near(layers.softmax(x), powers / powers.sum(1, keepdims=True), dtype)

    def test_sandwiches(self):
        one = {"stride": 1, "pad": 1}
        wide = {"stride": (1, 2), "pad": (2, 3), "dilation": 2}
        pool = {"pool_height": 2, "pool_width": 2, "stride": 2}
        bn = lambda: {"mode": "train"}
        x, w, b, gamma, beta = (self.normal(*s) for s in [(7, 2, 3), (6, 5), (5,), (5,), (5,)])
        images, filters, biases, g, t = (self.normal(*s) for s in [(3, 2, 6, 4), (4, 2, 3, 3), (4,), (4,), (4,)])
        affine = layers.affine_forward, layers.affine_backward
        conv = fast_layers.conv_forward_fast, fast_layers.conv_backward_fast
        relu = layers.relu_forward, layers.relu_backward
        cases = [
            ("affine_relu", [x, w, b], [(affine, [x, w, b]), (relu, [])], []),
            ("affine_bn_relu", [x, w, b, gamma, beta],
             [(affine, [x, w, b]), ((layers.batchnorm_forward, layers.batchnorm_backward), [gamma, beta, bn()]),
              (relu, [])], [bn()]),
            ("affine_ln_relu", [x, w, b, gamma, beta],
             [(affine, [x, w, b]), ((layers.layernorm_forward, layers.layernorm_backward), [gamma, beta, {}]),
              (relu, [])], [{}]),
            ("conv_relu", [images, filters, biases], [(conv, [images, filters, biases, one]), (relu, [])], [one]),
            ("conv_relu", [images, filters, None], [(conv, [images, filters, None, one]), (relu, [])], [one]),
            ("conv_bn_relu", [images, filters, None, g, t],
             [(conv, [images, filters, None, wide]),
              ((layers.spatial_batchnorm_forward, layers.spatial_batchnorm_backward), [g, t, bn()]), (relu, [])],
             [wide, bn()]),
            ("conv_bn_relu", [images, filters, biases, g, t],
             [(conv, [images, filters, biases, one]),
              ((layers.spatial_batchnorm_forward, layers.spatial_batchnorm_backward), [g, t, bn()]), (relu, [])],
             [one, bn()]),
            ("conv_relu_pool", [images, filters, biases],
             [(conv, [images, filters, biases, one]), (relu, []),
              ((fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast), [pool])], [one, pool]),
        ]
        for name, arrays, parts, others in cases:
            out, cache = getattr(layer_utils, name + "_forward")(*arrays, *others)
            value, caches = [], []
            for (forward, _), arguments in parts:
                value, part = forward(*value, *arguments)
                value = [value]
                caches.append(part)
            self.near(out, value[0], what=name)
            dout = self.normal(*out.shape)
            for dtype in ("float64", "float32"):
                got = getattr(layer_utils, name + "_backward")(dout.astype(dtype), cache)
                d, gradients = dout.astype(dtype), []
                for ((_, backward), _), part in zip(reversed(parts), reversed(caches)):
                    d = backward(d, part)
                    if isinstance(d, tuple):
                        gradients = list(d[1:]) + gradients
                        d = d[0]
                out *= -1  # the caller's own: the cache does not see it
                self.assertEqual([g_ is None for g_ in got], [False] + [e is None for e in gradients])
                for g_, e in zip(got, [d, *gradients], strict=True):
                    if e is not None:
                        self.near(g_, e, what=name)


if __name__ == "__main__":
    unittest.main()
