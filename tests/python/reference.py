"""The layers in NumPy, straight from their formulas: what the tests compare the package's results with."""
import math

import numpy as np


def affine(x, w, b, dout):
    rows = x.reshape(len(x), len(w))
    db = None if b is None else dout.sum(0)
    return rows @ w + (0 if b is None else b), ((dout @ w.T).reshape(x.shape), rows.T @ dout, db)


def relu(x, dout):
    return np.maximum(x, 0), dout * (x > 0)


def leaky_relu(x, dout, slope):
    factor = np.where(x > 0, 1, slope)
    return x * factor, dout * factor


def sigmoid(x, dout):
    out = 1 / (1 + np.exp(-x))
    return out, dout * out * (1 - out)


def tanh(x, dout):
    out = np.tanh(x)
    return out, dout * (1 - out**2)


def silu(x, dout):
    s = 1 / (1 + np.exp(-x))
    return x * s, dout * (s + x * s * (1 - s))


def elu(x, dout, alpha):
    below = np.minimum(x, 0)
    return np.where(x > 0, x, alpha * np.expm1(below)), dout * np.where(x > 0, 1, alpha * np.exp(below))


def gelu(x, dout, tanh=False):
    if tanh:
        root = np.sqrt(2 / np.pi)
        t = np.tanh(root * (x + 0.044715 * x**3))
        slope = (1 + t) / 2 + x / 2 * (1 - t**2) * root * (1 + 3 * 0.044715 * x**2)
        return x * (1 + t) / 2, dout * slope
    share = np.vectorize(lambda v: math.erfc(-v / math.sqrt(2)) / 2, otypes="d")(x)
    return x * share, dout * (share + x * np.exp(-x**2 / 2) / np.sqrt(2 * np.pi))


def normalized(x, gamma, beta, dout, axes, summed, eps=1e-5, statistics=None):
    """Normalization over `axes`, with gamma and beta that broadcast and are summed over `summed`."""
    mean, var = (x.mean(axes, keepdims=True), x.var(axes, keepdims=True)) if statistics is None else statistics
    std = np.sqrt(var + eps)
    x_hat = (x - mean) / std
    g = dout * gamma
    dx = g / std
    if statistics is None:
        dx = (g - g.mean(axes, keepdims=True) - x_hat * (g * x_hat).mean(axes, keepdims=True)) / std
    return gamma * x_hat + beta, (dx, (dout * x_hat).sum(summed), dout.sum(summed))


def batchnorm(x, gamma, beta, dout, **options):
    return normalized(x, gamma, beta, dout, (0,), (0,), **options)


def layernorm(x, gamma, beta, dout, eps=1e-5):
    return normalized(x, gamma, beta, dout, (1,), (0,), eps)


def spatial_batchnorm(x, gamma, beta, dout, **options):
    channels = (1, -1, 1, 1)
    return normalized(x, gamma.reshape(channels), beta.reshape(channels), dout, (0, 2, 3), (0, 2, 3), **options)


