"""What Solver can do beyond the course's: its options, and a training step in Python for models and update rules of one's
own, with the bits of the step in C++."""
from __future__ import annotations

import contextlib
import difflib
import math
import warnings
from typing import TYPE_CHECKING, Any, Iterator

import numpy as np

from lamina import _arguments, _core, _options, optim

if TYPE_CHECKING:
    from lamina.solver import Solver

# Options of Solver in C++ that are keywords of the course's Solver, or entries of optim_config.
_COURSE = {"update_rule", "learning_rate", "momentum", "decay_rate", "beta1", "beta2", "epsilon", "lr_decay", "batch_size",
           "num_epochs", "num_train_samples", "num_val_samples", "print_every"}
FURTHER = _options.without(_core.solver_options(), _COURSE)
# Solver's further keywords, with their defaults: those of `lamina train`.
OPTIONS: dict[str, Any] = {name: default for name, default, _ in FURTHER}


def check(solver: Solver) -> None:
    """Brings the options into their types: TypeError for other kinds, ValueError for what is out of range."""
    for name, value in _core.checked_solver_options(options(solver)).items():
        setattr(solver, name, value)
    check_config(solver, "optim_config", solver.optim_config)
    if solver.nesterov and solver.update_rule is not optim.sgd_momentum:
        raise ValueError("[Solver] expected nesterov with the update_rule sgd_momentum, got "
                         f"{getattr(solver.update_rule, '__name__', solver.update_rule)}")
    shape = solver.X_train.shape[1:]
    if (solver.mirror or solver.shift or solver.cutout or solver.mirror_averaging) and len(shape) != 3:
        raise ValueError("[Solver] expected images (C, H, W) for mirror, shift, cutout and mirror_averaging, got examples of "
                         f"shape {shape}")
    if (solver.brightness or solver.contrast) and (solver.X_train.dtype != np.uint8 or len(shape) != 3):
        raise ValueError("[Solver] expected images (C, H, W) of bytes (uint8) for brightness and contrast, got examples of "
                         f"shape {shape}, {solver.X_train.dtype}")


def check_config(solver: Solver, name: str, config: dict[str, Any]) -> None:
    """For a rule of lamina.optim: ValueError for a learning rate that is negative or not finite, and a warning for the first
    key that the rule does not read. What another function reads only its author knows."""
    known = optim.settings(solver.update_rule)
    if known is None:
        return
    if "learning_rate" in config:
        rate = _arguments.as_number("Solver", f"{name}['learning_rate']", config["learning_rate"])
        if not 0 <= rate < math.inf:
            raise ValueError(f"[Solver] expected {name}['learning_rate'] to be finite and 0 or more, got {rate}")
    strange = next((key for key in config if key not in known and key not in optim.state(solver.update_rule)), None)
    if strange is None or solver._warned_of_key:
        return
    solver._warned_of_key = True
    nearest = difflib.get_close_matches(str(strange), known, n=1, cutoff=0)[0]
    warnings.warn(f"[Solver] expected only keys in {name} that {solver.update_rule.__name__} reads, got {strange!r}, which "
                  f"does nothing; the nearest one is {nearest!r}", UserWarning, stacklevel=5)


def options(solver: Solver) -> dict[str, Any]:
    """What the step in C++ is told."""
    return {**{name: getattr(solver, name, default) for name, default in OPTIONS.items()}, "batch_size": solver.batch_size}


def set_configs(solver: Solver) -> None:
    """Options that update rules read themselves, into optim_configs."""
    for name, config in solver.optim_configs.items():
        if solver.nesterov:
            config["nesterov"] = True
        if solver.update_rule is optim.adamw:
            if not name.startswith("W"):
                config["weight_decay"] = 0.0  # biases and normalizations keep their size
            elif solver.weight_decay is not None:
                config["weight_decay"] = solver.weight_decay


