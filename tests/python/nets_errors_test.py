#!/usr/bin/env python3
"""lamina.nets on what no net can compute: one line that names what was expected and what was found."""
import unittest

import numpy as np
from net_reference import small_nets

from lamina.nets import ConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet


class Errors(unittest.TestCase):
    def setUp(self):
        np.random.seed(1)
        self.model, self.X, self.y = small_nets()[2]

    def raises(self, kind, text, call):
        with self.assertRaises(kind) as caught:
            call()
        self.assertIn(text, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_shapes(self):
        model, X, y = self.model, self.X, self.y
        self.raises(ValueError, "got (4, 5)", lambda: model.loss(np.zeros((4, 5))))
        self.raises(ValueError, "6 values an example", lambda: model.loss(np.zeros((4, 5)), y))
        self.raises(ValueError, "got 3", lambda: model.loss(X, y[:3]))
        self.raises(ValueError, "got (4, 1)", lambda: model.loss(X, y[:, None]))
        self.raises(ValueError, "got 5 at position 1", lambda: model.loss(X, np.array([0, 5, 1, 1])))
        self.raises(ValueError, "got -1", lambda: model.loss(X, np.array([0, -1, 1, 1])))
        conv, images, _ = small_nets()[6]
        self.raises(ValueError, "(N, 2, 6, 6), got (4, 6, 6, 2)", lambda: conv.loss(images.transpose(0, 2, 3, 1)))
        model.params["W2"] = np.zeros((4, 7))
        self.raises(ValueError, "params['W2'] of shape (7, 4) to match the net, got (4, 7)", lambda: model.loss(X, y))
        del model.params["W2"]
        self.raises(KeyError, "params['W2']", lambda: model.loss(X, y))

    def test_averages(self):
        self.model.bn_params[1]["running_mean"] = np.zeros(3)
        self.raises(ValueError, "bn_params[1]['running_mean'] of shape (4,)", lambda: self.model.loss(self.X))
        self.model.bn_params = self.model.bn_params[:1]
        self.raises(ValueError, "2 dictionaries, got 1", lambda: self.model.loss(self.X))
        self.model.bn_params = None
        self.raises(TypeError, "bn_params", lambda: self.model.loss(self.X))

    def test_kinds(self):
        model, X, y = self.model, self.X, self.y
        self.raises(TypeError, "None", lambda: model.loss(None))
        self.raises(TypeError, "X", lambda: model.loss(X.astype(complex)))
        self.raises(TypeError, "X", lambda: model.loss(X.astype(str)))
        self.raises(TypeError, "y", lambda: model.loss(X, y.astype(float)))
        model.reg = "much"
        self.raises(TypeError, "reg to be a number, got str", lambda: model.loss(X, y))
        model.reg = 0.0
        model.params["b1"] = None
        self.raises(TypeError, "params['b1']", lambda: model.loss(X, y))
        model.params = [1]
        self.raises(TypeError, "params to be a dictionary, got list", lambda: model.loss(X, y))

    def test_settings(self):
        model, X, y = self.model, self.X, self.y
        model.dtype = "abc"
        self.raises(TypeError, "[FullyConnectedNet] expected dtype to be a type of real numbers, got 'abc'",
                    lambda: model.loss(X, y))
        model = FullyConnectedNet([3], 6, 5, dropout=0.5)
        model.dropout_param["seed"] = "a"
        for call in (lambda: model.loss(X, y), lambda: model.loss(X)):
            self.raises(TypeError, "[FullyConnectedNet] expected dropout_param['seed'] to be a whole number, got str",
                        call)
        del model.dropout_param["seed"]
        model.use_dropout = "yes"  # as `if self.use_dropout`
        self.assertEqual(len(model.loss(X, y)), 2)
        model.params = None
        self.raises(TypeError, "[FullyConnectedNet] expected params to be a dictionary, got NoneType", model.summary)

    def test_made(self):
        for kind, text, call in (
            (ValueError, "hidden_dims[0]", lambda: FullyConnectedNet([0])),
            (TypeError, "hidden_dims", lambda: FullyConnectedNet(5)),
            (TypeError, "hidden_dims[0]", lambda: FullyConnectedNet([2.5])),
            (ValueError, "normalization", lambda: FullyConnectedNet([5], normalization="group")),
            (ValueError, "normalization", lambda: FullyConnectedNet([5], normalization=np.array([1, 2]))),
            (ValueError, "dropout", lambda: FullyConnectedNet([5], 4, 2, "batchnorm", "layernorm")),
            (ValueError, "dropout", lambda: FullyConnectedNet([5], dropout=1.5)),
            (TypeError, "dropout", lambda: FullyConnectedNet([5], dropout="no")),
            (TypeError, "dtype", lambda: FullyConnectedNet([5], dtype=int)),
            (TypeError, "dtype", lambda: ConvNet(dtype="image")),
            (ValueError, "input_dim", lambda: ConvNet(input_dim=(3, 32))),
            (ValueError, "filter_sizes", lambda: ConvNet(filter_sizes=[4, 4])),
            (ValueError, "num_filters", lambda: ConvNet(num_filters=[4, 4, 4])),
            (TypeError, "weight_scale", lambda: ThreeLayerConvNet(weight_scale=None)),
            (ValueError, "num_classes", lambda: TwoLayerNet(num_classes=0)),
            (ValueError, "hidden_dim", lambda: TwoLayerNet(hidden_dim=-3)),
        ):
            self.raises(kind, text, call)

    def test_empty(self):
        for model, X, y in small_nets():
            self.assertEqual(model.loss(X[:0]).shape, (0, 5))
            self.raises(ValueError, "at least one example", lambda: model.loss(X[:0], y[:0]))


if __name__ == "__main__":
    unittest.main()
