"""Solver's iterations in C++, for a net of the library."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core, _training, nets, optim
from lamina._training import Averages, arrays_of

if TYPE_CHECKING:
    from lamina.solver import Solver

# The rules of lamina.optim, by their functions.
_RULES: dict[Any, str] = {getattr(optim, name): name for name in optim.__all__}


def _fits(model: Any) -> bool:
    """Whether passes in C++ do what model.loss does: float32 or float64, drawing from NumPy's usual generator."""
    return nets.is_plain(model) and _core.parameter_type(model) != "float16" and _core.global_random_is_mt19937()


def _same_kind(solver: Solver) -> bool:
    """Whether all parameters are writable arrays of one type; if not, the iterations run in Python."""
    params = [solver.model.params[name] for name, _ in solver.model._net.layout]
    return (all(isinstance(w, np.ndarray) and w.dtype.isnative for w in params) and len({w.dtype for w in params}) == 1
            and (solver.update_rule is not optim.sgd or all(w.flags.writeable for w in params)))


def accuracy(model: Any, X: Any, y: Any, num_samples: int | None, batch_size: int, mirror_averaging: bool) -> float | None:
    """Solver.check_accuracy for a net of the library, on all examples without num_samples; None for another model."""
    if not _fits(model):
        return None
    examples = _core.Examples("check_accuracy", X, y, 1.0, nets.score(model, y) != "accuracy", None)
    return _core.accuracy(model, examples, num_samples, batch_size, mirror_averaging)


class NetLoop:
    """The iterations of one call of train(). Until store() or finish() the parameters and the rule's state are in the
    net."""

    @staticmethod
    def of(solver: Solver) -> NetLoop | None:
        """The loop for a net of the library with a rule of lamina.optim; None if the net, the rule or a method is the
        user's own."""
        loop = NetLoop._of(solver)
        if loop is None and solver.slots != 1:
            raise ValueError(f"[Solver] expected slots=1 for a model, an update rule or a step of one's own, got {solver.slots}")
        return loop

    @staticmethod
    def _of(solver: Solver) -> NetLoop | None:
        own = solver._own("_step") or solver._own("check_accuracy")
        if own or not any(solver.update_rule is rule for rule in _RULES) or not _fits(solver.model):
            return None
        return NetLoop(solver) if _same_kind(solver) else None

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        # How often each will be used: with a _save_checkpoint of the user's own, this loop ends after an epoch.
        epochs = 1.0 if solver._own("_save_checkpoint") else float(solver.num_epochs)
        numbers = nets.score(solver.model, solver.y_train) != "accuracy"
        self._train = _core.Examples("Solver", solver.X_train, solver.y_train, epochs, numbers, solver.w_train)
        self._val = _core.Examples("Solver", solver.X_val, solver.y_val, epochs + 1, numbers, None)
        self._loop = _core.SolverLoop(solver.model, self._train, _RULES[solver.update_rule], _training.options(solver))
        self._configs = [solver.optim_configs[name] for name in self._loop.names()]
        self._loop.set_states(self._configs)
        if solver.shuffle and solver._order is not None:
            self._loop.set_order(*solver._order)
        if solver.average_weights and solver._averages is not None:
            means = solver._averages
            buffers = {f"{name}{i}": x for i, param in enumerate(means.running, 1) for name, x in param.items()}
            self._loop.set_averages(means.params, buffers, means.t)

    def run(self, count: int, t: int, total: int) -> None:
        """Runs `count` of `total` iterations, starting at number t, and appends each loss to the solver's history."""
        self._loop.run(count, t, total, self._configs, self._solver.loss_history)

    def accuracies(self) -> tuple[float, float]:
        """The accuracies on training and on validation examples."""
        return self._loop.accuracies(self._train, self._solver.num_train_samples, self._val,
                                     self._solver.num_val_samples)

    def best(self) -> Averages:
        """Copies of the parameters and running averages that the accuracies are of, where the model's running averages
        are brought up to date."""
        model = self._solver.model
        self._loop.store_passes(model)
        found = self._averages()
        if found is None:
            running = [{name: x.copy() for name, x in param.items()} for param in arrays_of(_training.running(model))]
            found = Averages(self._loop.params(), running, 0)
        found.params = {name: found.params[name] if name in found.params else w.copy() for name, w in model.params.items()}
        return found

    def _averages(self) -> Averages | None:
        means = self._loop.averages() if self._solver.average_weights else None
        if means is None:
            return None
        params, buffers, t = means
        running: list[dict[str, np.ndarray]] = [{} for _ in _training.running(self._solver.model)]
        for name, x in buffers.items():  # for example running_mean1, of the first normalization
            key = name.rstrip("0123456789")
            running[int(name[len(key):]) - 1][key] = x
        return Averages(params, running, t)

    def store(self) -> None:
        """Brings the model and the solver up to date, as if the iterations had run in Python."""
        self._loop.store(self._solver.model)
        self._keep_states(self._loop.copy_states)

    def finish(self, with_params: bool) -> None:
        """The same without copies, as the last call; parameters only if they are wanted."""
        self._loop.finish(self._solver.model, with_params)
        self._keep_states(self._loop.take_states)

    def _keep_states(self, write: Any) -> None:
        write(self._configs)
        if self._solver.shuffle:
            self._solver._order = self._loop.order()
        if self._solver.average_weights:
            self._solver._averages = self._averages()
