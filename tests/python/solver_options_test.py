#!/usr/bin/env python3
"""Solver's options beyond the course's: the loops in C++ and in Python have the same bits, and do what the options say."""
import copy
import unittest

import numpy as np
from solver_test import clusters

from lamina import nets, optim
from lamina._net_loop import NetLoop
from lamina.solver import Solver

EACH = {
    "step": {"schedule": "step", "step_epochs": 1, "step_factor": 0.5},
    "cosine": {"schedule": "cosine", "warmup_epochs": 1.5},
    "one-cycle": {"schedule": "one-cycle"},
    "warm-up alone": {"warmup_epochs": 2},
    "shuffle": {"shuffle": True},
    "mirror": {"mirror": True},
    "shift": {"shift": 2},
    "mirror and shift": {"mirror": True, "shift": 3},
    "shift and reflect": {"shift": 9, "reflect": True},
    "cutout": {"cutout": 3},
    "brightness": {"brightness": 0.4},
    "brightness, contrast and all moves": {"brightness": 0.3, "contrast": 1.5, "mirror": True, "shift": 2, "cutout": 2},
    "average_weights": {"average_weights": 0.8},
    "mirror_averaging": {"mirror_averaging": True},
    "patience": {"patience": 1},
    "weight_decay": {"weight_decay": 0.3},
    "weight_decay of adamw": {"update_rule": "adamw", "weight_decay": 0.3},
    "nesterov": {"update_rule": "sgd_momentum", "nesterov": True},
    "clip_norm": {"clip_norm": 0.05},
    "all": {"schedule": "cosine", "warmup_epochs": 0.5, "shuffle": True, "mirror": True, "shift": 1, "reflect": True, "cutout": 2,
            "average_weights": 0.7,
            "mirror_averaging": True, "patience": 4, "weight_decay": 0.2, "update_rule": "sgd_momentum", "nesterov": True,
            "clip_norm": 0.3},
}
FC = (nets.FullyConnectedNet, {"hidden_dims": [12, 9], "input_dim": 72, "num_classes": 4, "normalization": "batchnorm",
                               "dropout": 0.8, "weight_scale": 0.3, "reg": 0.05})
CONV = (nets.ConvNet, {"input_dim": (2, 6, 6), "num_filters": [3, 4], "filter_sizes": [3, 3], "num_classes": 4,
                       "weight_scale": 0.2, "reg": 0.05})
MIXED = (nets.Sequential, {"net": "conv 3 3x3 | layernorm | relu | conv 4 3x3 | batchnorm | relu | max_pool 2 | affine 4",
                           "input_dim": (2, 6, 6), "reg": 0.05})


FACTORS = (nets.Sequential, {"net": "conv 3 3x3 frozen | batchnorm rate 0.5 | relu | affine 6 decay 0.3 | relu | "
                                    "affine 4 rate 0.1 decay 2", "input_dim": (2, 6, 6)})


class InPython(Solver):
    """The same, with iterations in Python."""

    def _step(self):
        super()._step()


def images(dtype, as_bytes=False):
    data = clusters(N=110, inputs=72)
    if as_bytes:
        data.update({name: (4 * x + 9).clip(0, 255).astype(np.uint8) for name, x in data.items() if name[0] == "X"})
    return {name: x.reshape(-1, 2, 6, 6).astype(x.dtype if as_bytes else dtype) if name[0] == "X" else x
            for name, x in data.items()}


def solver_of(kind, net, dtype, settings, seed=231):
    np.random.seed(seed)
    cls, options = net
    model = cls(**options, dtype=dtype)
    return kind(model, images(dtype, "brightness" in settings), **{"optim_config": {"learning_rate": 0.02}, "lr_decay": 0.9, "batch_size": 27,
                                         "num_epochs": 3, "num_train_samples": 70, "verbose": False, **settings})


