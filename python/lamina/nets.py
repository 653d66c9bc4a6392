"""The course's nets, and nets of any blocks (Sequential). Each has

    params       a dictionary of NumPy arrays by name, free to be read, edited, replaced, copied and pickled
    loss(X)      the scores (N, C) of a test-time pass over X (N, ...)
    loss(X, y)   (loss, grads) of a training pass with labels y (N,) of 0 .. C - 1: a number, and a dictionary of fresh
                 arrays by the parameters' names and shapes. The loss is softmax, or what the keyword loss of the net said:
                 'svm'; 'sigmoid' for C labels at once, y (N, C) of 0 or 1; or 'squared', 'absolute' or 'huber' for numbers
                 y (N, C)

and the settings that may be changed between two calls: reg (strength of the L2 regularization 0.5 reg sum W^2 over
weights and filters), label_smoothing (of the softmax loss, 0 to below 1), and where the net has such layers bn_params
(one dictionary a normalization: eps, momentum, running_mean, running_var) and dropout_param (p, seed).

Weights are weight_scale * np.random.randn(*shape), drawn in layer order; biases and betas are zeros, gammas ones.
Results have the type to which NumPy promotes X and the parameters. loss raises ValueError for wrong shapes and labels,
TypeError for arguments of a wrong kind, KeyError where a parameter is missing.
"""
from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from lamina import _arguments, _core, _options, _params_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Sequential", "TwoLayerNet", "FullyConnectedNet", "ConvNet", "ThreeLayerConvNet", "is_plain"]

# Options of nets in C++ that the classes here have by other names, or set themselves.
_OWN = ("model", "net", "input_dim", "num_classes", "init", "weight_scale", "label_smoothing", "reg", "hidden")


def _further(model: str, *own: str) -> list[tuple[str, Any, str]]:
    """What a model has besides the course's keywords and the net's `own`: name, default and meaning."""
    return _options.without(_core.net_options(model), _OWN + own)


def _image_dim(where: str, input_dim: Any) -> list[int]:
    dims = _arguments.as_wholes(where, "input_dim", input_dim)
    if len(dims) != 3:
        raise ValueError(f"[{where}] expected input_dim (C, H, W), got {tuple(dims)}")
    return dims


def _real_type(where: str, dtype: Any) -> None:
    """TypeError unless dtype is one of real numbers."""
    try:
        kind = np.dtype(dtype).kind
    except (TypeError, ValueError):
        raise TypeError(f"[{where}] expected dtype to be a type of real numbers, got {dtype!r}") from None
    if dtype is None or kind != "f":
        raise TypeError(f"[{where}] expected dtype to be a type of real numbers, got {dtype!r}")


def _made(where: str, **options: Any) -> _core.Net:
    return _core.Net(where, options)


