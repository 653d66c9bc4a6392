"""The course's nets and Solver as plain NumPy programs: the rival of bench/python_cells.py.

A net is a list of numpy_steps.py's layers (convolution as im2col and a matrix product), in float32 unless told
otherwise; its images are cast to that type once a batch. Solver draws and measures as the course's does.
"""
import numpy as np
from numpy_steps import Affine, BatchNorm, Conv, Dropout, MaxPool2, Relu


class LayerNorm:
    def __init__(self, d):
        self.params = [np.ones(d, np.float32), np.zeros(d, np.float32)]

    def forward(self, x, train):
        self.inv = 1 / np.sqrt(x.var(1, keepdims=True) + np.float32(1e-5))
        self.x_hat = (x - x.mean(1, keepdims=True)) * self.inv
        return self.x_hat * self.params[0] + self.params[1]

    def backward(self, dout, first):
        self.grads = [(dout * self.x_hat).sum(0), dout.sum(0)]
        d = dout * self.params[0]
        return self.inv * (d - d.mean(1, keepdims=True) - self.x_hat * (d * self.x_hat).mean(1, keepdims=True))


class Net:
    def __init__(self, layers, weight_scale, reg=0.0, dtype=np.float32):
        self.layers, self.reg, self.dtype = layers, reg, dtype
        for layer in layers:
            layer.params = [p.astype(dtype) for p in layer.params]
        for layer in layers:
            if isinstance(layer, (Affine, Conv)):
                w = layer.params[0]
                w[...] = weight_scale * np.random.randn(*w.shape)

    def scores(self, X, train=False):
        x = X.astype(self.dtype)
        if isinstance(self.layers[0], Conv):
            x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        else:
            x = x.reshape(len(x), -1)
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def step(self, X, y):
        """The loss of a batch; gradients stay in the layers."""
        scores = self.scores(X, True)
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        rows = np.arange(len(y))
        loss = -np.log(np.maximum(p[rows, y], np.float32(1e-30))).mean()
        p[rows, y] -= 1
        dout = p / self.dtype(len(y))
        for layer in reversed(self.layers):
            dout = layer.backward(dout, False)  # a package's layers give dx, the first one too
            if isinstance(layer, (Affine, Conv)):
                loss += 0.5 * self.reg * (layer.params[0]**2).sum()
                layer.grads[0] = layer.grads[0] + self.dtype(self.reg) * layer.params[0]
        return loss


NORMS = {"batchnorm": BatchNorm, "layernorm": LayerNorm}


def fully_connected(hidden_dims, weight_scale=1e-2, normalization=None, dropout=1, reg=0.0, dtype=np.float32):
    layers, d = [], 3072
    for h in hidden_dims:
        layers.append(Affine(d, h))
        layers += [NORMS[normalization](h)] if normalization else []
        layers.append(Relu())
        layers += [Dropout(dropout)] if dropout < 1 else []
        d = h
    return Net([*layers, Affine(d, 10)], weight_scale, reg, dtype)


def convolutional(num_filters, filter_sizes, weight_scale=1e-3, reg=0.0):
    layers, c, size = [], 3, 32
    for f, k in zip(num_filters, filter_sizes):
        layers += [Conv(c, f, k, 1), BatchNorm(f), Relu()]
        c = f
    layers.append(MaxPool2())
    size //= 2
    return Net([*layers, Flat(), Affine(c * size * size, 10)], weight_scale, reg)


class Flat:
    params, grads = [], []

    def forward(self, x, train):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dout, first):
        return dout.reshape(self.shape)


class Solver:
    def __init__(self, model, data, update_rule, optim_config, lr_decay=1.0, batch_size=100, num_epochs=10):
        self.model, self.data, self.rule = model, data, update_rule
        self.rate, self.decay = optim_config["learning_rate"], lr_decay
        self.batch_size, self.num_epochs = batch_size, num_epochs
        self.loss_history, self.val_acc_history, self.best = [], [], None
        self.state = [[[np.zeros_like(p), np.zeros_like(p)] for p in layer.params] for layer in model.layers]

    def update(self, t):
        rate = np.float32(self.rate)
        for layer, state in zip(self.model.layers, self.state):
            for w, dw, (m, v) in zip(layer.params, layer.grads, state):
                if self.rule == "sgd":
                    w -= rate * dw
                elif self.rule == "sgd_momentum":
                    m *= np.float32(0.9)
                    m -= rate * dw
                    w += m
                elif self.rule == "rmsprop":
                    v *= np.float32(0.99)
                    v += np.float32(0.01) * (dw * dw)
                    w -= rate * dw / (np.sqrt(v) + np.float32(1e-8))
                else:
                    m += np.float32(0.1) * (dw - m)
                    v += np.float32(0.001) * (dw * dw - v)
                    w -= rate * (m / np.float32(1 - 0.9**t)) / (np.sqrt(v / np.float32(1 - 0.999**t)) + np.float32(1e-8))

    def accuracy(self, X, y, num_samples=None, batch_size=100):
        if num_samples is not None and len(X) > num_samples:
            rows = np.random.choice(len(X), num_samples)
            X, y = X[rows], y[rows]
        found = [self.model.scores(X[i:i + batch_size]).argmax(1) for i in range(0, len(X), batch_size)]
        return (np.concatenate(found) == y).mean()

    def train(self):
        X, y = self.data["X_train"], self.data["y_train"]
        per_epoch = max(len(X) // self.batch_size, 1)
        steps = self.num_epochs * per_epoch
        for t in range(steps):
            rows = np.random.choice(len(X), self.batch_size)
            self.loss_history.append(self.model.step(X[rows], y[rows]))
            self.update(t + 1)
            if (t + 1) % per_epoch == 0:
                self.rate *= self.decay
            if t == 0 or t == steps - 1 or (t + 1) % per_epoch == 0:
                self.accuracy(X, y, 1000)
                accuracy = self.accuracy(self.data["X_val"], self.data["y_val"])
                if accuracy > max(self.val_acc_history, default=-1):
                    self.best = [[p.copy() for p in layer.params] for layer in self.model.layers]
                self.val_acc_history.append(accuracy)


def conv_forward_naive(x, w, b, stride, pad):
    """Convolution as four loops, a filter's answer at a place the sum of a product."""
    N, _, H, W = x.shape
    F, _, HH, WW = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.empty((N, F, 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride), x.dtype)
    for n in range(N):
        for f in range(F):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    window = x[n, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
                    out[n, f, i, j] = (window * w[f]).sum() + b[f]
    return out


def conv_backward_naive(dout, x, w, stride, pad):
    N, _, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw, db = np.zeros_like(padded), np.zeros_like(w), dout.sum((0, 2, 3))
    for n in range(N):
        for f in range(F):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    rows, columns = slice(i * stride, i * stride + HH), slice(j * stride, j * stride + WW)
                    dx[n, :, rows, columns] += dout[n, f, i, j] * w[f]
                    dw[f] += dout[n, f, i, j] * padded[n, :, rows, columns]
    return dx[:, :, pad:pad + H, pad:pad + W], dw, db
