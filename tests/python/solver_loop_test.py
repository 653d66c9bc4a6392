#!/usr/bin/env python3
"""Solver's loop in C++: where it runs, who sees the parameters when, draws, and accuracy checks."""
import itertools
import os
import pickle
import tempfile
import threading
import time
import unittest
import warnings
from unittest import mock

import numpy as np

from lamina._net_loop import NetLoop
from lamina.nets import FullyConnectedNet
from lamina.solver import Solver
from solver_nets_test import FC, images, in_python


class TheLoop(unittest.TestCase):
    def setUp(self):
        np.random.seed(231)
        self.model, self.data = FullyConnectedNet(**FC, dtype=np.float64), images()

    def solver(self, **options):
        return Solver(self.model, self.data, **{"batch_size": 50, "num_epochs": 2, "verbose": False, **options})

    def test_where_it_runs(self):
        class Own(Solver):
            def _step(self):
                super()._step()

        self.assertIsNotNone(NetLoop.of(self.solver()))
        self.assertIsNone(NetLoop.of(Own(self.model, self.data)))
        self.assertIsNone(NetLoop.of(self.solver(update_rule=lambda w, dw, config: (w, config))))
        solver = self.solver()
        solver.check_accuracy = lambda *arguments, **named: 0.5
        self.assertIsNone(NetLoop.of(solver))

    def test_options_that_a_method_changes_are_checked(self):
        """In the middle of train(), as soon as the method is done, with the loop in C++ and in Python."""
        for name, wrong in {"batch_size": 0, "print_every": 0, "num_val_samples": "all", "lr_decay": "slow",
                            "average_weights": 2.0, "clip_norm": -1, "patience": 0, "update_rule": "none"}.items():
            class Saves(Solver):
                def _save_checkpoint(self):
                    setattr(self, name, wrong)

            class Steps(Solver):
                def _step(self):
                    super()._step()
                    setattr(self, name, wrong)

            for kind, loss in ((Saves, None), (Saves, self.model.loss), (Steps, None)):
                with self.subTest(name=name, kind=kind.__name__, python=loss is not None):
                    vars(self.model).pop("loss", None)
                    if loss is not None:
                        self.model.loss = loss
                    solver = kind(self.model, self.data, num_epochs=3, batch_size=2, verbose=False)
                    message = r"^(\[Solver\] expected|Invalid) " + name
                    self.assertRaisesRegex((TypeError, ValueError), message, solver.train)
                    self.assertEqual(len(solver.loss_history), 1)

    def test_edited_parameters_count(self):
        solver = self.solver(optim_config={"learning_rate": 0.0})
        for name in self.model.params:
            self.model.params[name] = np.asfortranarray(0 * self.model.params[name])
        solver.train()
        np.testing.assert_allclose(solver.loss_history, np.log(4))
        for w in self.model.params.values():
            np.testing.assert_array_equal(w, 0)

    def test_order_of_parameters(self):
        np.random.seed(7)
        expected = self.solver(update_rule="adam")
        before = dict(self.model.params)
        expected.train()
        self.model.params = {name: before[name] for name in reversed(before)}
        np.random.seed(7)
        solver = self.solver(update_rule="adam")
        solver.train()
        self.assertEqual(solver.loss_history, expected.loss_history)
        for name, w in self.model.params.items():
            self.assertEqual(solver.optim_configs[name]["m"].shape, w.shape)

    def test_best_parameters_are_left(self):
        solver = self.solver(optim_config={"learning_rate": 0.5}, num_epochs=8)
        solver.train()
        self.assertEqual(solver.check_accuracy(self.data["X_val"], self.data["y_val"]), solver.best_val_acc)
        for name, w in self.model.params.items():
            np.testing.assert_array_equal(w, solver.best_params[name])
            self.assertFalse(np.shares_memory(w, solver.best_params[name]))

    def test_checkpoints(self):
        with tempfile.TemporaryDirectory() as folder:
            solver = self.solver(checkpoint_name=os.path.join(folder, "run"), num_epochs=3)
            solver.train()
            losses = []
            for epoch in range(4):
                with open(f"{solver.checkpoint_name}_epoch_{epoch}.pkl", "rb") as file:
                    kept = pickle.load(file)
                losses.append(kept["model"].loss(self.data["X_val"], self.data["y_val"])[0])
                self.assertEqual(len(kept["loss_history"]), max(4 * epoch, 1))
        self.assertEqual(losses, sorted(losses, reverse=True))  # each has the parameters of its moment
        self.assertEqual(len(set(losses)), 4)

    def test_own_checkpoints(self):
        """A _save_checkpoint of somebody's own sees the parameters of its moment, and may change them."""
        class Own(Solver):
            def _save_checkpoint(self):
                params = self.model.params
                seen.append((params["W1"].copy(), {k: v.copy() for k, v in self.optim_configs.items()}, dict(
                    self.model.bn_params[0])))
                if len(seen) == 3:
                    params["W2"] = 0 * params["W2"]
                    self.optim_configs["W1"] = {"learning_rate": 0.5}

        runs = []
        for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
            np.random.seed(3)
            seen = []
            solver = Own(kind(**FC, dtype=np.float64, normalization="batchnorm"), self.data, batch_size=50,
                         num_epochs=4, verbose=False, update_rule="sgd_momentum")
            solver.train()
            runs.append((seen, solver.loss_history))
        (seen, losses), (expected, expected_losses) = runs
        np.testing.assert_allclose(losses, expected_losses, rtol=1e-12)
        for (W1, configs, norm), (W1_, configs_, norm_) in zip(seen, expected):
            np.testing.assert_allclose(W1, W1_, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(configs["W2"]["velocity"], configs_["W2"]["velocity"], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(norm["running_mean"], norm_["running_mean"], rtol=1e-9, atol=1e-12)
            self.assertEqual(norm["mode"], norm_["mode"])

    def test_who_looks_sees_the_parameters_of_the_moment(self):
        def with_print(solver):
            solver._print = lambda line: seen.append(solver.model.params["W1"].copy()) if "val_acc" in line else None

        class Printing(Solver):
            def _print(self, line):
                if "val_acc" in line:
                    seen.append(self.model.params["W1"].copy())

        class Checking(Solver):
            def _check_accuracies(self, loop):
                super()._check_accuracies(loop)
                seen.append(self.model.params["W1"].copy())

        def look(kind, solver_kind, prepare):
            seen.clear()
            np.random.seed(3)
            solver = solver_kind(kind(**FC, dtype=np.float64), self.data, batch_size=50, num_epochs=4, verbose=False)
            if prepare:
                prepare(solver)
            solver.train()
            return list(seen)

        seen = []
        for solver_kind, prepare in ((Solver, with_print), (Printing, None), (Checking, None)):
            expected = look(in_python(FullyConnectedNet), solver_kind, prepare)
            self.assertEqual(len(expected), 5)
            self.assertFalse(np.array_equal(expected[0], expected[-1]))
            np.testing.assert_allclose(look(FullyConnectedNet, solver_kind, prepare), expected, rtol=1e-9, atol=1e-12)

    def test_a_progress_bar_of_somebodys_own_sees_training(self):
        class Bar:
            def __init__(self, total):
                pass

            def update(self, count):
                seen.append(solver.model.params["W1"].copy())

            def close(self):
                pass

        seen = []
        solver = self.solver(num_epochs=4, tqdm=Bar)
        solver.train()
        self.assertEqual(len({W1.tobytes() for W1 in seen}), 5)  # before the first check, and after each but the last

    def test_parameters_are_copied_where_somebody_looks(self):
        copies = []
        store = NetLoop.store
        try:
            NetLoop.store = lambda loop: copies.append(store(loop))
            for expected, options in ((0, {}), (4, {"checkpoint_name": "run"})):
                copies.clear()
                with tempfile.TemporaryDirectory() as folder:
                    if options:
                        options = {"checkpoint_name": os.path.join(folder, "run")}
                    self.solver(num_epochs=3, **options).train()
                self.assertEqual(len(copies), expected)  # at each of the four checks
        finally:
            NetLoop.store = store

    def test_best_parameters_have_all_entries(self):
        self.model.params["note"] = np.ones(2)
        solver = self.solver(num_epochs=2)
        solver.train()
        self.assertEqual(list(solver.best_params), list(self.model.params))
        np.testing.assert_array_equal(self.model.params["note"], np.ones(2))
        for w in solver.best_params.values():
            self.assertFalse(any(np.shares_memory(w, other) for other in self.model.params.values()))

    def test_parameters_that_did_best_at_first_or_last(self):
        class Own(Solver):
            def _save_checkpoint(self):
                self.model.params["b1"] = self.model.params["b1"] + 1

        for kind, first_is_best in itertools.product((Solver, Own), (True, False)):
            checks = []

            def found(loop):
                checks.append(loop._loop.params())
                return 0.0, 1 / len(checks) if first_is_best else 1 - 1 / (len(checks) + 1)

            with mock.patch.object(NetLoop, "accuracies", found):
                solver = kind(self.model, self.data, batch_size=50, num_epochs=3, verbose=False, update_rule="adam")
                solver.train()
                for name, expected in checks[0 if first_is_best else 3].items():
                    np.testing.assert_array_equal(self.model.params[name], expected)
                    np.testing.assert_array_equal(solver.best_params[name], expected)
                    self.assertFalse(np.shares_memory(self.model.params[name], solver.best_params[name]))
                self.model.params["W1"][:] = 0  # the best are found again, where no more was trained
                solver.num_epochs = 0
                solver.train()
                np.testing.assert_array_equal(self.model.params["W1"], solver.best_params["W1"])

    def test_draws_of_another_thread(self):
        """No number is handed out twice: the generator has gone as far as all have drawn."""
        data = images(N=256)  # a power of two, of which each row takes one word of 32 bits; a number takes two
        for dropout in (1, 0.5):
            solver = Solver(FullyConnectedNet([3000], 48, 4, dropout=dropout), data, batch_size=64, num_epochs=20,
                            num_train_samples=None, verbose=False)
            drawn, stop = [], threading.Event()

            def draw():
                while not stop.is_set():
                    drawn.append(len(np.random.random_sample(10)))
                    time.sleep(1e-4)

            np.random.seed(8)
            thread = threading.Thread(target=draw, daemon=True)
            thread.start()
            solver.train()
            stop.set()
            thread.join()
            after = np.random.random_sample()
            self.assertGreater(len(drawn), 20)
            np.random.seed(8)
            np.random.random_sample(sum(drawn) + 80 * 64 // 2 + (80 * 64 * 3000 if dropout != 1 else 0))
            self.assertEqual(np.random.random_sample(), after)

    def test_labels(self):
        solver = Solver(self.model, {**self.data, "y_train": 0 * self.data["y_train"] + 4}, verbose=False)
        with self.assertRaisesRegex(ValueError, "labels y of 0 to 3, got 4"):
            solver.train()
        with self.assertRaisesRegex(TypeError, "y to be an array of integers"):
            Solver(self.model, {**self.data, "y_train": self.data["y_train"] + 0.5}, verbose=False).train()

    def test_shapes(self):
        data = {name: x[:, :, :, :3] if name[0] == "X" else x for name, x in self.data.items()}
        with self.assertRaisesRegex(ValueError, r"\(100, 3, 4, 3\)"):
            Solver(self.model, data, verbose=False).train()

    def test_nan(self):
        self.model.params["W2"][0, 0] = np.nan
        solver = self.solver()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            solver.train()
        ours = [str(w.message) for w in caught if "[Solver]" in str(w.message)]
        self.assertEqual(len(ours), 1)
        self.assertTrue(np.isnan(solver.loss_history).all())
        self.assertEqual(len(solver.loss_history), 8)

    def test_check_accuracy_of_many(self):
        X = np.random.randint(0, 256, (49000, 3, 4, 4)).astype(np.uint8)
        scores = self.model.loss(X)
        y = np.argmax(scores, axis=1)
        y[:4900] = (y[:4900] + 1) % 4
        self.assertEqual(self.solver().check_accuracy(X, y), 0.9)


if __name__ == "__main__":
    unittest.main()
