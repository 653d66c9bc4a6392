#!/usr/bin/env python3
"""The update rules on a small tensor over several steps, in NumPy, float64 and float32. Prints
update_rules.json, which tests/optim/update_rule_test.cc compares lamina with.

    /usr/bin/python3 update_rules.py > update_rules.json

Tensors are drawn by np.random.seed(seed): w = randn(n), then one dw = randn(n) a step, in float64, rounded to dtype.
"""
import json

import numpy as np


def sgd(w, dw, c, state, t):
    return w - c["learning_rate"] * dw


def sgd_momentum(w, dw, c, state, t):
    state["velocity"] = c["momentum"] * state.get("velocity", np.zeros_like(w)) - c["learning_rate"] * dw
    return w + state["velocity"]


def rmsprop(w, dw, c, state, t):
    state["cache"] = c["decay_rate"] * state.get("cache", np.zeros_like(w)) + (1 - c["decay_rate"]) * dw**2
    return w - c["learning_rate"] * dw / (np.sqrt(state["cache"]) + c["epsilon"])


def adam(w, dw, c, state, t):
    state["m"] = c["beta1"] * state.get("m", np.zeros_like(w)) + (1 - c["beta1"]) * dw
    state["v"] = c["beta2"] * state.get("v", np.zeros_like(w)) + (1 - c["beta2"]) * dw**2
    m = state["m"] / (1 - c["beta1"] ** t)
    v = state["v"] / (1 - c["beta2"] ** t)
    return w - c["learning_rate"] * m / (np.sqrt(v) + c["epsilon"])


def adagrad(w, dw, c, state, t):
    state["cache"] = state.get("cache", np.zeros_like(w)) + dw**2
    return w - c["learning_rate"] * dw / (np.sqrt(state["cache"]) + c["epsilon"])


def adamw(w, dw, c, state, t):
    return adam(w - c["learning_rate"] * c["weight_decay"] * w, dw, c, state, t)


DEFAULTS = dict(momentum=0.9, decay_rate=0.99, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01)
OTHERS = dict(learning_rate=0.037, momentum=0.71, decay_rate=0.93, beta1=0.83, beta2=0.97, epsilon=1e-4, weight_decay=0.3)


def run(rule, dtype, config, seed, n=37, steps=7):
    np.random.seed(seed)
    w = np.random.randn(n).astype(dtype)
    state = {}
    for t in range(1, steps + 1):
        dw = np.random.randn(n).astype(dtype)
        w = rule(w, dw, config, state, t)
    assert w.dtype == dtype
    return dict(rule=rule.__name__, dtype=np.dtype(dtype).name, config=config, seed=seed, n=n, steps=steps,
                w=w.tolist(), state={name: x.tolist() for name, x in state.items()})


if __name__ == "__main__":
    results = []
    for rule, rate in ((sgd, 1e-2), (sgd_momentum, 1e-2), (rmsprop, 1e-2), (adam, 1e-3), (adagrad, 1e-2), (adamw, 1e-3)):
        for dtype in (np.float64, np.float32):
            results.append(run(rule, dtype, dict(DEFAULTS, learning_rate=rate), 231))
            results.append(run(rule, dtype, OTHERS, 5))
    print("[\n" + ",\n".join(json.dumps(r) for r in results) + "\n]")
