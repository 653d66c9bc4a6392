"""ResNet-20 (examples/resnet20.toml) in lamina and in PyTorch, from the same weights and on the same mini-batches, step by
step in turns: how far apart the losses of the first steps are, and the accuracies after some epochs.

    ./run python    # builds the package
    PYTHONPATH=build/release/python /usr/bin/python3 bench/resnet20.py FOLDER [EPOCHS]    # needs Debian's python3-torch

FOLDER holds CIFAR-10. Each side's updates are momentum's with Nesterov's step, in float32."""
import os
import re
import sys
import time

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "tests", "python"))

from torch_nets import TorchNet, gradients  # noqa: E402

from lamina.data import load_CIFAR10  # noqa: E402
from lamina.nets import Sequential  # noqa: E402

BATCH, RATE, MOMENTUM, DECAY, SHIFT, COMPARED = 128, 0.1, 0.9, 1e-4, 4, 50


def data(folder):
    """Training images as bytes (N, 3, 32, 32) and labels, validation images with the mean subtracted, and the mean."""
    X, y, _, _ = load_CIFAR10(folder)
    X = X.transpose(0, 3, 1, 2).astype(np.uint8)
    mean = X[:49000].mean(axis=0, dtype=np.float64).astype(np.float32)
    return X[:49000], y[:49000], X[49000:] - mean, y[49000:], mean


def mini_batch(X, y, rows, mean):
    """These examples, each mirrored every other time and moved by up to SHIFT pixels each way."""
    images = np.zeros((len(rows), 3, 32 + 2 * SHIFT, 32 + 2 * SHIFT), np.float32)
    images[:, :, SHIFT:-SHIFT, SHIFT:-SHIFT] = X[rows] - mean
    out = np.empty((len(rows), 3, 32, 32), np.float32)
    for image, to in zip(images, out):
        down, right = np.random.randint(0, 2 * SHIFT + 1, 2)
        moved = image[:, down:down + 32, right:right + 32]
        to[...] = moved[..., ::-1] if np.random.rand() < 0.5 else moved
    return out, y[rows]


def rate_at(step, steps):
    """One cycle: up from a 25th for 30% of the steps, then down along half a cosine."""
    warm = max(1, int(0.3 * steps))
    if step < warm:
        return RATE * (1 / 25 + 24 / 25 * (step + 1) / warm)
    return RATE * (1 + np.cos(np.pi * (step - warm) / (steps - warm))) / 2


class Update:
    """Of NumPy arrays and of PyTorch's tensors alike, in place."""

    def __init__(self, params):
        self.velocity = {name: 0 * w for name, w in params.items()}

    def __call__(self, params, grads, rate):
        for name, w in params.items():
            if name.startswith("W"):
                w *= 1 - rate * DECAY
            v = self.velocity[name]
            v *= MOMENTUM
            v -= rate * grads[name]
            w += MOMENTUM * v - rate * grads[name]


def main():
    folder, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with open(os.path.join(HERE, "..", "examples", "resnet20.toml"), encoding="utf-8") as file:
        text = " ".join(re.search('net = """(.*?)"""', file.read(), re.S).group(1).split())
    np.random.seed(231)
    X, y, X_val, y_val, mean = data(folder)
    ours = Sequential(text, (3, 32, 32), dtype=np.float32)
    theirs = TorchNet(text, {name: torch.from_numpy(w.copy()).requires_grad_() for name, w in ours.params.items()})
    plain = {name: w.detach() for name, w in theirs.parameters.items()}  # the same memory
    updates = Update(ours.params), Update(plain)
    per_epoch = len(X) // BATCH
    steps, worst, seconds = epochs * per_epoch, 0.0, [0.0, 0.0]
    for step in range(steps):
        if step % per_epoch == 0:
            order = np.random.permutation(len(X))
        at = step % per_epoch * BATCH
        images, labels = mini_batch(X, y, order[at:at + BATCH], mean)
        rate = np.float32(rate_at(step, steps))
        began = time.perf_counter()
        loss, grads = ours.loss(images, labels)
        between = time.perf_counter()
        their_loss, _, their_grads = gradients(theirs, torch.from_numpy(images), torch.from_numpy(labels), 0, None)
        ended = time.perf_counter()
        seconds[0] += between - began
        seconds[1] += ended - between
        updates[0](ours.params, grads, rate)
        updates[1](plain, {name: torch.from_numpy(g) for name, g in their_grads.items()}, float(rate))
        if step < COMPARED:
            worst = max(worst, abs(loss - their_loss) / abs(their_loss))
        if step + 1 in (10, COMPARED):
            print(f"losses of the first {step + 1} steps: at most {worst:.1e} apart, relative", flush=True)
        if (step + 1) % per_epoch:
            continue
        right = np.zeros(2)
        for first in range(0, len(X_val), 100):
            images, labels = X_val[first:first + 100].astype(np.float32), y_val[first:first + 100]
            with torch.no_grad():
                their_scores = theirs.scores(torch.from_numpy(images), False).numpy()
            for side, scores in enumerate((ours.loss(images), their_scores)):
                right[side] += np.sum(scores.argmax(1) == labels)
        print(f"epoch {(step + 1) // per_epoch}: loss {loss:.4f} and {their_loss:.4f}, validation accuracy "
              f"{right[0] / len(X_val):.4f} of lamina, {right[1] / len(X_val):.4f} of PyTorch; forward and backward so far "
              f"{seconds[0]:.0f} s and {seconds[1]:.0f} s", flush=True)


if __name__ == "__main__":
    main()
