"""Solver's iterations in C++, for a net of the library."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core, nets, optim

if TYPE_CHECKING:
    from lamina.solver import Solver

# The rules of lamina.optim, by their functions.
_RULES: dict[Any, str] = {getattr(optim, name): name for name in optim.__all__}


def _fits(model: Any) -> bool:
    """Whether passes in C++ do what model.loss does: float32 or float64, drawing from NumPy's usual generator."""
    return nets.is_plain(model) and _core.parameter_type(model) != "float16" and _core.global_random_is_mt19937()


def _same_kind(solver: Solver) -> bool:
    """Whether all parameters are arrays of one type that the rule may change: else each goes its own way in Python."""
    params = [solver.model.params[name] for name, _ in solver.model._net.layout]
    return (all(isinstance(w, np.ndarray) and w.dtype.isnative for w in params) and len({w.dtype for w in params}) == 1
            and (solver.update_rule is not optim.sgd or all(w.flags.writeable for w in params)))


def accuracy(model: Any, X: Any, y: Any, num_samples: int, batch_size: int) -> float | None:
    """Solver.check_accuracy for a net of the library, 0 samples standing for all examples; None for another model."""
    if not _fits(model):
        return None
    return _core.accuracy(model, _core.Examples("check_accuracy", X, y), num_samples, batch_size)


class NetLoop:
    """The iterations of one call of train(). Until store() or finish() the parameters and the rule's state are in the
    net."""

    @staticmethod
    def of(solver: Solver) -> NetLoop | None:
        """For a net of the library under a rule of lamina.optim; None where anything of these is somebody's own."""
        own = solver._own("_step") or solver._own("check_accuracy")
        if own or not any(solver.update_rule is rule for rule in _RULES) or not _fits(solver.model):
            return None
        return NetLoop(solver) if _same_kind(solver) else None

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        # How often each will be taken: the loop of an own _save_checkpoint ends after an epoch.
        epochs = 1.0 if solver._own("_save_checkpoint") else float(solver.num_epochs)
        self._train = _core.Examples("Solver", solver.X_train, solver.y_train, epochs)
        self._val = _core.Examples("Solver", solver.X_val, solver.y_val, epochs + 1)
        self._loop = _core.SolverLoop(solver.model, self._train, _RULES[solver.update_rule], solver.batch_size)
        self._configs = [solver.optim_configs[name] for name in self._loop.names()]
        self._loop.set_states(self._configs)

    def run(self, count: int) -> None:
        """`count` iterations; their losses go to the solver's history one by one."""
        self._loop.run(count, self._configs, self._solver.loss_history)

    def accuracies(self) -> tuple[float, float]:
        """Of training and of validation examples."""
        batch = self._loop.check_batch()
        return (self._loop.accuracy(self._train, self._solver.num_train_samples or 0, batch),
                self._loop.accuracy(self._val, self._solver.num_val_samples or 0, batch))

    def best_params(self) -> dict[str, np.ndarray]:
        """Copies of the current parameters, and the model's running averages brought up to date."""
        self._loop.store_passes(self._solver.model)
        current = self._loop.params()
        return {name: current[name] if name in current else w.copy() for name, w in self._solver.model.params.items()}

    def store(self) -> None:
        """Gives the model and the solver all that they would have, had the iterations run in Python."""
        self._loop.store(self._solver.model)
        self._keep_states(self._loop.copy_states)

    def finish(self, with_params: bool) -> None:
        """The same without copies, after which nothing else can be done; parameters only where they are wanted."""
        self._loop.finish(self._solver.model, with_params)
        self._keep_states(self._loop.take_states)

    def _keep_states(self, write: Any) -> None:
        write(self._configs)
