"""Solver: trains a model on data, and keeps the parameters that did best on validation."""
from __future__ import annotations

import contextlib
import importlib
import math
import os
import pickle
import sys
import warnings
from typing import Any

import numpy as np

from lamina import _arguments, _core, _net_loop, _options, _training, nets, optim
from lamina._net_loop import NetLoop
from lamina._training import Averages

__all__ = ["Solver"]

_SPLITS = ("X_train", "y_train", "X_val", "y_val")


def _data(data: Any) -> list[np.ndarray]:
    """The four arrays of `data`; ValueError if one is missing or does not fit the others, TypeError for no dict."""
    if not hasattr(data, "__getitem__") or not hasattr(data, "keys"):
        raise TypeError(f"[Solver] expected data to be a dictionary of {', '.join(_SPLITS)}, got {type(data).__name__}")
    missing = [name for name in _SPLITS if name not in data.keys()]
    if missing:
        raise ValueError(f"[Solver] expected data['{missing[0]}'], got only the keys {sorted(map(str, data.keys()))}")
    arrays = [_arguments.array("Solver", f"data['{name}']", data[name]) for name in _SPLITS]
    for name, array in zip(_SPLITS, arrays):
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"[Solver] expected 1 example or more in data['{name}'], got shape {array.shape}")
    for X, y, split in ((arrays[0], arrays[1], "train"), (arrays[2], arrays[3], "val")):
        if len(X) != len(y):
            raise ValueError(f"[Solver] expected one label for each example, got X_{split} of shape {X.shape} and "
                             f"y_{split} of shape {y.shape}")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise ValueError(f"[Solver] expected examples of one shape, got X_train of shape {arrays[0].shape} and X_val "
                         f"of shape {arrays[2].shape}")
    return arrays


def _example_weights(data: Any, N: int) -> np.ndarray | None:
    """data['w_train'], or None; ValueError unless they are N numbers of at least 0, not all of them 0."""
    if "w_train" not in data.keys() or data["w_train"] is None:
        return None
    weights = _arguments.array("Solver", "data['w_train']", data["w_train"])
    if weights.shape != (N,):
        raise ValueError(f"[Solver] expected data['w_train'] of shape ({N},) to match X_train, got {weights.shape}")
    if not (np.all(weights >= 0) and np.all(np.isfinite(weights)) and np.any(weights > 0)):
        raise ValueError("[Solver] expected data['w_train'] of finite weights of at least 0, not all of them 0")
    return weights


def _rule(update_rule: Any) -> Any:
    """The function of that name in lamina.optim, or one that a user has added to cs6353.optim or cs231n.optim; a
    function is returned as it is."""
    rule = update_rule
    if isinstance(update_rule, str):
        modules = [sys.modules[name] for name in ("cs6353.optim", "cs231n.optim") if name in sys.modules] + [optim]
        found = [] if update_rule.startswith("_") else [vars(module)[update_rule] for module in modules
                                                        if update_rule in vars(module)]
        ours = vars(optim).get(update_rule)
        rule = next((one for one in found if one is not ours), ours if found else None)
    if not callable(rule) or isinstance(rule, type):
        raise ValueError(f'Invalid update_rule "{update_rule}"')
    return rule


def _check_model(model: Any) -> None:
    params, loss = getattr(model, "params", None), getattr(model, "loss", None)
    if not callable(loss):
        raise TypeError("[Solver] expected a model with a dictionary params and a function loss, got "
                        f"{type(model).__name__}")
    _arguments.dictionary("Solver", "model.params", params)


def _at_least(name: str, value: Any, least: int) -> int:
    whole = _arguments.as_whole("Solver", name, value)
    if whole < least:
        raise ValueError(f"[Solver] expected {name} of {least} or more, got {whole}")
    return whole


def _number(loss: Any) -> np.float64:
    """A loss, which may be an array of one number."""
    try:
        return np.float64(np.asarray(loss).item())
    except (TypeError, ValueError):
        raise TypeError("[Solver] expected the model's loss to be a number, got "
                        f"{getattr(loss, 'shape', type(loss).__name__)}") from None


def _bar(tqdm: Any, total: int) -> Any:
    """A progress bar of `total` iterations, or None if none was requested."""
    if not tqdm:
        return None
    return (tqdm if callable(tqdm) else importlib.import_module("tqdm.auto").tqdm)(total=total)


