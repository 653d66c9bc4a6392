# %% 3
import time

import matplotlib.pyplot as plt
import numpy as np
from numpy.random import randn

from cs6353.classifiers.fc_net import *
from cs6353.data_utils import get_CIFAR10_data
from cs6353.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from cs6353.solver import Solver
# %matplotlib inline
# %load_ext autoreload
# %autoreload 2


def rel_error(a, b):
    return np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)))


def moments(x, axis=0):
    print("means: ", x.mean(axis=axis))
    print("stds: ", x.std(axis=axis))


def check(forward, backward, x, gamma, beta, dout):
    """Prints the errors of a normalization's three gradients."""
    inputs = x, gamma, beta
    for k, (name, got) in enumerate(zip(("dx", "dgamma", "dbeta"), backward(dout, forward(*inputs)[1]))):
        numerical = eval_numerical_gradient_array(lambda a: forward(*inputs[:k], a, *inputs[k + 1:])[0], inputs[k].copy(), dout)
        print(name, "error: ", rel_error(numerical, got))


def check_net(model, X, y):
    grads = model.loss(X, y)[1]
    for name in sorted(grads):
        numerical = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False, h=1e-5)
        print("%s relative error: %.2e" % (name, rel_error(numerical, grads[name])))


def train(model, epochs, batch_size=50, rate=1e-3, **options):
    solver = Solver(model, thousand, num_epochs=epochs, batch_size=batch_size, update_rule="adam",
                    optim_config={"learning_rate": rate}, **options)
    solver.train()
    return solver


def draw(*histories):
    for history in histories:
        plt.plot(history, "-o")
    plt.show()
# %% 4
data = get_CIFAR10_data()
thousand = {key: array[:1000] for key, array in data.items()}
for name, array in data.items():
    print(name + ": ", array.shape)
# %% 5
np.random.seed(231)
X, W1, W2 = randn(200, 50), randn(50, 60), randn(60, 3)
a = np.maximum(0, X @ W1) @ W2
moments(a)
moments(batchnorm_forward(a, np.ones(3), np.zeros(3), {"mode": "train"})[0])
moments(batchnorm_forward(a, np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0]), {"mode": "train"})[0])
# %% 6
np.random.seed(231)
W1, W2 = randn(50, 60), randn(60, 3)
bn_param = {"mode": "train"}
for _ in range(50):
    batchnorm_forward(np.maximum(0, randn(200, 50) @ W1) @ W2, np.ones(3), np.zeros(3), bn_param)
bn_param["mode"] = "test"
moments(batchnorm_forward(np.maximum(0, randn(200, 50) @ W1) @ W2, np.ones(3), np.zeros(3), bn_param)[0])
# %% 7
np.random.seed(231)
x, gamma, beta, dout = 5 * randn(4, 5) + 12, randn(5), randn(5), randn(4, 5)
bn_param = {"mode": "train"}
check(lambda *inputs: batchnorm_forward(*inputs, bn_param), batchnorm_backward, x, gamma, beta, dout)
# %% 8
np.random.seed(231)
x, gamma, beta, dout = 5 * randn(100, 500) + 12, randn(500), randn(500), randn(100, 500)
_, cache = batchnorm_forward(x, gamma, beta, {"mode": "train"})
times = [time.time()]
one = batchnorm_backward(dout, cache)
times.append(time.time())
other = batchnorm_backward_alt(dout, cache)
times.append(time.time())
for name, a, b in zip(("dx", "dgamma", "dbeta"), one, other):
    print(name, "difference: ", rel_error(a, b))
print("times:", np.diff(times))
# %% 9
np.random.seed(231)
X = randn(2, 15)
y = np.random.randint(10, size=2)
for reg in 0, 3.14:
    model = FullyConnectedNet([20, 30], input_dim=15, num_classes=10, reg=reg, weight_scale=5e-2, dtype=np.float64,
                              normalization="batchnorm")
    print("Initial loss: ", model.loss(X, y)[0])
    check_net(model, X, y)
# %% 10
np.random.seed(231)
models = [FullyConnectedNet([100] * 5, weight_scale=2e-2, normalization=kind) for kind in ("batchnorm", None)]
solvers = [train(model, 10, verbose=True, print_every=20) for model in models]
# %% 11
draw(*(solver.loss_history for solver in solvers))
# %% 12
np.random.seed(231)
best = {}
for scale in np.logspace(-4, 0, num=5):
    models = [FullyConnectedNet([50] * 7, weight_scale=scale, normalization=kind) for kind in ("batchnorm", None)]
    best[scale] = [train(model, 1, verbose=False, print_every=200).best_val_acc for model in models]
# %% 13
plt.semilogx(list(best), list(best.values()))
plt.show()
# %% 14
def by_batch_size(kind):
    np.random.seed(231)
    solvers = []
    for kind, size in [(None, 5), (kind, 5), (kind, 10), (kind, 50)]:
        print(f"{'Normalization' if kind else 'No normalization'}: batch size = ", size)
        model = FullyConnectedNet([100] * 5, weight_scale=2e-2, normalization=kind)
        solvers.append(train(model, 1, batch_size=size, rate=10 ** -3.5, verbose=False))
    return solvers


solvers = by_batch_size("batchnorm")
# %% 15
draw(*(solver.train_acc_history for solver in solvers))
# %% 16
np.random.seed(231)
X, W1, W2 = randn(4, 50), randn(50, 60), randn(60, 3)
a = np.maximum(0, X @ W1) @ W2
moments(a, axis=1)
moments(layernorm_forward(a, np.ones(3), np.zeros(3), {"mode": "train"})[0], axis=1)
moments(layernorm_forward(a, np.array([3.0, 3.0, 3.0]), np.array([5.0, 5.0, 5.0]), {"mode": "train"})[0], axis=1)
# %% 17
np.random.seed(231)
x, gamma, beta, dout = 5 * randn(4, 5) + 12, randn(5), randn(5), randn(4, 5)
check(lambda *inputs: layernorm_forward(*inputs, {}), layernorm_backward, x, gamma, beta, dout)
# %% 18
solvers = by_batch_size("layernorm")
draw(*(solver.val_acc_history for solver in solvers))
