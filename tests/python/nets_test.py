#!/usr/bin/env python3
"""lamina.nets: the numbers that the notebooks print, a reference in NumPy, parameters, types, errors, time."""
import copy
import pickle
import resource
import threading
import time
import unittest

import net_reference
import numpy as np
from net_reference import small_nets
from printed_values import printed_value, printed_values

from lamina import _core
from lamina.gradient_check import eval_numerical_gradient
from lamina.nets import ConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet, is_plain


def rel_error(x, y):
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))


def expected(model, X, y):
    """(loss, grads) of the reference."""
    if isinstance(model, ConvNet):
        return net_reference.conv_net(model.params, X, y, model.reg)
    if isinstance(model, ThreeLayerConvNet):
        return net_reference.three_layer(model.params, X, y, model.reg)
    masks = None
    if getattr(model, "use_dropout", False):
        p, masks = model.dropout_param["p"], []
        for i in range(1, model.num_layers):
            np.random.seed(model.dropout_param["seed"])
            masks.append((np.random.rand(len(X), len(model.params[f"b{i}"])) < p) / p)
    return net_reference.fully_connected(model.params, X, y, model.reg, getattr(model, "normalization", None), masks)


class Notebooks(unittest.TestCase):
    """The cells, and what they print."""

    def test_two_layer_net(self):
        np.random.seed(231)
        N, D, H, C = 3, 5, 50, 7
        np.random.randn(N, D)
        np.random.randint(C, size=N)
        model = TwoLayerNet(input_dim=D, hidden_dim=H, num_classes=C, weight_scale=1e-3)
        self.assertLess(abs(model.params["W1"].std() - 1e-3), 1e-4)
        self.assertLess(abs(model.params["W2"].std() - 1e-3), 1e-4)
        self.assertTrue(np.all(model.params["b1"] == 0) and np.all(model.params["b2"] == 0))
        model.params["W1"] = np.linspace(-0.7, 0.3, num=D * H).reshape(D, H)
        model.params["b1"] = np.linspace(-0.1, 0.9, num=H)
        model.params["W2"] = np.linspace(-0.3, 0.4, num=H * C).reshape(H, C)
        model.params["b2"] = np.linspace(-0.9, 0.1, num=C)
        X = np.linspace(-5.5, 4.5, num=N * D).reshape(D, N).T
        correct = np.reshape(printed_values("two_layer_net.scores"), (N, 6))
        self.assertLess(np.abs(model.loss(X)[:, :6] - correct).sum(), 1e-6)
        y = np.asarray([0, 5, 1])
        self.assertLess(abs(model.loss(X, y)[0] - printed_value("two_layer_net.loss")), 1e-10)
        model.reg = 1.0
        self.assertLess(abs(model.loss(X, y)[0] - printed_value("two_layer_net.loss_reg_1")), 1e-10)
        for model.reg in [0.0, 0.7]:
            grads = model.loss(X, y)[1]
            for name in sorted(grads):
                numerical = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
                self.assertLess(rel_error(numerical, grads[name]), 1e-6, name)

    def fully_connected(self, losses, bound, bounds=(), **options):
        np.random.seed(231)
        N, D, H1, H2, C = 2, 15, 20, 30, 10
        X = np.random.randn(N, D)
        y = np.random.randint(C, size=(N,))
        for more, printed in losses:
            model = FullyConnectedNet([H1, H2], input_dim=D, num_classes=C, weight_scale=5e-2, dtype=np.float64,
                                      **options, **more)
            loss, grads = model.loss(X, y)
            self.assertAlmostEqual(loss, printed, delta=2e-15 * printed)
            for name in sorted(grads):
                numerical = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False,
                                                    h=1e-5)
                self.assertLess(rel_error(numerical, grads[name]), dict(bounds).get(name, bound), (more, name))

    def test_fully_connected_net(self):
        self.fully_connected([({"reg": 0}, printed_value("fully_connected_net.loss")), ({"reg": 3.14}, printed_value("fully_connected_net.loss_reg_3.14"))], 1e-6,
                             [("W2", 5e-5)])

    def test_batchnorm(self):
        # b1 and b2 have no effect: their gradients are rounding.
        self.fully_connected([({"reg": 0}, printed_value("batchnorm_net.loss")), ({"reg": 3.14}, printed_value("batchnorm_net.loss_reg_3.14"))], 1e-5,
                             [("W1", 2e-4), ("b1", 5e-3), ("b2", 5e-3)], normalization="batchnorm")

    def test_dropout(self):
        self.fully_connected([({"dropout": 1}, printed_value("fully_connected_net.loss")), ({"dropout": 0.75}, printed_value("dropout_net.loss_0.75")),
                              ({"dropout": 0.5}, printed_value("dropout_net.loss_0.5"))], 1e-5, [("W2", 5e-5)], seed=123)

    def test_conv_net(self):
        N, C, H, W = 2, 6, 4, 5  # of the cell before, whose draws it goes on from
        np.random.seed(231)
        np.random.randn(N, C, H, W), np.random.randn(1, C, 1, 1), np.random.randn(1, C, 1, 1)
        np.random.randn(N, C, H, W)
        model = ConvNet()
        X = np.random.randn(50, 3, 32, 32)
        y = np.random.randint(10, size=50)
        loss, grads = model.loss(X, y)
        self.assertAlmostEqual(loss, printed_value("conv_net.loss"), delta=1e-12)
        self.assertEqual({g.dtype for g in grads.values()}, {np.dtype("f8")})
        model.reg = 0.5
        self.assertAlmostEqual(model.loss(X, y)[0], printed_value("conv_net.loss_reg_0.5"), delta=1e-15)  # squares of float32, summed so


