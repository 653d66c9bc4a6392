"""fuzz_test.py's calls of the nets and of Solver, small ones, on arguments of all kinds."""
import net_reference
import numpy as np
from fuzz_cases import extreme
from hostile import NUMBERS, WRONG, hostile

from lamina.nets import ConvNet, FullyConnectedNet, Sequential, ThreeLayerConvNet, TwoLayerNet, is_plain
from lamina.solver import Solver

DENSE = {"input_dim": 12, "num_classes": 4, "weight_scale": 0.5, "reg": 0.25, "dtype": np.float64}
IMAGES = {**DENSE, "input_dim": (3, 4, 4)}
KINDS = [
    (TwoLayerNet, {**DENSE, "hidden_dim": 5}),
    (FullyConnectedNet, {**DENSE, "hidden_dims": [5, 4], "dropout": 1, "normalization": None, "seed": 3}),
    (FullyConnectedNet, {**DENSE, "hidden_dims": [5], "dropout": 0.5, "normalization": "batchnorm", "seed": 3}),
    (FullyConnectedNet, {**DENSE, "hidden_dims": (5,), "normalization": "layernorm", "use_batchnorm": False}),
    (ConvNet, {**IMAGES, "num_filters": [2, 3], "filter_sizes": [3, 1], "use_batch_norm": True}),
    (ConvNet, {**IMAGES, "num_filters": [2], "filter_sizes": [3], "conv_strides": [1], "pools": [2],
               "global_average": True}),
    (Sequential, {"net": "conv 2 3x3 | batchnorm | relu | residual ( conv 2 3x3 ) | dropout 0.7 | affine 4",
                  "input_dim": (3, 4, 4), "reg": 0.25, "dtype": np.float64, "precision": "full"}),
    (ThreeLayerConvNet, {**IMAGES, "num_filters": 2, "filter_size": 3, "hidden_dim": 5}),
]
SPOILT = [None, "1", [1], {}, object(), -1, 0, 0.5, float("nan"), float("inf"), 1e300, 2**70, 10**400, 1j, True,
          (3, 4), [2, "3"], [[2]], np.int8(3), np.array(2), np.float32(2), "batchnorm", int, np.float32, np.float16,
          "f4"]
SOLVER = {"update_rule": "adam", "optim_config": {"learning_rate": 1e-3}, "lr_decay": 0.5, "batch_size": 3,
          "num_epochs": 1, "num_train_samples": 4, "num_val_samples": None, "print_every": 2, "verbose": True}
FURTHER = {"schedule": "cosine", "warmup_epochs": 0.5, "step_epochs": 1, "step_factor": 0.5, "shuffle": True, "mirror": True,
           "shift": 1, "average_weights": 0.5, "mirror_averaging": True, "patience": 1, "weight_decay": 0.1,
           "nesterov": True, "clip_norm": 0.5}