def spatial_groupnorm(x, gamma, beta, G, dout, eps=1e-5):
    N, C, H, W = x.shape
    grouped = (N, G, C // G, H, W)
    channels = (1, G, C // G, 1, 1)
    out, (dx, dgamma, dbeta) = normalized(x.reshape(grouped), gamma.reshape(channels), beta.reshape(channels),
                                          dout.reshape(grouped), (2, 3, 4), (0, 3, 4), eps)
    return out.reshape(x.shape), (dx.reshape(x.shape), dgamma.reshape(gamma.shape), dbeta.reshape(gamma.shape))


def windows(x, height, width, stride):
    """All windows of x (N, C, H, W): (N, C, H', W', height, width), a view."""
    view = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    return view[:, :, ::stride, ::stride]


def conv_out(x, w, b, stride, pad, dilation=1, groups=1):
    """The output, the padded images, and all windows of them, (N, G, C / G, H', W', HH, WW)."""
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(sides, 2) for sides in (stride, pad, dilation))
    padded = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    N, (F, C, HH, WW) = len(x), w.shape
    view = np.lib.stride_tricks.sliding_window_view(padded, ((HH - 1) * dh + 1, (WW - 1) * dw + 1), axis=(2, 3))
    view = view[:, :, ::sh, ::sw, ::dh, ::dw]
    seen = view.reshape(N, groups, C, *view.shape[2:])
    out = np.einsum("ngcijpq,gfcpq->ngfij", seen, w.reshape(groups, F // groups, C, HH, WW))
    return out.reshape(N, F, *view.shape[2:4]) + (0 if b is None else b.reshape(1, -1, 1, 1)), padded, seen


def conv(x, w, b, dout, stride, pad, dilation=1, groups=1):
    """The output, and dx, dw and db; db is None where b is."""
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(sides, 2) for sides in (stride, pad, dilation))
    out, padded, seen = conv_out(x, w, b, stride, pad, dilation, groups)
    (F, C, HH, WW), (N, _, OH, OW) = w.shape, dout.shape
    grouped, filters = dout.reshape(N, groups, F // groups, OH, OW), w.reshape(groups, F // groups, C, HH, WW)
    dpadded = np.zeros(padded.shape)
    for p in range(HH):
        for q in range(WW):
            pixels = np.einsum("ngfij,gfc->ngcij", grouped, filters[..., p, q]).reshape(N, groups * C, OH, OW)
            top, left = p * dh, q * dw
            dpadded[:, :, top:top + (OH - 1) * sh + 1:sh, left:left + (OW - 1) * sw + 1:sw] += pixels
    dx = dpadded[:, :, ph:ph + x.shape[2], pw:pw + x.shape[3]]
    gradient = np.einsum("ngfij,ngcijpq->gfcpq", grouped, seen).reshape(w.shape)
    return out, (dx, gradient, None if b is None else dout.sum((0, 2, 3)))


def max_pool(x, dout, height, width, stride):
    seen = windows(x, height, width, stride)
    flat = seen.reshape(*seen.shape[:4], height * width)
    first = flat.argmax(-1)
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(first.shape):
        p, q = divmod(first[n, c, i, j], width)
        dx[n, c, i * stride + p, j * stride + q] += dout[n, c, i, j]
    return flat.max(-1), dx


def average_pool(x, dout, height, width, stride, pad=0, exclude_pad=False):
    around = [(0, 0), (0, 0), (pad, pad), (pad, pad)]
    counted = windows(np.pad(np.ones(x.shape), around), height, width, stride).sum((-2, -1))
    divisor = counted if exclude_pad else height * width
    out = windows(np.pad(x, around), height, width, stride).sum((-2, -1)) / divisor
    share, dpadded = dout / divisor, np.zeros(np.pad(x, around).shape)
    for i, j in np.ndindex(dout.shape[2:]):
        dpadded[:, :, i * stride:i * stride + height, j * stride:j * stride + width] += share[:, :, i, j, None, None]
    return out, dpadded[:, :, pad:pad + x.shape[2], pad:pad + x.shape[3]]


def softmax_loss(x, y, smoothing=0.0):
    shifted = x - x.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    q = np.full(x.shape, smoothing / x.shape[1])
    q[np.arange(len(x)), y] += 1 - smoothing
    return -(q * log_p).sum() / len(x), (np.exp(log_p) - q) / len(x)


def loss_of_numbers(name):
    """(x, t, weights=None) -> loss and dx of sigmoid_loss, squared_loss, absolute_loss or huber_loss (delta 1)."""
    def loss(x, t, weights=None):
        d = x - t
        each, slope = {
            "sigmoid_loss": lambda: (np.logaddexp(0, x) - t * x, 1 / (1 + np.exp(-x)) - t),
            "squared_loss": lambda: (d * d, 2 * d),
            "absolute_loss": lambda: (abs(d), np.sign(d)),
            "huber_loss": lambda: (np.where(abs(d) <= 1, d * d / 2, abs(d) - 0.5), np.clip(d, -1, 1)),
        }[name]()
        share = np.full(len(x), 1 / len(x)) if weights is None else weights / max(np.sum(weights), 1e-300)
        share = share[:, None] / x.shape[1]
        return (each * share).sum(), slope * share
    loss.__name__ = name
    return loss


def svm_loss(x, y):
    rows = np.arange(len(x))
    margins = np.maximum(0, x - x[rows, y][:, None] + 1)
    margins[rows, y] = 0
    dx = (margins > 0).astype(float)
    dx[rows, y] = -dx.sum(1)
    return margins.sum() / len(x), dx / len(x)
