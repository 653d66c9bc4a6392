"""Update rules: how a parameter moves against its gradient.

Each rule takes w, its gradient dw of the same shape, and a dictionary `config`, whose missing entries it sets to their
defaults and in which it keeps its state; None stands for an empty one. It returns the next w and config.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina import _arguments, _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

__all__ = ["sgd", "sgd_momentum", "rmsprop", "adam"]


def _config(where: str, config: Any, **defaults: float) -> tuple[dict[str, Any], list[float]]:
    """The configuration with its defaults set, and the numbers of the defaults' names in it."""
    config = {} if config is None else _arguments.dictionary(where, "config", config)
    for name, value in defaults.items():
        config.setdefault(name, value)
    return config, [_arguments.number(where, "config", config, name) for name in defaults]


def sgd(w: ArrayLike, dw: ArrayLike, config: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """w -= learning_rate dw. An array w is changed in place, and returned.

    config: learning_rate, 1e-2.
    ValueError unless dw and the state have w's shape, TypeError for wrong kinds.
    """
    config, (rate,) = _config("sgd", config, learning_rate=1e-2)
    return _core.sgd(w, dw, rate), config


def sgd_momentum(w: ArrayLike, dw: ArrayLike,
                 config: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """velocity = momentum velocity - learning_rate dw; next_w = w + velocity.

    config: learning_rate, 1e-2; momentum, 0.9; velocity, of w's shape, zeros at first; nesterov, False: next_w =
    w + momentum velocity - learning_rate dw with the new velocity (Sutskever, Martens, Dahl and Hinton, 2013).
    ValueError unless dw and the state have w's shape, TypeError for wrong kinds.
    """
    config, (rate, momentum) = _config("sgd_momentum", config, learning_rate=1e-2, momentum=0.9)
    nesterov = bool(config.get("nesterov", False))
    next_w, config["velocity"] = _core.sgd_momentum(w, dw, rate, momentum, nesterov, config.get("velocity"))
    return next_w, config


def rmsprop(w: ArrayLike, dw: ArrayLike, config: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """cache = decay_rate cache + (1 - decay_rate) dw^2; next_w = w - learning_rate dw / (sqrt(cache) + epsilon).

    config: learning_rate, 1e-2; decay_rate, 0.99; epsilon, 1e-8; cache, of w's shape, zeros at first (Tieleman and
    Hinton, 2012).
    ValueError unless dw and the state have w's shape, TypeError for wrong kinds.
    """
    config, (rate, decay, epsilon) = _config("rmsprop", config, learning_rate=1e-2, decay_rate=0.99, epsilon=1e-8)
    next_w, config["cache"] = _core.rmsprop(w, dw, rate, decay, epsilon, config.get("cache"))
    return next_w, config


def adam(w: ArrayLike, dw: ArrayLike, config: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """t += 1; m = beta1 m + (1 - beta1) dw; v = beta2 v + (1 - beta2) dw^2;
    next_w = w - learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon).

    config: learning_rate, 1e-3; beta1, 0.9; beta2, 0.999; epsilon, 1e-8; m and v, of w's shape, zeros at first; t, the
    number of updates so far (Kingma and Ba, 2015).
    ValueError unless dw and the state have w's shape, TypeError for wrong kinds.
    """
    config, (rate, beta1, beta2, epsilon) = _config("adam", config, learning_rate=1e-3, beta1=0.9, beta2=0.999,
                                                    epsilon=1e-8)
    t = _arguments.whole("adam", "config", config, "t", 0)
    next_w, config["m"], config["v"] = _core.adam(w, dw, rate, beta1, beta2, epsilon, config.get("m"), config.get("v"),
                                                  t)
    config["t"] = t + 1
    return next_w, config
