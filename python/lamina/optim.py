"""Update rules: how a parameter moves against its gradient.

Each rule takes w, its gradient dw of the same shape, and a dictionary `config`, in which it sets missing entries to
their defaults and keeps its state; None means an empty one. It returns the next w and config. sgd changes w in place,
as the course's does; the others return a new array.

The module has a function for each rule of the library: sgd, sgd_momentum, rmsprop, adam, ...
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from lamina import _arguments, _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    UpdateRule = Callable[..., tuple[np.ndarray, dict[str, Any]]]

    def __getattr__(name: str) -> UpdateRule: ...


def _function(name: str, doc: str) -> UpdateRule:
    def rule(w: ArrayLike, dw: ArrayLike, config: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        config = {} if config is None else _arguments.dictionary(name, "config", config)
        return _core.update(name, w, dw, config), config

    rule.__name__ = rule.__qualname__ = name
    rule.__doc__ = doc
    return rule


_RULES = {_function(name, doc): rest for name, doc, *rest in _core.update_rules()}
__all__ = [rule.__name__ for rule in _RULES]
globals().update(zip(__all__, _RULES))


def default_learning_rate(rule: UpdateRule) -> float | None:
    """The learning rate of a rule of this module whose configuration has none; None for another function."""
    return _RULES[rule][0] if rule in _RULES else None


def default_weight_decay(rule: UpdateRule) -> float:
    """The weight decay of a rule of this module whose configuration has none."""
    return _RULES[rule][1]


def settings(rule: UpdateRule) -> list[str] | None:
    """What a rule of this module reads of its configuration; None for another function."""
    return _RULES[rule][2] if rule in _RULES else None


def state(rule: UpdateRule) -> list[str]:
    """The names under which a rule of this module keeps its state in the configuration."""
    return _RULES[rule][3]
