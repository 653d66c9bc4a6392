"""The nets that the benchmarks' Python programs train, as lists of layers; bench/steps.cc has the same ones."""


def convnet(filters, stride):
    layers, channels, size = [], 3, 32
    for count, k in zip(filters, (7, 7, 3)):
        layers += [("conv", channels, count, k, stride), ("spatial_batchnorm", count), ("relu",)]
        channels, size = count, (size - 1) // stride + 1
    return layers + [("max_pool",), ("affine", channels * (size // 2) ** 2, 10)]


def fully_connected(hidden, norm=False, keep=1.0):
    layers, dim = [], 3072
    for h in hidden:
        layers += [("affine", dim, h)] + ([("batchnorm", h)] if norm else []) + [("relu",)]
        layers += [("dropout", keep)] if keep < 1 else []
        dim = h
    return layers + [("affine", dim, 10)]


NARROW, STRIDED, WIDE = convnet((16, 32, 64), 1), convnet((16, 32, 64), 2), convnet((64, 128, 256), 2)
SIX = fully_connected([100] * 5)

CASES = {  # name: (layers, update rule, batch size)
    "n1": (NARROW, "sgd_momentum", 1),
    "n32": (NARROW, "sgd_momentum", 32),
    "n128": (NARROW, "sgd_momentum", 128),
    "a1": (STRIDED, "sgd_momentum", 1),
    "a32": (STRIDED, "sgd_momentum", 32),
    "a128": (STRIDED, "sgd_momentum", 128),
    "b128": (WIDE, "sgd_momentum", 128),
    "c1": (SIX, "sgd_momentum", 1),
    "c100": (SIX, "sgd_momentum", 100),
    "c128": (SIX, "sgd_momentum", 128),
    "d50": (fully_connected([50] * 7, norm=True), "adam", 50),
    "e100": (fully_connected([500], keep=0.75), "adam", 100),
}


def forward_gflop(case):
    """Arithmetic of a prediction, in GFLOP: two an entry of a matrix and row, two a filter entry at each valid tap."""
    layers, _, batch = CASES[case]
    flops, size = 0, 32
    for kind, *sizes in layers:
        if kind == "conv":
            channels, count, k, stride = sizes
            out = (size - 1) // stride + 1
            taps = sum(0 <= i * stride - (k - 1) // 2 + p < size for i in range(out) for p in range(k))
            flops, size = flops + 2 * taps * taps * channels * count, out
        elif kind == "affine":
            flops += 2 * sizes[0] * sizes[1]
    return flops * batch * 1e-9
