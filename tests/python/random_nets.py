"""Texts of nets that are drawn at random from the grammar of docs/nets.md, for examples of a random shape."""
import math
import random

ELEMENTWISE = ["relu", "leaky_relu", "leaky_relu 0.3", "sigmoid", "tanh", "silu", "gelu", "gelu tanh", "elu", "elu alpha 0.4"]


class RandomNet:
    """`text`, for examples of shape `input_dim`, (C, H, W) or (D,), with `classes` scores; the same for the same seed."""

    def __init__(self, seed, general_convolutions=True, deepest=12):
        self.rng = random.Random(seed)
        self.general = general_convolutions
        images = self.rng.random() < 0.8
        self.input_dim = ((self.rng.randint(1, 6), self.rng.randint(5, 13), self.rng.randint(5, 13)) if images else
                          (self.rng.randint(3, 20),))
        self.classes = self.rng.randint(2, 7)
        blocks, shape = self.blocks(self.input_dim, self.rng.randint(0, deepest - 1), 0)
        if len(shape) == 3 and self.rng.random() < 0.4:
            blocks.append(self.rng.choice(["flatten", "tanh | global_average_pool"]))  # the mean of a norm's output is fixed
        self.text = " | ".join(blocks + [f"affine {self.classes}{self.bias()}{self.weights()}"])

    def any(self, *values):
        return self.rng.choice(values)

    def bias(self):
        return self.any("", "", " no_bias")

    def weights(self):
        return self.any("", "", "", " init xavier", " init scale 0.3", " rate 0.1 decay 0", " frozen")

    def norm(self, shape):
        kinds = ["batchnorm", "batchnorm no_scale", "batchnorm momentum 0.7 eps 0.001", "batchnorm init zeros"]
        values = math.prod(shape)  # a normalization of few values is mostly rounding errors
        if values > 7:
            kinds += ["layernorm", "layernorm eps 0.01"]
        if len(shape) == 3:
            kinds += [f"groupnorm {g}" for g in range(1, shape[0] + 1) if shape[0] % g == 0 and values // g > 7]
        return self.rng.choice(kinds)

    def same_shape(self, shape, count, nested):
        """Blocks that keep the shape."""
        blocks = []
        for _ in range(count):
            kind = self.rng.random()
            if kind < 0.35:
                side = self.any(1, 3, 5)
                blocks.append(f"conv {shape[0]} {side}x{side}{self.bias_of_conv()}{self.weights()}" if len(shape) == 3 else
                              f"affine {shape[0]}{self.bias()}{self.weights()}")
            elif kind < 0.55:
                blocks.append(self.norm(shape))
            elif kind < 0.65 and nested < 3:
                blocks.append(f"residual ( {' | '.join(self.same_shape(shape, self.rng.randint(1, 3), nested + 1))} )")
            elif kind < 0.7:
                blocks.append(f"dropout {self.any(0.5, 0.8)}")
            else:
                blocks.append(self.rng.choice(ELEMENTWISE))
        return blocks

    def bias_of_conv(self):
        return self.bias() if self.general else ""

    def conv(self, shape):
        C, H, W = shape
        kh, kw = self.rng.randint(1, 5), self.rng.randint(1, 5)
        sh, sw, dh, dw = (self.any(1, 1, 2, 3), self.any(1, 1, 2), self.any(1, 1, 1, 2), self.any(1, 1, 2))
        groups = self.rng.choice([g for g in range(1, C + 1) if C % g == 0])
        if not self.general:
            kw, sw, dh, dw, groups = kh, sh, 1, 1, 1
        F = groups * self.rng.randint(1, max(1, 6 // groups))
        ph, pw = self.rng.randint(0, kh), self.rng.randint(0, kw)
        if not self.general:
            pw = ph
        spans = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
        if H + 2 * ph < spans[0] or W + 2 * pw < spans[1]:
            return f"conv {F} 1x1", (F, H, W)
        pair = lambda a, b: str(a) if a == b else f"{a}x{b}"
        text = f"conv {F} {kh}x{kw} stride {pair(sh, sw)} pad {pair(ph, pw)}"
        if (dh, dw) != (1, 1):
            text += f" dilation {pair(dh, dw)}"
        if groups > 1:
            text += f" groups {groups}"
        return (text + self.bias_of_conv() + self.weights(),
                (F, 1 + (H + 2 * ph - spans[0]) // sh, 1 + (W + 2 * pw - spans[1]) // sw))

    def pool(self, shape):
        C, H, W = shape
        k, stride = self.rng.randint(2, 3), self.rng.randint(1, 3)
        if min(H, W) < k:
            return "tanh", shape
        if self.rng.random() < 0.5:
            return f"max_pool {k} stride {stride}", (C, 1 + (H - k) // stride, 1 + (W - k) // stride)
        pad = self.any(0, 1)
        text = f"average_pool {k} stride {stride} pad {pad}" + self.any("", " exclude_pad")
        return text, (C, 1 + (H + 2 * pad - k) // stride, 1 + (W + 2 * pad - k) // stride)

    def block(self, shape, nested):
        """One block that may change the shape, and the shape that it gives."""
        kind = self.rng.random()
        if kind < 0.1 and nested < 3:
            inner = self.same_shape(shape, self.rng.randint(1, 3), nested + 1)
            return f"repeat {self.rng.randint(1, 3)} ( {' | '.join(inner)} )", shape
        if kind < 0.25 and nested < 3:
            branches = [self.same_shape(shape, self.rng.randint(1, 3), nested + 1) for _ in range(self.rng.randint(2, 3))]
            return ("concat " + " ".join(f"( {' | '.join(b)} )" for b in branches), (len(branches) * shape[0], *shape[1:]))
        if kind < 0.4 and nested < 3:
            main, shortcut, out = self.two_ways(shape)
            more = self.same_shape(out, self.rng.randint(0, 2), nested + 1)
            return f"residual ( {' | '.join([main] + more)} ) shortcut ( {shortcut} )", out
        if len(shape) == 1:
            M = self.rng.randint(3, 16)
            return f"affine {M}{self.bias()}{self.weights()}", (M,)
        return self.conv(shape) if kind < 0.75 else self.pool(shape)

    def two_ways(self, shape):
        """Two blocks that give one shape."""
        if len(shape) == 1:
            M = self.rng.randint(3, 12)
            return f"affine {M}", f"affine {M} no_bias", (M,)
        F, side, stride = self.rng.randint(1, 5), self.any(1, 3, 5), self.any(1, 2)
        ways = [f"conv {F} {k}x{k} stride {stride} pad {(k - 1) // 2}" for k in (side, 1)]
        return (*ways, (F, *(1 + (n - 1) // stride for n in shape[1:])))

    def blocks(self, shape, count, nested):
        blocks = []
        for _ in range(count):
            if self.rng.random() < 0.45:
                block, shape = self.block(shape, nested)
                blocks.append(block)
                if len(shape) == 3 and shape[0] * shape[1] * shape[2] > 3000:  # a smaller image, for the test's time
                    blocks.append("conv 3 1x1 stride 2 pad 0")
                    shape = (3, *(1 + (n - 1) // 2 for n in shape[1:]))
            else:
                blocks += self.same_shape(shape, 1, nested)
        return blocks, shape
