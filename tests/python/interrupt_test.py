#!/usr/bin/env python3
"""Ctrl-C during layers, passes and training in C++."""
import signal
import subprocess
import sys
import time
import unittest


class Interrupt(unittest.TestCase):
    def stopped(self, calls):
        """Seconds from Ctrl-C to KeyboardInterrupt in each call of `calls`, on a ConvNet with steps of seconds."""
        script = """if True:
            import threading, time, os, signal, sys
            import numpy as np
            from lamina import _core
            from lamina.nets import ConvNet
            from lamina.solver import Solver
            X, y = np.random.randn(1500, 3, 32, 32).astype("f4"), np.random.randint(0, 10, 1500)
            many, labels = np.concatenate([X] * 4), np.concatenate([y] * 4)
            model = ConvNet(num_filters=[32, 32], filter_sizes=[7, 7])
            model.loss(X[:2], y[:2])
            solver = Solver(model, dict(X_train=X, y_train=y, X_val=X, y_val=y), batch_size=1500, verbose=False,
                            update_rule="adam")
            before = {name: w.copy() for name, w in model.params.items()}
            norms = [{**param} for param in model.bn_params]
            sent = []
            def send():
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
            for call in (CALLS):
                threading.Timer(0.4, send).start()
                try:
                    call()
                    print("ended")
                except KeyboardInterrupt:
                    print(time.monotonic() - sent[-1])
                assert solver.loss_history == []
                for name, w in model.params.items():
                    np.testing.assert_array_equal(w, before[name])
                for param, norm in zip(model.bn_params, norms):
                    np.testing.assert_array_equal(param["running_mean"], norm["running_mean"])
            loss, _ = model.loss(X[:5], y[:5])  # all goes on
            assert np.isfinite(loss)
        """.replace("CALLS", calls)
        run = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
        return [float(line) for line in run.stdout.split()]

    def test_interrupted_in_a_step(self):
        """Ctrl-C stops a step of seconds within it; nothing of the step stays."""
        found = self.stopped("solver.train, lambda: model.loss(X, y), lambda: model.loss(many), "
                             "lambda: solver.check_accuracy(many, labels, batch_size=6000)")
        print("seconds from Ctrl-C to the end:", *(f"{seconds:.3f}" for seconds in found))
        self.assertEqual(len(found), 4)
        self.assertLess(max(found), 0.5)

    def test_interrupted_in_a_layer(self):
        """Ctrl-C stops a call of seconds within it, also the plain loops of the naive layers."""
        script = """if True:
            import os, signal, threading, time
            import numpy as np
            from lamina.fast_layers import *
            from lamina.layer_utils import *
            from lamina.layers import *
            x, w, b = np.ones((150, 32, 64, 64), "f4"), np.ones((32, 32, 9, 9), "f4"), np.zeros(32, "f4")
            conv, pool = {"stride": 1, "pad": 4}, {"pool_height": 40, "pool_width": 40, "stride": 1}
            norm = {"mode": "train", "running_mean": b.copy(), "running_var": b.copy()}
            out, small = x[:4, :, :30, :30], np.ones((32, 4, 9, 9))
            naive, fast = conv_forward_naive(out[:, :4], small, b, conv)[1], conv_forward_fast(x, w, b, conv)[1]
            for call in [
                lambda: conv_forward_naive(x, w, b, conv),
                lambda: [conv_backward_naive(out, naive) for _ in range(9)],
                lambda: max_pool_forward_naive(x, pool),
                lambda: conv_forward_fast(x, w, b, conv),
                lambda: conv_backward_fast(x, fast),
                lambda: conv_bn_relu_forward(x, w, b, 1.0, 0.0, conv, norm),
            ]:
                def send():
                    global sent
                    sent = time.monotonic()
                    os.kill(os.getpid(), signal.SIGINT)
                threading.Timer(0.2, send).start()
                try:
                    call()
                    print("ended")
                except KeyboardInterrupt:
                    print(time.monotonic() - sent)
                assert not norm["running_mean"].any() and not norm["running_var"].any()
        """
        run = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
        found = [float(line) for line in run.stdout.split()]
        print("seconds from Ctrl-C to the end:", *(f"{seconds:.3f}" for seconds in found))
        self.assertEqual(len(found), 6)
        self.assertLess(max(found), 0.5)

    def test_a_handler_that_returns(self):
        """The step is done anew, and counts once."""
        script = """if True:
            import os, signal, threading
            import numpy as np
            from lamina.nets import FullyConnectedNet
            from lamina.solver import Solver
            X, y = np.random.randn(400, 3072), np.random.randint(0, 10, 400)
            told, losses = [], []
            signal.signal(signal.SIGINT, lambda number, frame: told.append(number))
            for interrupted in (False, True):
                np.random.seed(1)
                model = FullyConnectedNet([1500], dropout=0.5, normalization="batchnorm", weight_scale=1e-3)
                solver = Solver(model, dict(X_train=X, y_train=y, X_val=X[:9], y_val=y[:9]), batch_size=400,
                                num_epochs=6, num_train_samples=9, verbose=False)
                stop = threading.Event()
                def send():
                    while not stop.wait(0.1):
                        os.kill(os.getpid(), signal.SIGINT)
                if interrupted:
                    thread = threading.Thread(target=send)
                    thread.start()
                solver.train()
                stop.set()
                losses.append((solver.loss_history, np.random.rand(), model.bn_params[0]["running_mean"].tolist()))
            assert told
            assert losses[0] == losses[1], losses
        """
        subprocess.run([sys.executable, "-c", script], check=True)

    def test_a_handler_that_draws(self):
        """NumPy's generator is free while the handler runs, and no number is handed out twice."""
        script = """if True:
            import faulthandler, os, signal, threading
            import numpy as np
            from lamina.nets import FullyConnectedNet
            from lamina.solver import Solver
            faulthandler.dump_traceback_later(60, exit=True)
            X, y = np.random.randn(400, 3072), np.random.randint(0, 10, 400)
            model = FullyConnectedNet([1500], dropout=0.5, weight_scale=1e-3)
            solver = Solver(model, dict(X_train=X, y_train=y, X_val=X[:9], y_val=y[:9]), batch_size=400, num_epochs=6,
                            num_train_samples=9, verbose=False)
            drawn = []
            signal.signal(signal.SIGINT, lambda number, frame: drawn.append(np.random.rand()))
            for call in (solver.train, lambda: [model.loss(X, y) for _ in range(12)]):
                before, stop = len(drawn), threading.Event()
                def send():
                    while not stop.wait(0.05):
                        os.kill(os.getpid(), signal.SIGINT)
                thread = threading.Thread(target=send)
                thread.start()
                call()
                stop.set()
                thread.join()
                assert len(drawn) > before, "no signal came"
            drawn += [np.random.rand() for _ in range(5)]
            assert len(set(drawn)) == len(drawn), drawn
        """
        subprocess.run([sys.executable, "-c", script], check=True)

    def test_interrupt(self):
        """Ctrl-C stops at once; histories and parameters are those of the iterations so far."""
        script = """if True:
            import sys
            import numpy as np
            from lamina.nets import FullyConnectedNet
            from lamina.solver import Solver
            X, y = np.random.randn(300, 48), np.random.randint(0, 4, 300)
            model = FullyConnectedNet([20], input_dim=48, num_classes=4)
            solver = Solver(model, dict(X_train=X, y_train=y, X_val=X, y_val=y), batch_size=3, num_epochs=10**7,
                            print_every=10**9, update_rule="adam", verbose=False)
            before = {name: w.copy() for name, w in model.params.items()}
            print("ready", flush=True)
            try:
                solver.train()
            except KeyboardInterrupt:
                steps = len(solver.loss_history)
                assert solver.optim_configs["W1"]["t"] == steps, (solver.optim_configs["W1"]["t"], steps)
                assert all((before[name] != w).any() for name, w in model.params.items())
                solver.num_epochs = 1
                solver.train()
                print(steps, len(solver.loss_history) - steps, len(solver.val_acc_history) > 1)
        """
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
            self.assertEqual(run.stdout.readline(), "ready\n")
            time.sleep(0.5)
            start = time.monotonic()
            run.send_signal(signal.SIGINT)
            rest = run.stdout.read().split()
            self.assertEqual(run.wait(), 0)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(rest[1:], ["100", "True"])
        self.assertGreater(int(rest[0]), 100)


if __name__ == "__main__":
    unittest.main()
