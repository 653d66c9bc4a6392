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


def ramp(first, last, *shape):
    return np.linspace(first, last, int(np.prod(shape))).reshape(shape)


def check(forward, inputs, dout, gradients):
    """Prints the error of each input's gradient."""
    for k, name in enumerate(["dx", "dw", "db"][:len(inputs)]):
        numerical = eval_numerical_gradient_array(lambda a: forward(*inputs[:k], a, *inputs[k + 1:])[0], inputs[k], dout)
        print(name, "error: ", rel_error(numerical, gradients[k]))


def check_net(model, X, y, **options):
    grads = model.loss(X, y)[1]
    for name in sorted(grads):
        numerical = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False, **options)
        print("%s relative error: %.2e" % (name, rel_error(numerical, grads[name])))


def first(count):
    return {key: array[:count] if "train" in key else array for key, array in data.items() if "test" not in key}


def draw(*histories):
    for number, history in enumerate(histories, 1):
        plt.subplot(len(histories), 1, number)
        plt.plot(history, "-o")
    plt.show()
# %% 4
data = get_CIFAR10_data()
for name, array in data.items():
    print((name + ": ", array.shape))
# %% 5
out, _ = affine_forward(ramp(-0.1, 0.5, 2, 4, 5, 6), ramp(-0.2, 0.3, 120, 3), ramp(-0.3, 0.1, 3))
print("difference: ", rel_error(out, np.reshape(printed_values("affine_forward.correct_out"), (2, 3))))
# %% 6
np.random.seed(231)
inputs = randn(10, 2, 3), randn(6, 5), randn(5)
dout = randn(10, 5)
check(affine_forward, inputs, dout, affine_backward(dout, affine_forward(*inputs)[1]))
# %% 7
out, _ = relu_forward(ramp(-0.5, 0.5, 3, 4))
print("difference: ", rel_error(out, np.reshape(printed_values("relu_forward.correct_out"), (3, 4))))
# %% 8
np.random.seed(231)
inputs = (randn(10, 10),)
dout = randn(10, 10)
check(relu_forward, inputs, dout, [relu_backward(dout, relu_forward(*inputs)[1])])
# %% 9
from cs6353.layer_utils import affine_relu_backward, affine_relu_forward
np.random.seed(231)
inputs = randn(2, 3, 4), randn(12, 10), randn(10)
dout = randn(2, 10)
check(affine_relu_forward, inputs, dout, affine_relu_backward(dout, affine_relu_forward(*inputs)[1]))
# %% 10
np.random.seed(231)
x = 0.001 * randn(50, 10)
y = np.random.randint(10, size=50)
for function in svm_loss, softmax_loss:
    loss, dx = function(x, y)
    print("loss: ", loss)
    print("dx error: ", rel_error(eval_numerical_gradient(lambda x: function(x, y)[0], x, verbose=False), dx))
# %% 11
np.random.seed(231)
X = randn(3, 5)
y = np.random.randint(7, size=3)
model = TwoLayerNet(input_dim=5, hidden_dim=50, num_classes=7, weight_scale=1e-3)
assert abs(model.params["W1"].std() - 1e-3) < 1e-4 and abs(model.params["W2"].std() - 1e-3) < 1e-4
assert not model.params["b1"].any() and not model.params["b2"].any()
model.params.update(W1=ramp(-0.7, 0.3, 5, 50), b1=ramp(-0.1, 0.9, 50), W2=ramp(-0.3, 0.4, 50, 7), b2=ramp(-0.9, 0.1, 7))
X = ramp(-5.5, 4.5, 5, 3).T
scores = np.reshape(printed_values("two_layer_net.scores"), (3, 6))
assert np.abs(model.loss(X)[:, :6] - scores).sum() < 1e-6
y = np.array([0, 5, 1])
assert abs(model.loss(X, y)[0] - printed_value("two_layer_net.loss")) < 1e-10
model.reg = 1.0
assert abs(model.loss(X, y)[0] - printed_value("two_layer_net.loss_reg_1")) < 1e-10
for model.reg in 0.0, 0.7:
    check_net(model, X, y)
# %% 12
hidden = np.random.randint(100, 201)
reg = np.random.uniform(4, 8) * 10 ** -1
rate = np.random.uniform(1, 9) * 10.0 ** np.random.randint(-4, -3)
print(f"solver_hidden_dim: {hidden} solver_reg: {reg} solver_learning_rate: {rate}")
model = TwoLayerNet(hidden_dim=hidden, reg=reg)
best_solver = Solver(model, data, update_rule="sgd", optim_config={"learning_rate": rate}, lr_decay=0.95, num_epochs=1,
                     batch_size=100, print_every=10000)
best_solver.train()
# %% 13
draw(best_solver.loss_history, best_solver.val_acc_history)
# %% 14
np.random.seed(231)
X = randn(2, 15)
y = np.random.randint(10, size=2)
for reg in 0, 3.14:
    model = FullyConnectedNet([20, 30], input_dim=15, num_classes=10, reg=reg, weight_scale=5e-2, dtype=np.float64)
    print("Initial loss: ", model.loss(X, y)[0])
    check_net(model, X, y, h=1e-5)
# %% 15
def overfit(hidden, scale, rate):
    model = FullyConnectedNet(hidden, weight_scale=scale, dtype=np.float64)
    solver = Solver(model, first(50), print_every=10, num_epochs=20, batch_size=25, update_rule="sgd",
                    optim_config={"learning_rate": rate})
    solver.train()
    draw(solver.loss_history)


overfit([100] * 2, 2.2e-2, 1e-2)
# %% 16
overfit([100] * 4, 5.2e-2, 2.2e-2)
# %% 17
from cs6353.optim import sgd_momentum
config = {"learning_rate": 1e-3, "velocity": ramp(0.6, 0.9, 4, 5)}
w, dw, v = ramp(-0.4, 0.6, 4, 5), ramp(-0.6, 0.4, 4, 5), 0.9 * ramp(0.6, 0.9, 4, 5)
next_w, _ = sgd_momentum(w.copy(), dw, config=config)
print("next_w error: ", rel_error(next_w, w + v - 1e-3 * dw))
print("velocity error: ", rel_error(config["velocity"], v - 1e-3 * dw))
# %% 18
histories = []
for rule in "sgd", "sgd_momentum":
    solver = Solver(FullyConnectedNet([100] * 5, weight_scale=5e-2), first(4000), num_epochs=5, batch_size=100, update_rule=rule,
                    optim_config={"learning_rate": 1e-2}, verbose=True)
    solver.train()
    histories.append(solver.loss_history)
draw(*histories)
# %% 19
reg = np.random.uniform(1, 8) * 10 ** -2
rate = np.random.uniform(1, 9) * 10.0 ** np.random.randint(-4, -3)
keep = np.random.uniform(6, 8) * 10 ** -1
epochs = np.random.randint(10, 21)
print(f"solver_reg: {reg} solver_learning_rate: {rate} dropout is: {keep} epoch: {epochs}")
best_model = FullyConnectedNet([100] * 4, reg=reg, dropout=keep)
best_solver = Solver(best_model, data, update_rule="sgd_momentum", optim_config={"learning_rate": rate}, lr_decay=0.95,
                     num_epochs=1, batch_size=200, print_every=10000)
best_solver.train()
# %% 20
for part in "val", "test":
    print(part, (np.argmax(best_model.loss(data["X_" + part]), axis=1) == data["y_" + part]).mean())
draw(best_solver.loss_history, best_solver.train_acc_history)