class Averages:
    """Moving averages of a model's parameters and running averages."""

    def __init__(self, params: dict[str, np.ndarray], running: list[dict[str, np.ndarray]], t: int) -> None:
        self.params, self.running = params, running
        self.t = t  # updates that they have seen after the first one

    @staticmethod
    def of(model: Any) -> Averages:
        """Copies of what the model has now."""
        return Averages({name: w.copy() for name, w in model.params.items()},
                        [{name: x.copy() for name, x in param.items()} for param in arrays_of(running(model))], 0)

    def take_in(self, model: Any, average_weights: float) -> None:
        """average += (1 - d) (value - average) after another update."""
        self.t += 1
        fresh = 1 - min(average_weights, (1 + self.t) / (10 + self.t))
        self.params = _closer(self.params, model.params, fresh)
        self.running = [_closer(mean, now, fresh) for mean, now in zip(self.running, arrays_of(running(model)))]

    @contextlib.contextmanager
    def shown_by(self, model: Any) -> Iterator[None]:
        """The model has its averages meanwhile."""
        params, kept = dict(model.params), arrays_of(running(model))
        model.params.update(self.params)
        for param, mean in zip(running(model), self.running):
            param.update(mean)
        try:
            yield
        finally:
            model.params.update(params)
            for param, now in zip(running(model), kept):
                param.update(now)


def _closer(means: dict[str, np.ndarray], values: dict[str, Any], fresh: float) -> dict[str, np.ndarray]:
    return {name: mean + mean.dtype.type(fresh) * (values[name] - mean) for name, mean in means.items()}


def running(model: Any) -> list[dict[str, Any]]:
    """The dictionaries in which a model keeps running averages, model.bn_params: none where it has no such."""
    kept = getattr(model, "bn_params", None) or []
    return [param for param in (kept.values() if isinstance(kept, dict) else kept) if isinstance(param, dict)]


def arrays_of(params: list[dict[str, Any]]) -> list[dict[str, np.ndarray]]:
    """The arrays in each."""
    return [{name: x for name, x in param.items() if isinstance(x, np.ndarray)} for param in params]


def _rows(solver: Solver) -> np.ndarray:
    N, count = len(solver.X_train), solver.batch_size
    if not solver.shuffle:
        return np.random.choice(N, count)
    order, position = solver._order if solver._order is not None and len(solver._order[0]) == N else (np.arange(0), 0)
    found: list[np.ndarray] = []
    while count > 0:
        if position == len(order):
            order, position = np.random.permutation(N), 0
        found.append(order[position:position + count])
        position += len(found[-1])
        count -= len(found[-1])
    solver._order = (order, position)
    return np.concatenate(found)


def _sources(n: int, by: int, reflect: bool) -> np.ndarray:
    """The rows or columns, among 0 .. n - 1 or outside, from which an image that is moved by so many takes its own."""
    at = np.arange(n) + by
    if not reflect:
        return at
    period = max(1, 2 * (n - 1))
    return np.minimum(at % period, period - at % period) % n


def _factor(most: float) -> float:
    """Uniform between 1 - most, but at least 0, and 1 + most."""
    least = max(0.0, 1 - most)
    return least + (1 + most - least) * np.random.rand()


def _recoloured(image: np.ndarray, brightness: float, contrast: float) -> np.ndarray:
    """The pixels times `brightness`, then their distance from their mean times `contrast`, all within 0 to 255."""
    values = np.minimum(255.0, brightness * np.arange(256.0))
    # cumsum adds one after another, as the library does; sum() of Python 3.12 and later keeps track of rounding.
    mean = np.cumsum(np.bincount(image.ravel(), minlength=256) * values)[-1] / image.size
    return np.clip(mean + contrast * (values - mean), 0.0, 255.0)[image]


