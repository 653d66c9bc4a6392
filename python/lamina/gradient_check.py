"""Numerical gradients by centred differences, to check a backward pass by."""
from __future__ import annotations

from random import randrange
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from lamina import _arguments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["eval_numerical_gradient", "eval_numerical_gradient_array", "grad_check_sparse", "rel_error"]


def _changeable(where: str, x: Any) -> np.ndarray:
    """x, an array of a floating type that may be written to: TypeError, ValueError."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"[{where}] expected x to be an array, got {type(x).__name__}")
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"[{where}] expected x of a floating type, got {x.dtype}")
    if not x.flags.writeable:
        raise ValueError(f"[{where}] expected an x that may be written to, got a read-only array")
    return x


def _step(where: str, h: Any) -> float:
    h = _arguments.as_number(where, "h", h)
    if not (np.isfinite(h) and h != 0):
        raise ValueError(f"[{where}] expected a finite step h other than 0, got {h}")
    return h


def _both_sides(x: np.ndarray, index: tuple[int, ...], h: float, f: Callable[[], Any]) -> tuple[Any, Any]:
    """f with h added to an element of x, and f with h taken off; the element is put back however it ends."""
    old = x[index]
    try:
        x[index] = old + h
        above = f()
        x[index] = old - h
        return above, f()
    finally:
        x[index] = old


def eval_numerical_gradient(f: Callable[[np.ndarray], Any], x: np.ndarray, verbose: bool = True,
                            h: float = 0.00001) -> np.ndarray:
    """The gradient of f at x, in x's shape and type: (f(x + h) - f(x - h)) / (2 h) for each element in turn.

    f takes x, which is changed while f runs and restored afterwards, and returns a number. With verbose each index and
    its derivative are printed. TypeError unless x is an array of a floating type, ValueError where it is read-only.
    """
    where = "eval_numerical_gradient"
    grad = np.zeros_like(_changeable(where, x))
    h = _step(where, h)
    for index in np.ndindex(x.shape):
        above, below = _both_sides(x, index, h, lambda: f(x))
        grad[index] = (above - below) / (2 * h)
        if verbose:
            print(index, grad[index])
    return grad


def eval_numerical_gradient_array(f: Callable[[np.ndarray], ArrayLike], x: np.ndarray, df: ArrayLike,
                                  h: float = 1e-5) -> np.ndarray:
    """The gradient of sum(f(x) df) at x, in x's shape and type; f returns an array of df's shape.

    x as for eval_numerical_gradient.
    """
    where = "eval_numerical_gradient_array"
    grad = np.zeros_like(_changeable(where, x))
    h = _step(where, h)
    for index in np.ndindex(x.shape):
        above, below = _both_sides(x, index, h, lambda: np.array(f(x)))
        if np.shape(above) != np.shape(df):
            raise ValueError(f"[{where}] expected f(x) of df's shape {np.shape(df)}, got {np.shape(above)}")
        grad[index] = np.sum((above - below) * df) / (2 * h)
    return grad


def grad_check_sparse(f: Callable[[np.ndarray], Any], x: np.ndarray, analytic_grad: np.ndarray, num_checks: int = 10,
                      h: float = 1e-5) -> None:
    """Prints the numerical and the analytic derivative, and their relative error, at num_checks random elements of x.

    The elements are drawn by Python's module `random`. x and f as for eval_numerical_gradient.
    """
    where = "grad_check_sparse"
    h = _step(where, h)
    if np.shape(analytic_grad) != _changeable(where, x).shape:
        raise ValueError(f"[{where}] expected analytic_grad of x's shape {x.shape}, got {np.shape(analytic_grad)}")
    if x.size == 0:
        raise ValueError(f"[{where}] expected an x with elements, got the shape {x.shape}")
    for _ in range(_arguments.as_whole(where, "num_checks", num_checks)):
        index = tuple(randrange(length) for length in x.shape)
        above, below = _both_sides(x, index, h, lambda: f(x))
        numerical = (above - below) / (2 * h)
        analytic = np.asarray(analytic_grad)[index]
        error = abs(numerical - analytic) / max(abs(numerical) + abs(analytic), np.finfo(float).tiny)
        print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")


def rel_error(x: ArrayLike, y: ArrayLike) -> float:
    """The largest |x - y| / max(1e-8, |x| + |y|); NaN where any is, 0 for empty arrays."""
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape:
        raise ValueError(f"[rel_error] expected two arrays of one shape, got {x.shape} and {y.shape}")
    return float(np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)), initial=0.0))
