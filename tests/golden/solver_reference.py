#!/usr/bin/env python3
"""Whole training histories in plain NumPy, float64, from np.random's one stream: nets and training loop written
plainly. Prints solver_reference.json, which tests/solver/golden_test.cc compares lamina with.

    /usr/bin/python3 solver_reference.py > solver_reference.json
"""
import json

import numpy as np


# ---------------------------------------------------------------- layers: (out, cache) and gradients

def affine(x, w, b):
    return x.reshape(len(x), -1) @ w + b


def affine_backward(dout, x, w):
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


def batchnorm(x, gamma, beta, running, train):
    """x (N, D). running = [mean, var], updated in place."""
    if not train:
        return gamma * (x - running[0]) / np.sqrt(running[1] + 1e-5) + beta, None
    mean, var = x.mean(axis=0), x.var(axis=0)
    running[0] = 0.9 * running[0] + 0.1 * mean
    running[1] = 0.9 * running[1] + 0.1 * var
    inv_std = 1 / np.sqrt(var + 1e-5)
    normed = (x - mean) * inv_std
    return gamma * normed + beta, (normed, inv_std)


def batchnorm_backward(dout, gamma, cache):
    normed, inv_std = cache
    n = len(dout)
    dgamma, dbeta = (dout * normed).sum(axis=0), dout.sum(axis=0)
    return gamma * inv_std / n * (n * dout - dbeta - normed * dgamma), dgamma, dbeta


def layernorm(x, gamma, beta):
    inv_std = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    normed = (x - x.mean(axis=1, keepdims=True)) * inv_std
    return gamma * normed + beta, (normed, inv_std)


def layernorm_backward(dout, gamma, cache):
    normed, inv_std = cache
    g = dout * gamma
    dx = inv_std * (g - g.mean(axis=1, keepdims=True) - normed * (g * normed).mean(axis=1, keepdims=True))
    return dx, (dout * normed).sum(axis=0), dout.sum(axis=0)


def windows(x, k, stride):
    """(N, C, OH, OW, k, k): the windows that a filter of k sees."""
    view = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    return view[:, :, ::stride, ::stride]


def conv(x, w, b, stride):
    k = w.shape[2]
    pad = (k - 1) // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    return np.einsum("nchwij,fcij->nfhw", windows(padded, k, stride), w, optimize=True) + b[:, None, None]


def conv_backward(dout, x, w, stride):
    k = w.shape[2]
    pad = (k - 1) // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dw = np.einsum("nchwij,nfhw->fcij", windows(padded, k, stride), dout, optimize=True)
    dpadded = np.zeros_like(padded)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            at = (slice(None), slice(None), slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))
            dpadded[at] += np.einsum("nf,fcij->ncij", dout[:, :, i, j], w)
    height, width = x.shape[2:]
    return dpadded[:, :, pad:pad + height, pad:pad + width], dw, dout.sum(axis=(0, 2, 3))