def _moved(solver: Solver, images: np.ndarray) -> np.ndarray:
    """Each image mirrored every other time, then moved by up to `shift` pixels each way, where 0 or, with `reflect`, its
    reflection comes in from outside; then a square of side `cutout` becomes 0. Of bytes, `brightness` and `contrast` change
    all pixels but these zeros."""
    recolours = solver.brightness > 0 or solver.contrast > 0
    moved = np.zeros(images.shape, np.float64 if recolours else images.dtype)
    H, W = images.shape[2:]
    for image, out in zip(images, moved):
        mirror = solver.mirror and np.random.rand() < 0.5
        dy, dx = ((np.random.randint(2 * solver.shift + 1) - solver.shift for _ in range(2)) if solver.shift else (0, 0))
        y, x = ((np.random.randint(n) - solver.cutout // 2 for n in (H, W)) if solver.cutout else (0, 0))
        brightness, contrast = (_factor(most) if most > 0 else 1.0 for most in (solver.brightness, solver.contrast))
        if recolours:
            image = _recoloured(image, brightness, contrast)
        if mirror:
            image = image[:, :, ::-1]
        ys, xs = _sources(H, dy, solver.reflect), _sources(W, dx, solver.reflect)
        inside = [np.flatnonzero((0 <= at) & (at < n)) for at, n in ((ys, H), (xs, W))]
        out[:, inside[0][:, None], inside[1]] = image[:, ys[inside[0]][:, None], xs[inside[1]]]
        out[:, max(0, y):max(0, y + solver.cutout), max(0, x):max(0, x + solver.cutout)] = 0
    return moved


def _weights(solver: Solver, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """The weights of these examples, none if all weigh the same."""
    if solver.w_train is None and not solver.class_weights:
        return ()
    weights = np.ones(len(rows)) if solver.w_train is None else solver.w_train[rows].astype(np.float64)
    if solver.class_weights:
        weights = weights * _core.class_weights(solver.class_weights, solver.y_train)[solver.y_train[rows]]
    return (weights,)


def batch(solver: Solver) -> tuple[np.ndarray, ...]:
    """The next mini-batch: X, y and, if examples or classes have weights, those of its examples."""
    rows = _rows(solver)
    X = solver.X_train[rows]
    moves = solver.mirror or solver.shift or solver.cutout or solver.brightness or solver.contrast
    moved = _moved(solver, X) if moves else X
    return (moved, solver.y_train[rows], *_weights(solver, rows))


_USUAL = (1.0, 1.0, False)  # factors on the learning rate and the weight decay, and whether a parameter is frozen


def update(solver: Solver, grads: dict[str, Any]) -> None:
    """Moves the model's parameters by the rule, with all that the options ask for."""
    params = solver.model.params
    factor = 1.0
    if solver.schedule != "none" or solver.warmup_epochs:
        factor = _core.schedule_factor(options(solver), solver._t, solver._total, solver._per_epoch)
    own = getattr(solver.model, "update_factors", {})
    moving = [name for name in params if not own.get(name, _USUAL)[2]]
    missing = next((name for name in moving if name not in grads), None)
    if missing is not None:
        raise KeyError(f"[Solver] expected the gradients of all parameters from model.loss, found none of {missing!r}")
    scale = 1.0 if solver.clip_norm is None else _core.clip_scale([grads[name] for name in moving], solver.clip_norm)
    decay = 0.0 if solver.update_rule is optim.adamw else solver.weight_decay or 0.0
    for name in moving:
        w, config, gradient = params[name], solver.optim_configs[name], grads[name]
        if scale != 1:
            gradient = gradient * np.asarray(gradient).dtype.type(scale)
        rate_factor, decay_factor, _ = own.get(name, _USUAL)
        if factor == 1 and decay == 0 and name not in own:
            params[name], solver.optim_configs[name] = solver.update_rule(w, gradient, config)
            continue
        rate = _learning_rate(solver, config)
        kept = {"learning_rate": rate}
        config["learning_rate"] = rate * factor * rate_factor
        if solver.update_rule is optim.adamw and decay_factor != 1:
            kept["weight_decay"] = config.setdefault("weight_decay", optim.default_weight_decay(optim.adamw))
            config["weight_decay"] *= decay_factor
        try:
            if decay != 0 and name.startswith("W"):
                w = _core.decayed(w, rate * factor * rate_factor * (decay * decay_factor))
            params[name], solver.optim_configs[name] = solver.update_rule(w, gradient, config)
        finally:
            config.update(kept)
            solver.optim_configs[name].update(kept)
    if solver.average_weights:
        if solver._averages is None:
            solver._averages = Averages.of(solver.model)
        else:
            solver._averages.take_in(solver.model, solver.average_weights)


def _learning_rate(solver: Solver, config: dict[str, Any]) -> float:
    rate = config.get("learning_rate", optim.default_learning_rate(solver.update_rule))
    if rate is None:
        raise ValueError("[Solver] expected optim_config['learning_rate'] for a schedule or weight_decay with an update rule "
                         "of one's own, got none")
    return _arguments.as_number("Solver", "learning_rate", rate)