class BothLoops(unittest.TestCase):
    def same(self, net, dtype, settings):
        """Two calls of train(), so that orders, averages and states go on from one to the other."""
        runs = []
        for kind in (Solver, InPython):
            solver = solver_of(kind, net, dtype, settings)
            self.assertEqual(NetLoop.of(solver) is None, kind is InPython)
            solver.train()
            solver.num_epochs = 2
            solver.train()
            runs.append((solver, np.random.get_state()))
        (fast, state), (slow, expected) = runs
        self.assertEqual(fast.loss_history, slow.loss_history)
        self.assertEqual((fast.train_acc_history, fast.val_acc_history), (slow.train_acc_history, slow.val_acc_history))
        np.testing.assert_array_equal(state[1], expected[1])
        self.assertEqual(state[2], expected[2])
        for name, w in fast.model.params.items():
            np.testing.assert_array_equal(w, slow.model.params[name], name)
            np.testing.assert_array_equal(fast.best_params[name], slow.best_params[name], name)
        for mine, its in zip(fast.model.bn_params, slow.model.bn_params):
            self.assertEqual(set(mine), set(its))
            np.testing.assert_array_equal(mine.get("running_var", 0), its.get("running_var", 0))
        for name, config in fast.optim_configs.items():
            self.assertEqual(config["learning_rate"], slow.optim_configs[name]["learning_rate"])
            for key in set(config) | set(slow.optim_configs[name]):
                np.testing.assert_array_equal(config[key], slow.optim_configs[name][key], f"{key} of {name}")
        return fast

    def test_each_option(self):
        plain = {net[0]: self.same(net, np.float64, {}).loss_history for net in (FC, CONV)}
        for name, settings in EACH.items():
            for net in (FC, CONV):
                with self.subTest(name, net=net[0].__name__):
                    found = self.same(net, np.float64, settings)
                    if "averaging" not in name and "average" not in name and name != "patience":
                        self.assertNotEqual(found.loss_history[:15], plain[net[0]][:15], "the option does nothing")

    def test_in_float32_and_of_other_nets(self):
        for net in (FC, CONV, MIXED):
            with self.subTest(net[0].__name__):
                self.same(net, np.float32, EACH["all"])

    def test_every_rule_with_a_schedule_and_clipping(self):
        for rule in optim.__all__:
            with self.subTest(rule):
                settings = {"update_rule": rule, "schedule": "cosine", "clip_norm": 0.1, "weight_decay": 0.1}
                self.same(FC, np.float64, settings)
                self.same(FACTORS, np.float64, settings)
                self.same(FACTORS, np.float32, {"update_rule": rule})

    def test_one_loop_goes_on_where_the_other_ended(self):
        found = []
        for first, then in ((Solver, Solver), (Solver, InPython), (InPython, Solver)):
            solver = solver_of(first, CONV, np.float64, EACH["all"])
            solver.train()
            solver.__class__ = then
            solver = copy.deepcopy(solver)
            solver.train()
            found.append(solver.loss_history)
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])

    def test_check_accuracy(self):
        for dtype in (np.float64, np.float32):
            fast, slow = (solver_of(kind, CONV, dtype, {"mirror_averaging": True}) for kind in (Solver, InPython))
            slow.model.loss = slow.model.loss  # an own one
            self.assertEqual(fast.check_accuracy(fast.X_val, fast.y_val), slow.check_accuracy(slow.X_val, slow.y_val))


class Constant:
    """Its gradients are what it is told, its scores are those of class 0."""

    def __init__(self, **grads):
        self.grads = {name: np.array(g, np.float64) for name, g in grads.items()}
        self.params = {name: np.ones_like(g) for name, g in self.grads.items()}
        self.seen, self.rows = [], []

    def loss(self, X, y=None):
        if y is None:
            return np.tile([1.0, 0.0], (len(X), 1))
        self.rows.append(X)
        self.seen.append({name: w.copy() for name, w in self.params.items()})
        return 1.0, {name: g.copy() for name, g in self.grads.items()}


def numbered(N, shape=(1,)):
    X = np.arange(float(N * np.prod(shape))).reshape(N, *shape)
    return {"X_train": X, "y_train": np.zeros(N, int), "X_val": X[:4], "y_val": np.array([0, 0, 1, 1])}