def pool(x):
    """2x2 max pooling of stride 2; a last odd row or column is left out."""
    n, c, h, w = x.shape
    blocks = x[:, :, :h // 2 * 2, :w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
    flat = blocks.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
    return flat.max(axis=4), flat.argmax(axis=4)


def pool_backward(dout, places, shape):
    dx = np.zeros(shape)
    n, c, i, j = np.indices(dout.shape)
    dx[n, c, 2 * i + places // 2, 2 * j + places % 2] = dout
    return dx


def softmax_loss(scores, y):
    n = len(y)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dscores = np.exp(log_p)
    dscores[np.arange(n), y] -= 1
    return -log_p[np.arange(n), y].mean(), dscores / n


# ---------------------------------------------------------------- nets

class FullyConnectedNet:
    """[affine - (norm) - relu - (dropout)] x L - affine - softmax."""

    def __init__(self, hidden_dims, input_dim, num_classes, normalization="none", dropout=1, reg=0.0,
                 weight_scale=1e-2, seed=None):
        self.normalization, self.dropout, self.reg, self.seed = normalization, dropout, reg, seed
        self.layers = len(hidden_dims)
        self.params = {}
        sizes = [input_dim, *hidden_dims, num_classes]
        for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:]), 1):
            self.params[f"W{i}"] = weight_scale * np.random.randn(fan_in, fan_out)
            self.params[f"b{i}"] = np.zeros(fan_out)
            if normalization != "none" and i <= self.layers:
                self.params[f"gamma{i}"] = np.ones(fan_out)
                self.params[f"beta{i}"] = np.zeros(fan_out)
        self.running = [[np.zeros(d), np.zeros(d)] for d in hidden_dims]

    def loss(self, x, y=None):
        p, train = self.params, y is not None
        caches = []
        for i in range(1, self.layers + 1):
            a = affine(x, p[f"W{i}"], p[f"b{i}"])
            norm = None
            if self.normalization == "batchnorm":
                a, norm = batchnorm(a, p[f"gamma{i}"], p[f"beta{i}"], self.running[i - 1], train)
            elif self.normalization == "layernorm":
                a, norm = layernorm(a, p[f"gamma{i}"], p[f"beta{i}"])
            mask = np.ones(a.shape)
            if train and self.dropout != 1:
                if self.seed is not None:
                    np.random.seed(self.seed)
                mask = (np.random.rand(*a.shape) < self.dropout) / self.dropout
            caches.append((x, a, norm, mask))
            x = np.maximum(0, a) * mask
        last = self.layers + 1
        scores = affine(x, p[f"W{last}"], p[f"b{last}"])
        if not train:
            return scores

        loss, dout = softmax_loss(scores, y)
        grads = {}
        dout, grads[f"W{last}"], grads[f"b{last}"] = affine_backward(dout, x, p[f"W{last}"])
        for i in range(self.layers, 0, -1):
            x, a, norm, mask = caches[i - 1]
            dout = dout * mask * (a > 0)
            if self.normalization == "batchnorm":
                dout, grads[f"gamma{i}"], grads[f"beta{i}"] = batchnorm_backward(dout, p[f"gamma{i}"], norm)
            elif self.normalization == "layernorm":
                dout, grads[f"gamma{i}"], grads[f"beta{i}"] = layernorm_backward(dout, p[f"gamma{i}"], norm)
            dout, grads[f"W{i}"], grads[f"b{i}"] = affine_backward(dout, x, p[f"W{i}"])
        for i in range(1, last + 1):
            loss += 0.5 * self.reg * np.sum(p[f"W{i}"] ** 2)
            grads[f"W{i}"] += self.reg * p[f"W{i}"]
        return loss, grads


class ConvNet:
    """[conv - (batch norm) - relu] x M - 2x2 max pool - affine - softmax."""

    def __init__(self, num_filters, filter_sizes, input_dim, num_classes, use_batch_norm=True, conv_stride=1, reg=0.0,
                 weight_scale=1e-3):
        self.use_batch_norm, self.stride, self.reg = use_batch_norm, conv_stride, reg
        self.layers = len(num_filters)
        self.params = {}
        c, h, w = input_dim
        for i, (f, k) in enumerate(zip(num_filters, filter_sizes), 1):
            self.params[f"W_{i}"] = weight_scale * np.random.randn(f, c, k, k)
            self.params[f"b_{i}"] = np.zeros(f)
            if use_batch_norm:
                self.params[f"gamma{i}"] = np.ones(f)
                self.params[f"beta{i}"] = np.zeros(f)
            pad = (k - 1) // 2
            c, h, w = f, 1 + (h + 2 * pad - k) // conv_stride, 1 + (w + 2 * pad - k) // conv_stride
        last = self.layers + 1
        self.params[f"W_{last}"] = weight_scale * np.random.randn(c * (h // 2) * (w // 2), num_classes)
        self.params[f"b_{last}"] = np.zeros(num_classes)
        self.running = [[np.zeros(f), np.zeros(f)] for f in num_filters]

    @staticmethod
    def rows(x):
        """(N, C, H, W) as rows (N H W, C)."""
        return x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])

    @staticmethod
    def images(rows, shape):
        n, c, h, w = shape
        return rows.reshape(n, h, w, c).transpose(0, 3, 1, 2)

    def loss(self, x, y=None):
        p, train = self.params, y is not None
        caches = []
        for i in range(1, self.layers + 1):
            a = conv(x, p[f"W_{i}"], p[f"b_{i}"], self.stride)
            norm = None
            if self.use_batch_norm:
                out, norm = batchnorm(self.rows(a), p[f"gamma{i}"], p[f"beta{i}"], self.running[i - 1], train)
                a = self.images(out, a.shape)
            caches.append((x, a, norm))
            x = np.maximum(0, a)
        last = self.layers + 1
        pooled, places = pool(x)
        scores = affine(pooled, p[f"W_{last}"], p[f"b_{last}"])
        if not train:
            return scores

        loss, dout = softmax_loss(scores, y)
        grads = {}
        dout, grads[f"W_{last}"], grads[f"b_{last}"] = affine_backward(dout, pooled, p[f"W_{last}"])
        dout = pool_backward(dout, places, x.shape)
        for i in range(self.layers, 0, -1):
            x, a, norm = caches[i - 1]
            dout = dout * (a > 0)
            if self.use_batch_norm:
                rows, grads[f"gamma{i}"], grads[f"beta{i}"] = batchnorm_backward(self.rows(dout), p[f"gamma{i}"], norm)
                dout = self.images(rows, a.shape)
            dout, grads[f"W_{i}"], grads[f"b_{i}"] = conv_backward(dout, x, p[f"W_{i}"], self.stride)
        for i in range(1, last + 1):
            loss += 0.5 * self.reg * np.sum(p[f"W_{i}"] ** 2)
            grads[f"W_{i}"] += self.reg * p[f"W_{i}"]
        return loss, grads


