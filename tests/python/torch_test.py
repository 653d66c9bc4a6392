#!/usr/bin/env python3
"""The layers against PyTorch, where it is installed, on shapes as nets have them."""
import sys
import unittest

import numpy as np

from lamina import fast_layers, layers, nets, optim

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"skipped: the comparison with PyTorch: {error} (Debian's python3-torch has it)", file=sys.stderr)
    sys.exit(77)


class Torch(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(8)

    def check(self, forward, backward, theirs, arrays, constants=()):
        """theirs(*tensors) is the output; its gradients are autograd's."""
        for dtype, tolerance in [("float64", 1e-11), ("float32", 3e-4)]:
            given = [a.astype(dtype) for a in arrays]
            out, cache = forward(*given, *constants)
            tensors = [torch.from_numpy(a).double().requires_grad_() for a in given]
            right = theirs(*tensors)
            dout = self.rng.standard_normal(out.shape).astype(dtype)
            got = backward(dout, cache)
            right.backward(torch.from_numpy(dout).double())
            pairs = [(out, right)] + list(zip(got if isinstance(got, tuple) else (got,), (t.grad for t in tensors)))
            for a, b in pairs:
                b = b.detach().numpy()
                self.assertEqual((a.shape, a.dtype), (b.shape, np.dtype(dtype)))
                self.assertLess(np.abs(a - b).max(), tolerance * max(1, np.abs(b).max()), forward)

    def normal(self, *shape):
        return self.rng.standard_normal(shape)

    def test_affine(self):
        self.check(layers.affine_forward, layers.affine_backward, lambda x, w, b: x.flatten(1) @ w + b,
                   [self.normal(50, 3, 16, 16), self.normal(768, 100), self.normal(100)])

    def test_activations(self):
        x = 3 * self.normal(40, 3, 5, 7)
        for name, theirs, options in [
            ("relu", F.relu, []),
            ("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [0.2]),
            ("sigmoid", torch.sigmoid, []),
            ("tanh", torch.tanh, []),
            ("silu", F.silu, []),
            ("elu", F.elu, []),  # the default is the same
            ("elu", lambda x: F.elu(x, 0.3), [0.3]),
            ("gelu", F.gelu, []),
            ("gelu", lambda x: F.gelu(x, approximate="tanh"), [True]),
        ]:
            self.check(getattr(layers, f"{name}_forward"), getattr(layers, f"{name}_backward"), theirs, [x], options)

    def test_convolution(self):
        for size, stride in [(1, 1), (3, 1), (3, 2), (5, 1), (7, 1), (7, 3)]:
            param = {"stride": stride, "pad": size // 2}
            arrays = [self.normal(6, 5, 17, 15), self.normal(9, 5, size, size), self.normal(9)]
            theirs = lambda x, w, b: F.conv2d(x, w, b, stride, size // 2)
            self.check(fast_layers.conv_forward_fast, fast_layers.conv_backward_fast, theirs, arrays, [param])
            self.check(layers.conv_forward_naive, layers.conv_backward_naive, theirs, arrays, [param])

    def test_any_convolution(self):
        for i in range(200):
            groups = int(self.rng.integers(1, 9))
            C, filters = (1, groups) if i % 2 else self.rng.integers(1, 20, 2) * (1, groups)
            HH, WW = self.rng.integers(1, 6, 2)
            stride, dilation = (tuple(int(v) for v in self.rng.integers(1, 4, 2)) for _ in range(2))
            pad = tuple(int(v) for v in self.rng.integers(0, 5, 2))
            param = {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups}
            arrays = [self.normal(3, C * groups, 17, 15), self.normal(filters, C, HH, WW), self.normal(filters)]
            theirs = lambda x, w, b: F.conv2d(x, w, b, stride, pad, dilation, groups)
            self.check(fast_layers.conv_forward_fast, fast_layers.conv_backward_fast, theirs, arrays, [param])

    def test_pooling(self):
        for height, width, stride in [(2, 2, 2), (3, 2, 1), (3, 3, 2)]:
            param = {"pool_height": height, "pool_width": width, "stride": stride}
            for forward, backward in [(fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast),
                                      (layers.max_pool_forward_naive, layers.max_pool_backward_naive)]:
                self.check(forward, backward, lambda x: F.max_pool2d(x, (height, width), stride),
                           [self.normal(6, 5, 16, 13)], [param])

    def test_average_pooling(self):
        for height, width, stride, pad in [(2, 2, 2, 0), (3, 2, 1, 1), (3, 3, 2, 1), (4, 5, 3, 2)]:
            for exclude in (False, True):
                param = {"pool_height": height, "pool_width": width, "stride": stride, "pad": pad,
                         "exclude_pad": exclude}
                theirs = lambda x: F.avg_pool2d(x, (height, width), stride, pad, count_include_pad=not exclude)
                self.check(layers.average_pool_forward, layers.average_pool_backward, theirs,
                           [self.normal(6, 5, 16, 13)], [param])
        self.check(layers.global_average_pool_forward, layers.global_average_pool_backward, lambda x: x.mean((2, 3)),
                   [self.normal(6, 5, 16, 13)])

    def test_normalizations(self):
        x, gamma, beta = self.normal(40, 30), self.normal(30), self.normal(30)
        self.check(lambda *a: layers.batchnorm_forward(*a, {"mode": "train"}), layers.batchnorm_backward,
                   lambda x, g, b: F.batch_norm(x, None, None, g, b, True), [x, gamma, beta])
        self.check(layers.layernorm_forward, layers.layernorm_backward,
                   lambda x, g, b: F.layer_norm(x, (30,), g, b), [x, gamma, beta], [{}])
        images, g, b = self.normal(6, 12, 9, 8), self.normal(12), self.normal(12)
        self.check(lambda *a: layers.spatial_batchnorm_forward(*a, {"mode": "train"}),
                   layers.spatial_batchnorm_backward, lambda x, g, b: F.batch_norm(x, None, None, g, b, True),
                   [images, g, b])
        self.check(layers.spatial_groupnorm_forward, layers.spatial_groupnorm_backward,
                   lambda x, g, b: F.group_norm(x, 4, g, b), [images, g, b], [4, {}])

    def same_loss(self, ours, theirs, x, target):
        loss, dx = ours(x, target)
        scores = torch.from_numpy(x).requires_grad_()
        right = theirs(scores, torch.from_numpy(target))
        right.backward()
        self.assertAlmostEqual(loss, right.item(), delta=1e-13)
        np.testing.assert_allclose(dx, scores.grad.numpy(), atol=1e-14)

    def test_losses(self):
        x, y = self.normal(64, 10), self.rng.integers(0, 10, 64)
        for ours, theirs in [
            (layers.softmax_loss, F.cross_entropy),
            (lambda x, y: layers.softmax_loss(x, y, 0.1), lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1)),
            (layers.svm_loss, lambda x, y: 10 * F.multi_margin_loss(x, y)),
        ]:
            self.same_loss(ours, theirs, x, y)

    def test_losses_of_numbers_and_weights(self):
        x, y = self.normal(64, 5), self.rng.integers(0, 5, 64)
        t, labels, weights = self.normal(64, 5), self.rng.random((64, 5)).round(), self.rng.random(64)
        of_rows = torch.from_numpy(weights)[:, None]
        mean = lambda each: (each * of_rows).sum() / of_rows.sum() / (each.numel() / 64)
        classes = self.rng.random(5)  # the weight of each class
        for ours, theirs, target in [
            (layers.sigmoid_loss, F.binary_cross_entropy_with_logits, labels),
            (layers.squared_loss, F.mse_loss, t),
            (layers.absolute_loss, F.l1_loss, t),
            (layers.huber_loss, F.huber_loss, t),
            (lambda x, t: layers.huber_loss(x, t, 0.3), lambda x, t: F.huber_loss(x, t, delta=0.3), t),
            (lambda x, t: layers.sigmoid_loss(x, t, weights),
             lambda x, t: mean(F.binary_cross_entropy_with_logits(x, t, reduction="none")), labels),
            (lambda x, t: layers.squared_loss(x, t, weights), lambda x, t: mean(F.mse_loss(x, t, reduction="none")), t),
            (lambda x, t: layers.absolute_loss(x, t, weights), lambda x, t: mean(F.l1_loss(x, t, reduction="none")), t),
            (lambda x, t: layers.huber_loss(x, t, 2, weights),
             lambda x, t: mean(F.huber_loss(x, t, delta=2.0, reduction="none")), t),
            (lambda x, y: layers.softmax_loss(x, y, weights=classes[y]),
             lambda x, y: F.cross_entropy(x, y, torch.from_numpy(classes)), y),
            (lambda x, y: layers.softmax_loss(x, y, 0.2, weights),
             lambda x, y: mean(F.cross_entropy(x, y, reduction="none", label_smoothing=0.2)[:, None]), y),
            (lambda x, y: layers.svm_loss(x, y, weights),
             lambda x, y: mean(5 * F.multi_margin_loss(x, y, reduction="none")[:, None]), y),
        ]:
            self.same_loss(ours, theirs, x, target)

    def test_trajectories_of_losses(self):
        """30 steps of Adam from the same weights on the same mini-batches."""
        N = 120
        X, weights, factors = self.normal(N, 6), self.rng.random(N), np.array([0.5, 2.0, 1.25])
        values = X[:, :3] ** 2 - X[:, 3:]
        labels, classes = (values > 0.3).astype(float), np.argmax(values, axis=1)
        rows = [self.rng.integers(0, N, 20) for _ in range(30)]
        for loss, y, theirs in [
            ("softmax", classes, lambda x, t: F.cross_entropy(x, t, reduction="none")),
            ("svm", classes, lambda x, t: 3 * F.multi_margin_loss(x, t, reduction="none")),
            ("sigmoid", labels, lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none").mean(1)),
            ("squared", values, lambda x, t: F.mse_loss(x, t, reduction="none").mean(1)),
            ("absolute", values, lambda x, t: F.l1_loss(x, t, reduction="none").mean(1)),
            ("huber", values, lambda x, t: F.huber_loss(x, t, delta=1.0, reduction="none").mean(1)),
        ]:
            of_examples = weights * factors[classes] if y.ndim == 1 else weights
            for w in (None, of_examples):
                net = nets.Sequential("affine 8 | sigmoid | affine 3", input_dim=(6, 1, 1), dtype=np.float64, loss=loss)
                params = {name: torch.from_numpy(p.copy()).requires_grad_() for name, p in net.params.items()}
                rule = torch.optim.Adam(params.values(), 1e-2)
                configs = {name: {"learning_rate": 1e-2} for name in params}
                for batch in rows:
                    of_batch = None if w is None else w[batch]
                    value, grads = net.loss(X[batch], y[batch], of_batch)
                    hidden = torch.sigmoid(torch.from_numpy(X[batch]) @ params["W1"] + params["b1"])
                    each = theirs(hidden @ params["W2"] + params["b2"], torch.from_numpy(y[batch]))
                    shares = torch.from_numpy(np.ones(20) if w is None else of_batch)
                    right = (shares * each).sum() / shares.sum()
                    self.assertAlmostEqual(value / right.item(), 1, delta=1e-9, msg=loss)
                    rule.zero_grad()
                    right.backward()
                    rule.step()
                    for name in params:
                        net.params[name], configs[name] = optim.adam(net.params[name], grads[name], configs[name])
                for name, p in params.items():
                    np.testing.assert_allclose(net.params[name], p.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=loss)

    def test_update_rules(self):
        T = torch.optim
        for name, theirs, config in [
            ("sgd", lambda p: T.SGD(p, 0.1), {}),
            ("sgd_momentum", lambda p: T.SGD(p, 0.1, momentum=0.8, nesterov=True), {"momentum": 0.8, "nesterov": True}),
            ("rmsprop", lambda p: T.RMSprop(p, 0.1, alpha=0.9, eps=1e-5), {"decay_rate": 0.9, "epsilon": 1e-5}),
            ("adam", lambda p: T.Adam(p, 0.1, (0.8, 0.95), 1e-5), {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5}),
            ("adagrad", lambda p: T.Adagrad(p, 0.1, eps=1e-5), {"epsilon": 1e-5}),
            ("adamw", lambda p: T.AdamW(p, 0.1, eps=1e-5, weight_decay=0.3), {"epsilon": 1e-5, "weight_decay": 0.3}),
            ("adamw", lambda p: T.AdamW(p), {"learning_rate": 1e-3}),  # the defaults are the same
        ]:
            w, config = self.normal(7, 5), {"learning_rate": 0.1, **config}
            parameter = torch.from_numpy(w.copy()).requires_grad_()
            rule = theirs([parameter])
            for _ in range(5):
                dw = self.normal(7, 5)
                parameter.grad = torch.from_numpy(dw)
                rule.step()
                w, config = getattr(optim, name)(w, dw, config)
                np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=1e-12, atol=1e-13, err_msg=name)


if __name__ == "__main__":
    unittest.main()