class Solver:
    """Trains a model by an update rule on mini-batches.

    solver = Solver(model, data, update_rule='sgd_momentum', optim_config={'learning_rate': 1e-3}, num_epochs=10)
    solver.train()

    The model is a net of lamina, or any object with
        model.params       a dictionary of NumPy arrays by name
        model.loss(X, y)   the loss, and a dictionary of its gradients by the parameters' names
        model.loss(X)      the scores (N, C) of a test-time pass
    For a net of lamina with a rule of lamina.optim the iterations run in C++, in the type of the net's parameters. They
    run in Python if these are of different types, or a subclass overrides loss, _step or check_accuracy. In C++ they
    change copies: model.params is updated at the end, and also at each accuracy check if a checkpoint is written, tqdm
    is a function, or Solver is subclassed.
    data is a dictionary of the arrays X_train (N, ...), y_train (N,), X_val (M, ...) and y_val (M,). For a net with a loss of
    numbers or of several labels at once, y_train is (N, K) and y_val (M, K). w_train (N,), which may be left out, says how
    much each training example counts. A model of one's own gets the weights of a batch's examples, where these or classes
    have any, as loss(X, y, weights).

    Keyword arguments with their defaults, each also an attribute that may be set between two calls of train():
        update_rule        the name of a function of lamina.optim, or such a function; 'sgd'
        optim_config       the rule's settings, such as learning_rate; {}. If set between two calls of train(), its
                           entries replace those of all optim_configs, whose other entries and state stay
        lr_decay           the learning rate is multiplied by it at each epoch's end; 1.0
        batch_size         the number of examples in a mini-batch; 100
        num_epochs         the number of epochs of a call of train(); 10
        num_train_samples  how many are drawn for a training accuracy, None for all; 1000
        num_val_samples    how many are drawn for a validation accuracy, None for all; None
        checkpoint_name    a pickle NAME_epoch_N.pkl is written at each accuracy check; None for none
        print_every        iterations from one printed loss to the next; 10
        verbose            whether anything is printed; True
        tqdm               True shows a progress bar (package tqdm), as does a function like tqdm.notebook.tqdm; False

    Further ones, with the names and meanings of `lamina train`'s flags; by default Solver trains as the course's does:
{options}

    Attributes that training fills: loss_history (one float64 per iteration), train_acc_history and val_acc_history (one
    per check, as check_accuracy gives them: after the first iteration, each epoch and the last iteration), best_val_acc, best_params, epoch, and
    optim_configs, the rule's dictionary for each parameter.

    ValueError for unknown arguments and update rules, for data of wrong shapes, and for a learning rate of a rule of
    lamina.optim that is negative or not finite; TypeError for wrong kinds. UserWarning for a key of optim_config that such
    a rule does not read, RuntimeWarning for a loss that is not finite.
    """

    def __init__(self, model: Any, data: Any, **kwargs: Any) -> None:
        _check_model(model)
        self.model = model
        self.X_train, self.y_train, self.X_val, self.y_val = _data(data)
        self.w_train = _example_weights(data, len(self.X_train))
        self.update_rule = kwargs.pop("update_rule", "sgd")
        self.optim_config = kwargs.pop("optim_config", {})
        self.lr_decay = kwargs.pop("lr_decay", 1.0)
        self.batch_size = kwargs.pop("batch_size", 100)
        self.num_epochs = kwargs.pop("num_epochs", 10)
        self.num_train_samples = kwargs.pop("num_train_samples", 1000)
        self.num_val_samples = kwargs.pop("num_val_samples", None)
        self.checkpoint_name = kwargs.pop("checkpoint_name", None)
        self.print_every = kwargs.pop("print_every", 10)
        self.verbose = kwargs.pop("verbose", True)
        self.tqdm = kwargs.pop("tqdm", False)
        for name, default in _training.OPTIONS.items():
            setattr(self, name, kwargs.pop(name, default))
        self._warned_of_key = False
        if kwargs:
            raise ValueError("Unrecognized arguments " + ", ".join(f'"{name}"' for name in kwargs))
        self._check_options()
        self._reset()

    def _check_options(self) -> None:
        self.update_rule = _rule(self.update_rule)
        _arguments.dictionary("Solver", "optim_config", self.optim_config)
        lr_decay = _arguments.as_number("Solver", "lr_decay", self.lr_decay)
        if not 0 <= lr_decay < math.inf:
            raise ValueError(f"[Solver] expected lr_decay to be finite and 0 or more, got {lr_decay}")
        self.batch_size = _at_least("batch_size", self.batch_size, 1)
        if self.batch_size >= 2**31:
            raise ValueError(f"[Solver] expected batch_size below 2^31, got {self.batch_size}")
        if not isinstance(self.tqdm, (bool, np.bool_, type(None))) and not callable(self.tqdm):
            raise TypeError(f"[Solver] expected tqdm to be True, False or a function, got {type(self.tqdm).__name__}")
        self.num_epochs = _at_least("num_epochs", self.num_epochs, 0)
        self.print_every = _at_least("print_every", self.print_every, 1)
        if self.num_train_samples is not None:
            self.num_train_samples = _at_least("num_train_samples", self.num_train_samples, 1)
        if self.num_val_samples is not None:
            self.num_val_samples = _at_least("num_val_samples", self.num_val_samples, 1)
        _training.check(self)

    def _check_state(self) -> None:
        """Checks the state from which training continues. Entries of optim_config that were set since the last call go
        to all configurations."""
        _check_model(self.model)
        for name in ("loss_history", "train_acc_history", "val_acc_history"):
            if not isinstance(getattr(self, name), list):
                raise TypeError(f"[Solver] expected {name} to be a list, got {type(getattr(self, name)).__name__}")
        _arguments.dictionary("Solver", "optim_configs", self.optim_configs)
        for name in self.model.params:
            if name not in self.optim_configs:
                raise ValueError(f"[Solver] expected optim_configs['{name}'], got only the keys "
                                 f"{sorted(map(str, self.optim_configs))}")
            if self.optim_configs[name] is None:
                self.optim_configs[name] = {}
            config = _arguments.dictionary("Solver", f"optim_configs['{name}']", self.optim_configs[name])
            _training.check_config(self, f"optim_configs['{name}']", config)
        given, kept = self._given
        changed = {key: value for key, value in self.optim_config.items()
                   if self.optim_config is not given or key not in kept or value is not kept[key]}
        for config in self.optim_configs.values():
            config.update(changed)
        _training.set_configs(self)
        self._given = (self.optim_config, dict(self.optim_config))

    def _reset(self) -> None:
        """Resets all histories and the rule's state, but not the model's parameters."""
        self.epoch = 0
        self.best_val_acc: float = 0
        self.best_params: dict[str, np.ndarray] = {}
        self.loss_history: list[float] = []
        self.train_acc_history: list[float] = []
        self.val_acc_history: list[float] = []
        self.optim_configs: dict[str, dict[str, Any]] = {p: dict(self.optim_config) for p in self.model.params}
        self._given = (self.optim_config, dict(self.optim_config))
        self._best_running: list[dict[str, Any]] = []
        self._best_is_current = False
        self._warned = False
        self._order: tuple[np.ndarray, int] | None = None  # the permutation, and how much of it is used
        self._averages: Averages | None = None
        self._t, self._total, self._per_epoch = 0, 1, 1  # where train() is, for the schedule

    def _step(self) -> None:
        """One iteration: draws a mini-batch, computes loss and gradients, and updates the parameters."""
        result = self.model.loss(*_training.batch(self))
        if not isinstance(result, (tuple, list)) or len(result) != 2 or not hasattr(result[1], "keys"):
            kinds = ", ".join(type(x).__name__ for x in result) if isinstance(result, (tuple, list)) else type(result).__name__
            raise TypeError("[Solver] expected model.loss(X, y) to return the loss and a dictionary of the gradients, got "
                            f"{kinds}")
        loss, grads = _number(result[0]), result[1]
        _training.update(self, grads)
        self.loss_history.append(loss)  # a rule that throws leaves no loss without an update

    def _own(self, name: str) -> bool:
        """Whether the user has overridden a method of Solver."""
        return name in vars(self) or getattr(type(self), name) is not getattr(Solver, name)

    def _is_watched(self) -> bool:
        """Whether something may read the model between two accuracy checks: a checkpoint, or a method or progress bar
        of the user's own."""
        return (self.checkpoint_name is not None or type(self) is not Solver or callable(self.tqdm)
                or any(hasattr(Solver, name) for name in vars(self)))

    def _save_checkpoint(self) -> None:
        """Writes the model, the options and the histories to checkpoint_name_epoch_N.pkl, if there is a name."""
        if self.checkpoint_name is None:
            return
        checkpoint = {
            "model": self.model, "update_rule": self.update_rule, "lr_decay": self.lr_decay,
            "optim_config": self.optim_config, "batch_size": self.batch_size,
            "num_train_samples": self.num_train_samples, "num_val_samples": self.num_val_samples, "epoch": self.epoch,
            "loss_history": self.loss_history, "train_acc_history": self.train_acc_history,
            "val_acc_history": self.val_acc_history,
        }
        filename = f"{self.checkpoint_name}_epoch_{self.epoch}.pkl"
        if self.verbose:
            print(f'Saving checkpoint to "{filename}"')
        with open(filename, "wb") as file:
            pickle.dump(checkpoint, file)

    def check_accuracy(self, X: Any, y: Any, num_samples: int | None = None, batch_size: int = 100) -> float:
        """The fraction of examples X (N, ...) whose label y (N,) has the highest score.

        Where y is (N, K), it is the mean over the K numbers of R^2 or, for a net with the sigmoid loss, the mean F1 of the
        labels; docs/solver.md has the formulas.

        If num_samples is not None and N is larger, num_samples examples are drawn, with replacement. Scores are
        computed for batch_size examples at a time. ValueError if X and y do not fit.
        """
        X, y = _arguments.array("check_accuracy", "X", X), _arguments.array("check_accuracy", "y", y)
        batch_size = _at_least("batch_size", batch_size, 1)
        if X.ndim == 0 or y.ndim == 0 or len(X) != len(y) or len(X) == 0:
            raise ValueError("[check_accuracy] expected one label for each of 1 example or more, got X of shape "
                             f"{X.shape} and y of shape {y.shape}")
        if num_samples is not None:
            num_samples = _at_least("num_samples", num_samples, 1)
        found = _net_loop.accuracy(self.model, X, y, num_samples, batch_size, self.mirror_averaging)
        if found is not None:
            return found
        score = nets.score(self.model, y)
        N = len(X)
        rows = None
        if num_samples is not None and N > num_samples:
            N = num_samples
            rows = np.random.choice(len(X), N)
            y = y[rows]
        predicted = []
        for first in range(0, N, batch_size):
            batch = X[first:first + batch_size] if rows is None else X[rows[first:first + batch_size]]
            scores = self.model.loss(batch)
            if self.mirror_averaging:
                scores = (scores + self.model.loss(np.ascontiguousarray(batch[..., ::-1]))) / 2
            predicted.append(np.argmax(scores, axis=1) if score == "accuracy" else scores)
        if score != "accuracy":
            return _core.score(score, np.concatenate(predicted), y)
        return float(np.mean(np.hstack(predicted) == y))

    def _check_accuracies(self, loop: NetLoop | None) -> None:
        if loop is None:
            with self._averaged():
                train_acc = self.check_accuracy(self.X_train, self.y_train, num_samples=self.num_train_samples)
                val_acc = self.check_accuracy(self.X_val, self.y_val, num_samples=self.num_val_samples)
        else:
            train_acc, val_acc = loop.accuracies()
        self.train_acc_history.append(train_acc)
        self.val_acc_history.append(val_acc)
        if loop is not None and self._is_watched():
            loop.store()
        self._save_checkpoint()
        score = nets.score(self.model, self.y_val)
        self._print(f"(Epoch {self.epoch} / {self.num_epochs}) {_core.scores_text(score, train_acc, val_acc)}")
        # The course keeps nothing before an accuracy is above 0. Other scores may stay below 0.
        first = score != "accuracy" and not self.best_params and math.isfinite(val_acc)
        self._best_is_current = first or val_acc > self.best_val_acc
        if self._best_is_current:
            self.best_val_acc = val_acc
            if loop is None:
                with self._averaged():
                    best = Averages.of(self.model)
            else:
                best = loop.best()
            self.best_params, self._best_running = best.params, best.running
            self._best_is_current = not self.average_weights

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        """A context in which the model has its moving averages, if there are any."""
        if not self.average_weights or self._averages is None:
            return contextlib.nullcontext()
        return self._averages.shown_by(self.model)

    def _out_of_patience(self, checks: int) -> bool:
        """Whether the last `patience` checks of this call were no better than the best one before them."""
        accuracies = self.val_acc_history
        return (self.patience is not None and self.patience < checks
                and len(accuracies) - 1 - accuracies.index(max(accuracies)) >= self.patience)

    def _restore_best(self) -> None:
        """Gives the model copies of the best parameters, unless it already has them, and their running averages."""
        if self.best_params:
            self.model.params = (dict(self.model.params) if self._best_is_current
                                 else {name: w.copy() for name, w in self.best_params.items()})
            for param, best in zip(_training.running(self.model), self._best_running):
                param.update((name, x.copy()) for name, x in best.items())

    def _check_folder(self) -> None:
        """FileNotFoundError if checkpoints are to be written and their folder is missing."""
        if self.checkpoint_name is None or self._own("_save_checkpoint"):
            return
        folder = os.path.dirname(str(self.checkpoint_name))
        if folder and not os.path.isdir(folder):
            raise FileNotFoundError(f"[Solver] expected the folder of checkpoint_name, '{folder}', got none of that name")

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)

    def _warn(self, since: int) -> None:
        """Says once that a loss of loss_history[since:] is NaN or infinite."""
        if self._warned:
            return
        for iteration, loss in enumerate(self.loss_history[since:], since + 1):
            if not math.isfinite(loss):
                self._warned = True
                advice = ("look for numbers in the data that are not finite, or try a smaller weight_scale or normalization"
                          if iteration == 1 else
                          "try a smaller learning rate, a smaller weight_scale, or normalization")
                warnings.warn(f"[Solver] the loss is {abs(loss) if math.isnan(loss) else loss} at iteration "
                              f"{iteration}: {advice}", RuntimeWarning, stacklevel=3)
                return

    def train(self) -> None:
        """Trains for num_epochs epochs, then gives the model the parameters that did best on validation, with
        the running averages of that moment.

        A further call continues, with the histories, epochs, decayed learning rates and the rule's state. If it is
        interrupted, the model keeps its current parameters and the histories keep what they have so far.
        """
        self._check_options()
        self._check_state()
        self._check_folder()
        per_epoch = max(len(self.X_train) // self.batch_size, 1)
        total = self.num_epochs * per_epoch
        self._total, self._per_epoch = total, per_epoch
        loop = NetLoop.of(self)
        bar = _bar(self.tqdm, total)
        self._best_is_current = False
        wanted = True  # whether loop.finish() stores the current parameters, as after an interruption
        try:
            t = checks = 0  # iterations and accuracy checks done; the first iteration is printed
            while t < total:
                # Run up to the next iteration with a printed loss, an accuracy check or a step of the progress bar.
                to_print = -t % self.print_every + 1
                to_check = per_epoch - t % per_epoch
                count = min(to_print, to_check) if bar is None else min(to_print, to_check, 20)
                since = len(self.loss_history)
                if loop is None:
                    for self._t in range(t, t + count):
                        self._step()
                        self._check_options()  # the model, the rule or a user's method may have changed them
                else:
                    loop.run(count, t, total)
                t += count
                if bar is not None:
                    bar.update(count)
                self._warn(since)
                if (t - 1) % self.print_every == 0:
                    self._print(f"(Iteration {t} / {total}) loss: {self.loss_history[-1]:f}")
                if t % per_epoch == 0:
                    self.epoch += 1
                    for config in self.optim_configs.values():
                        if "learning_rate" in config:
                            config["learning_rate"] *= self.lr_decay
                if t == 1 or t % per_epoch == 0:
                    self._check_accuracies(loop)
                    self._check_options()
                    checks += 1
                    if self._out_of_patience(checks):
                        total = t
                    if loop is not None and self._own("_save_checkpoint"):  # it may have changed anything
                        loop = NetLoop.of(self)
                        self._best_is_current = False
            self._best_is_current &= loop is not None
            if loop is not None and self.best_params and not (self._best_is_current or self._own("_restore_best")):
                self.model.params = {name: w.copy() for name, w in self.best_params.items()}
                self._best_is_current = True
                wanted = False
        finally:
            if loop is not None:
                loop.finish(wanted)
            if bar is not None:
                bar.close()
        self._restore_best()


Solver.__doc__ = (Solver.__doc__ or "").replace("{options}", _options.help_text(_training.FURTHER, 8, 19))
