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


def convnet(filters, stride):
    layers, channels, size = [], 3, 32
    for count, k in zip(filters, (7, 7, 3)):
        layers += [nn.Conv2d(channels, count, k, stride=stride, padding=(k - 1) // 2), nn.BatchNorm2d(count), nn.ReLU()]
        channels, size = count, (size - 1) // stride + 1
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(channels * (size // 2) ** 2, 10))


def fully_connected(hidden, norm=False, keep=1.0):
    layers, dim = [nn.Flatten()], 3072
    for h in hidden:
        layers += [nn.Linear(dim, h)] + ([nn.BatchNorm1d(h)] if norm else []) + [nn.ReLU()]
        layers += [nn.Dropout(1 - keep)] if keep < 1 else []
        dim = h
    return nn.Sequential(*layers, nn.Linear(dim, 10))


CASES = {  # name: (net, update rule, batch size)
    "n1": (lambda: convnet((16, 32, 64), 1), "sgd_momentum", 1),
    "n32": (lambda: convnet((16, 32, 64), 1), "sgd_momentum", 32),
    "n128": (lambda: convnet((16, 32, 64), 1), "sgd_momentum", 128),
    "a1": (lambda: convnet((16, 32, 64), 2), "sgd_momentum", 1),
    "a32": (lambda: convnet((16, 32, 64), 2), "sgd_momentum", 32),
    "a128": (lambda: convnet((16, 32, 64), 2), "sgd_momentum", 128),
    "b128": (lambda: convnet((64, 128, 256), 2), "sgd_momentum", 128),
    "c1": (lambda: fully_connected([100] * 5), "sgd_momentum", 1),
    "c100": (lambda: fully_connected([100] * 5), "sgd_momentum", 100),
    "c128": (lambda: fully_connected([100] * 5), "sgd_momentum", 128),
    "d50": (lambda: fully_connected([50] * 7, norm=True), "adam", 50),
    "e100": (lambda: fully_connected([500], keep=0.75), "adam", 100),
}


class Training:
    def __init__(self, case, layout, precision, compiled):
        make, rule, self.batch = CASES[case]
        self.format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.net = make().to(memory_format=self.format) if layout == "channels_last" else make()
        self.bfloat16 = precision == "bfloat16"
        if rule == "adam":
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-4)
        else:
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-4, momentum=0.9)
        self.run = torch.compile(self.net) if compiled else self.net

    def batch_of(self, data, mean, rows):
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


def main():
    torch.manual_seed(1)
    data = torch.randint(0, 256, (10000, 3, 32, 32), dtype=torch.uint8)
    mean, labels = torch.full((3, 32, 32), 127.5), torch.randint(0, 10, (10000,))
    trainings = {}
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        key = (request["case"], request["layout"], request["precision"], request["compiled"])
        if key not in trainings:
            trainings[key] = Training(*key)
        training, seconds = trainings[key], []
        training.net.train(request["kind"] == "train")
        for _ in range(request["steps"]):
            start = time.perf_counter()
            if request["kind"] == "train":
                training.step(data, mean, labels)
            else:
                training.predict(data, mean)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "version": torch.__version__}), flush=True)


main()
