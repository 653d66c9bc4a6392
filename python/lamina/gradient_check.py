"""Numerical gradients by centred differences, for checking a backward pass."""
from __future__ import annotations

from random import randrange
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from lamina import _arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = [
    "eval_numerical_gradient", "eval_numerical_gradient_array", "eval_numerical_gradient_blobs",
    "eval_numerical_gradient_net", "grad_check_sparse", "rel_error",
]


def _changeable(where: str, x: Any) -> np.ndarray:
    """x, if it is a writable array of a floating type; otherwise TypeError or ValueError."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"[{where}] expected x to be an array, got {type(x).__name__}")
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"[{where}] expected x of a floating type, got {x.dtype}")
    if not x.flags.writeable:
        raise ValueError(f"[{where}] expected an x that may be written to, got a read-only array")
    return x


def _step(where: str, h: Any) -> np.float64:
    """The step, such that float32 numbers are moved by it, and divided, in float64."""
    h = np.float64(_arguments.as_number(where, "h", h))
    if not (np.isfinite(h) and h != 0):
        raise ValueError(f"[{where}] expected a finite step h other than 0, got {h}")
    return h


def _value(where: str, value: Any) -> Any:
    """What f returned, if it is one number; otherwise TypeError or ValueError."""
    found = _arguments.reals(where, "f(x)", value)
    if found.size != 1:
        raise ValueError(f"[{where}] expected f(x) to be one number, got the shape {found.shape}")
    return found.reshape(())[()]


def _both_sides(where: str, x: np.ndarray, index: tuple[int, ...], h: np.float64,
                f: Callable[[], Any]) -> tuple[Any, Any]:
    """f with h added to an element of x, and with h subtracted. The element is restored even after an exception."""
    old = x[index]
    try:
        x[index] = old + h
        if np.isfinite(old) and not abs(float(x[index] - old) / h - 1) <= 0.5:
            raise ValueError(f"[{where}] expected a step h that {x.dtype} can add to {old}, got {h}")
        above = f()
        x[index] = old - h
        return above, f()
    finally:
        x[index] = old


def eval_numerical_gradient(f: Callable[[np.ndarray], Any], x: np.ndarray, verbose: bool = True,
                            h: float = 0.00001) -> np.ndarray:
    """The gradient of f at x, in x's shape and type: (f(x + h) - f(x - h)) / (2 h) for each element in turn.

    f takes x, which is changed while f runs and restored afterwards, and returns a number. It is called 2 n + 1 times
    for n elements, first at x itself. With verbose each index and its derivative are printed. TypeError unless x is an
    array of a floating type and f(x) a real number; ValueError if x is read-only, if h is 0 or not finite, or if h is
    so small that it is lost in the rounding of x's type, as with float16 and the default h.
    """
    where = "eval_numerical_gradient"
    grad = np.zeros_like(_changeable(where, x))
    h = _step(where, h)
    _value(where, f(x))
    for index in np.ndindex(x.shape):
        above, below = _both_sides(where, x, index, h, lambda: _value(where, f(x)))
        grad[index] = (above - below) / (2 * h)
        if verbose:
            print(index, grad[index])
    return grad


def eval_numerical_gradient_array(f: Callable[[np.ndarray], ArrayLike], x: np.ndarray, df: ArrayLike,
                                  h: float = 1e-5) -> np.ndarray:
    """The gradient of sum(f(x) df) at x, in x's shape and type; f returns an array of df's shape.

    x, h and errors as for eval_numerical_gradient; f is called 2 n times. Also raises TypeError unless df contains real
    numbers, and ValueError if its shape is not that of f(x).
    """
    where = "eval_numerical_gradient_array"
    grad = np.zeros_like(_changeable(where, x))
    h = _step(where, h)
    weights = _arguments.reals(where, "df", df)
    for index in np.ndindex(x.shape):
        above, below = _both_sides(where, x, index, h, lambda: np.array(_arguments.reals(where, "f(x)", f(x))))
        if above.shape != weights.shape:
            raise ValueError(f"[{where}] expected f(x) of df's shape {weights.shape}, got {above.shape}")
        grad[index] = np.sum((above - below) * weights) / (2 * h)
    return grad


def eval_numerical_gradient_blobs(f: Callable[..., Any], inputs: Sequence[Any], output: Any,
                                  h: float = 1e-5) -> list[np.ndarray]:
    """The gradient of sum(output.vals output.diffs) by the vals of each of the inputs, a list of arrays.

    f(*inputs, output) computes output.vals from the arrays `vals` of the inputs. h as for
    eval_numerical_gradient_array, whose TypeError and ValueError it raises too.
    """
    inputs = tuple(inputs)

    def run(_: np.ndarray) -> Any:
        f(*inputs, output)
        return output.vals

    return [eval_numerical_gradient_array(run, blob.vals, output.diffs, h) for blob in inputs]


def eval_numerical_gradient_net(net: Any, inputs: Sequence[Any], output: Any, h: float = 1e-5) -> list[np.ndarray]:
    """As eval_numerical_gradient_blobs, where net.forward() computes output.vals from the inputs.

    h as for eval_numerical_gradient_array, whose TypeError and ValueError it raises too.
    """
    return eval_numerical_gradient_blobs(lambda *_: net.forward(), inputs, output, h)


def grad_check_sparse(f: Callable[[np.ndarray], Any], x: np.ndarray, analytic_grad: ArrayLike, num_checks: int = 10,
                      h: float = 1e-5) -> None:
    """Prints the numerical and the analytic derivative, and their relative error, at num_checks random elements of x.

    The elements are drawn by Python's module `random`. analytic_grad has x's shape. x, f, h and errors as for
    eval_numerical_gradient; ValueError also if x has no elements or analytic_grad another shape.
    """
    where = "grad_check_sparse"
    h = _step(where, h)
    gradient = _arguments.reals(where, "analytic_grad", analytic_grad)
    if gradient.shape != _changeable(where, x).shape:
        raise ValueError(f"[{where}] expected analytic_grad of x's shape {x.shape}, got {gradient.shape}")
    if x.size == 0:
        raise ValueError(f"[{where}] expected an x with elements, got the shape {x.shape}")
    for _ in range(_arguments.as_whole(where, "num_checks", num_checks)):
        index = tuple(randrange(length) for length in x.shape)
        above, below = _both_sides(where, x, index, h, lambda: _value(where, f(x)))
        numerical, analytic = (above - below) / (2 * h), gradient[index]
        error = abs(numerical - analytic) / max(abs(numerical) + abs(analytic), np.finfo(float).tiny)
        print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")


def rel_error(x: ArrayLike, y: ArrayLike) -> float:
    """The largest |x - y| / max(1e-8, |x| + |y|); NaN if any of them is NaN, 0 for empty arrays.

    TypeError unless both contain real numbers, ValueError unless they have the same shape.
    """
    a, b = _arguments.reals("rel_error", "x", x), _arguments.reals("rel_error", "y", y)
    if a.shape != b.shape:
        raise ValueError(f"[rel_error] expected two arrays of one shape, got {a.shape} and {b.shape}")
    return float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)), initial=0.0))
