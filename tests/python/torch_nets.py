"""Any net of docs/nets.md in PyTorch, made from its text."""
import numpy as np
import torch
import torch.nn.functional as F

ELEMENTWISE = {"relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "silu": F.silu}


def parsed(text):
    """The blocks of a text: (name, words, lists), where a list is (the word before it or "", its blocks)."""
    words = text.replace("(", " ( ").replace(")", " ) ").replace("|", " | ").split()

    def blocks(at):
        found = []
        while True:
            name, own, lists = words[at], [], []
            at += 1
            while at < len(words) and words[at] not in ("|", ")"):
                if words[at] == "(":
                    inner, at = blocks(at + 1)
                    lists.append((own.pop() if own and own[-1] == "shortcut" else "", inner))
                else:
                    own.append(words[at])
                at += 1
            found.append((name, own, lists))
            if at == len(words) or words[at] == ")":
                return found, at
            at += 1

    return blocks(0)[0]


def pair(text):
    sides = [int(side) for side in text.split("x")]
    return sides * 2 if len(sides) == 1 else sides


class TorchNet:
    """parameters: the tensors W1, b1, gamma1, ... by name. averages: running_mean1, ..., made by the first training pass."""

    def __init__(self, text, parameters):
        self.net, self.parameters, self.averages = parsed(text), parameters, {}

    def scores(self, X, train, random=None):
        """Of a training or a test-time pass. random draws dropout's masks, as NumPy's generator does: rand(*shape)."""
        self.train, self.random, self.weights, self.norms = train, random, 0, 0
        return self.run(self.net, X)

    def run(self, blocks, x):
        for name, words, lists in blocks:
            x = ELEMENTWISE[name](x) if name in ELEMENTWISE else getattr(self, name)(x, words, lists)
        return x

    @staticmethod
    def option(words, name, default):
        return words[words.index(name) + 1] if name in words else default

    def conv(self, x, words, lists):
        self.weights += 1
        W, b = self.parameters[f"W{self.weights}"], self.parameters.get(f"b{self.weights}")
        default = "x".join(str((side - 1) // 2) for side in W.shape[2:])
        stride, pad, dilation = (pair(self.option(words, name, otherwise))
                                 for name, otherwise in [("stride", "1"), ("pad", default), ("dilation", "1")])
        return F.conv2d(x, W, b, stride, pad, dilation, int(self.option(words, "groups", 1)))

    def affine(self, x, words, lists):
        self.weights += 1
        W, b = self.parameters[f"W{self.weights}"], self.parameters.get(f"b{self.weights}")
        return F.linear(x.flatten(1), W.t(), b)

    def scale(self):
        self.norms += 1
        return self.parameters.get(f"gamma{self.norms}"), self.parameters.get(f"beta{self.norms}")

    def batchnorm(self, x, words, lists):
        gamma, beta = self.scale()
        eps, momentum = float(self.option(words, "eps", 1e-5)), float(self.option(words, "momentum", 0.9))
        names = [f"running_mean{self.norms}", f"running_var{self.norms}"]
        axes = [0, 2, 3] if x.dim() == 4 else [0]
        if not self.train:
            return F.batch_norm(x, *(self.averages[name] for name in names), gamma, beta, False, eps=eps)
        for name, value in zip(names, (x.mean(axes), x.var(axes, unbiased=False))):
            old = self.averages.get(name, torch.zeros_like(value))
            self.averages[name] = (momentum * old + (1 - momentum) * value).detach()
        return F.batch_norm(x, None, None, gamma, beta, True, eps=eps)

    def layernorm(self, x, words, lists):
        gamma, beta = self.scale()
        flat = x.flatten(1)
        return F.layer_norm(flat, flat.shape[1:], gamma, beta, float(self.option(words, "eps", 1e-5))).reshape(x.shape)

    def groupnorm(self, x, words, lists):
        return F.group_norm(x, int(words[0]), *self.scale(), float(self.option(words, "eps", 1e-5)))

    def leaky_relu(self, x, words, lists):
        return F.leaky_relu(x, float(words[0]) if words else 0.01)

    def elu(self, x, words, lists):
        return F.elu(x, float(self.option(words, "alpha", 1)))

    def gelu(self, x, words, lists):
        return F.gelu(x, approximate="tanh" if words else "none")

    def dropout(self, x, words, lists):
        if not self.train:
            return x
        keep = float(words[0])
        return x * torch.from_numpy((self.random.rand(*x.shape) < keep) / keep).to(x.dtype)

    def max_pool(self, x, words, lists):
        return F.max_pool2d(x, int(words[0]), int(self.option(words, "stride", words[0])))

    def average_pool(self, x, words, lists):
        return F.avg_pool2d(x, int(words[0]), int(self.option(words, "stride", words[0])), int(self.option(words, "pad", 0)),
                            count_include_pad="exclude_pad" not in words)

    def global_average_pool(self, x, words, lists):
        return x.mean((2, 3))

    def flatten(self, x, words, lists):
        return x.flatten(1)

    def residual(self, x, words, lists):
        main = self.run(lists[0][1], x)
        return main + (self.run(lists[1][1], x) if len(lists) > 1 else x)

    def concat(self, x, words, lists):
        return torch.cat([self.run(blocks, x) for _, blocks in lists], 1)

    def repeat(self, x, words, lists):
        for _ in range(int(words[0])):
            x = self.run(lists[0][1], x)
        return x


def gradients(net, X, y, reg, random, smoothing=0.0):
    """The loss of a training pass, its scores, and the gradients of all parameters by name."""
    scores = net.scores(X, True, random)
    loss = F.cross_entropy(scores, y, label_smoothing=smoothing)
    if reg:
        loss = loss + sum(0.5 * reg * (W**2).sum() for name, W in net.parameters.items() if name.startswith("W"))
    found = torch.autograd.grad(loss, list(net.parameters.values()), allow_unused=True)
    zeros = lambda w, g: np.zeros(w.shape) if g is None else g.numpy()
    return loss.item(), scores, {name: zeros(w, g) for (name, w), g in zip(net.parameters.items(), found)}
