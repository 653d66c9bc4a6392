"""The layers with arguments that suit them and the right answers: what fuzz_test.py spoils and compares."""
import numpy as np
import reference

from lamina import fast_layers, layer_utils, layers


def images(rng, x_only=False):
    N, C, F, HH, WW = rng.integers(1, 4, 5)
    x = rng.standard_normal((N, C, *rng.integers(3, 8, 2)))
    return x if x_only else [x, rng.standard_normal((F, C, HH, WW)), rng.standard_normal(F)]


def convolution(rng):
    """x, w, b and conv_param with everything that it may contain."""
    x, w, b = images(rng)
    groups, param = int(rng.integers(1, 4)), conv_param(rng)
    param.update(dilation=int(rng.integers(1, 3)), groups=groups)
    for key in ("stride", "pad", "dilation"):
        if rng.random() < 0.5:
            param[key] = (param[key], int(rng.integers(1, 3)))
    x, w, b = np.concatenate([x] * groups, 1), np.concatenate([w] * groups), np.concatenate([b] * groups)
    return [x, w + rng.random(w.shape), b, param]


def rows(rng, *more):
    N, D = rng.integers(1, 8, 2)
    return [rng.standard_normal((N, D)), *(rng.standard_normal(D) for _ in range(2))]


def dense(rng):
    x = rng.standard_normal(rng.integers(1, 4, rng.integers(2, 5)))
    M = rng.integers(1, 6)
    return [x, rng.standard_normal((x[0].size, M)), rng.standard_normal(M)]


def conv_param(rng):
    return {"stride": int(rng.integers(1, 4)), "pad": int(rng.integers(0, 3))}


def pool_param(rng):
    return {name: int(rng.integers(1, 4)) for name in ("pool_height", "pool_width", "stride")}


def average_param(rng):
    param = {name: int(rng.integers(2, 4)) for name in ("pool_height", "pool_width", "stride")}
    if rng.random() < 0.7:
        param.update(pad=int(rng.integers(0, 2)), exclude_pad=bool(rng.random() < 0.5))
    return param


def bn_param(rng, D):
    param = {"mode": str(rng.choice(["train", "test"])), "eps": 1e-3, "momentum": 0.5}
    if rng.random() < 0.5:
        param.update(running_mean=rng.standard_normal(D), running_var=rng.random(D) + 0.5)
    return param


def statistics(param, D, shape):
    """The running averages for the reference, None in training."""
    if param["mode"] == "train":
        return None
    get = lambda name: np.asarray(param[name] if param.get(name) is not None else np.zeros(D), "f8").reshape(shape)
    return get("running_mean"), get("running_var")


def int_of(value):
    return int(np.asarray(value).item())


def float_of(value):
    return float(np.asarray(value).item())


def reference_bn(x, gamma, beta, param, dout):
    return reference.batchnorm(x, gamma, beta, dout, eps=float_of(param.get("eps", 1e-5)),
                               statistics=statistics(param, x.shape[1], (1, -1)))


def reference_spatial(x, gamma, beta, param, dout):
    return reference.spatial_batchnorm(x, gamma, beta, dout, eps=float_of(param.get("eps", 1e-5)),
                                       statistics=statistics(param, x.shape[1], (1, -1, 1, 1)))


def conv_settings(param):
    sides = [np.asarray(param.get(key, 1)).astype(int) for key in ("stride", "pad", "dilation")]
    return (*sides, int_of(param.get("groups", 1)))


def reference_conv(x, w, b, param, dout):
    return reference.conv(x, w, b, dout, *conv_settings(param))


def reference_pool(x, param, dout):
    return reference.max_pool(x, dout, *(int_of(param[n]) for n in ("pool_height", "pool_width", "stride")))


def reference_average(x, param, dout):
    sizes = [int_of(param[n]) for n in ("pool_height", "pool_width", "stride")]
    return reference.average_pool(x, dout, *sizes, int_of(param.get("pad", 0)), param.get("exclude_pad", False))


def reference_dropout(x, param, dout):
    if param["mode"] == "test":
        return x, dout
    np.random.seed(param.get("seed", 5))
    mask = (np.random.rand(*x.shape) < float_of(param["p"])) / float_of(param["p"])
    return x * mask, dout * mask


