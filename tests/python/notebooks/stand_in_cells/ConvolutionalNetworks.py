# %% 2
import matplotlib.pyplot as plt
import numpy as np
from numpy.random import randn

from cs6353.classifiers.cnn import *
from cs6353.data_utils import get_CIFAR10_data
from cs6353.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from cs6353.layers import *
from cs6353.solver import Solver
# %matplotlib inline


def rel_error(a, b):
    return np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)))


def ramp(first, last, *shape):
    return np.linspace(first, last, int(np.prod(shape))).reshape(shape)


def check(names, forward, backward, inputs, dout):
    """Prints the error of each input's gradient."""
    for k, (name, got) in enumerate(zip(names, backward(dout, forward(*inputs)[1]))):
        numerical = eval_numerical_gradient_array(lambda a: forward(*inputs[:k], a, *inputs[k + 1:])[0], inputs[k], dout)
        print(name, "error: ", rel_error(got, numerical))


def moments(shape, x, axis):
    print("Shape: ", shape)
    print("Means: ", x.mean(axis=axis))
    print("Stds: ", x.std(axis=axis))


def draw(*histories):
    for history in histories:
        plt.plot(history, "-o")
    plt.show()
# %% 3
data = get_CIFAR10_data()
for name, array in data.items():
    print(name + ": ", array.shape)
# %% 4
x, w, b = ramp(-0.1, 0.5, 2, 3, 4, 4), ramp(-0.2, 0.3, 3, 3, 4, 4), ramp(-0.1, 0.2, 3)
out, _ = conv_forward_naive(x, w, b, {"stride": 2, "pad": 1})
padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
loops = np.array([[[[(padded[n, :, i:i + 4, j:j + 4] * w[f]).sum() + b[f] for j in (0, 2)] for i in (0, 2)] for f in range(3)]
                  for n in range(2)])
print("difference: ", rel_error(out, loops))
# %% 5
np.random.seed(231)
inputs = randn(4, 3, 5, 5), randn(2, 3, 3, 3), randn(2)
check(("dx", "dw", "db"), lambda *a: conv_forward_naive(*a, {"stride": 1, "pad": 1}), conv_backward_naive, inputs,
      randn(4, 2, 5, 5))
# %% 6
x = ramp(-0.3, 0.4, 2, 3, 4, 4)
out, _ = max_pool_forward_naive(x, {"pool_width": 2, "pool_height": 2, "stride": 2})
print("difference: ", rel_error(out, x.reshape(2, 3, 2, 2, 2, 2).max(axis=(3, 5))))
# %% 7
np.random.seed(231)
inputs, dout = (randn(3, 2, 8, 8),), randn(3, 2, 4, 4)
check(("dx",), lambda x: max_pool_forward_naive(x, {"pool_height": 2, "pool_width": 2, "stride": 2}),
      lambda dout, cache: [max_pool_backward_naive(dout, cache)], inputs, dout)
# %% 8
np.random.seed(231)
x = 4 * randn(2, 3, 4, 5) + 10
moments(x.shape, x, (0, 2, 3))
bn_param = {"mode": "train"}
for gamma, beta in (np.ones(3), np.zeros(3)), (np.array([3, 4, 5]), np.array([6, 7, 8])):
    out, _ = spatial_batchnorm_forward(x, gamma, beta, bn_param)
    moments(out.shape, out, (0, 2, 3))
# %% 9
np.random.seed(231)
bn_param = {"mode": "train"}
for _ in range(50):
    spatial_batchnorm_forward(2.3 * randn(10, 4, 11, 12) + 13, np.ones(4), np.zeros(4), bn_param)
bn_param["mode"] = "test"
out, _ = spatial_batchnorm_forward(2.3 * randn(10, 4, 11, 12) + 13, np.ones(4), np.zeros(4), bn_param)
print("means: ", out.mean(axis=(0, 2, 3)))
print("stds: ", out.std(axis=(0, 2, 3)))
# %% 10
np.random.seed(231)
inputs = 5 * randn(2, 3, 4, 5) + 12, randn(3), randn(3)
check(("dx", "dgamma", "dbeta"), lambda *a: spatial_batchnorm_forward(*a, {"mode": "train"}), spatial_batchnorm_backward, inputs,
      randn(2, 3, 4, 5))
# %% 11
np.random.seed(231)
x = 4 * randn(2, 6, 4, 5) + 10
moments(x.shape, x.reshape(4, -1), 1)
out, _ = spatial_groupnorm_forward(x, np.ones((1, 6, 1, 1)), np.zeros((1, 6, 1, 1)), 2, {"mode": "train"})
moments(out.shape, out.reshape(4, -1), 1)
# %% 12
np.random.seed(231)
inputs = 5 * randn(2, 6, 4, 5) + 12, randn(1, 6, 1, 1), randn(1, 6, 1, 1)
check(("dx", "dgamma", "dbeta"), lambda *a: spatial_groupnorm_forward(*a, 2, {}), spatial_groupnorm_backward, inputs,
      randn(2, 6, 4, 5))
# %% 13
model = ConvNet()
X = randn(50, 3, 32, 32)
y = np.random.randint(10, size=50)
print("Initial loss (no regularization): ", model.loss(X, y)[0])
print("log(10): ", np.log(10))
model.reg = 0.5
print("Initial loss (with regularization): ", model.loss(X, y)[0])
# %% 14
np.random.seed(231)
X = randn(2, 3, 8, 8)
y = np.random.randint(10, size=2)
model = ConvNet(input_dim=(3, 8, 8), dtype=np.float64)
loss, grads = model.loss(X, y)
for name in sorted(grads):
    numerical = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False, h=1e-6)
    print("%s max relative error: %e" % (name, rel_error(numerical, grads[name])))
# %% 15
np.random.seed(231)
hundred = {key: array[:100] if "train" in key else array for key, array in data.items()}
model = ConvNet(num_filters=[16, 32], filter_sizes=[7, 3], weight_scale=1e-2)
solver = Solver(model, hundred, num_epochs=5, batch_size=20, update_rule="sgd_momentum", optim_config={"learning_rate": 1e-2},
                verbose=True, print_every=10)
solver.train()
# %% 16
draw(solver.loss_history, solver.val_acc_history)
# %% 17
thousand = {key: array[:1000] for key, array in data.items()}
model = ConvNet(weight_scale=0.01, reg=0.000001, use_batch_norm=True, num_filters=[16, 32, 64], filter_sizes=[7, 7, 3])
solver = Solver(model, thousand, num_epochs=1, batch_size=32, update_rule="sgd_momentum",
                optim_config={"learning_rate": 5e-3, "lr_decay": 0.98}, verbose=True, print_every=50)
solver.train()
model.params.update(solver.best_params)
# %% 18
for part in "val", "test":
    print(part, (np.argmax(model.loss(data["X_" + part]), axis=1) == data["y_" + part]).mean())
draw(solver.train_acc_history)
# %% 19
from cs6353.vis_utils import visualize_grid
plt.imshow(visualize_grid(model.params["W_1"].transpose(0, 2, 3, 1)).astype("uint8"))
plt.show()
