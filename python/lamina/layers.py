"""The layers, each as a forward and a backward function.

A forward function returns its output and a cache for the backward function, which returns the gradients. Arrays may
have any real type, memory order and strides. Results are new arrays of the type to which NumPy promotes the arguments,
or float64 if all of them are integers; float16 is computed in float32 and rounded at the end. Wrong shapes raise
ValueError, arguments of a wrong kind TypeError, missing entries of a dictionary KeyError. A bias, gamma or beta may
have any shape that broadcasts to the shape given below, such as 1.0 or (1, D); its gradient has the shape given below.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _arguments, _core

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lamina._core import Cache

__all__ = [
    "affine_forward", "affine_backward", "relu_forward", "relu_backward", "leaky_relu_forward", "leaky_relu_backward",
    "sigmoid_forward", "sigmoid_backward", "tanh_forward", "tanh_backward", "silu_forward", "silu_backward",
    "elu_forward", "elu_backward", "gelu_forward", "gelu_backward", "batchnorm_forward", "batchnorm_backward",
    "batchnorm_backward_alt", "layernorm_forward", "layernorm_backward", "dropout_forward", "dropout_backward",
    "conv_forward_naive", "conv_backward_naive", "max_pool_forward_naive", "max_pool_backward_naive",
    "average_pool_forward", "average_pool_backward", "global_average_pool_forward", "global_average_pool_backward",
    "spatial_batchnorm_forward", "spatial_batchnorm_backward", "spatial_groupnorm_forward",
    "spatial_groupnorm_backward", "svm_loss", "softmax_loss", "sigmoid_loss", "squared_loss", "absolute_loss", "huber_loss",
    "softmax",
]


def _rows(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike) -> tuple[Any, Any]:
    return _arguments.row(gamma, x, 1, beta), _arguments.row(beta, x, 1, gamma)


def affine_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike | None) -> tuple[np.ndarray, Cache]:
    """out = x w + b, where each example of x is read as a row of D values.

    x (N, d_1, ..., d_k), w (D, M) with D = d_1 ... d_k, b (M,), or None for no bias. Returns out (N, M) and a cache for
    affine_backward. ValueError for wrong shapes, TypeError for wrong kinds.
    """
    return _core.affine_forward(x, w, None if b is None else _arguments.row(b, w, 1, x))


def affine_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The gradients of an affine layer: dx in x's shape, dw (D, M) and db (M,) or None, for dout (N, M).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.affine_backward(dout, cache)


def relu_forward(x: ArrayLike) -> tuple[np.ndarray, Cache]:
    """out = max(0, x), of any shape; NaN stays NaN. Returns out and a cache for relu_backward.

    TypeError unless x is an array of real numbers.
    """
    return _core.relu_forward(x)


def relu_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout where x > 0, else 0; dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.relu_backward(dout, cache)


def leaky_relu_forward(x: ArrayLike, slope: float = 0.01) -> tuple[np.ndarray, Cache]:
    """out = x where x > 0, else slope x, of any shape; slope >= 0. Returns out and a cache for leaky_relu_backward.

    ValueError for a slope below 0, TypeError for wrong kinds.
    """
    return _core.leaky_relu_forward(x, _arguments.as_number("leaky_relu_forward", "slope", slope))


def leaky_relu_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout where x > 0, else slope dout; dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.leaky_relu_backward(dout, cache)


def sigmoid_forward(x: ArrayLike) -> tuple[np.ndarray, Cache]:
    """out = 1 / (1 + exp(-x)), of any shape, without overflow. Returns out and a cache for sigmoid_backward.

    TypeError unless x is an array of real numbers.
    """
    return _core.sigmoid_forward(x)


def sigmoid_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout out (1 - out); dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.sigmoid_backward(dout, cache)


def tanh_forward(x: ArrayLike) -> tuple[np.ndarray, Cache]:
    """out = tanh(x), of any shape. Returns out and a cache for tanh_backward.

    TypeError unless x is an array of real numbers.
    """
    return _core.tanh_forward(x)


def tanh_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout (1 - out^2); dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.tanh_backward(dout, cache)


def silu_forward(x: ArrayLike) -> tuple[np.ndarray, Cache]:
    """out = x / (1 + exp(-x)), of any shape (SiLU or swish). Returns out and a cache for silu_backward.

    TypeError unless x is an array of real numbers.
    """
    return _core.silu_forward(x)


def silu_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout (s + x s (1 - s)) with s = 1 / (1 + exp(-x)); dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.silu_backward(dout, cache)


def elu_forward(x: ArrayLike, alpha: float = 1.0) -> tuple[np.ndarray, Cache]:
    """out = x where x > 0, else alpha (exp(x) - 1), of any shape; alpha >= 0. Returns out and a cache for elu_backward.

    ValueError for an alpha below 0, TypeError for wrong kinds.
    """
    return _core.elu_forward(x, _arguments.as_number("elu_forward", "alpha", alpha))


def elu_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout where x > 0, else dout alpha exp(x); dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.elu_backward(dout, cache)


def gelu_forward(x: ArrayLike, tanh: bool = False) -> tuple[np.ndarray, Cache]:
    """out = x Phi(x) with the normal distribution Phi, of any shape. Returns out and a cache for gelu_backward.

    With tanh, its approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
    TypeError unless x is an array of real numbers and tanh a bool.
    """
    return _core.gelu_forward(x, _arguments.as_bool("gelu_forward", "tanh", tanh))


def gelu_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout times the derivative of gelu_forward's output at x; dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.gelu_backward(dout, cache)


def batchnorm_forward(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike,
                      bn_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Batch normalization (Ioffe and Szegedy, 2015): each column of x is normalized by its mean and biased variance.

    x (N, D), gamma and beta (D,). bn_param contains
      mode          'train' uses the mean and variance of the batch, 'test' the running ones
      eps           is added to the variance, 1e-5 by default
      momentum      the weight of the old running value, 0.9 by default
      running_mean, running_var  (D,), zeros by default; a training pass puts their new values into bn_param
    Returns out (N, D) and a cache for batchnorm_backward or batchnorm_backward_alt.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of bn_param.
    """
    arguments = _arguments.batchnorm("batchnorm_forward", bn_param)
    out, cache, mean, var = _core.batchnorm_forward(x, *_rows(x, gamma, beta), *arguments)
    _arguments.keep_running(bn_param, arguments[0], mean, var)
    return out, cache


