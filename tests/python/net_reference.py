"""The nets in NumPy, from the layers' formulas in float64: what the tests compare lamina.nets with."""
import numpy as np
import reference

from lamina.nets import ConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet


def regularization(params, reg, grads):
    """0.5 reg sum W^2, with reg W added to the gradients."""
    loss = 0.0
    for name in params:
        if name.startswith("W"):
            loss += 0.5 * reg * (params[name]**2).sum()
            grads[name] = grads[name] + reg * params[name]
    return loss


def dense_layers(x, params, count, normalization=None, masks=None, statistics=None):
    """affine - (norm) - relu - (dropout), `count` times, then affine: the scores, and a function of dscores that gives
    the gradients. masks: dropout's; statistics: the running averages of batchnorm, None in training."""
    kept = []
    for i in range(1, count + 1):
        W, b = params[f"W{i}"], params[f"b{i}"]
        a = x.reshape(len(x), -1) @ W + b
        h = a
        if normalization:
            gamma, beta = params[f"gamma{i}"], params[f"beta{i}"]
            options = {"statistics": statistics[i - 1]} if statistics else {}
            h = getattr(reference, normalization)(a, gamma, beta, np.zeros_like(a), **options)[0]
        mask = masks[i - 1] if masks else np.ones_like(h)
        kept.append((x, a, h, mask))
        x = np.maximum(h, 0) * mask
    last = count + 1
    scores = x.reshape(len(x), -1) @ params[f"W{last}"] + params[f"b{last}"]

    def backward(dscores, x=x):
        grads = {}
        d, (grads[f"W{last}"], grads[f"b{last}"]) = None, (x.reshape(len(x), -1).T @ dscores, dscores.sum(0))
        d = dscores @ params[f"W{last}"].T
        for i in range(count, 0, -1):
            x, a, h, mask = kept[i - 1]
            d = d * mask * (h > 0)
            if normalization:
                d, grads[f"gamma{i}"], grads[f"beta{i}"] = getattr(reference, normalization)(
                    a, params[f"gamma{i}"], params[f"beta{i}"], d)[1]
            _, (dx, grads[f"W{i}"], grads[f"b{i}"]) = reference.affine(x, params[f"W{i}"], params[f"b{i}"], d)
            d = dx
        return grads, d

    return scores, backward


def as_double(params):
    return {name: np.asarray(value).astype("f8") for name, value in params.items()}


def fully_connected(params, X, y=None, reg=0.0, normalization=None, masks=None, statistics=None):
    """Scores, or (loss, grads). TwoLayerNet is the one with one hidden layer."""
    params, count = as_double(params), sum(name.startswith("W") for name in params) - 1
    scores, backward = dense_layers(np.asarray(X, "f8"), params, count, normalization, masks, statistics)
    if y is None:
        return scores
    loss, dscores = reference.softmax_loss(scores, y)
    grads = backward(dscores)[0]
    return loss + regularization(params, reg, grads), grads


def conv_net(params, X, y, reg=0.0):
    """(loss, grads) of a training pass of ConvNet: stride 1, one 2x2 max pool after the last convolution."""
    params, x, kept = as_double(params), np.asarray(X, "f8"), []
    count = sum(name.startswith("W") for name in params) - 1
    for i in range(1, count + 1):
        W, b = params[f"W_{i}"], params[f"b_{i}"]
        a = reference.conv_out(x, W, b, 1, W.shape[2] // 2)[0]
        h = a
        if f"gamma{i}" in params:
            h = reference.spatial_batchnorm(a, params[f"gamma{i}"], params[f"beta{i}"], np.zeros_like(a))[0]
        kept.append((x, a, h))
        x = np.maximum(h, 0)
    images, last, grads = x, count + 1, {}
    N, C, H, W = images.shape
    pooled = reference.max_pool(images, np.zeros((N, C, H // 2, W // 2)), 2, 2, 2)[0]
    scores = pooled.reshape(N, -1) @ params[f"W_{last}"] + params[f"b_{last}"]
    loss, dscores = reference.softmax_loss(scores, y)
    d, grads[f"W_{last}"], grads[f"b_{last}"] = reference.affine(pooled, params[f"W_{last}"], params[f"b_{last}"],
                                                                 dscores)[1]
    d = reference.max_pool(images, d, 2, 2, 2)[1]
    for i in range(count, 0, -1):
        x, a, h = kept[i - 1]
        d = d * (h > 0)
        if f"gamma{i}" in params:
            d, grads[f"gamma{i}"], grads[f"beta{i}"] = reference.spatial_batchnorm(
                a, params[f"gamma{i}"], params[f"beta{i}"], d)[1]
        W = params[f"W_{i}"]
        d, grads[f"W_{i}"], grads[f"b_{i}"] = reference.conv(x, W, params[f"b_{i}"], d, 1, W.shape[2] // 2)[1]
    return loss + regularization(params, reg, grads), grads


def three_layer(params, X, y, reg=0.0):
    """(loss, grads) of a training pass of ThreeLayerConvNet."""
    params, X, grads = as_double(params), np.asarray(X, "f8"), {}
    pad = params["W1"].shape[2] // 2
    a = reference.conv_out(X, params["W1"], params["b1"], 1, pad)[0]
    N, C, H, W = a.shape
    pooled = reference.max_pool(np.maximum(a, 0), np.zeros((N, C, H // 2, W // 2)), 2, 2, 2)[0]
    dense = {"W1": params["W2"], "b1": params["b2"], "W2": params["W3"], "b2": params["b3"]}
    scores, backward = dense_layers(pooled, dense, 1)
    loss, dscores = reference.softmax_loss(scores, y)
    found, d = backward(dscores)
    grads.update(W2=found["W1"], b2=found["b1"], W3=found["W2"], b3=found["b2"])
    da = reference.max_pool(np.maximum(a, 0), d.reshape(pooled.shape), 2, 2, 2)[1] * (a > 0)
    _, grads["W1"], grads["b1"] = reference.conv(X, params["W1"], params["b1"], da, 1, pad)[1]
    return loss + regularization(params, reg, grads), grads


def small_nets(dtype=np.float64):
    """Nets with data X, y that fit them."""
    X, images, y = np.random.randn(4, 2, 3), np.random.randn(4, 2, 6, 6), np.array([0, 4, 2, 2])
    common = {"num_classes": 5, "weight_scale": 0.5, "dtype": dtype, "reg": 0.3}
    return [
        (TwoLayerNet(6, 7, **common), X, y), (FullyConnectedNet([7, 4], 6, **common), X, y),
        (FullyConnectedNet([7, 4], 6, normalization="batchnorm", **common), X, y),
        (FullyConnectedNet([7, 4], 6, normalization="layernorm", **common), X, y),
        (FullyConnectedNet([7, 4], 6, dropout=0.6, seed=3, **common), X, y), (FullyConnectedNet([], 6, **common), X, y),
        (ConvNet((2, 6, 6), [3, 2], [3, 5], **common), images, y),
        (ConvNet((2, 6, 6), [3], [3], use_batch_norm=False, **common), images, y),
        (ThreeLayerConvNet((2, 6, 6), 3, 3, 7, **common), images, y),
    ]