class AgainstNumPy(unittest.TestCase):
    def setUp(self):
        np.random.seed(7)

    def test_training(self):
        for dtype, bound in ((np.float64, 1e-11), (np.float32, 2e-4)):
            for model, X, y in small_nets(dtype):
                with self.subTest(model.summary().splitlines()[0], dtype=dtype):
                    X = X.astype(dtype)
                    loss, grads = model.loss(X, y)
                    loss_, grads_ = expected(model, X, y)
                    self.assertAlmostEqual(loss, loss_, delta=bound * abs(loss_))
                    self.assertEqual(sorted(grads), sorted(model.params))
                    for name, grad in grads.items():
                        self.assertEqual((grad.dtype, grad.shape), (dtype, model.params[name].shape))
                        np.testing.assert_allclose(grad, grads_[name], rtol=bound, atol=bound, err_msg=name)

    def test_running_averages(self):
        model, X, y = small_nets()[2]
        mean, var = np.zeros(7), np.zeros(7)
        model.bn_params[0].update(momentum=0.8)
        for _ in range(3):
            a = X.reshape(4, 6) @ model.params["W1"] + model.params["b1"]
            mean, var = 0.8 * mean + 0.2 * a.mean(0), 0.8 * var + 0.2 * a.var(0)
            model.loss(X, y)
            self.assertEqual(model.bn_params[0]["mode"], "train")
            np.testing.assert_allclose(model.bn_params[0]["running_mean"], mean, rtol=1e-12)
            np.testing.assert_allclose(model.bn_params[0]["running_var"], var, rtol=1e-12)
        statistics = [(param["running_mean"], param["running_var"]) for param in model.bn_params]
        before = copy.deepcopy(model.bn_params)
        scores = net_reference.fully_connected(model.params, X, normalization="batchnorm", statistics=statistics)
        np.testing.assert_allclose(model.loss(X), scores, rtol=1e-10)
        self.assertEqual(model.bn_params[0]["mode"], "test")
        np.testing.assert_array_equal(model.bn_params[0]["running_mean"], before[0]["running_mean"])
        model.bn_params[0]["running_mean"] = np.arange(7)  # set by hand, as integers
        model.bn_params[1]["eps"] = 0.5
        model.bn_params[1]["running_var"][:] = 2
        statistics = [(np.arange(7), before[0]["running_var"]), (before[1]["running_mean"], np.full(4, 2.5 - 1e-5))]
        scores = net_reference.fully_connected(model.params, X, normalization="batchnorm", statistics=statistics)
        np.testing.assert_allclose(model.loss(X), scores, rtol=1e-10)

    def test_first_test_pass(self):
        for index, size in ((2, 7), (6, 3)):
            model, X, _ = small_nets()[index]
            model.loss(X)
            np.testing.assert_array_equal(model.bn_params[0]["running_mean"], np.zeros(size))
            np.testing.assert_array_equal(model.bn_params[0]["running_var"], np.zeros(size))

    def test_dropout_draws_from_numpy(self):
        model, X, y = FullyConnectedNet([7], 6, 5, dropout=0.5, weight_scale=1.0), *small_nets()[0][1:]
        state = np.random.get_state()
        model.loss(X, y)
        after = np.random.rand()
        np.random.set_state(state)
        mask = (np.random.rand(4, 7) < 0.5) / 0.5
        self.assertEqual(np.random.rand(), after)
        np.random.set_state(state)
        loss, grads = model.loss(X, y)
        loss_, grads_ = net_reference.fully_connected(model.params, X.astype("f4"), y, masks=[mask])
        self.assertAlmostEqual(loss, loss_, places=5)
        np.testing.assert_allclose(grads["W1"], grads_["W1"], rtol=1e-4, atol=1e-5)
        state = np.random.get_state()
        model.loss(X)  # a test-time pass draws nothing
        self.assertEqual(np.random.get_state()[2], state[2])
        model.dropout_param["seed"] = 5  # but seeds, as the course's layer does
        model.loss(X)
        after = np.random.rand()
        np.random.seed(5)
        self.assertEqual(np.random.rand(), after)
        model.dropout_param["p"] = 1.0
        self.assertAlmostEqual(model.loss(X, y)[0], net_reference.fully_connected(model.params, X, y)[0], places=5)

    def test_first_draws(self):
        for model, _, _ in small_nets():
            kind, options = type(model), {"dtype": np.float32, "num_classes": 5, "weight_scale": 0.1}
            arguments = {TwoLayerNet: (6, 7), FullyConnectedNet: ([7, 4], 6), ConvNet: ((2, 6, 6), [3, 2], [3, 5]),
                         ThreeLayerConvNet: ((2, 6, 6), 3, 3, 7)}[kind]
            np.random.seed(1)
            made = kind(*arguments, **options)
            after = np.random.randn()
            np.random.seed(1)
            for name, value in made.params.items():
                self.assertEqual(value.dtype, np.float32)
                if name.startswith("W"):
                    np.testing.assert_array_equal(value, (0.1 * np.random.randn(*value.shape)).astype(np.float32))
                else:
                    np.testing.assert_array_equal(value, np.full(value.shape, float(name.startswith("gamma"))))
            self.assertEqual(np.random.randn(), after)