def batchnorm_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients dx (N, D), dgamma and dbeta (D,), step by step back through the computation graph.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.batchnorm_backward(dout, cache)


def batchnorm_backward_alt(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same gradients by the simplified formula; much faster.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.batchnorm_backward_alt(dout, cache)


def layernorm_forward(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike,
                      ln_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Layer normalization (Ba, Kiros and Hinton, 2016): each row of x is normalized by its mean and biased variance.

    x (N, D), gamma and beta (D,). ln_param may contain eps, which is added to the variance, 1e-5 by default. Training
    and test time do not differ. Returns out (N, D) and a cache for layernorm_backward.
    ValueError for wrong shapes, TypeError for wrong kinds.
    """
    where = "layernorm_forward"
    eps = _arguments.number(where, "ln_param", _arguments.dictionary(where, "ln_param", ln_param), "eps", 1e-5)
    return _core.layernorm_forward(x, *_rows(x, gamma, beta), eps)


def layernorm_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of layer normalization: dx (N, D), dgamma and dbeta (D,), for dout (N, D).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.layernorm_backward(dout, cache)


def _seed(where: str, seed: Any) -> None:
    try:
        np.random.seed(seed)
    except (TypeError, ValueError) as error:
        found = seed if isinstance(seed, (int, float, np.number)) else type(seed).__name__
        raise type(error)(f"[{where}] expected dropout_param['seed'] to be a whole number of 0 to 2^32 - 1, got "
                          f"{found}") from None


def dropout_forward(x: ArrayLike, dropout_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Inverted dropout (Srivastava et al., 2014), on any shape.

    dropout_param contains
      p     the probability of keeping an element, 0 < p <= 1
      mode  'train': out = x mask with mask = (np.random.rand(*x.shape) < p) / p; 'test': out = x
      seed  if given, np.random.seed(seed) is called first
    Returns out and a cache for dropout_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of dropout_param.
    """
    where = "dropout_forward"
    _arguments.dictionary(where, "dropout_param", dropout_param)
    p = _arguments.number(where, "dropout_param", dropout_param, "p")
    train = _arguments.training(where, "dropout_param", dropout_param)
    if "seed" in dropout_param:
        _seed(where, dropout_param["seed"])
    return _core.dropout_forward(x, p, train)


def dropout_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx = dout mask after a training pass, dx = dout after a test-time pass. dout has x's shape.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.dropout_backward(dout, cache)


def conv_forward_naive(x: ArrayLike, w: ArrayLike, b: ArrayLike | None,
                       conv_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Convolution of images with F filters, in plain loops: the specification of conv_forward_fast.

    x (N, C, H, W), w (F, C, HH, WW), b (F,). conv_param contains stride, the distance between windows in pixels, and
    pad, the number of zeros added on each side; it may contain dilation, the distance between the pixels under
    neighbouring taps of a filter, and groups: w is then (F, C // groups, HH, WW). All but groups are one number, or a
    pair for height and width. b may be None. Returns out (N, F, H', W') with
    H' = 1 + (H + 2 pad - (HH - 1) dilation - 1) // stride, and a cache for conv_backward_naive.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of conv_param.
    """
    return _core.conv_forward_naive(x, w, _arguments.row(b, w, 0, x),
                                    _arguments.convolution("conv_forward_naive", conv_param))


def conv_backward_naive(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The gradients of a convolution: dx (N, C, H, W), dw in w's shape and db (F,) or None, for dout (N, F, H', W').

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.conv_backward_naive(dout, cache)


def max_pool_forward_naive(x: ArrayLike, pool_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Max pooling, in plain loops: the specification of max_pool_forward_fast.

    x (N, C, H, W). pool_param holds pool_height, pool_width and stride, in pixels. Returns out (N, C, H', W') with
    H' = 1 + (H - pool_height) // stride, and a cache for max_pool_backward_naive.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of pool_param.
    """
    return _core.max_pool_forward_naive(x, *_arguments.pooling("max_pool_forward_naive", pool_param))


def max_pool_backward_naive(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx (N, C, H, W) for dout (N, C, H', W'): the first maximum of each window takes its gradient.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.max_pool_backward_naive(dout, cache)


def average_pool_forward(x: ArrayLike, pool_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """The mean of each window of x (N, C, H, W).

    pool_param contains
      pool_height, pool_width, stride  in pixels
      pad          the number of zeros added on each side, at most half the window; 0 by default
      exclude_pad  whether the mean is over the pixels of the image alone; by default the zeros count too
    Returns out (N, C, H', W') with H' = 1 + (H + 2 pad - pool_height) // stride, and a cache for average_pool_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of pool_param.
    """
    where = "average_pool_forward"
    sizes = _arguments.pooling(where, pool_param)
    pad = _arguments.whole(where, "pool_param", pool_param, "pad", 0)
    exclude = _arguments.as_bool(where, "pool_param['exclude_pad']", pool_param.get("exclude_pad", False))
    return _core.average_pool_forward(x, *sizes, pad, exclude)


def average_pool_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx (N, C, H, W) for dout (N, C, H', W'): each pixel gets its share of the gradient of each window with it.

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.average_pool_backward(dout, cache)


def global_average_pool_forward(x: ArrayLike) -> tuple[np.ndarray, Cache]:
    """out (N, C), the mean of each channel of x (N, C, H, W), and a cache for global_average_pool_backward.

    ValueError for wrong shapes, TypeError for wrong kinds.
    """
    return _core.global_average_pool_forward(x)


def global_average_pool_backward(dout: ArrayLike, cache: Cache) -> np.ndarray:
    """dx (N, C, H, W), dout / (H W) at each pixel, for dout (N, C).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.global_average_pool_backward(dout, cache)


def spatial_batchnorm_forward(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike,
                              bn_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Batch normalization of each channel of images, over all images and pixels.

    x (N, C, H, W), gamma, beta and the running averages (C,); bn_param as for batchnorm_forward. Returns out
    (N, C, H, W) and a cache for spatial_batchnorm_backward.
    ValueError for wrong shapes and values, TypeError for wrong kinds, KeyError for missing entries of bn_param.
    """
    arguments = _arguments.batchnorm("spatial_batchnorm_forward", bn_param)
    out, cache, mean, var = _core.spatial_batchnorm_forward(x, *_rows(x, gamma, beta), *arguments)
    _arguments.keep_running(bn_param, arguments[0], mean, var)
    return out, cache


def spatial_batchnorm_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients dx (N, C, H, W), dgamma and dbeta (C,), for dout (N, C, H, W).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.spatial_batchnorm_backward(dout, cache)


def spatial_groupnorm_forward(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, G: int,
                              gn_param: dict[str, Any]) -> tuple[np.ndarray, Cache]:
    """Group normalization (Wu and He, 2018): the channels of each image are normalized in G groups.

    x (N, C, H, W), gamma and beta (C,) or (1, C, 1, 1); G divides C. gn_param may contain eps, 1e-5 by default. Returns
    out (N, C, H, W) and a cache for spatial_groupnorm_backward.
    ValueError for wrong shapes, TypeError for wrong kinds.
    """
    where = "spatial_groupnorm_forward"
    eps = _arguments.number(where, "gn_param", _arguments.dictionary(where, "gn_param", gn_param), "eps", 1e-5)
    return _core.spatial_groupnorm_forward(x, gamma, beta, _arguments.as_whole(where, "G", G), eps)


def spatial_groupnorm_backward(dout: ArrayLike, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients dx (N, C, H, W), dgamma and dbeta in gamma's shape, for dout (N, C, H, W).

    ValueError if dout has another shape, TypeError for a cache of another function.
    """
    return _core.spatial_groupnorm_backward(dout, cache)


def svm_loss(x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, np.ndarray]:
    """The multiclass hinge loss, the mean of sum_j max(0, x[j] - x[y] + 1) over j != y, and its gradient dx (N, C).

    x (N, C) are scores, y (N,) the correct classes, integers from 0 to C - 1. With weights (N,) the mean is weighted.
    ValueError for wrong shapes, for labels out of range, and for negative weights, TypeError for wrong kinds.
    """
    return _core.svm_loss(x, y, weights)


def softmax_loss(x: ArrayLike, y: ArrayLike, label_smoothing: float = 0.0,
                 weights: ArrayLike | None = None) -> tuple[float, np.ndarray]:
    """The cross-entropy loss, the mean of -log softmax(x)[y], and its gradient dx (N, C).

    x (N, C) are scores, y (N,) the correct classes, integers from 0 to C - 1. With label_smoothing s, 0 <= s < 1, the
    target is 1 - s for the correct class plus s / C for every class (Szegedy et al., 2016). With weights (N,) the mean
    is weighted.
    ValueError for wrong shapes, for labels out of range, and for negative weights, TypeError for wrong kinds.
    """
    return _core.softmax_loss(x, y, _arguments.as_number("softmax_loss", "label_smoothing", label_smoothing), weights)


def sigmoid_loss(x: ArrayLike, t: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, np.ndarray]:
    """The binary cross-entropy of p = 1 / (1 + exp(-x)), the mean of -t log(p) - (1 - t) log(1 - p), and dx (N, K).

    x (N, K) are logits of K labels, t (N, K) is 1 where an example has the label, 0 where it has not. With weights (N,)
    of the examples the mean is weighted.
    ValueError for wrong shapes, for t outside 0 to 1, and for negative weights, TypeError for wrong kinds.
    """
    return _core.sigmoid_loss(x, t, weights)


def squared_loss(x: ArrayLike, t: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, np.ndarray]:
    """The mean of (x - t)^2 over all numbers, and its gradient dx (N, K).

    x (N, K) are predictions, t (N, K) the true numbers. With weights (N,) of the examples the mean is weighted.
    ValueError for wrong shapes and for negative weights, TypeError for wrong kinds.
    """
    return _core.squared_loss(x, t, weights)


def absolute_loss(x: ArrayLike, t: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, np.ndarray]:
    """The mean of |x - t| over all numbers, and its gradient dx (N, K), which is 0 where x = t.

    x (N, K) are predictions, t (N, K) the true numbers. With weights (N,) of the examples the mean is weighted.
    ValueError for wrong shapes and for negative weights, TypeError for wrong kinds.
    """
    return _core.absolute_loss(x, t, weights)


def huber_loss(x: ArrayLike, t: ArrayLike, delta: float = 1.0,
               weights: ArrayLike | None = None) -> tuple[float, np.ndarray]:
    """Huber's loss, and its gradient dx (N, K): the mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2).

    d = x - t: x (N, K) are predictions, t (N, K) the true numbers. With weights (N,) of the examples the mean is
    weighted.
    ValueError for wrong shapes, for negative weights, and for delta of 0 or less, TypeError for wrong kinds.
    """
    return _core.huber_loss(x, t, _arguments.as_number("huber_loss", "delta", delta), weights)


def softmax(x: ArrayLike) -> np.ndarray:
    """The class probabilities (N, C) of scores x (N, C): softmax of each row.

    ValueError for wrong shapes, TypeError for wrong kinds.
    """
    return _core.softmax(x)
