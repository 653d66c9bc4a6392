"""lamina: the neural networks of the course's notebooks, computed by a C++ library on NumPy arrays.

The modules have the course's names, and their functions its signatures and return values:

    layers          affine, ReLU, normalizations, dropout, convolution, pooling, losses
    layer_utils     several layers in one call, such as affine_relu_forward
    fast_layers     convolution and pooling, fast
    optim           update rules: sgd, sgd_momentum, rmsprop, adam
    gradient_check  numerical gradients
    nets            TwoLayerNet, FullyConnectedNet, ConvNet, ThreeLayerConvNet
    solver          Solver, the training loop
    data            CIFAR-10 as arrays
    vis             images and filters in a grid
    im2col          convolution windows as columns, in NumPy
"""
from lamina import data, fast_layers, gradient_check, im2col, layer_utils, layers, nets, optim, solver, vis
from lamina._core import __version__, num_threads, set_num_threads

__all__ = [
    "__version__", "num_threads", "set_num_threads", "data", "fast_layers", "gradient_check", "im2col", "layer_utils",
    "layers", "nets", "optim", "solver", "vis",
]
