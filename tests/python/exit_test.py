#!/usr/bin/env python3
"""Python exits while a daemon thread is inside lamina: with exit code 0, and without a word."""
import subprocess
import sys
import unittest

RUNS = 3  # of each call
SETUP = """if True:
    import copy, random, sys, threading, time
    import numpy as np
    from lamina import layers, fast_layers, nets, optim
    from lamina.solver import Solver

    class Slow(float):
        def __float__(self):
            return float(sum(range(100)))

    x, w = np.ones((300, 200), "f4"), np.ones((200, 100), "f4")
    half, images, y = x.astype("f2"), np.ones((20, 3, 16, 16), "f4"), np.arange(20) % 10
    data = {"X_train": images, "y_train": y, "X_val": images, "y_val": y}
    net = nets.FullyConnectedNet([100], 768, dropout=0.5)
    mixed = nets.FullyConnectedNet([100], 768, dtype=np.float32, reg=0.1)
    conv_param, train = {"stride": 1, "pad": 1}, {"p": 0.5, "mode": "train"}
    cache = layers.affine_forward(x, w, np.zeros(100))[1]
    begun = threading.Event()

    def work():
        begun.set()
        while True:
            CALL

    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    begun.wait()
    time.sleep(0.02 + 0.01 * random.random())
"""
CALLS = [
    "layers.affine_forward(x, w, 0.0)",
    "layers.relu_forward(half)",
    "layers.dropout_forward(x, train)",
    "layers.conv_forward_naive(images, np.ones((8, 3, 3, 3)), np.zeros(8), conv_param)",
    "copy.deepcopy(cache)",
    "optim.adam(w, w, {'learning_rate': Slow(1), 'm': w.astype('f8')})",
    "mixed.loss(images.astype('f8'), y)",
    "net.loss(images, y)",
    "Solver(net, data, batch_size=10, num_epochs=10, verbose=False).train()",
    'Solver(nets.Sequential("conv 4 3x3 | relu | affine 10", (3, 16, 16)), data, verbose=False, num_epochs=10**6).train()',
]


class Exit(unittest.TestCase):
    def test_a_daemon_thread_is_inside(self):
        for call in CALLS:
            for run in range(RUNS):
                with self.subTest(call=call, run=run):
                    done = subprocess.run([sys.executable, "-c", SETUP.replace("CALL", call)], capture_output=True,
                                          text=True, timeout=60)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
