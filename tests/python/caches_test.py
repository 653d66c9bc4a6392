#!/usr/bin/env python3
"""What holds for all layers: caches, errors, threads, forks, the cost of a call, documentation and type hints."""
import ast
import copy
import gc
import inspect
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import time
import unittest
import weakref

import numpy as np

import lamina
from lamina import _core, data, fast_layers, gradient_check, im2col, layer_utils, layers, nets, optim, solver, vis

MODULES = [layers, fast_layers, layer_utils, optim, gradient_check, nets, solver, data, vis, im2col]


class Caches(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(11)
        self.x, self.w, self.b = (self.rng.standard_normal(s) for s in [(6, 4), (4, 3), (3,)])

    def test_they_hold_references(self):
        """As NumPy's caches do: an element changed between the passes is seen, a name bound anew is not."""
        out, cache = layers.affine_forward(self.x, self.w, self.b)
        self.w[...] *= 2
        dx, dw, _ = layers.affine_backward(out, cache)
        np.testing.assert_allclose(dx, out @ self.w.T, atol=1e-12)
        rounded = self.x.astype("f4")[::-1]
        out, cache = layers.affine_forward(rounded, self.w, self.b)
        rounded[...] = 1
        np.testing.assert_allclose(layers.affine_backward(out, cache)[1], np.ones((4, 6)) @ out, atol=1e-12)

    def test_they_keep_arrays_alive(self):
        class Array(np.ndarray):
            pass

        x = self.x.copy().view(Array)
        gone = weakref.ref(x)
        out, cache = layers.affine_forward(x, self.w, self.b)
        del x
        gc.collect()
        self.assertIsNotNone(gone())
        del cache
        gc.collect()
        self.assertIsNone(gone())

    def test_results_stay_what_they_were(self):
        out, cache = layers.relu_forward(self.x)
        kept = out.copy()
        for _ in range(3):
            again, _ = layers.relu_forward(-self.x)
            self.assertFalse(np.shares_memory(out, again))
        del cache
        np.testing.assert_array_equal(out, kept)
        out[...] = 5
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(out)), out)

    def test_a_changed_shape_is_an_error(self):
        for change in [lambda a: setattr(a, "shape", (4, 6)), lambda a: a.resize((2, 2), refcheck=False)]:
            x = self.x.copy()
            out, cache = layers.affine_forward(x, self.w, self.b)
            change(x)
            with self.assertRaisesRegex(ValueError, r"shape \(6, 4\) that it had in the forward pass"):
                layers.affine_backward(out, cache)

    def test_copies(self):
        """A deep copy has the arrays as they were; it stays with arrays that are copied along."""
        random = np.random.RandomState(0)
        x, w, b = random.randn(2, 3, 6, 6), random.randn(4, 3, 3, 3), random.randn(4)
        conv, pool = {"stride": 1, "pad": 1}, {"pool_height": 2, "pool_width": 2, "stride": 2}
        ones, mode = np.ones(4), {"mode": "train"}
        for forward, backward, arguments in [
            (layers.affine_forward, layers.affine_backward, (self.x, self.w, self.b)),
            (layers.leaky_relu_forward, layers.leaky_relu_backward, (self.x, 0.5)),
            (layers.tanh_forward, layers.tanh_backward, (self.x,)),
            (layers.silu_forward, layers.silu_backward, (self.x,)),
            (layers.elu_forward, layers.elu_backward, (self.x, 0.5)),
            (layers.gelu_forward, layers.gelu_backward, (self.x, True)),
            (layers.batchnorm_forward, layers.batchnorm_backward, (self.x, ones, ones, mode)),
            (layers.layernorm_forward, layers.layernorm_backward, (self.x, ones, ones, {})),
            (layers.dropout_forward, layers.dropout_backward, (self.x, {"p": 0.5, "mode": "train"})),
            (layers.conv_forward_naive, layers.conv_backward_naive, (x, w, b, conv)),
            (layers.average_pool_forward, layers.average_pool_backward, (x, {**pool, "pad": 1})),
            (layers.global_average_pool_forward, layers.global_average_pool_backward, (x,)),
            (layers.spatial_groupnorm_forward, layers.spatial_groupnorm_backward, (x, ones[:3], ones[:3], 3, {})),
            (fast_layers.conv_forward_fast, fast_layers.conv_backward_fast, (x, w, b, conv)),
            (fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast, (x, pool)),
            (layer_utils.affine_bn_relu_forward, layer_utils.affine_bn_relu_backward,
             (self.x, self.w, self.b, ones[:3], ones[:3], mode)),
            (layer_utils.conv_bn_relu_forward, layer_utils.conv_bn_relu_backward, (x, w, b, ones, ones, conv, mode)),
            (layer_utils.conv_relu_pool_forward, layer_utils.conv_relu_pool_backward, (x, w, b, conv, pool)),
        ]:
            for dtype in ("f8", "f4"):
                given = [a.astype(dtype) if isinstance(a, np.ndarray) else copy.copy(a) for a in arguments]
                out, cache = forward(*given)
                right = backward(out, cache)
                other = copy.deepcopy(cache)
                self.assertIs(copy.copy(cache), cache)
                self.assertEqual(repr(other), repr(cache))
                for array in given:
                    if isinstance(array, np.ndarray):
                        array[...] = 7
                del cache
                got = backward(out, other)
                self.assertEqual(type(got), type(right))
                for a, e in zip(got, right) if isinstance(got, tuple) else [(got, right)]:
                    np.testing.assert_array_equal(a, e, forward.__name__)
        out, cache = layers.affine_forward(self.x, self.w, self.b)
        x, other = copy.deepcopy((self.x, cache))
        x[...] = 0
        self.assertFalse(layers.affine_backward(out, other)[1].any())
        for save in (pickle.dumps, lambda c: pickle.dumps({"cache": c}, protocol=2)):
            with self.assertRaisesRegex(TypeError, r"^\[pickle\] expected [^\n]+ cache of affine_forward: [^\n]+$"):
                save(cache)

    def test_wrong_caches(self):
        out, cache = layers.affine_forward(self.x, self.w, self.b)
        self.assertEqual(repr(cache), "<cache of affine_forward>")
        with self.assertRaisesRegex(TypeError, "what relu_forward returned, got the cache of affine_forward"):
            layers.relu_backward(out, cache)
        with self.assertRaisesRegex(TypeError, "what affine_forward returned, got tuple"):
            layers.affine_backward(out, (self.x, self.w, self.b))
        with self.assertRaises(TypeError):
            _core.Cache()

    def test_one_line_errors_with_both_shapes(self):
        for call, words in [
            (lambda: layers.affine_forward(self.x, self.w.T, self.b), r"\(4, M\) to match x \(6, 4\), got \(3, 4\)"),
            (lambda: layers.relu_backward(self.x.T, layers.relu_forward(self.x)[1]), r"\(6, 4\).*got \(4, 6\)"),
            (lambda: layers.softmax_loss(self.x, [0] * 5), r"6 labels to match x \(6, 4\), got 5"),
            (lambda: layers.softmax_loss(self.x, [4] * 6), "labels of 0 to 3"),
            (lambda: layers.softmax_loss(self.x, [0] * 6, weights=[1] * 5), "weights of 6 examples, got 5"),
            (lambda: layers.squared_loss(self.x, self.x.T), r"t of shape \(6, 4\) to match x, got \(4, 6\)"),
            (lambda: layers.huber_loss(self.x, self.x, 0), "delta above 0, got 0"),
            (lambda: layers.batchnorm_forward(self.x, np.ones(4), np.ones(4), {"mode": "Train"}), "'train' or 'test'"),
            (lambda: layers.batchnorm_forward(self.x, np.ones(4), np.ones(4), {"mode": "test", "running_mean": 3.0}),
             r"running_mean of shape \(D,\), got \(\)"),
            (lambda: layers.conv_forward_naive(np.ones((5, 3, 4, 4)), np.ones((2, 1, 2, 2)), [0, 0],
                                               {"stride": 1, "pad": 0}), r"x \(5, 3, 4, 4\), got \(2, 1, 2, 2\)"),
        ]:
            with self.assertRaisesRegex(ValueError, words) as caught:
                call()
            self.assertRegex(str(caught.exception), r"^\[\w+\] expected [^\n]+$")
        with self.assertRaisesRegex(KeyError, "mode"):
            layers.batchnorm_forward(self.x, np.ones(4), np.ones(4), {})


