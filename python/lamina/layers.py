"""The layers, each as a forward and a backward function.

A forward function returns its output and a cache for the backward function, which returns the gradients. Arrays may be
of any real type, order and stride; results are fresh arrays of the type that NumPy promotes the arguments to, float64
where all are integers. Wrong shapes raise ValueError, wrong kinds of arguments TypeError.
"""
from lamina import _core


def affine_forward(x, w, b):
    """out = x w + b, each example of x read as a row of D numbers.

    x (N, d_1, ..., d_k), w (D, M) with D = d_1 ... d_k, b (M,). Returns out (N, M) and a cache for affine_backward.
    """
    return _core.affine_forward(x, w, b)


def affine_backward(dout, cache):
    """The gradients of an affine layer: dx in x's shape, dw (D, M), db (M,) for dout (N, M)."""
    return _core.affine_backward(dout, cache)
