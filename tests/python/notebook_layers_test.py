#!/usr/bin/env python3
"""The notebooks' cells on single layers, and what they print."""
import unittest

import numpy as np
from printed_values import printed_value, printed_values

from lamina.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array, rel_error
from lamina.layer_utils import affine_relu_backward, affine_relu_forward
from lamina.layers import *


class Cells(unittest.TestCase):
    def gradients(self, f, arrays, dout, got, bound):
        for k, (array, gradient) in enumerate(zip(arrays, got)):
            numerical = eval_numerical_gradient_array(lambda a: f(*arrays[:k], a, *arrays[k + 1:])[0], array, dout)
            self.assertLess(rel_error(numerical, gradient), bound, f"argument {k}")

    def test_affine(self):
        x = np.linspace(-0.1, 0.5, num=240).reshape(2, 4, 5, 6)
        w = np.linspace(-0.2, 0.3, num=360).reshape(120, 3)
        out, _ = affine_forward(x, w, np.linspace(-0.3, 0.1, num=3))
        correct = np.reshape(printed_values("affine_forward.correct_out"), (2, 3))
        self.assertAlmostEqual(rel_error(out, correct), printed_value("affine_forward.difference"), delta=1e-15)
        np.random.seed(231)
        arrays = [np.random.randn(10, 2, 3), np.random.randn(6, 5), np.random.randn(5)]
        dout = np.random.randn(10, 5)
        self.gradients(affine_forward, arrays, dout, affine_backward(dout, affine_forward(*arrays)[1]), 1e-9)

    def test_relu(self):
        x = np.linspace(-0.5, 0.5, num=12).reshape(3, 4)
        correct = np.reshape(printed_values("relu_forward.correct_out"), (3, 4))
        self.assertAlmostEqual(rel_error(relu_forward(x)[0], correct), printed_value("relu_forward.difference"), delta=1e-15)

    def test_affine_relu(self):
        np.random.seed(231)
        arrays = [np.random.randn(2, 3, 4), np.random.randn(12, 10), np.random.randn(10)]
        dout = np.random.randn(2, 10)
        got = affine_relu_backward(dout, affine_relu_forward(*arrays)[1])
        self.gradients(affine_relu_forward, arrays, dout, got, 1e-9)

    def test_losses(self):
        np.random.seed(231)
        x = 0.001 * np.random.randn(50, 10)
        y = np.random.randint(10, size=50)
        for loss, printed in [(svm_loss, printed_value("svm_loss.loss")), (softmax_loss, printed_value("softmax_loss.loss"))]:
            value, dx = loss(x, y)
            self.assertAlmostEqual(value, printed, delta=1e-14)
            self.assertLess(rel_error(eval_numerical_gradient(lambda a: loss(a, y)[0], x, verbose=False), dx), 2e-8)

    def test_batchnorm(self):
        np.random.seed(231)
        X, W1, W2 = np.random.randn(200, 50), np.random.randn(50, 60), np.random.randn(60, 3)
        a = np.maximum(0, X.dot(W1)).dot(W2)
        np.testing.assert_allclose(a.mean(0), printed_values("batchnorm_forward.means"), atol=1e-8)
        out, _ = batchnorm_forward(a, np.asarray([1.0, 2.0, 3.0]), np.asarray([11.0, 12.0, 13.0]), {"mode": "train"})
        np.testing.assert_allclose(out.mean(0), [11, 12, 13], atol=1e-12)
        np.testing.assert_allclose(out.std(0), [1, 2, 3], atol=1e-7)
        np.random.seed(231)
        arrays = [5 * np.random.randn(4, 5) + 12, np.random.randn(5), np.random.randn(5)]
        dout = np.random.randn(4, 5)
        for forward, backward in [(batchnorm_forward, batchnorm_backward), (layernorm_forward, layernorm_backward)]:
            param = {"mode": "train"}
            f = lambda x, gamma, beta: forward(x, gamma, beta, param)
            self.gradients(f, arrays, dout, backward(dout, f(*arrays)[1]), 1e-8)

    def test_two_backward_passes(self):
        np.random.seed(231)
        x = 5 * np.random.randn(100, 500) + 12
        gamma, beta, dout = np.random.randn(500), np.random.randn(500), np.random.randn(100, 500)
        _, cache = batchnorm_forward(x, gamma, beta, {"mode": "train"})
        for a, b in zip(batchnorm_backward(dout, cache), batchnorm_backward_alt(dout, cache)):
            self.assertLess(rel_error(a, b), 1e-10)

    def test_test_time(self):
        """Running averages are used: means near 0 and deviations near 1, but noisier than in training."""
        np.random.seed(231)
        param = {"mode": "train"}
        gamma, beta = np.ones(4), np.zeros(4)
        for _ in range(50):
            spatial_batchnorm_forward(2.3 * np.random.randn(10, 4, 11, 12) + 13, gamma, beta, param)
        param["mode"] = "test"
        out, _ = spatial_batchnorm_forward(2.3 * np.random.randn(10, 4, 11, 12) + 13, gamma, beta, param)
        means, deviations = out.mean((0, 2, 3)), out.std((0, 2, 3))
        self.assertTrue(np.all(np.abs(means) < 0.15) and np.all(np.abs(deviations - 1) < 0.05), (means, deviations))
        self.assertGreater(np.abs(means).max(), 1e-6)

    def test_convolution(self):
        x = np.linspace(-0.1, 0.5, num=96).reshape(2, 3, 4, 4)
        w = np.linspace(-0.2, 0.3, num=144).reshape(3, 3, 4, 4)
        out, _ = conv_forward_naive(x, w, np.linspace(-0.1, 0.2, num=3), {"stride": 2, "pad": 1})
        correct = np.reshape(printed_values("conv_forward.correct_out"), (2, 3, 2, 2))
        self.assertAlmostEqual(rel_error(out, correct), printed_value("conv_forward.difference"), delta=1e-14)
        np.random.seed(231)
        arrays = [np.random.randn(4, 3, 5, 5), np.random.randn(2, 3, 3, 3), np.random.randn(2)]
        dout = np.random.randn(4, 2, 5, 5)
        f = lambda x, w, b: conv_forward_naive(x, w, b, {"stride": 1, "pad": 1})
        self.gradients(f, arrays, dout, conv_backward_naive(dout, f(*arrays)[1]), 2e-8)

    def test_pooling(self):
        x = np.linspace(-0.3, 0.4, num=96).reshape(2, 3, 4, 4)
        param = {"pool_width": 2, "pool_height": 2, "stride": 2}
        correct = x[:, :, 1::2, 1::2].round(8)
        got = rel_error(max_pool_forward_naive(x, param)[0], correct)
        self.assertAlmostEqual(got, printed_value("max_pool_forward.difference"), delta=1e-15)

    def test_dropout(self):
        np.random.seed(231)
        x = np.random.randn(500, 500) + 10
        for p, mean, zeros in zip((0.25, 0.4, 0.7), printed_values("dropout_forward.means"),
                                  printed_values("dropout_forward.zeros")):
            out, _ = dropout_forward(x, {"mode": "train", "p": p})
            test, _ = dropout_forward(x, {"mode": "test", "p": p})
            self.assertAlmostEqual(out.mean(), mean, delta=1e-12)
            self.assertEqual((out == 0).mean(), zeros)
            np.testing.assert_array_equal(test, x)
        np.random.seed(231)
        x = np.random.randn(10, 10) + 10
        dout = np.random.randn(*x.shape)
        param = {"mode": "train", "p": 0.2, "seed": 123}
        dx = dropout_backward(dout, dropout_forward(x, param)[1])
        numerical = eval_numerical_gradient_array(lambda a: dropout_forward(a, param)[0], x, dout)
        self.assertAlmostEqual(rel_error(dx, numerical), printed_value("dropout_backward.error"), delta=1e-15)

    def test_spatial(self):
        np.random.seed(231)
        x = 4 * np.random.randn(2, 3, 4, 5) + 10
        out, _ = spatial_batchnorm_forward(x, np.asarray([3, 4, 5]), np.asarray([6, 7, 8]), {"mode": "train"})
        np.testing.assert_allclose(out.mean((0, 2, 3)), printed_values("spatial_batchnorm_forward.scaled_means"), atol=1e-12)
        np.testing.assert_allclose(out.std((0, 2, 3)), printed_values("spatial_batchnorm_forward.scaled_stds"), atol=1e-8)
        np.random.seed(231)
        arrays = [5 * np.random.randn(2, 6, 4, 5) + 12, np.random.randn(1, 6, 1, 1), np.random.randn(1, 6, 1, 1)]
        dout = np.random.randn(2, 6, 4, 5)
        f = lambda x, gamma, beta: spatial_groupnorm_forward(x, gamma, beta, 2, {})
        out, cache = f(*arrays)
        self.assertEqual(out.shape, (2, 6, 4, 5))
        self.gradients(f, arrays, dout, spatial_groupnorm_backward(dout, cache), 1e-6)


if __name__ == "__main__":
    unittest.main()
