#!/usr/bin/env python3
"""Nets drawn at random, and trainings by every update rule, against PyTorch, where it is installed.

20 nets, or 300 with LAMINA_TEST_FULL. LAMINA_NETS_SEED is the first one's seed; a failure prints the seed and the text."""
import os
import sys
import unittest

import numpy as np
from random_nets import RandomNet

from lamina import optim
from lamina.nets import Sequential
from lamina.solver import Solver

try:
    import torch
    from torch_nets import TorchNet, gradients
except ImportError as error:
    print(f"skipped: the comparison with PyTorch: {error} (Debian's python3-torch has it)", file=sys.stderr)
    sys.exit(77)

FIRST = int(os.environ.get("LAMINA_NETS_SEED", 1))
COUNT = 300 if os.environ.get("LAMINA_TEST_FULL") else 20
N = 6
SMOOTHING = 0.2  # so that no gradient is the small difference of 1 and a probability near 1


def norm(a):
    return float(np.sqrt(np.sum(np.square(np.asarray(a, "f8")))))


def general_convolutions():
    """Whether convolutions may have unequal sides, dilation, groups and no bias."""
    try:
        return bool(Sequential("conv 2 3x1 stride 1x2 dilation 1x2 groups 1 no_bias | affine 2", (1, 5, 5)))
    except ValueError:
        return False


class Nets(unittest.TestCase):
    def errors(self, seed, drawn, dtype):
        """The differences of the test-time scores, the loss and the gradients, relative to the norm of each. The gradient of
        a bias before a normalization is 0 but for rounding, so a norm counts as at least 1e-5 of the largest one, or 1e-2 in
        float32. PyTorch computes in float64 throughout. Most nets stay within 100 epsilons in float32; normalizations of
        values that hardly differ, such as a ReLU's zeros, magnify roundings."""
        np.random.seed(seed)
        reg = 0.1 * (seed % 2)
        net = Sequential(drawn.text, drawn.input_dim, reg, dtype, label_smoothing=SMOOTHING)
        for name, value in net.params.items():  # biases other than 0, gammas other than 1
            if not name.startswith("W"):
                value += 0.3 * np.random.randn(*value.shape).astype(dtype)
        X, y = np.random.randn(N, *drawn.input_dim).astype(dtype), np.random.randint(0, drawn.classes, N)
        state = np.random.get_state()
        loss, grads = net.loss(X, y)
        scores = net.loss(X)

        theirs = TorchNet(str(net), {n: torch.from_numpy(w.astype("f8")).requires_grad_() for n, w in net.params.items()})
        random = np.random.RandomState()
        random.set_state(state)
        right, training_scores, right_grads = gradients(theirs, torch.from_numpy(X).double(), torch.from_numpy(y), reg, random,
                                                         SMOOTHING)
        with torch.no_grad():
            right_scores = theirs.scores(torch.from_numpy(X).double(), False).numpy()
        self.assertEqual(list(grads), list(right_grads))
        least = (1e-5 if dtype == np.float64 else 1e-2) * max(map(norm, right_grads.values()))
        return {"scores": norm(scores - right_scores) / norm(right_scores), "loss": abs(loss - right) / abs(right),
                **{n: norm(grads[n] - g) / max(norm(g), least) for n, g in right_grads.items()}}

    def test_scores_and_gradients(self):
        general = general_convolutions()
        for seed in range(FIRST, FIRST + COUNT):
            drawn = RandomNet(seed, general)
            for dtype, bound in [(np.float64, 1e-9), (np.float32, 1e4 * np.finfo(np.float32).eps)]:  # of the norm
                for what, error in self.errors(seed, drawn, dtype).items():
                    self.assertLess(error, bound, f"{what} in {dtype.__name__} of the net of LAMINA_NETS_SEED={seed}, "
                                    f"examples {drawn.input_dim}: {drawn.text}")

    def test_thirty_steps_of_every_rule(self):
        O = torch.optim
        rules = {
            "sgd": lambda p: O.SGD(p, 0.02),
            "sgd_momentum": lambda p: O.SGD(p, 0.02, momentum=0.8),
            "rmsprop": lambda p: O.RMSprop(p, 0.02, alpha=0.9, eps=1e-8),
            "adam": lambda p: O.Adam(p, 0.02),
            "adagrad": lambda p: O.Adagrad(p, 0.02, eps=1e-8),
            "adamw": lambda p: O.AdamW(p, 0.02, weight_decay=0.3),
        }
        self.assertEqual(set(rules), set(optim.__all__))
        further = {"sgd_momentum": {"momentum": 0.8}, "rmsprop": {"decay_rate": 0.9, "epsilon": 1e-8},
                   "adagrad": {"epsilon": 1e-8}, "adamw": {"weight_decay": 0.3}}
        np.random.seed(FIRST)
        X, y = np.random.randn(40, 2, 7, 6), np.random.randint(0, 4, 40)
        for name, rule in rules.items():
            net = Sequential("conv 3 3x3 | batchnorm | tanh | residual ( conv 3 3x3 | batchnorm no_scale ) | "
                             "gelu | max_pool 2 | affine 4", (2, 7, 6), 0.01, np.float64)
            theirs = TorchNet(str(net), {n: torch.from_numpy(w.copy()).requires_grad_() for n, w in net.params.items()})
            decaying = [w for n, w in theirs.parameters.items() if n.startswith("W")]  # Solver lets nothing else decay
            torch_rule = rule([{"params": decaying}, {"params": [w for n, w in theirs.parameters.items() if n[0] != "W"],
                                                      "weight_decay": 0}])
            solver = Solver(net, {"X_train": X, "y_train": y, "X_val": X, "y_val": y}, update_rule=name, num_epochs=6,
                            batch_size=8, optim_config={"learning_rate": 0.02, **further.get(name, {})}, verbose=False)
            np.random.seed(5)
            solver.train()
            draws, losses = np.random.RandomState(5), []
            for _ in range(30):
                rows = draws.choice(40, 8)
                loss, _, grads = gradients(theirs, torch.from_numpy(X[rows]), torch.from_numpy(y[rows]), 0.01, None)
                losses.append(loss)
                for parameter, gradient in zip(theirs.parameters.values(), grads.values()):
                    parameter.grad = torch.from_numpy(gradient)
                torch_rule.step()
            np.testing.assert_allclose(solver.loss_history, losses, rtol=1e-9, err_msg=name)
            self.assertLess(losses[-1], losses[0], name)


if __name__ == "__main__":
    unittest.main()
