"""A net of PyTorch from lamina's text of a net (docs/nets.md), for the blocks that the benchmarks use."""
import math

import torch
import torch.nn as nn


class Residual(nn.Module):
    def __init__(self, blocks, shortcut):
        super().__init__()
        self.blocks, self.shortcut = blocks, shortcut

    def forward(self, x):
        return self.blocks(x) + (self.shortcut(x) if self.shortcut else x)


def pair(text):
    sides = [int(side) for side in text.split("x")]
    return (sides[0], sides[-1])


class Reader:
    """Makes the modules of a list of blocks; `shape` is that of one example behind the blocks made so far."""

    def __init__(self, text, shape):
        self.words = text.replace("(", " ( ").replace(")", " ) ").replace("|", " | ").split()
        self.shape = shape

    def blocks(self):
        """The blocks up to the end of the text or of a list in parentheses."""
        made = []
        while self.words and self.words[0] != ")":
            word = self.words.pop(0)
            if word != "|":
                made += getattr(self, word)()
        return nn.Sequential(*made)

    def list(self, shape):
        self.words.pop(0)
        self.shape = shape
        blocks = self.blocks()
        self.words.pop(0)
        return blocks

    def option(self, word, absent):
        end = next((i for i, w in enumerate(self.words) if w in "|()"), len(self.words))
        if word not in self.words[:end]:
            return absent
        at = self.words.index(word)
        return [self.words.pop(at), self.words.pop(at)][1]

    def through(self, module):
        with torch.no_grad():
            self.shape = tuple(module.eval()(torch.zeros(1, *self.shape)).shape[1:])
        return [module.train()]

    def conv(self):
        filters, size = int(self.words.pop(0)), pair(self.words.pop(0))
        same = f"{(size[0] - 1) // 2}x{(size[1] - 1) // 2}"
        options = {name: pair(self.option(word, absent)) for name, word, absent in
                   [("stride", "stride", "1"), ("padding", "pad", same), ("dilation", "dilation", "1")]}
        groups, bias = int(self.option("groups", "1")), self.words[:1] != ["no_bias"]
        if not bias:
            self.words.pop(0)
        return self.through(nn.Conv2d(self.shape[0], filters, size, groups=groups, bias=bias, **options))

    def affine(self):
        flat = [nn.Flatten()] if len(self.shape) > 1 else []
        return self.through(nn.Sequential(*flat, nn.Linear(math.prod(self.shape), int(self.words.pop(0)))))

    def batchnorm(self):
        return [nn.BatchNorm2d(self.shape[0]) if len(self.shape) == 3 else nn.BatchNorm1d(self.shape[0])]

    def relu(self):
        return [nn.ReLU()]

    def max_pool(self):
        size = int(self.words.pop(0))
        return self.through(nn.MaxPool2d(size, int(self.option("stride", size))))

    def global_average_pool(self):
        return self.through(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))

    def repeat(self):
        times, words, shape = int(self.words.pop(0)), self.words, self.shape
        made = []
        for _ in range(times):
            self.words = list(words)
            made += self.list(self.shape if made else shape)
        return made

    def residual(self):
        shape = self.shape
        blocks, shortcut = self.list(shape), None
        if self.words[:1] == ["shortcut"]:
            self.words.pop(0)
            shortcut = self.list(shape)
        return [Residual(blocks, shortcut)]


def net_of_text(text, shape):
    """The net for examples of `shape`, (C, H, W) or (D,)."""
    return Reader(text, shape).blocks()
