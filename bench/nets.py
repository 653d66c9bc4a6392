"""The nets that the benchmarks train, as lists of layers, of which bench/steps.cc has the same ones, or as texts."""


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


def residual(filters, stride):
    """A block of two convolutions of ResNet-20; where it changes the images' size, so does its shortcut."""
    changes = f" stride {stride}" * (stride > 1)
    shortcut = f" shortcut ( conv {filters} 1x1 stride {stride} no_bias | batchnorm )" * (stride > 1)
    return (f"residual ( conv {filters} 3x3{changes} no_bias | batchnorm | relu | conv {filters} 3x3 no_bias | batchnorm )"
            f"{shortcut} | relu")


def separable():
    """Six depthwise convolutions of 3x3, each followed by one of 1x1."""
    blocks, channels = ["conv 32 3x3 no_bias | batchnorm | relu"], 32
    for filters, stride in zip((64, 128, 128, 256, 256, 512), (1, 2, 1, 2, 1, 2)):
        blocks.append(f"conv {channels} 3x3 stride {stride} groups {channels} no_bias | batchnorm | relu")
        blocks.append(f"conv {filters} 1x1 no_bias | batchnorm | relu")
        channels = filters
    return " | ".join([*blocks, "global_average_pool", "affine 10"])


RESNET20 = " | ".join(["conv 16 3x3 no_bias | batchnorm | relu", f"repeat 3 ( {residual(16, 1)} )", residual(32, 2),
                       f"repeat 2 ( {residual(32, 1)} )", residual(64, 2), f"repeat 2 ( {residual(64, 1)} )",
                       "global_average_pool", "affine 10"])
IMAGES = (3, 32, 32)
TEXTS = {  # name: (text, batch size, shape of an example); trained by SGD with momentum
    "r128": (RESNET20, 128, IMAGES),
    "s128": (separable(), 128, IMAGES),
    "t256": ("affine 128 | relu | affine 128 | relu | affine 10", 256, (20, 1, 1)),
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