def _pooled_from(C: int, inputs: int, F: int) -> list[int]:
    """(C, H, W) of square images that a 2x2 max pool brings down to F channels of `inputs` pixels in all."""
    side = math.isqrt(inputs // F)
    if F * side * side != inputs:
        raise ValueError(f"expected square images, got {inputs} values in {F} channels")
    return [C, 2 * side, 2 * side]


class _Net:
    """What all nets have."""

    params: dict[str, np.ndarray]
    reg: float
    label_smoothing: float
    dtype: DTypeLike
    _net: _core.Net

    def _set_up(self, options: dict[str, Any], reg: float, dtype: DTypeLike, label_smoothing: float = 0.0) -> None:
        """All but the parameters."""
        where = type(self).__name__
        _real_type(where, dtype)
        self._net = _made(where, **options)
        self.reg = reg if isinstance(reg, float) else _arguments.as_number(where, "reg", reg)
        self.label_smoothing = label_smoothing
        self.dtype = dtype

    def _draw(self, weight_scale: float) -> None:
        """The initial parameters."""
        scale = _arguments.as_number(type(self).__name__, "weight_scale", weight_scale)
        self.params = {}
        for name, shape in self._net.layout:
            if name.startswith("W"):
                value = scale * np.random.randn(*shape)
            else:
                value = np.ones(shape) if name.startswith("gamma") else np.zeros(shape)
            self.params[name] = value.astype(self.dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What was pickled; without _net, as by a net of these names written in NumPy, it is made after params."""
        self.__dict__.update(state)
        if "_net" in state or "params" not in state:
            return
        shapes = {name: np.shape(value) for name, value in self.params.items()}
        try:
            self._adopt(shapes)
        except (KeyError, IndexError, ZeroDivisionError, ValueError):
            raise ValueError(f"[{type(self).__name__}] expected a pickled net with the parameters of such a net, got "
                             f"shapes {shapes}") from None
        for name, value in (("reg", 0.0), ("label_smoothing", 0.0), ("dtype", np.float64)):
            self.__dict__.setdefault(name, value)

    def _adopt(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Makes _net, and attributes that are missing, for parameters of these shapes."""
        raise NotImplementedError

    @overload
    def loss(self, X: ArrayLike, y: None = None) -> np.ndarray: ...

    @overload
    def loss(self, X: ArrayLike, y: ArrayLike,
             weights: ArrayLike | None = None) -> tuple[float, dict[str, np.ndarray]]: ...

    def loss(self, X: ArrayLike, y: ArrayLike | None = None, weights: ArrayLike | None = None) -> Any:
        """The scores (N, C) of a test-time pass over X (N, ...); with labels y (N,), (loss, grads) of a training pass.

        The loss counts the regularization in; grads are fresh arrays by the parameters' names and shapes. For a loss of
        numbers y is (N, K), or (N,) if K = 1. weights (N,) say how much each example counts.
        """
        return self._net.loss(self, X, y, None, weights)

    def summary(self, batch_size: int = 100) -> str:
        """A table: layers, shapes, parameters, arithmetic and memory of a training step of batch_size examples."""
        _arguments.dictionary(type(self).__name__, "params", self.params)
        wide = any(_arguments.array("summary", f"params['{name}']", value).dtype.itemsize > 4
                   for name, value in self.params.items())
        return self._net.summary(wide, _arguments.as_whole("summary", "batch_size", batch_size))


class TwoLayerNet(_Net):
    """affine - relu - affine - softmax, on examples of input_dim numbers.

    params: W1 (input_dim, hidden_dim), b1, W2 (hidden_dim, num_classes), b2, of type dtype. X may have any number of
    axes. weight_scale is the standard deviation of the initial weights, reg the strength of the L2 regularization.
    precision is 'full', or 'bf16' for products of bfloat16 where the parameters are float32.
    ValueError for settings that make no net, TypeError for settings of a wrong kind.
    """

    def __init__(self, input_dim: int = 3 * 32 * 32, hidden_dim: int = 100, num_classes: int = 10,
                 weight_scale: float = 1e-3, reg: float = 0.0, dtype: DTypeLike = np.float64, **further: Any) -> None:
        where = "TwoLayerNet"
        self._set_up({
            "model": "two-layer", "input_dim": [_arguments.as_whole(where, "input_dim", input_dim), 1, 1],
            "hidden": _arguments.as_whole(where, "hidden_dim", hidden_dim),
            "num_classes": _arguments.as_whole(where, "num_classes", num_classes),
            **_options.given(where, _further("two-layer"), further)}, reg, dtype)
        self._draw(weight_scale)

    def _adopt(self, shapes: dict[str, tuple[int, ...]]) -> None:
        (inputs, hidden), (_, classes) = shapes["W1"], shapes["W2"]
        self._net = _made(type(self).__name__, model="two-layer", input_dim=[inputs, 1, 1], hidden=hidden, num_classes=classes)

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Writes params to the file fname, NumPy's npz under whatever name."""
        _params_file.save(fname, self.params)

    def load(self, fname: str | os.PathLike[str]) -> bool:
        """Takes params from a file of save(), or of np.save(fname, params), of which only arrays are let in; True.

        ValueError for other files and for parameters of other shapes.
        """
        params = _params_file.load(fname)
        for name, shape in self._net.layout:
            if name not in params or params[name].shape != shape:
                raise ValueError(f"[TwoLayerNet] expected {name} of shape {shape} in {os.fspath(fname)}, got "
                                 f"{params[name].shape if name in params else 'none'}")
        self.params = params
        return True


class FullyConnectedNet(_Net):
    """[affine - (batch or layer normalization) - relu - (dropout)] x L - affine - softmax.

    hidden_dims    sizes of the L hidden layers
    input_dim      numbers of an example; X may have any number of axes
    num_classes    C, the length of an example's scores
    reg            strength of the L2 regularization, 0.5 reg sum W^2
    weight_scale   standard deviation of the initial weights
    dropout        the probability of keeping an element; 1, 0 or None for no dropout. Also as dropout_keep_ratio
    normalization  'batchnorm', 'layernorm' or None; use_batchnorm=True says 'batchnorm'
    dtype          of the parameters; X is cast to it
    seed           of dropout: where given, every pass calls np.random.seed(seed) at each dropout layer
    precision      'full', or 'bf16' for products of bfloat16 where the parameters are float32

    params: W1, b1, [gamma1, beta1], ..., W{L+1}, b{L+1}, with W of shape (inputs, outputs).
    ValueError for settings that make no net, TypeError for settings of a wrong kind.
    """

    def __init__(self, hidden_dims: Sequence[int], input_dim: int = 3 * 32 * 32, num_classes: int = 10,
                 dropout: float | None = 1, normalization: str | bool | None = None, reg: float = 0.0,
                 weight_scale: float = 1e-2, dtype: DTypeLike = np.float32, seed: int | None = None, *,
                 use_batchnorm: bool = False, dropout_keep_ratio: float | None = None, **further: Any) -> None:
        where = "FullyConnectedNet"
        if isinstance(dropout, str) and dropout in ("batchnorm", "layernorm"):
            if normalization is not None:
                raise ValueError(f"[{where}] expected dropout to be a number, got {dropout!r}")
            dropout, normalization = 1, dropout
        if dropout_keep_ratio is not None:
            dropout = dropout_keep_ratio
        keep = 1.0 if dropout is None else _arguments.as_number(where, "dropout", dropout) or 1.0
        if not 0 < keep <= 1:
            raise ValueError(f"[{where}] expected dropout, the probability of keeping, of 0 to 1, got {keep}")
        if normalization is True or (use_batchnorm and normalization is None):
            normalization = "batchnorm"
        if not (normalization is None or normalization is False or
                (isinstance(normalization, str) and normalization in ("batchnorm", "layernorm"))):
            raise ValueError(f"[{where}] expected normalization to be 'batchnorm', 'layernorm' or None, got "
                             f"{normalization!r}")
        self._set_up({
            "model": "fc", "input_dim": [_arguments.as_whole(where, "input_dim", input_dim), 1, 1],
            "hidden": _arguments.as_wholes(where, "hidden_dims", hidden_dims), "dropout": keep,
            "num_classes": _arguments.as_whole(where, "num_classes", num_classes),
            "normalization": normalization or "none",
            **_options.given(where, _further("fc", "normalization", "dropout"), further)}, reg, dtype)
        if seed is not None and self.use_dropout:
            self.dropout_param["seed"] = _arguments.as_whole(where, "seed", seed)
        self._draw(weight_scale)

    def _set_up(self, options: dict[str, Any], reg: float, dtype: DTypeLike, label_smoothing: float = 0.0) -> None:
        super()._set_up(options, reg, dtype, label_smoothing)
        keep, normalization = options["dropout"], options["normalization"]
        self.num_layers = 1 + len(options["hidden"])
        self.normalization = None if normalization == "none" else normalization
        self.use_batchnorm = normalization == "batchnorm"
        self.use_dropout = keep != 1
        self.dropout_param: dict[str, Any] = {"mode": "train", "p": keep} if self.use_dropout else {}
        self.bn_params: list[dict[str, Any]] = [{"mode": "train"} if normalization == "batchnorm" else {}
                                                for _ in range(self._net.norms)]

    def _adopt(self, shapes: dict[str, tuple[int, ...]]) -> None:
        mine = self.__dict__
        layers = sum(name.startswith("W") for name in shapes)
        normalization = None
        if "gamma1" in shapes:
            normalization = "layernorm" if mine.get("normalization") == "layernorm" else "batchnorm"
        param = mine.setdefault("dropout_param", {})
        found = {"num_layers": layers, "normalization": normalization, "use_batchnorm": normalization == "batchnorm",
                 "use_dropout": bool(param), "bn_params": [{} for _ in range(layers - 1 if normalization else 0)]}
        self.__dict__.update({**found, **mine})
        hidden = [shapes[f"W{i}"][1] for i in range(1, layers)]
        self._net = _made(type(self).__name__, model="fc", input_dim=[shapes["W1"][0], 1, 1], hidden=hidden,
                          num_classes=shapes[f"W{layers}"][1], normalization=normalization or "none",
                          dropout=param.get("p", 1.0) or 1.0)

    @overload
    def loss(self, X: ArrayLike, y: None = None) -> np.ndarray: ...

    @overload
    def loss(self, X: ArrayLike, y: ArrayLike,
             weights: ArrayLike | None = None) -> tuple[float, dict[str, np.ndarray]]: ...

    def loss(self, X: ArrayLike, y: ArrayLike | None = None, weights: ArrayLike | None = None) -> Any:
        """The scores (N, C) of a test-time pass over X (N, ...); with labels y (N,), (loss, grads) of a training pass.

        X is cast to self.dtype. The loss counts the regularization in; grads are fresh arrays by the parameters' names
        and shapes. A training pass draws dropout's masks from NumPy's global generator. For a loss of numbers y is (N, K),
        or (N,) if K = 1. weights (N,) say how much each example counts.
        """
        try:
            dtype = np.dtype(self.dtype)
        except (TypeError, ValueError):
            _real_type(type(self).__name__, self.dtype)
            raise
        return self._net.loss(self, X, y, dtype, weights)


class ConvNet(_Net):
    """[conv - (batch normalization) - relu] x M - 2x2 max pool - affine - softmax, on images (C, H, W).

    input_dim       (C, H, W)
    num_filters     of each of the M convolutions
    filter_sizes    of each, odd; images are padded by (size - 1) / 2
    weight_scale    standard deviation of the initial weights
    reg             strength of the L2 regularization, 0.5 reg sum W^2
    use_batch_norm  whether spatial batch normalization follows each convolution; also as use_batchnorm
    dtype           of the parameters
    and by keyword, with the names and meanings of `lamina train`'s flags:
{options}

    params: W_1 (F, C, k, k), b_1, [gamma1, beta1], ..., W_{M+1} (inputs, num_classes), b_{M+1}.
    ValueError for settings that make no net, TypeError for settings of a wrong kind.
    """

    def __init__(self, input_dim: Sequence[int] = (3, 32, 32), num_filters: Sequence[int] = (32, 32),
                 filter_sizes: Sequence[int] = (7, 3), num_classes: int = 10, weight_scale: float = 1e-3,
                 reg: float = 0.0, use_batch_norm: bool = True, dtype: DTypeLike = np.float32, *,
                 use_batchnorm: bool | None = None, **further: Any) -> None:
        where = "ConvNet"
        self._set_up({
            "model": "convnet", "input_dim": _image_dim(where, input_dim),
            "num_filters": _arguments.as_wholes(where, "num_filters", num_filters),
            "filter_sizes": _arguments.as_wholes(where, "filter_sizes", filter_sizes),
            "num_classes": _arguments.as_whole(where, "num_classes", num_classes),
            "use_batch_norm": bool(use_batch_norm if use_batchnorm is None else use_batchnorm),
            **_options.given(where, _CONV_NET, further)}, reg, dtype)
        self._draw(weight_scale)

    def _set_up(self, options: dict[str, Any], reg: float, dtype: DTypeLike, label_smoothing: float = 0.0) -> None:
        super()._set_up(options, reg, dtype, label_smoothing)
        self.num_filters, self.filter_sizes = list(options["num_filters"]), list(options["filter_sizes"])
        self.use_batch_norm = options["use_batch_norm"]
        self.bn_params: list[dict[str, Any]] = [{"mode": "train"} for _ in range(self._net.norms)]

    def _adopt(self, shapes: dict[str, tuple[int, ...]]) -> None:
        M = sum(name.startswith("W") for name in shapes) - 1
        filters = [shapes[f"W_{i + 1}"] for i in range(M)]
        inputs, classes = shapes[f"W_{M + 1}"]
        normalized = "gamma1" in shapes
        found = {"num_filters": [F for F, *_ in filters], "filter_sizes": [shape[2] for shape in filters],
                 "use_batch_norm": normalized, "bn_params": [{} for _ in range(M if normalized else 0)]}
        self.__dict__.update({**found, **self.__dict__})
        self._net = _made(type(self).__name__, model="convnet", input_dim=_pooled_from(filters[0][1], inputs, filters[-1][0]),
                          num_filters=found["num_filters"], filter_sizes=found["filter_sizes"], num_classes=classes,
                          use_batch_norm=normalized)


class ThreeLayerConvNet(_Net):
    """conv - relu - 2x2 max pool - affine - relu - affine - softmax, on images (C, H, W), which is input_dim.

    The convolution has stride 1 and keeps the images' size: filter_size is odd.

    params: W1 (num_filters, C, filter_size, filter_size), b1, W2 (num_filters H/2 W/2, hidden_dim), b2, W3 (hidden_dim,
    num_classes), b3, of type dtype. weight_scale is the standard deviation of the initial weights, reg the strength of
    the L2 regularization. precision is 'full', or 'bf16' for products of bfloat16 where the parameters are float32.
    ValueError for settings that make no net, TypeError for those of a wrong kind.
    """

    def __init__(self, input_dim: Sequence[int] = (3, 32, 32), num_filters: int = 32, filter_size: int = 7,
                 hidden_dim: int = 100, num_classes: int = 10, weight_scale: float = 1e-3, reg: float = 0.0,
                 dtype: DTypeLike = np.float32, **further: Any) -> None:
        where = "ThreeLayerConvNet"
        self._set_up({
            "model": "three-layer-convnet", "input_dim": _image_dim(where, input_dim),
            "num_filters": _arguments.as_whole(where, "num_filters", num_filters),
            "filter_sizes": _arguments.as_whole(where, "filter_size", filter_size),
            "hidden": _arguments.as_whole(where, "hidden_dim", hidden_dim),
            "num_classes": _arguments.as_whole(where, "num_classes", num_classes),
            **_options.given(where, _further("three-layer-convnet", "num_filters", "filter_sizes"), further)}, reg, dtype)
        self._draw(weight_scale)

    def _adopt(self, shapes: dict[str, tuple[int, ...]]) -> None:
        F, C, k, _ = shapes["W1"]
        inputs, hidden = shapes["W2"]
        self._net = _made(type(self).__name__, model="three-layer-convnet", input_dim=_pooled_from(C, inputs, F), num_filters=F,
                          filter_sizes=k, hidden=hidden, num_classes=shapes["W3"][1])


_CONV_NET = _further("convnet", "num_filters", "filter_sizes", "use_batch_norm")
ConvNet.__doc__ = (ConvNet.__doc__ or "").replace("{options}", _options.help_text(_CONV_NET, 4, 16))


class Sequential(_Net):
    """A net of any blocks, given as text: the last block gives the scores, whose loss is softmax.

        net = Sequential("conv 32 3x3 | batchnorm | relu | max_pool 2 | affine 10")

    net        blocks separated by |, as in docs/nets.md; residual ( ... ), concat ( ... ) ( ... ), repeat N ( ... )
    input_dim  of an example: (C, H, W), or (D,)
    reg        strength of the L2 regularization, 0.5 reg sum W^2
    dtype      of the parameters
    label_smoothing  of the softmax loss, 0 to below 1
    precision  'full', or 'bf16' for products of bfloat16 where the parameters are float32

    params: W1 b1 of the first affine or conv block, W2 b2 of the next, gamma1 beta1 of the first normalization, and so on.
    They are drawn from NumPy's global generator as the text says: He's unless `init` says otherwise. str(net) gives the
    text. ValueError for texts that are no net, TypeError for settings of a wrong kind.
    """

    def __init__(self, net: str, input_dim: Sequence[int] = (3, 32, 32), reg: float = 0.0, dtype: DTypeLike = np.float32,
                 *, label_smoothing: float = 0.0, **further: Any) -> None:
        where = "Sequential"
        if not isinstance(net, str):
            raise TypeError(f"[{where}] expected the net's text, got {type(net).__name__}")
        dims = _arguments.as_wholes(where, "input_dim", input_dim)
        if len(dims) not in (1, 3):
            raise ValueError(f"[{where}] expected input_dim (C, H, W) or (D,), got {tuple(dims)}")
        classes = _core.score_count(net, dims)
        dims = dims if len(dims) == 3 else [dims[0], 1, 1]
        self._set_up({"model": "net", "net": net, "input_dim": dims, "num_classes": classes,
                      **_options.given(where, _further("net"), further)}, reg, dtype, label_smoothing)
        self.bn_params: list[dict[str, Any]] = [{"mode": "train"} for _ in range(self._net.norms)]
        kind, key, position, has_gauss, gauss = np.random.get_state()
        if kind != "MT19937":
            raise ValueError(f"[{where}] expected NumPy's usual generator, MT19937, got {kind}")
        wide = np.dtype(dtype).itemsize > 4
        drawn, *state = self._net.draw(wide, key, position, has_gauss, gauss)
        np.random.set_state((kind, *state))
        self.params = {name: value.astype(dtype, copy=False) for name, value in drawn.items()}

    def __str__(self) -> str:
        return str(self._net.text)

    @property
    def update_factors(self) -> dict[str, tuple[float, float, bool]]:
        """Of each parameter whose block says `rate X`, `decay X` or `frozen`: the factors on the learning rate and on the
        weight decay, and whether it keeps its value. Solver follows them."""
        return self._net.update_factors


def is_plain(model: Any) -> bool:
    """Whether model is a net of this module whose loss is the module's own, so that C++ may train it.

    Raises nothing.
    """
    return isinstance(model, _Net) and "loss" not in vars(model) and type(model).loss in (_Net.loss,
                                                                                          FullyConnectedNet.loss)


def score(model: Any, y: np.ndarray) -> str:
    """What a check of the model measures, higher being better: 'accuracy', 'mean F1' or 'R^2' by the net's loss. A model of
    one's own has R^2 where y is (N, K)."""
    if isinstance(model, _Net):
        return model._net.score
    return "R^2" if y.ndim == 2 else "accuracy"