# ---------------------------------------------------------------- update rules and the loop

def updated(rule, w, dw, rate, state):
    if rule == "sgd":
        return w - rate * dw
    if rule == "sgd_momentum":
        state["v"] = 0.9 * state.get("v", np.zeros_like(w)) - rate * dw
        return w + state["v"]
    if rule == "rmsprop":
        state["cache"] = 0.99 * state.get("cache", np.zeros_like(w)) + (1 - 0.99) * dw ** 2
        return w - rate * dw / (np.sqrt(state["cache"]) + 1e-8)
    state["t"] = state.get("t", 0) + 1
    state["m"] = 0.9 * state.get("m", np.zeros_like(w)) + (1 - 0.9) * dw
    state["v"] = 0.999 * state.get("v", np.zeros_like(w)) + (1 - 0.999) * dw ** 2
    m = state["m"] / (1 - 0.9 ** state["t"])
    v = state["v"] / (1 - 0.999 ** state["t"])
    return w - rate * m / (np.sqrt(v) + 1e-8)


def accuracy(model, x, y, num_samples):
    n = len(x)
    if num_samples and n > num_samples:
        rows = np.random.choice(n, num_samples)
        n, x, y = num_samples, x[rows], y[rows]
    found = [np.argmax(model.loss(x[i:i + 100]), axis=1) for i in range(0, n, 100)]
    return float(np.mean(np.hstack(found) == y))