class Meaning(unittest.TestCase):
    def trained(self, model, data=None, **settings):
        solver = Solver(model, data or numbered(8), **{"batch_size": 2, "num_epochs": 3, "verbose": False,
                                                       "optim_config": {"learning_rate": 0.5}, **settings})
        solver.train()
        return solver

    def test_schedules(self):
        total, per_epoch = 12, 4
        for settings, factor in [
            ({"schedule": "step", "step_epochs": 1, "step_factor": 0.1}, lambda t: 0.1**(t // per_epoch)),
            ({"schedule": "cosine"}, lambda t: (1 + np.cos(np.pi * t / total)) / 2),
            ({"warmup_epochs": 2}, lambda t: min(1, (t + 1) / 8)),
        ]:
            for rule in ("sgd", lambda w, dw, config: (w - config["learning_rate"] * dw, config)):
                model = Constant(W=[1.0])
                solver = self.trained(model, update_rule=rule, **settings)
                steps = -np.diff([seen["W"][0] for seen in model.seen])
                np.testing.assert_allclose(steps, [0.5 * factor(t) for t in range(total - 1)], rtol=1e-12)
                self.assertEqual(solver.optim_configs["W"]["learning_rate"], 0.5)

    def test_clipping(self):
        for clip_norm, share in [(None, 1), (13, 1), (6.5, 0.5)]:
            model = Constant(W=[3.0, -4.0], b=[12.0])
            self.trained(model, num_epochs=1, clip_norm=clip_norm)
            np.testing.assert_allclose(model.seen[1]["W"], 1 - 0.5 * share * model.grads["W"], rtol=1e-15)
            np.testing.assert_allclose(model.seen[1]["b"], 1 - 0.5 * share * model.grads["b"], rtol=1e-15)

    def test_weights_alone_decay(self):
        for rule in ("sgd", "adam", "adamw"):
            model = Constant(W=[0.0], b=[0.0])
            self.trained(model, update_rule=rule, num_epochs=1, weight_decay=0.1)
            np.testing.assert_allclose([seen["W"][0] for seen in model.seen], 0.95**np.arange(4), rtol=1e-12)
            self.assertEqual({seen["b"][0] for seen in model.seen}, {1})

    def test_shuffling_visits_each_example_once_in_so_many_draws(self):
        model = Constant(W=[0.0])
        solver = self.trained(model, batch_size=3, num_epochs=4, shuffle=True)  # 8 iterations: 24 draws
        solver.train()
        rows = np.concatenate(model.rows).ravel()
        for first in range(0, 48, 8):
            self.assertEqual(sorted(rows[first:first + 8]), list(range(8)))

    def test_moves(self):
        """Against all that a move may give, drawn in the documented order."""
        model, data = Constant(W=[0.0]), numbered(5, (2, 4, 3))
        np.random.seed(6)
        self.trained(model, data, batch_size=50, num_epochs=1, mirror=True, shift=2)
        np.random.seed(6)
        rows = np.random.choice(5, 50)
        for image, x in zip(model.rows[0], data["X_train"][rows]):
            if np.random.rand() < 0.5:
                x = x[:, :, ::-1]
            dy, dx = np.random.randint(5) - 2, np.random.randint(5) - 2
            framed = np.pad(x, ((0, 0), (2, 2), (2, 2)))
            np.testing.assert_array_equal(image, framed[:, 2 + dy:6 + dy, 2 + dx:5 + dx])

    def test_brightness_and_contrast(self):
        model, data = Constant(W=[0.0]), numbered(5, (2, 4, 3))
        data = {name: (7 * x).astype(np.uint8) if name[0] == "X" else x for name, x in data.items()}
        np.random.seed(6)
        self.trained(model, data, batch_size=50, num_epochs=1, brightness=0.5, contrast=3)
        np.random.seed(6)
        rows = np.random.choice(5, 50)
        for image, x in zip(model.rows[0], data["X_train"][rows].astype(float)):
            brightness, contrast = 0.5 + np.random.rand(), 4 * np.random.rand()
            bright = np.minimum(255, brightness * x)
            right = np.clip(bright.mean() + contrast * (bright - bright.mean()), 0, 255)
            np.testing.assert_allclose(image, right, atol=1e-11)

    def test_averages(self):
        model = Constant(W=[1.0])
        average, best = None, []

        class Watching(Solver):
            def check_accuracy(self, *args, **options):
                best.append(self.model.params["W"].copy())
                return super().check_accuracy(*args, **options)

        solver = Watching(model, numbered(8), batch_size=2, num_epochs=2, verbose=False, average_weights=0.3,
                          optim_config={"learning_rate": 0.5})
        solver.train()
        checked = []
        for t in range(8):
            w = 1 - 0.5 * (t + 1)
            d = min(0.3, (1 + t) / (10 + t))
            average = w if average is None else average + (1 - d) * (w - average)
            if t in (0, 3, 7):
                checked += [average, average]
        np.testing.assert_allclose(np.ravel(best), checked, rtol=1e-12)
        self.assertEqual(model.params["W"][0], checked[0])  # the first of equally good ones

    def test_patience(self):
        for patience, epochs in [(None, 3), (2, 2), (5, 3)]:
            solver = self.trained(Constant(W=[0.0]), patience=patience)
            self.assertEqual((solver.epoch, len(solver.loss_history)), (epochs, 4 * epochs))

    def test_precision(self):
        data = images(np.float32)
        for cls, options in (FC, CONV):
            losses = []
            for precision in ("full", "bf16"):
                np.random.seed(2)
                model = cls(**{**options, "reg": 0.0}, dtype=np.float32, precision=precision)
                losses.append(model.loss(data["X_train"][:40], data["y_train"][:40])[0])
                self.assertIn(precision, ("full", "bf16"))
            self.assertNotEqual(*losses)
            self.assertAlmostEqual(*losses, delta=0.05)
            with self.assertRaisesRegex(ValueError, "precision to be one of full, bf16, got 'half'"):
                cls(**options, precision="half")
            with self.assertRaisesRegex(TypeError, "precision"):
                cls(**options, precision=16)

    def test_mistakes(self):
        def message(error, data=None, **settings):
            with self.assertRaises(error) as caught:
                Solver(Constant(W=[1.0]), data or numbered(8), **settings)
            self.assertNotIn("\n", str(caught.exception))
            return str(caught.exception)

        self.assertEqual(message(ValueError, schedule="linear"),
                         "[Solver] expected schedule to be one of none, step, cosine, one-cycle, got 'linear'")
        self.assertEqual(message(ValueError, warmup_epochs=-1),
                         "[Solver] expected warmup_epochs of 0 or more, got -1")
        self.assertEqual(message(ValueError, slots=0), "[Solver] expected slots of 1 or more, got 0")
        self.assertEqual(message(ValueError, slots=11, batch_size=10),
                         "[Solver] expected slots of 1 to 10, the batch_size, got 11")
        with self.assertRaisesRegex(ValueError, r"^\[Solver\] expected slots=1 for a model, an update rule or a step of one's own, got 2$"):
            solver_of(InPython, FC, np.float64, {"slots": 2}).train()
        self.assertEqual(message(ValueError, clip_norm=0), "[Solver] expected clip_norm above 0, got 0")
        self.assertEqual(message(ValueError, average_weights=1),
                         "[Solver] expected average_weights of 0 or more and below 1, got 1")
        self.assertEqual(message(ValueError, shift=-1), "[Solver] expected shift of 0 or more, got -1")
        self.assertEqual(message(ValueError, patience=0), "[Solver] expected patience of 1 or more, got 0")
        self.assertEqual(message(ValueError, weight_decay=-0.1), "[Solver] expected weight_decay of 0 or more, got -0.1")
        self.assertEqual(message(ValueError, nesterov=True),
                         "[Solver] expected nesterov with the update_rule sgd_momentum, got sgd")
        self.assertEqual(message(ValueError, mirror=True), "[Solver] expected images (C, H, W) for mirror, shift, "
                         "cutout and mirror_averaging, got examples of shape (1,)")
        self.assertEqual(message(ValueError, contrast=0.5), "[Solver] expected images (C, H, W) of bytes (uint8) for brightness "
                         "and contrast, got examples of shape (1,), float64")
        self.assertEqual(message(TypeError, schedule=3), "[Solver] expected schedule to be a name, got int")
        self.assertEqual(message(TypeError, clip_norm="1"), "[Solver] expected clip_norm to be a number, got str")
        self.assertEqual(message(TypeError, patience=1.5), "[Solver] expected patience to be a whole number, got 1.5")
        solver = Solver(Constant(W=[1.0]), numbered(8), schedule="cosine", verbose=False,
                        update_rule=lambda w, dw, config: (w, config))
        with self.assertRaisesRegex(ValueError, r"optim_config\['learning_rate'\] for a schedule or weight_decay"):
            solver.train()


if __name__ == "__main__":
    unittest.main()
