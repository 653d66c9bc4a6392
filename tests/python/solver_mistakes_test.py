#!/usr/bin/env python3
"""Mistakes that would train at other settings than those that were meant: what Solver refuses, and of what it warns."""
import unittest
import warnings

import numpy as np
from solver_test import NumpyNet, clusters

from lamina.nets import TwoLayerNet
from lamina.solver import Solver


class Mistakes(unittest.TestCase):
    def setUp(self):
        self.data = clusters()

    def one_line(self, error, pattern, call):
        with self.assertRaisesRegex(error, pattern) as caught:
            call()
        self.assertNotIn("\n", str(caught.exception))

    def refuses(self, error, pattern, **options):
        self.one_line(error, pattern, lambda: Solver(NumpyNet(), self.data, **options))

    def test_learning_rates(self):
        for rate in (-1, float("nan"), float("inf"), np.float32(-0.5)):
            self.refuses(ValueError, r"^\[Solver\] expected optim_config\['learning_rate'\] to be finite and 0 or more, got "
                         + str(float(rate)) + "$", optim_config={"learning_rate": rate})
            self.refuses(ValueError, r"^\[Solver\] expected lr_decay to be finite and 0 or more, got ", lr_decay=rate)
        self.refuses(TypeError, r"optim_config\['learning_rate'\] to be a number, got str", optim_config={"learning_rate": "a"})
        for model in (NumpyNet(), TwoLayerNet(12, 5, 4)):
            before = {name: w.copy() for name, w in model.params.items()}
            solver = Solver(model, self.data, optim_config={"learning_rate": 0}, num_epochs=1, verbose=False)
            solver.train()
            for name, w in before.items():
                np.testing.assert_array_equal(model.params[name], w)
            solver.optim_configs["W1"]["learning_rate"] = -2.0
            self.one_line(ValueError, r"optim_configs\['W1'\]\['learning_rate'\] to be finite and 0 or more, got -2.0$",
                          solver.train)
            solver.optim_configs["W1"]["learning_rate"] = 0
            solver.optim_config = {"learning_rate": -3}
            self.one_line(ValueError, r"optim_config\['learning_rate'\] to be finite and 0 or more, got -3", solver.train)

        def own(w, dw, config):  # may read what it likes
            return w + config["learning_rate"] * dw, config

        Solver(NumpyNet(), self.data, update_rule=own, optim_config={"learning_rate": -0.1}, num_epochs=1,
               verbose=False).train()

    def warned(self, model, **options):
        """The messages of a Solver that is made and trained twice."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            solver = Solver(model, self.data, num_epochs=1, verbose=False, **options)
            solver.train()
            solver.train()
        self.assertTrue(all(w.category is UserWarning and w.filename == __file__ for w in caught), caught)
        return [str(w.message) for w in caught]

    def test_unknown_keys(self):
        line = "[Solver] expected only keys in optim_config that {} reads, got {!r}, which does nothing; the nearest one is {!r}"
        for model in (NumpyNet, lambda: TwoLayerNet(12, 5, 4)):
            for rule, key, nearest in (("sgd", "lr", "learning_rate"), ("adam", "lr", "learning_rate"),
                                       ("sgd", "momentum", "learning_rate"), ("sgd_momentum", "momentun", "momentum"),
                                       ("adam", "beta_1", "beta1")):
                self.assertEqual(self.warned(model(), update_rule=rule, optim_config={key: 0.1}),
                                 [line.format(rule, key, nearest)])
            for rule, config in (("sgd", {"learning_rate": 1e-3}), ("sgd_momentum", {"momentum": 0.5}),
                                 ("adam", {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-7, "t": 3}),
                                 ("adamw", {"weight_decay": 0.1}), ("sgd_momentum", {"nesterov": True})):
                self.assertEqual(self.warned(model(), update_rule=rule, optim_config=config), [], rule)

        def own(w, dw, config):
            return w - config["lr"] * dw, config

        self.assertEqual(self.warned(NumpyNet(), update_rule=own, optim_config={"lr": 0.1}), [])

    def test_options_that_belong_to_another(self):
        self.refuses(ValueError, r"^\[Solver\] expected schedule 'step' with step_factor, got 'none'$", step_factor=0.5)
        self.refuses(ValueError, r"^\[Solver\] expected schedule 'step' with step_epochs, got 'cosine'$", step_epochs=3,
                     schedule="cosine")
        solver = Solver(NumpyNet(), self.data, step_factor=0.5, step_epochs=3, schedule="step", verbose=False, num_epochs=1)
        solver.train()
        solver.schedule = "none"
        self.one_line(ValueError, "expected schedule 'step' with step_epochs, got 'none'", solver.train)

    def test_missing_folder_of_checkpoints(self):
        for model in (NumpyNet(), TwoLayerNet(12, 5, 4)):
            solver = Solver(model, self.data, num_epochs=1, verbose=False, checkpoint_name="/nonexistent/runs/net")
            self.one_line(FileNotFoundError, r"^\[Solver\] expected the folder of checkpoint_name, '/nonexistent/runs', got none "
                          "of that name$", solver.train)
            self.assertEqual(solver.loss_history, [])


if __name__ == "__main__":
    unittest.main()