def reference_affine_relu(x, w, b, dout):
    mask = reference.affine(x, w, b, dout)[0] > 0
    out, grads = reference.affine(x, w, b, dout * mask)
    return out * mask, grads


def reference_conv_relu(x, w, b, param, dout):
    mask = reference_conv(x, w, b, param, dout)[0] > 0
    out, grads = reference_conv(x, w, b, param, dout * mask)
    return out * mask, grads


def reference_affine_bn_relu(x, w, b, gamma, beta, param, dout):
    a = reference.affine(x, w, b, dout)[0]
    mask = reference_bn(a, gamma, beta, param, dout)[0] > 0
    out, (da, dgamma, dbeta) = reference_bn(a, gamma, beta, param, dout * mask)
    return out * mask, (*reference.affine(x, w, b, da)[1], dgamma, dbeta)


def reference_affine_ln_relu(x, w, b, gamma, beta, param, dout):
    eps = float_of(param.get("eps", 1e-5))
    a = reference.affine(x, w, b, dout)[0]
    mask = reference.layernorm(a, gamma, beta, dout, eps)[0] > 0
    out, (da, dgamma, dbeta) = reference.layernorm(a, gamma, beta, dout * mask, eps)
    return out * mask, (*reference.affine(x, w, b, da)[1], dgamma, dbeta)


def reference_conv_bn_relu(x, w, b, gamma, beta, conv, param, dout):
    a = reference.conv_out(x, w, b, *conv_settings(conv))[0]
    mask = reference_spatial(a, gamma, beta, param, dout)[0] > 0
    out, (da, dgamma, dbeta) = reference_spatial(a, gamma, beta, param, dout * mask)
    return out * mask, (*reference_conv(x, w, b, conv, da)[1], dgamma, dbeta)


def reference_conv_relu_pool(x, w, b, conv, pool, dout):
    a = reference.conv_out(x, w, b, *conv_settings(conv))[0]
    out, da = reference_pool(np.maximum(a, 0), pool, dout)
    return out, reference.conv(x, w, b, da * (a > 0), *conv_settings(conv))[1]