class Parameters(unittest.TestCase):
    def setUp(self):
        np.random.seed(7)

    def check(self, model, X, y, bound=1e-11):
        loss, grads = model.loss(X, y)
        loss_, grads_ = expected(model, X, y)
        self.assertAlmostEqual(loss, loss_, delta=bound * abs(loss_))
        for name, grad in grads.items():
            np.testing.assert_allclose(grad, grads_[name], rtol=bound, atol=bound, err_msg=name)
        return loss, grads

    def test_changed_in_every_way(self):
        for model, X, y in small_nets():
            loss = self.check(model, X, y)[0]
            for name in list(model.params):
                model.params[name] += 0.1 * np.random.randn(*model.params[name].shape)
            self.assertNotEqual(self.check(model, X, y)[0], loss)
            for change in (np.asfortranarray, lambda w: w[::-1].copy()[::-1], lambda w: w.astype(">f8"),
                           lambda w: np.repeat(w, 2, axis=-1)[..., ::2], np.ndarray.tolist):
                model.params = {name: change(w * 1.01) for name, w in self.arrays(model).items()}
                self.check(model, X, y)
            model.params.update({name: np.asarray(w) * 0.9 for name, w in model.params.items()})
            self.check(model, X, y)
            model.params["more"] = "which the net does not read"
            model.params = dict(sorted((name, w) for name, w in model.params.items() if name != "more"))
            self.check(model, X, y)

    def arrays(self, model):
        return {name: np.asarray(w) for name, w in model.params.items()}

    def test_copies(self):
        for model, X, y in small_nets():
            loss, grads = model.loss(X, y)
            for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model)):
                self.assertIsInstance(made, type(model))
                again, found = made.loss(X, y)
                self.assertEqual(again, loss)
                for name, grad in grads.items():
                    np.testing.assert_array_equal(found[name], grad)
            other = copy.deepcopy(model)
            for w in other.params.values():
                w *= 2
            self.assertEqual(model.loss(X, y)[0], loss)
            self.assertNotEqual(other.loss(X, y)[0], loss)

    def test_many_scores(self):
        """A test pass over many examples goes a part at a time: its memory stays small, its scores are the same."""
        np.random.seed(1)
        for model, many in ((ConvNet((3, 32, 32), [32], [3]), 1301), (FullyConnectedNet([7], 12), 2345)):
            X = np.random.randn(many, *((3, 32, 32) if many == 1301 else (12,))).astype(np.float32)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            scores = model.loss(X)
            self.assertLess((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3, 100)  # MB
            for rows in (slice(0, 1), slice(1290, 1301), slice(100, 180)):
                np.testing.assert_allclose(scores[rows], model.loss(X[rows]), rtol=1e-5, atol=1e-7)

    def test_results_stay(self):
        for model, X, y in small_nets():
            scores, (_, grads) = model.loss(X), model.loss(X, y)
            kept, kept_scores = copy.deepcopy(grads), scores.copy()
            for w in model.params.values():
                w *= 1.5
            model.loss(2 * X)
            model.loss(2 * X, y)
            np.testing.assert_array_equal(scores, kept_scores)
            for name, grad in grads.items():
                np.testing.assert_array_equal(grad, kept[name])
                self.assertTrue(grad.flags.writeable and grad.flags.c_contiguous)

    def test_arguments_stay(self):
        for model, X, y in small_nets():
            kept = copy.deepcopy(model.params)
            given, labels = X.copy(), y.copy()
            for array in (*model.params.values(), X, y):
                array.flags.writeable = False
            model.loss(X, y)
            model.loss(X)
            np.testing.assert_array_equal(X, given)
            np.testing.assert_array_equal(y, labels)
            for name, w in model.params.items():
                np.testing.assert_array_equal(w, kept[name])

    def test_settings(self):
        model, X, y = small_nets()[1]
        for model.reg in (0, 2, np.float32(0.5), 0.0):
            self.check(model, X, y)
        model.label_smoothing = 0.2
        scores = net_reference.fully_connected(model.params, X)
        self.assertAlmostEqual(model.loss(X, y)[0], net_reference.reference.softmax_loss(scores, y, 0.2)[0], places=12)

    def test_threads(self):
        made = small_nets()
        right = [model.loss(X, y)[0] for model, X, y in made]
        wrong = []

        def work():
            for _ in range(30):
                for (model, X, y), loss in zip(made, right):
                    if model.__dict__.get("use_dropout"):
                        continue  # its stream is everybody's
                    if abs(model.loss(X, y)[0] - loss) > 1e-12 * abs(loss):
                        wrong.append(model)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Types(unittest.TestCase):
    def test_promotion(self):
        np.random.seed(3)
        for dtype in (np.float16, np.float32, np.float64):
            for index in (0, 6, 8):
                model, X, y = small_nets(dtype)[index]
                for given in (np.float16, np.float32, np.float64, np.int8, np.int64, np.bool_, ">f4"):
                    promoted = np.result_type(dtype, given)
                    made = copy.deepcopy(model)
                    with np.errstate(over="ignore"):  # scores of ConvNet with no running averages, in float16
                        self.assertEqual(made.loss(X.astype(given)).dtype, promoted, (dtype, given))
                    made = copy.deepcopy(model)
                    self.assertEqual({g.dtype for g in made.loss(X.astype(given), y)[1].values()}, {promoted})

    def test_losses(self):
        """NumPy's scalars of the promoted type, as the course's."""
        np.random.seed(3)
        for dtype in (np.float16, np.float32, np.float64):
            for index in (0, 6, 8):
                model, X, y = small_nets(dtype)[index]
                for given in (np.float16, np.float32, np.float64):
                    self.assertIs(type(model.loss(X.astype(given), y)[0]), np.result_type(dtype, given).type)

    def test_double_is_computed_in_double(self):
        np.random.seed(3)
        for index in (0, 6, 8):
            model, X, y = small_nets(np.float32)[index]
            model.reg = 0.0  # whose sum NumPy takes in float32, and so does lamina
            loss, loss_ = model.loss(X, y)[0], expected(model, X, y)[0]
            self.assertAlmostEqual(loss, loss_, delta=1e-12)

    def test_fully_connected_net_casts(self):
        np.random.seed(3)
        model, X, y = small_nets(np.float32)[1]
        self.assertEqual(model.loss(X).dtype, np.float32)
        np.testing.assert_array_equal(model.loss(X), model.loss(X.astype("f4")))
        model.params = {name: w.astype("f8") for name, w in model.params.items()}
        np.testing.assert_array_equal(model.loss(X), model.loss(X.astype("f4")))
        self.assertEqual(model.loss(X).dtype, np.float64)
        model.params["b1"] = np.arange(7)
        self.assertAlmostEqual(model.loss(X, y)[0], expected(model, X.astype("f4"), y)[0], delta=1e-12)

    def test_other_years(self):
        for options in ({"use_batchnorm": True}, {"normalization": "batchnorm"}):
            self.assertIn("gamma1", FullyConnectedNet([5], 4, **options).params)
        self.assertNotIn("gamma1", FullyConnectedNet([5], 4, use_batchnorm=False).params)
        for dropout in (0, 1, None):
            self.assertFalse(FullyConnectedNet([5], 4, dropout=dropout).use_dropout)
        model = FullyConnectedNet([5], 4, dropout_keep_ratio=0.3, seed=2)
        self.assertEqual(model.dropout_param, {"mode": "train", "p": 0.3, "seed": 2})
        self.assertNotIn("gamma1", ConvNet((1, 4, 4), [2], [3], use_batchnorm=False).params)

        self.assertEqual((model.use_batchnorm, FullyConnectedNet([5], 4, use_batchnorm=True).use_batchnorm),
                         (False, True))
        model = FullyConnectedNet([3], 4, 2, "batchnorm")
        self.assertEqual((model.normalization, model.use_dropout), ("batchnorm", False))
        self.assertEqual(FullyConnectedNet([3], 4, 2, "layernorm", dropout_keep_ratio=0.5).dropout_param["p"], 0.5)
        model = ConvNet((1, 4, 4), [2, 3], (3, 1))
        self.assertEqual((model.num_filters, model.filter_sizes), ([2, 3], [3, 1]))

    def test_plain(self):
        class Other(TwoLayerNet):
            def loss(self, X, y=None):
                return super().loss(X, y)

        class Same(ConvNet):
            pass

        self.assertTrue(is_plain(TwoLayerNet(4, 3)) and is_plain(FullyConnectedNet([3], 4)) and is_plain(
            Same((1, 4, 4), [2], [3])))
        model = TwoLayerNet(4, 3)
        model.loss = lambda X, y=None: None
        self.assertFalse(is_plain(Other(4, 3)) or is_plain(model) or is_plain(None))


class Time(unittest.TestCase):
    def microseconds(self, call):
        """Of the fastest of many calls."""
        best = 1e9
        for _ in range(3000):
            start = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - start)
        return 1e6 * best

    def test_beside_cpp(self):
        """model.loss costs at most 30 us over the same pass in C++."""
        np.random.seed(0)
        made = [TwoLayerNet(4, 3, 2), FullyConnectedNet([3] * 5, 4, 2, dtype=np.float64),
                FullyConnectedNet([100] * 2, 4, 2), ConvNet((1, 4, 4), [2], [3], 2, use_batch_norm=False),
                ConvNet((1, 4, 4), [2], [3], 2)]
        for model in made:
            shape = (2, 1, 4, 4) if isinstance(model, ConvNet) else (2, 4)
            X, y = np.random.randn(*shape).astype(model.dtype), np.array([0, 1])
            over = []
            for _ in range(5):  # a busy machine slows some tries
                over.append(self.microseconds(lambda: model.loss(X, y)) - 1e6 * _core.loss_seconds(model, X, y, 3000))
                if over[-1] < 30:
                    break
            print(f"{type(model).__name__}, {len(model.params)} parameters: {over[-1]:.1f} us over C++")
            self.assertLess(min(over), 30)


if __name__ == "__main__":
    unittest.main()
