"""Training steps and predictions of PyTorch, for bench/bench.py: the same requests and answers as bench/steps.cc.

Each request also has "layout" (contiguous or channels_last), "precision" (float32 or bfloat16) and "compiled".
A step draws its rows, gathers bytes, converts them and subtracts the mean, runs forward and backward, and updates.
"""
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from nets import CASES, IMAGES, TEXTS
from torch_net import net_of_text


LAYERS = {
    "conv": lambda channels, count, k, stride: nn.Conv2d(channels, count, k, stride=stride, padding=(k - 1) // 2),
    "spatial_batchnorm": nn.BatchNorm2d,
    "batchnorm": nn.BatchNorm1d,
    "relu": nn.ReLU,
    "dropout": lambda keep: nn.Dropout(1 - keep),
    "max_pool": lambda: nn.MaxPool2d(2),
    "affine": nn.Linear,
}


def net_of(layers):
    made = []
    for kind, *sizes in layers:
        if kind == "affine" and not any(isinstance(m, nn.Flatten) for m in made):
            made.append(nn.Flatten())
        made.append(LAYERS[kind](*sizes))
    return nn.Sequential(*made)


class Training:
    def __init__(self, case, layout, precision, compiled):
        self.format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        if case in TEXTS:
            (text, self.batch, self.shape), rule = TEXTS[case], "sgd_momentum"
            self.net = net_of_text(text, self.shape)
        else:
            (layers, rule, self.batch), self.shape = CASES[case], IMAGES
            self.net = net_of(layers)
        if layout == "channels_last":
            self.net = self.net.to(memory_format=self.format)
        self.rows_of_table = torch.randn(10000, *self.shape) if self.shape != IMAGES else None
        self.bfloat16 = precision == "bfloat16"
        if rule == "adam":
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-4)
        else:
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-4, momentum=0.9)
        self.run = torch.compile(self.net) if compiled else self.net

    def batch_of(self, data, mean, rows):
        if self.shape != IMAGES:
            return self.rows_of_table[rows]
        X = data[rows].to(torch.float32).sub_(mean)
        return X.contiguous(memory_format=torch.channels_last) if self.format is torch.channels_last else X

    def forward(self, X):
        if not self.bfloat16:
            return self.run(X)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.run(X)

    def step(self, data, mean, labels):
        rows = torch.randint(len(data), (self.batch,))
        loss = F.cross_entropy(self.forward(self.batch_of(data, mean, rows)).float(), labels[rows])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def predict(self, data, mean):
        with torch.no_grad():
            return self.forward(self.batch_of(data, mean, torch.arange(self.batch))).float()


def times(training, request, data, mean, labels):
    training.net.train(request["kind"] == "train")
    seconds = []
    for _ in range(request["steps"]):
        start = time.perf_counter()
        if request["kind"] == "train":
            training.step(data, mean, labels)
        else:
            training.predict(data, mean)
        seconds.append(time.perf_counter() - start)
    return seconds


def main():
    torch.manual_seed(1)
    data = torch.randint(0, 256, (10000, 3, 32, 32), dtype=torch.uint8)
    mean, labels = torch.full((3, 32, 32), 127.5), torch.randint(0, 10, (10000,))
    trainings = {}
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        key = (request["case"], request["layout"], request["precision"], request["compiled"])
        try:
            if key not in trainings:
                trainings[key] = Training(*key)
            print(json.dumps({"seconds": times(trainings[key], request, data, mean, labels)}), flush=True)
        except Exception as error:  # a way that this PyTorch does not have
            print(json.dumps({"error": f"{type(error).__name__}: {str(error).strip()[:200]}"}), flush=True)


main()
