# %% 3
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
# %% 4
data = get_CIFAR10_data()
for name, array in data.items():
    print(name + ": ", array.shape)
# %% 5
np.random.seed(231)
x = randn(500, 500) + 10
for p in 0.25, 0.4, 0.7:
    trained, tested = (dropout_forward(x, {"mode": mode, "p": p})[0] for mode in ("train", "test"))
    print("p = ", p)
    print("Mean of input: ", x.mean())
    for mode, out in ("train", trained), ("test", tested):
        print(f"Mean of {mode}-time output: ", out.mean())
    for mode, out in ("train", trained), ("test", tested):
        print(f"Fraction of {mode}-time output set to zero: ", (out == 0).mean())
# %% 6
np.random.seed(231)
x = randn(10, 10) + 10
dout = randn(10, 10)
dropout_param = {"mode": "train", "p": 0.2, "seed": 123}
dx = dropout_backward(dout, dropout_forward(x, dropout_param)[1])
print("dx relative error: ", rel_error(dx, eval_numerical_gradient_array(lambda a: dropout_forward(a, dropout_param)[0], x, dout)))
# %% 7
np.random.seed(231)
X = randn(2, 15)
y = np.random.randint(10, size=2)
for dropout in 1, 0.75, 0.5:
    model = FullyConnectedNet([20, 30], input_dim=15, num_classes=10, weight_scale=5e-2, dtype=np.float64, dropout=dropout,
                              seed=123)
    loss, grads = model.loss(X, y)
    print("Initial loss: ", loss)
    for name in sorted(grads):
        numerical = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False, h=1e-5)
        print("%s relative error: %.2e" % (name, rel_error(numerical, grads[name])))
# %% 8
np.random.seed(231)
five_hundred = {key: array[:500] if "train" in key else array for key, array in data.items()}
solvers = {}
for dropout in 1, 0.25:
    model = FullyConnectedNet([500], dropout=dropout)
    solvers[dropout] = Solver(model, five_hundred, num_epochs=25, batch_size=100, update_rule="adam",
                              optim_config={"learning_rate": 5e-4}, verbose=True, print_every=100)
    solvers[dropout].train()
# %% 9
for dropout, solver in solvers.items():
    plt.plot(solver.train_acc_history, "o", label=f"train, keeps {dropout}")
    plt.plot(solver.val_acc_history, "x", label=f"val, keeps {dropout}")
plt.legend()
plt.show()
