#!/usr/bin/env python3
"""Solver with nets of the library: its loop in C++ against its loop in Python."""
import itertools
import json
import os
import pickle
import tempfile
import threading
import time
import unittest
import warnings
from unittest import mock

import numpy as np

from lamina import optim
from lamina._net_loop import NetLoop
from lamina.nets import ConvNet, FullyConnectedNet, TwoLayerNet
from lamina.solver import Solver
from solver_test import clusters, trained


def in_python(net):
    """The same net with a loss of somebody's own, for which the loop runs in Python."""
    class Own(net):
        def loss(self, X, y=None):
            return super().loss(X, y)

    return Own


def images(**options):
    data = clusters(inputs=48, **options)
    return {name: x.reshape(-1, 3, 4, 4) if name[0] == "X" else x for name, x in data.items()}


FC = {"hidden_dims": [20, 15], "input_dim": 48, "num_classes": 4, "weight_scale": 0.2, "reg": 0.1}
CONV = {"input_dim": (3, 4, 4), "num_filters": [3], "filter_sizes": [3], "num_classes": 4, "weight_scale": 0.1,
        "reg": 0.1}
KINDS = [
    (FullyConnectedNet, FC), (FullyConnectedNet, {**FC, "dropout": 0.7}),
    (FullyConnectedNet, {**FC, "dropout": 0.7, "seed": 5}), (FullyConnectedNet, {**FC, "normalization": "batchnorm"}),
    (FullyConnectedNet, {**FC, "normalization": "layernorm"}), (ConvNet, CONV),
]


