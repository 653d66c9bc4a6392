#!/usr/bin/env python3
"""How a training in C++ ends: interrupted at the last moment, with a method of somebody's own, and from a first layer so
large that its gradient is made while it is used."""
import unittest
from unittest import mock

import numpy as np

from lamina._net_loop import NetLoop
from lamina.nets import FullyConnectedNet
from lamina.solver import Solver
from solver_test import clusters


def accuracies(*found):
    """Has the checks of a training find these on validation."""
    found = iter(found)
    return mock.patch.object(NetLoop, "accuracies", lambda loop: (0.0, next(found)))


class SolverEnd(unittest.TestCase):
    def setUp(self):
        np.random.seed(231)
        self.model = FullyConnectedNet([20], input_dim=12, num_classes=4, dtype=np.float32)
        self.before = self.model.params["W1"].copy()

    def solver(self, kind=Solver):
        return kind(self.model, clusters(), batch_size=50, num_epochs=1, verbose=False)

    def test_interrupted_while_it_ends(self):
        keep = NetLoop._keep_states

        def interrupted(loop, state_of):
            keep(loop, state_of)
            raise KeyboardInterrupt

        for found in ((0.9, 0.1), (0.1, 0.9)):
            with mock.patch.object(NetLoop, "_keep_states", interrupted), accuracies(*found):
                solver = self.solver()
                self.assertRaises(KeyboardInterrupt, solver.train)
            self.assertTrue((self.model.params["W1"] != self.before).any())
            np.testing.assert_array_equal(self.model.params["W1"], solver.best_params["W1"])

    def test_an_own_method_that_keeps_the_last_parameters(self):
        class Own(Solver):
            def _restore_best(self):
                pass

        with accuracies(0.9, 0.1):
            solver = self.solver(Own)
            solver.train()
        self.assertTrue((self.model.params["W1"] != self.before).any())
        self.assertTrue((self.model.params["W1"] != solver.best_params["W1"]).any())

    def test_as_in_python(self):
        class InPython(Solver):
            def _step(self):
                super()._step()

        data = clusters(N=300, inputs=1024, dtype=np.float32)
        for rule in ("sgd", "sgd_momentum", "rmsprop", "adam"):
            trained = []
            for kind in (Solver, InPython):
                np.random.seed(3)
                model = FullyConnectedNet([100], input_dim=1024, num_classes=4, reg=0.1, dtype=np.float32)
                kind(model, data, update_rule=rule, batch_size=100, num_epochs=2, verbose=False,
                     optim_config={"learning_rate": 1e-3}).train()
                trained.append(model.params)
            for name, w in trained[0].items():
                np.testing.assert_allclose(w, trained[1][name], rtol=1e-4, atol=1e-6, err_msg=f"{rule}, {name}")


if __name__ == "__main__":
    unittest.main()