class Calls(unittest.TestCase):
    def test_threads(self):
        """Several threads in the same layer, and one cache used by all, give what one gives."""
        x = np.random.default_rng(0).standard_normal((4, 3, 12, 12))
        w, b, param = x[:, :, :3, :3].copy(), np.zeros(4), {"stride": 1, "pad": 1}
        expected, cache = fast_layers.conv_forward_fast(x, w, b, param)
        gradients = fast_layers.conv_backward_fast(expected, cache)
        faults = []

        def work():
            for _ in range(50):
                out, _ = fast_layers.conv_forward_fast(x, w, b, param)
                got = fast_layers.conv_backward_fast(expected, cache)
                if not all(map(np.array_equal, (out, *got), (expected, *gradients))):
                    faults.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(faults, "\n" + "\n".join(faults))

    def test_the_gil_is_released(self):
        x, w = np.ones((8, 16, 64, 64)), np.ones((16, 16, 5, 5))
        ticks, stop = [], threading.Event()

        def tick():
            while not stop.is_set():
                ticks.append(time.perf_counter())
                time.sleep(0.001)

        thread = threading.Thread(target=tick)
        thread.start()
        start = time.perf_counter()
        layers.conv_forward_naive(x, w, np.zeros(16), {"stride": 1, "pad": 2})
        end = time.perf_counter()
        stop.set()
        thread.join()
        self.assertGreater(len([t for t in ticks if start < t < end]), 3)

    def test_a_forked_process_computes_and_ends(self):
        script = """
import os, sys
import numpy as np
import lamina
from lamina.layers import affine_forward
lamina.set_num_threads(3)
x, w = np.ones((500, 200)), np.ones((200, 200))
affine_forward(x, w, w[0])
child = os.fork()
right = affine_forward(x, w, w[0])[0][3, 3] == 201
if child:
    right = right and os.waitpid(child, 0)[1] == 0
sys.exit(0 if right else 1)
"""
        # From 3.12 on, Python warns of forks of a process with threads. lamina survives them.
        done = subprocess.run([sys.executable, "-B", "-W", "ignore::DeprecationWarning", "-c", script], timeout=60,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_call_costs_little(self):
        x, w, b = np.ones((2, 3)), np.ones((3, 2)), np.ones(2)
        best = 1.0
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(500):
                layers.affine_forward(x, w, b)
            best = min(best, (time.perf_counter() - start) / 500)
        print(f"affine_forward on 2 x 3: {best * 1e6:.1f} us a call", file=sys.stderr)
        self.assertLess(best, 20e-6)

    def test_fast_is_faster(self):
        rng = np.random.default_rng(5)
        x, w = rng.standard_normal((16, 3, 31, 31)), rng.standard_normal((25, 3, 3, 3))
        b, param = rng.standard_normal(25), {"stride": 2, "pad": 1}

        def seconds(call):
            times = []
            for _ in range(3):
                start = time.perf_counter()
                result = call()
                times.append(time.perf_counter() - start)
            return min(times), result

        naive, (out, cache) = seconds(lambda: layers.conv_forward_naive(x, w, b, param))
        fast, (same, same_cache) = seconds(lambda: fast_layers.conv_forward_fast(x, w, b, param))
        np.testing.assert_allclose(same, out, atol=1e-11)
        pairs = zip(fast_layers.conv_backward_fast(out, same_cache), layers.conv_backward_naive(out, cache))
        for got, expected in pairs:
            np.testing.assert_allclose(got, expected, atol=1e-9)
        print(f"convolution: fast {naive / fast:.0f} times faster than naive", file=sys.stderr)
        self.assertLess(fast, naive)


    def test_number_of_threads(self):
        before = lamina.num_threads()
        try:
            x, w = np.random.default_rng(1).standard_normal((2, 300, 300))
            results = []
            for threads in (1, 2.0, np.int16(3)):
                lamina.set_num_threads(threads)
                self.assertEqual(lamina.num_threads(), threads)
                results.append(layers.affine_forward(x, w, w[0])[0])
            np.testing.assert_array_equal(results[0], results[1])
            np.testing.assert_array_equal(results[0], results[2])
            for wrong, error in [(-1, ValueError), (10**6, ValueError), ("2", TypeError), (1.5, TypeError)]:
                with self.assertRaises(error):
                    lamina.set_num_threads(wrong)
        finally:
            lamina.set_num_threads(before)


class Words(unittest.TestCase):
    def test_documentation(self):
        """Each public function and class has a text that names its arguments and its errors, and hints of types."""
        faults = []
        for module in MODULES:
            self.assertTrue(module.__doc__)
            for name in module.__all__:
                item = getattr(module, name)
                methods = [m for key, m in vars(item).items() if not key.startswith("_") and inspect.isfunction(m)
                           ] if inspect.isclass(item) else []
                for part in [item, *methods]:
                    text, hints = inspect.getdoc(part) or "", inspect.signature(part)
                    if not re.search(r"\w+Error\b|Raises nothing", text) and part not in methods:
                        faults.append(f"{part.__qualname__} names no error")
                    if not inspect.isclass(part) and hints.return_annotation is inspect.Signature.empty:
                        faults.append(f"{part.__qualname__} has no hint of what it returns")
                    for parameter in hints.parameters.values():
                        if parameter.name == "self" or parameter.kind is parameter.VAR_KEYWORD:
                            continue
                        if parameter.annotation is inspect.Parameter.empty:
                            faults.append(f"{part.__qualname__}: no hint for {parameter.name}")
                        if not re.search(rf"\b{parameter.name}\b", text):
                            faults.append(f"{part.__qualname__}: {parameter.name} is not described")
        self.assertFalse(faults, "\n" + "\n".join(faults))

    def test_stub(self):
        """_core.pyi names what the module has, with the same parameters."""
        text = (pathlib.Path(lamina.__file__).parent / "_core.pyi").read_text(encoding="utf-8")
        stub = {node.name: node for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        present = {name for name in dir(_core) if not name.startswith("_")}
        self.assertEqual(present - set(stub), set())
        self.assertEqual(set(stub) - present, set())
        for name, node in stub.items():
            if isinstance(node, ast.FunctionDef):
                signature = getattr(_core, name).__doc__.splitlines()[0]
                parts = signature[len(name) + 1:signature.rindex(")")].split(",")
                found = [part.split(":")[0].strip() for part in parts if part]
                self.assertEqual([a.arg for a in node.args.args], found, name)


if __name__ == "__main__":
    unittest.main()
