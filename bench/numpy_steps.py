"""Training steps and predictions written with NumPy (convolution as im2col and a matrix product, float32), for
bench/bench.py: the same requests and answers as bench/steps.cc. Threads are OpenBLAS's, set when it starts."""
import json
import sys
import time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nets import CASES


class Affine:
    def __init__(self, d, m):
        self.params = [np.float32(0.02) * np.random.randn(d, m).astype(np.float32), np.zeros(m, np.float32)]

    def forward(self, x, train):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.params[0] + self.params[1]

    def backward(self, dout, first):
        self.grads = [self.x.T @ dout, dout.sum(0)]
        return None if first else (dout @ self.params[0].T).reshape(self.shape)


class Relu:
    params, grads = [], []

    def forward(self, x, train):
        self.active = x > 0
        return x * self.active

    def backward(self, dout, first):
        return dout * self.active


class Dropout:
    params, grads = [], []

    def __init__(self, keep):
        self.keep = keep

    def forward(self, x, train):
        if not train:
            return x
        self.mask = ((np.random.rand(*x.shape) < self.keep) / self.keep).astype(np.float32)
        return x * self.mask

    def backward(self, dout, first):
        return dout * self.mask


class BatchNorm:
    """Over all axes but the last: rows (N, D), or images (N, H, W, C)."""

    def __init__(self, d):
        self.params = [np.ones(d, np.float32), np.zeros(d, np.float32)]
        self.mean, self.var = np.zeros(d, np.float32), np.zeros(d, np.float32)

    def forward(self, x, train):
        self.shape, x = x.shape, x.reshape(-1, x.shape[-1])
        if train:
            mean, var = x.mean(0), x.var(0)
            self.mean += np.float32(0.1) * (mean - self.mean)
            self.var += np.float32(0.1) * (var - self.var)
        else:
            mean, var = self.mean, self.var
        self.inv = 1 / np.sqrt(var + np.float32(1e-5))
        self.x_hat = (x - mean) * self.inv
        return (self.x_hat * self.params[0] + self.params[1]).reshape(self.shape)

    def backward(self, dout, first):
        dout = dout.reshape(self.x_hat.shape)
        dbeta, dgamma = dout.sum(0), (dout * self.x_hat).sum(0)
        self.grads = [dgamma, dbeta]
        n = np.float32(len(dout))
        return (self.params[0] * self.inv / n * (n * dout - dbeta - self.x_hat * dgamma)).reshape(self.shape)


class Conv:
    """Channels last."""

    def __init__(self, c, f, k, stride):
        self.k, self.stride, self.pad = k, stride, (k - 1) // 2
        self.params = [np.float32(0.01) * np.random.randn(k * k * c, f).astype(np.float32), np.zeros(f, np.float32)]

    def forward(self, x, train):
        p, s, k = self.pad, self.stride, self.k
        self.shape = x.shape
        windows = sliding_window_view(np.pad(x, ((0, 0), (p, p), (p, p), (0, 0))), (k, k), (1, 2))[:, ::s, ::s]
        n, oh, ow = windows.shape[:3]
        self.columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * oh * ow, -1)
        return (self.columns @ self.params[0] + self.params[1]).reshape(n, oh, ow, -1)

    def backward(self, dout, first):
        n, oh, ow, f = dout.shape
        rows = dout.reshape(-1, f)
        self.grads = [self.columns.T @ rows, rows.sum(0)]
        if first:
            return None
        p, s, k = self.pad, self.stride, self.k
        _, h, w, c = self.shape
        columns = (rows @ self.params[0].T).reshape(n, oh, ow, k, k, c)
        dx = np.zeros((n, h + 2 * p, w + 2 * p, c), np.float32)
        for i in range(k):
            for j in range(k):
                dx[:, i:i + s * oh:s, j:j + s * ow:s] += columns[:, :, :, i, j]
        return dx[:, p:p + h, p:p + w]


class MaxPool2:
    params, grads = [], []

    def forward(self, x, train):
        n, h, w, c = x.shape
        self.x = x.reshape(n, h // 2, 2, w // 2, 2, c)
        self.out = self.x.max((2, 4))
        return self.out

    def backward(self, dout, first):
        dx = (self.x == self.out[:, :, None, :, None]) * dout[:, :, None, :, None]
        return dx.reshape(dx.shape[0], dx.shape[1] * 2, -1, dx.shape[5])


LAYERS = {"conv": Conv, "spatial_batchnorm": BatchNorm, "batchnorm": BatchNorm, "relu": Relu, "dropout": Dropout,
          "max_pool": MaxPool2, "affine": Affine}


class Training:
    def __init__(self, case):
        layers, self.rule, self.batch = CASES[case]
        self.layers = [LAYERS[kind](*sizes) for kind, *sizes in layers]
        self.state = [[[np.zeros_like(p), np.zeros_like(p)] for p in layer.params] for layer in self.layers]
        self.t = 0

    def forward(self, x, train):
        if isinstance(self.layers[0], Conv):
            x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        else:
            x = x.reshape(len(x), -1)
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def step(self, data, mean, labels):
        rows = np.random.choice(len(data), self.batch)
        scores = self.forward(data[rows] - mean, True)
        y = labels[rows]
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.log(np.maximum(p[np.arange(len(y)), y], np.float32(1e-30))).mean()
        p[np.arange(len(y)), y] -= 1
        dout = p / np.float32(len(y))
        for i, layer in reversed(list(enumerate(self.layers))):
            dout = layer.backward(dout, i == 0)
        self.t += 1
        for layer, state in zip(self.layers, self.state):
            for w, dw, (m, v) in zip(layer.params, layer.grads, state):
                if self.rule == "adam":
                    m += np.float32(0.1) * (dw - m)
                    v += np.float32(0.001) * (dw * dw - v)
                    w -= np.float32(1e-4) * (m / np.float32(1 - 0.9**self.t)) / (
                        np.sqrt(v / np.float32(1 - 0.999**self.t)) + np.float32(1e-8))
                else:
                    m *= np.float32(0.9)
                    m -= np.float32(1e-4) * dw
                    w += m
        return loss


def main():
    np.random.seed(1)
    data = np.random.randint(0, 256, (10000, 3, 32, 32), dtype=np.uint8)
    mean, labels = np.full((3, 32, 32), 127.5, np.float32), np.random.randint(0, 10, 10000)
    trainings = {}
    for line in sys.stdin:
        request = json.loads(line)
        training = trainings.setdefault(request["case"], None) or Training(request["case"])
        trainings[request["case"]], seconds = training, []
        for _ in range(request["steps"]):
            start = time.perf_counter()
            if request["kind"] == "train":
                training.step(data, mean, labels)
            else:
                training.forward(data[:training.batch] - mean, False)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "version": np.__version__}), flush=True)


if __name__ == "__main__":
    main()