class BothLoops(unittest.TestCase):
    def compare(self, net, options, data, **settings):
        runs = []
        for kind in (net, in_python(net)):
            np.random.seed(231)
            model = kind(**options)
            solver = Solver(model, data, **{"optim_config": {"learning_rate": 3e-3}, "lr_decay": 0.9, "batch_size": 30,
                                            "num_epochs": 3, "num_train_samples": 70, **settings})
            self.assertEqual(NetLoop.of(solver) is None, kind is not net)
            lines = trained(solver)
            solver.num_epochs = 2
            lines += trained(solver)
            runs.append((solver, model, lines, np.random.get_state()[1:3]))
        (fast, model, lines, state), (slow, plain, expected, expected_state) = runs
        self.assertEqual(len(fast.loss_history), 5 * (len(data["X_train"]) // 30))
        tolerance = 1e-12 if model.params["b1" if "b1" in model.params else "b_1"].dtype == np.float64 else 1e-5
        np.testing.assert_allclose(fast.loss_history, slow.loss_history, rtol=tolerance)
        np.testing.assert_array_equal(state[0], expected_state[0])
        self.assertEqual(state[1], expected_state[1])
        self.assertEqual((fast.epoch, fast.num_epochs), (slow.epoch, slow.num_epochs))
        self.assertEqual(list(model.params), list(plain.params))
        self.assertEqual({type(loss) for loss in fast.loss_history + slow.loss_history}, {np.float64})
        self.assertEqual(json.loads(json.dumps(fast.loss_history)), fast.loss_history)
        if tolerance == 1e-12:
            self.assertEqual(lines, expected)
            self.assertEqual(fast.train_acc_history, slow.train_acc_history)
            self.assertEqual(fast.val_acc_history, slow.val_acc_history)
            self.assertEqual(fast.best_val_acc, slow.best_val_acc)
        for name in model.params:
            self.close(model.params[name], plain.params[name], tolerance)
            self.close(fast.best_params[name], slow.best_params[name], tolerance)
            config, expected = fast.optim_configs[name], slow.optim_configs[name]
            self.assertEqual(set(config), set(expected))
            for key in config:
                self.close(config[key], expected[key], tolerance)
        self.assertEqual(getattr(model, "dropout_param", None), getattr(plain, "dropout_param", None))
        self.same_norms(model, plain, tolerance)

    def same_norms(self, model, plain, tolerance):
        found, expected = getattr(model, "bn_params", []), getattr(plain, "bn_params", [])
        self.assertEqual(len(found), len(expected))
        for ours, theirs in zip(found, expected):
            self.assertEqual(sorted(ours), sorted(theirs))
            for key, value in theirs.items():
                if isinstance(value, np.ndarray):
                    self.close(ours[key], value, tolerance)
                else:
                    self.assertEqual(ours[key], value)

    def close(self, got, expected, tolerance):
        got, expected = np.asarray(got), np.asarray(expected)
        self.assertEqual((got.shape, got.dtype), (expected.shape, expected.dtype))
        np.testing.assert_allclose(got, expected, rtol=100 * tolerance, atol=100 * tolerance)

    def test_nets(self):
        for net, options in KINDS:
            with self.subTest(net=net.__name__, options=options):
                self.compare(net, {**options, "dtype": np.float64}, images())
                self.compare(net, {**options, "dtype": np.float32}, images(dtype=np.float32), update_rule="adam")

    def test_examples_of_another_type(self):
        """Converted batch by batch at first, and kept in the net's type later."""
        shallow = {**FC, "dtype": np.float32}
        self.compare(FullyConnectedNet, shallow, images())
        few = {name: (2 * x + 3).clip(0, 6).astype(np.uint8) if name[0] == "X" else x for name, x in images().items()}
        self.compare(FullyConnectedNet, shallow, few)

    def test_examples_are_kept_as_they_would_be_converted(self):
        """Row by row where they will be drawn often (several epochs), all at once, or not at all: the same bits."""
        double = images()
        single = {name: x.astype(np.float32) if name[0] == "X" else x for name, x in double.items()}
        for epochs in (1, 2, 5):
            for samples in (None, 20, 70):
                runs = []
                for data in (double, single):
                    np.random.seed(7)
                    solver = Solver(FullyConnectedNet(**{**FC, "dtype": np.float32}), data, num_epochs=epochs,
                                    batch_size=30, num_train_samples=samples, verbose=False)
                    solver.train()
                    runs.append((solver.loss_history, solver.train_acc_history, solver.val_acc_history))
                self.assertEqual(*runs, (epochs, samples))

    def test_rules(self):
        for rule in optim.__all__:
            self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), update_rule=rule)
        self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), update_rule="sgd_momentum",
                     optim_config={"momentum": 0.5, "nesterov": True})
        self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), update_rule="rmsprop", optim_config={})

    def test_weights_alone_decay(self):
        """Gradients are 0 where the learning rate is nearly so: what moves, decays."""
        for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
            model = kind(**{**FC, "dtype": np.float64})
            model.params = {name: w + 1.0 for name, w in model.params.items()}
            before = {name: w.copy() for name, w in model.params.items()}
            solver = Solver(model, images(), update_rule="adamw", num_epochs=1, batch_size=100, verbose=False,
                            optim_config={"learning_rate": 1e-9, "weight_decay": 1e8})
            solver.train()
            shrunk = {name for name, w in model.params.items() if np.abs(w / before[name] - 1).min() > 0.05}
            self.assertEqual(shrunk, {name for name in before if name.startswith("W")})

    def test_check_accuracy_leaves_what_a_test_pass_leaves(self):
        for options in (KINDS[3], KINDS[1]):
            models = [kind(**options[1], dtype=np.float64) for kind in (options[0], in_python(options[0]))]
            for model in models:
                Solver(model, images()).check_accuracy(images()["X_val"], images()["y_val"])
            self.same_norms(*models, 1e-12)
            self.assertEqual(models[0].dropout_param, models[1].dropout_param)

    def test_mixed_types(self):
        """Each parameter goes its own way, as the rules in Python leave it."""
        for rule in ("sgd", "sgd_momentum", "adam"):
            runs = []
            for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
                np.random.seed(2)
                model = kind(**FC)
                model.params["W1"] = model.params["W1"].astype(np.float64)
                Solver(model, images(), update_rule=rule, num_epochs=1, verbose=False).train()
                runs.append({name: w.dtype for name, w in model.params.items()})
            self.assertEqual(*runs)

    def test_read_only_parameters(self):
        for rule in ("sgd", "adam"):
            for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
                model = kind(**FC)
                model.params["W2"].flags.writeable = False
                solver = Solver(model, images(), update_rule=rule, num_epochs=1, verbose=False)
                if rule == "sgd":
                    with self.assertRaisesRegex(ValueError, "read-only"):
                        solver.train()
                else:
                    solver.train()

    def test_validation_labels_of_no_class_are_wrong(self):
        found = []
        for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
            np.random.seed(4)
            data = images()
            data["y_val"][::3] = 7
            data["y_val"][1] = -1
            solver = Solver(kind(**FC, dtype=np.float64), data, num_epochs=2, verbose=False)
            solver.train()
            found.append(solver.val_acc_history)
        self.assertEqual(*found)

    def test_two_layer_net(self):
        self.compare(TwoLayerNet, {"input_dim": 48, "hidden_dim": 9, "num_classes": 4, "weight_scale": 0.1}, images())

    def test_settings(self):
        for settings in [{"num_train_samples": None, "num_val_samples": 33}, {"print_every": 1}, {"print_every": 1000}]:
            self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), **settings)

    def test_kinds_of_data(self):
        plain = images()
        bytes_, whole = ({**plain, **{name: np.clip(40 * plain[name] + 90, 0, 255).astype(kind)
                                      for name in ("X_train", "X_val")}} for kind in ("u1", "i4"))
        fortran = {name: np.asfortranarray(x) for name, x in plain.items()}
        backwards = {name: x[::-1] for name, x in plain.items()}
        half = {name: x.astype(np.float16) if name[0] == "X" else x.astype(np.uint8) for name, x in plain.items()}
        foreign = {name: x.astype(x.dtype.newbyteorder()) for name, x in plain.items()}
        lists = {name: x.tolist() for name, x in plain.items()}
        for data in (bytes_, whole, fortran, backwards, half, foreign, lists):
            self.compare(FullyConnectedNet, {**FC, "dtype": np.float64, "weight_scale": 0.01}, data)

    def test_one_configuration_each(self):
        runs = []
        for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
            np.random.seed(1)
            solver = Solver(kind(**FC, dtype=np.float64), images(), num_epochs=2, verbose=False)
            solver.optim_configs["W2"] = {"learning_rate": 0.1}
            solver.train()
            runs.append(solver.loss_history)
        np.testing.assert_allclose(*runs, rtol=1e-12)


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
