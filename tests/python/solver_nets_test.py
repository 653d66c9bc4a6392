#!/usr/bin/env python3
"""Solver with nets of the library: its loop in C++ against its loop in Python."""
import json
import unittest

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


if __name__ == "__main__":
    unittest.main()