class Nets:
    def a_net(self):
        """A net, or None where its arguments were spoilt, and whether all of it is proper."""
        cls, given = KINDS[self.rng.integers(len(KINDS))]
        given, proper = dict(given), "global_average" not in given and cls is not Sequential
        if self.rng.random() < 0.3:
            given[list(given)[self.rng.integers(len(given))]] = SPOILT[self.rng.integers(len(SPOILT))]
            proper = False
        elif self.rng.random() < 0.3:
            given["dtype"] = [np.float32, "f4", np.float16][self.rng.integers(3)]
        np.random.seed(1)
        net = self.call(cls, **given)
        return (None if type(net) is object else net), proper

    def examples(self, net):
        shape = (4, 3, 4, 4) if isinstance(net, (ConvNet, ThreeLayerConvNet, Sequential)) else (4, 3, 4)
        return self.rng.standard_normal(shape), self.rng.integers(0, 4, 4)

    def spoil(self, net):
        """Changes what a notebook may change."""
        kind, number = self.rng.integers(8), NUMBERS[self.rng.integers(len(NUMBERS))]
        names = list(net.params)
        name = names[self.rng.integers(len(names))]
        if kind < 4:
            net.params[name] = hostile(self.rng, net.params[name])
        elif kind == 4:
            del net.params[name]
        elif kind == 5:
            net.reg = number
        elif kind == 6:
            net.label_smoothing = number
        elif hasattr(net, "bn_params") and net.bn_params:
            net.bn_params[0] = hostile(self.rng, {"mode": "train", "running_mean": np.ones(5),
                                                  "running_var": np.ones(5)})
        else:
            net.params = [None, {}, [1], "params"][self.rng.integers(4)]

    def one_net(self):
        net, proper = self.a_net()
        if net is None:
            return
        self.assertTrue(self.call(is_plain, net))
        X, y = self.examples(net)
        if self.rng.random() < 0.3:
            self.spoil(net)
            proper = False
        given, labels = hostile(self.rng, X), hostile(self.rng, y)
        self.call(net.loss, given)
        found = self.call(net.loss, given, labels)
        self.call(net.summary, hostile(self.rng, 10))
        plain = proper and type(found) is tuple and not extreme([given]) and net.dtype == np.float64
        if plain and not getattr(net, "use_dropout", False):
            if isinstance(net, ConvNet):
                right = net_reference.conv_net(net.params, np.asarray(given, "f8"), np.asarray(labels), net.reg)
            elif isinstance(net, ThreeLayerConvNet):
                right = net_reference.three_layer(net.params, np.asarray(given, "f8"), np.asarray(labels), net.reg)
            else:
                right = net_reference.fully_connected(net.params, np.asarray(given, "f8"), np.asarray(labels), net.reg,
                                                      getattr(net, "normalization", None))
            self.seen["right"] += 1
            tolerance = 1e-7 * max(1, abs(right[0]))
            self.assertAlmostEqual(found[0], right[0], delta=tolerance)
            for name, gradient in right[1].items():
                np.testing.assert_allclose(found[1][name], gradient, rtol=1e-6, atol=tolerance)

    def data(self, net):
        X, y = self.examples(net)
        sets = {"X_train": X, "y_train": y, "X_val": X[:2], "y_val": y[:2]}
        chance = self.rng.random()
        if chance < 0.02:
            return WRONG[self.rng.integers(len(WRONG))](self.rng, X)
        name = list(sets)[self.rng.integers(4)]
        if chance < 0.06:
            del sets[name]
        elif chance < 0.4:
            sets[name] = hostile(self.rng, sets[name])
        return sets

    def one_solver(self):
        net, _ = self.a_net()
        if net is None:
            return
        if self.rng.random() < 0.1:
            self.spoil(net)
        options = dict(SOLVER, update_rule=str(self.rng.choice(["sgd", "sgd_momentum", "rmsprop", "adam"])))
        options.update({name: value for name, value in FURTHER.items() if self.rng.random() < 0.15})
        if self.rng.random() < 0.3:
            name = list(options)[self.rng.integers(len(options))]
            options[name] = SPOILT[self.rng.integers(len(SPOILT))]
        elif self.rng.random() < 0.05:
            options["no_such"] = 1
        for name in ("num_epochs", "batch_size"):
            if isinstance(options[name], (int, float)) and 1000 < options[name] < 2**62:
                options[name] = 2
        model = net if self.rng.random() < 0.98 else SPOILT[self.rng.integers(len(SPOILT))]
        solver = self.call(Solver, model, self.data(net), **options)
        if type(solver) is not object:
            self.call(solver.train)
            self.assertLessEqual(len(solver.loss_history), 4)

    def one_accuracy(self):
        net, _ = self.a_net()
        if net is None:
            return
        X, y = self.examples(net)
        solver = Solver(net, {"X_train": X, "y_train": y, "X_val": X, "y_val": y})
        samples = None if self.rng.random() < 0.5 else hostile(self.rng, 3)
        found = self.call(solver.check_accuracy, hostile(self.rng, X), hostile(self.rng, y), samples,
                          hostile(self.rng, 2))
        if type(found) is not object:
            self.seen["right"] += 1
            self.assertTrue(0 <= found <= 1)