def cases(rng):
    """One of the layers: forward, backward, reference, arguments."""
    G = int(rng.integers(1, 4))
    N, H, W = rng.integers(1, 4, 3)
    grouped = rng.standard_normal((N, 2 * G, H, W))
    pictures, flat = images(rng, True), rows(rng)
    any_shape = rng.standard_normal(rng.integers(0, 4, rng.integers(0, 5)))
    C, D = pictures.shape[1], flat[0].shape[1]
    x, w, b = dense(rng)
    wide = images(rng)
    F = len(wide[2])
    channels = [rng.standard_normal(C), rng.standard_normal(C)]
    return [
        ("affine", layers.affine_forward, layers.affine_backward, reference.affine, dense(rng)),
        ("relu", layers.relu_forward, layers.relu_backward, reference.relu, [any_shape]),
        ("sigmoid", layers.sigmoid_forward, layers.sigmoid_backward, reference.sigmoid, [any_shape]),
        ("tanh", layers.tanh_forward, layers.tanh_backward, reference.tanh, [any_shape]),
        ("silu", layers.silu_forward, layers.silu_backward, reference.silu, [any_shape]),
        ("elu", layers.elu_forward, layers.elu_backward, lambda x, alpha, d: reference.elu(x, d, float_of(alpha)),
         [any_shape, 0.5]),
        ("gelu", layers.gelu_forward, layers.gelu_backward, lambda x, tanh, d: reference.gelu(x, d, bool(tanh)),
         [any_shape, bool(rng.random() < 0.5)]),
        ("leaky_relu", layers.leaky_relu_forward, layers.leaky_relu_backward,
         lambda x, slope, d: reference.leaky_relu(x, d, float_of(slope)), [any_shape, 0.25]),
        ("dropout", layers.dropout_forward, layers.dropout_backward, reference_dropout,
         [any_shape, {"p": 0.5, "mode": str(rng.choice(["train", "test"])), "seed": 5}]),
        ("batchnorm", layers.batchnorm_forward, layers.batchnorm_backward, reference_bn, [*flat, bn_param(rng, D)]),
        ("batchnorm", layers.batchnorm_forward, layers.batchnorm_backward_alt, reference_bn, [*flat, bn_param(rng, D)]),
        ("layernorm", layers.layernorm_forward, layers.layernorm_backward,
         lambda x, g, b, p, d: reference.layernorm(x, g, b, d, float_of(p.get("eps", 1e-5))), [*flat, {"eps": 1e-3}]),
        ("spatial", layers.spatial_batchnorm_forward, layers.spatial_batchnorm_backward, reference_spatial,
         [pictures, *channels, bn_param(rng, C)]),
        ("group", layers.spatial_groupnorm_forward, layers.spatial_groupnorm_backward,
         lambda x, g, b, n, p, d: reference.spatial_groupnorm(x, g, b, int_of(n), d, float_of(p.get("eps", 1e-5))),
         [grouped, rng.standard_normal(2 * G), rng.standard_normal((1, 2 * G, 1, 1)), G, {"eps": 1e-3}]),
        ("conv", layers.conv_forward_naive, layers.conv_backward_naive, reference_conv,
         convolution(rng)),
        ("conv", fast_layers.conv_forward_fast, fast_layers.conv_backward_fast, reference_conv,
         convolution(rng)),
        ("pool", layers.max_pool_forward_naive, layers.max_pool_backward_naive, reference_pool,
         [pictures, pool_param(rng)]),
        ("pool", fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast, reference_pool,
         [pictures, pool_param(rng)]),
        ("average", layers.average_pool_forward, layers.average_pool_backward, reference_average,
         [pictures, average_param(rng)]),
        ("global_average", layers.global_average_pool_forward, layers.global_average_pool_backward, lambda x, d: (
            x.mean((2, 3)), d[:, :, None, None] * np.ones(x.shape) / x[0, 0].size if x.size else x), [pictures]),
        ("affine_relu", layer_utils.affine_relu_forward, layer_utils.affine_relu_backward, reference_affine_relu,
         dense(rng)),
        ("conv_relu", layer_utils.conv_relu_forward, layer_utils.conv_relu_backward, reference_conv_relu,
         convolution(rng)),
        ("affine_bn_relu", layer_utils.affine_bn_relu_forward, layer_utils.affine_bn_relu_backward,
         reference_affine_bn_relu, [x, w, b, b + 1, b - 1, bn_param(rng, len(b))]),
        ("affine_ln_relu", layer_utils.affine_ln_relu_forward, layer_utils.affine_ln_relu_backward,
         reference_affine_ln_relu, [x, w, b, b + 1, b - 1, {"eps": 1e-3}]),
        ("conv_bn_relu", layer_utils.conv_bn_relu_forward, layer_utils.conv_bn_relu_backward, reference_conv_bn_relu,
         [*wide, wide[2] + 1, wide[2] - 1, conv_param(rng), bn_param(rng, F)]),
        ("conv_relu_pool", layer_utils.conv_relu_pool_forward, layer_utils.conv_relu_pool_backward,
         reference_conv_relu_pool, [*images(rng), conv_param(rng), pool_param(rng)]),
    ]


def as_arrays(value):
    """An argument for the reference: an array in float64, a dictionary, or None."""
    return value if value is None or isinstance(value, dict) else np.asarray(value).astype("f8")


def described(value):
    return f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else repr(value)


def arrays_in(values):
    for value in values:
        if isinstance(value, dict):
            yield from arrays_in(value.values())
        elif isinstance(value, (np.ndarray, np.generic, list, float)):
            yield np.asarray(value)


def extreme(values):
    """Whether the right answer depends on the order of the operations."""
    floats = [np.abs(a.astype("f8")) for a in arrays_in(values) if a.dtype.kind == "f"]
    return any(not np.all(a < 1e6) or np.any((a > 0) & (a < 1e-300)) for a in floats)


def numpy_type(values):
    """What NumPy promotes the arrays to, as the package rounds it: integers to float64, at most float64."""
    dtype = np.result_type(*(np.asarray(v).dtype for v in values))
    return np.dtype("f8") if dtype.kind in "biu" or dtype.itemsize > 8 else dtype.newbyteorder("=")