def train(model, data, update_rule, learning_rate, lr_decay, batch_size, num_epochs, num_train_samples,
          num_val_samples):
    x_train, y_train, x_val, y_val = data
    state = {name: {} for name in model.params}
    losses, train_accs, val_accs, best, best_params, best_running = [], [], [], 0, {}, None
    per_epoch = max(len(x_train) // batch_size, 1)
    steps = num_epochs * per_epoch
    for t in range(steps):
        rows = np.random.choice(len(x_train), batch_size)
        loss, grads = model.loss(x_train[rows], y_train[rows])
        losses.append(float(loss))
        for name, w in model.params.items():
            model.params[name] = updated(update_rule, w, grads[name], learning_rate, state[name])
        epoch_end = (t + 1) % per_epoch == 0
        if epoch_end:
            learning_rate *= lr_decay
        if t == 0 or t == steps - 1 or epoch_end:
            train_accs.append(accuracy(model, x_train, y_train, num_train_samples))
            val_accs.append(accuracy(model, x_val, y_val, num_val_samples))
            if val_accs[-1] > best:
                best = val_accs[-1]
                best_params = {name: w.copy() for name, w in model.params.items()}
                best_running = [list(r) for r in model.running]
    model.params, model.running = best_params, best_running
    return {"loss_history": losses, "train_acc_history": train_accs, "val_acc_history": val_accs,
            "best_val_acc": best, "final_val_acc": accuracy(model, x_val, y_val, 0)}


# ---------------------------------------------------------------- cases

SHAPE = [3, 8, 8]


def images(n, classes, noise):
    """A pattern a class, noise on top."""
    patterns = np.random.randn(classes, *SHAPE)
    y = np.random.randint(0, classes, n)
    return patterns[y] + noise * np.random.randn(n, *SHAPE), y


CASES = [
    dict(name="fc", net="fc", options=dict(hidden_dims=[40, 30], reg=0.1, weight_scale=3e-2),
         solver=dict(update_rule="sgd", learning_rate=2e-1, lr_decay=0.9, batch_size=32)),
    dict(name="fc, batchnorm", net="fc",
         options=dict(hidden_dims=[30, 20, 10], normalization="batchnorm", weight_scale=2e-2, reg=1e-2),
         solver=dict(update_rule="adam", learning_rate=1e-3, lr_decay=0.95, batch_size=30)),
    dict(name="fc, layernorm", net="fc",
         options=dict(hidden_dims=[30, 20, 10], normalization="layernorm", weight_scale=2e-2),
         solver=dict(update_rule="rmsprop", learning_rate=1e-3, lr_decay=0.9, batch_size=50)),
    dict(name="fc, dropout", net="fc", options=dict(hidden_dims=[50, 40], dropout=0.6, weight_scale=5e-2),
         solver=dict(update_rule="sgd_momentum", learning_rate=1e-2, lr_decay=0.9, batch_size=27)),
    dict(name="fc, dropout with a seed", net="fc",
         options=dict(hidden_dims=[50], dropout=0.75, weight_scale=5e-2, seed=123, normalization="batchnorm"),
         solver=dict(update_rule="adam", learning_rate=2e-3, lr_decay=1.0, batch_size=25)),
    dict(name="convnet, stride 1", net="conv",
         options=dict(num_filters=[6, 5], filter_sizes=[5, 3], weight_scale=2e-2, reg=1e-2),
         solver=dict(update_rule="sgd_momentum", learning_rate=1e-2, lr_decay=0.9, batch_size=16)),
    dict(name="convnet, stride 2", net="conv",
         options=dict(num_filters=[8, 6], filter_sizes=[7, 3], weight_scale=2e-2, conv_stride=2),
         solver=dict(update_rule="adam", learning_rate=2e-3, lr_decay=0.95, batch_size=18)),
    dict(name="convnet, no batch norm", net="conv",
         options=dict(num_filters=[7], filter_sizes=[3], weight_scale=5e-2, use_batch_norm=False, reg=1e-3),
         solver=dict(update_rule="rmsprop", learning_rate=1e-3, lr_decay=0.9, batch_size=23)),
]


def run(seed, case):
    np.random.seed(seed)
    num_train, num_val, classes, noise = 170, 90, 10, 2.5
    x, y = images(num_train + num_val, classes, noise)
    data = x[:num_train], y[:num_train], x[num_train:], y[num_train:]
    if case["net"] == "fc":
        model = FullyConnectedNet(input_dim=int(np.prod(SHAPE)), num_classes=classes, **case["options"])
    else:
        model = ConvNet(input_dim=SHAPE, num_classes=classes, **case["options"])
    per_epoch = max(num_train // case["solver"]["batch_size"], 1)
    solver = dict(case["solver"], num_epochs=max(2, -(-40 // per_epoch)), num_train_samples=100,
                  num_val_samples=60 if seed % 2 else 0)
    return dict(case, seed=seed, input_dim=SHAPE, num_classes=classes, num_train=num_train, num_val=num_val,
                noise=noise, solver=solver, history=train(model, data, **solver), next_rand=np.random.rand())


if __name__ == "__main__":
    results = [run(231 + i, case) for i, case in enumerate(CASES)]
    print("[\n" + ",\n".join(json.dumps(r) for r in results) + "\n]")
