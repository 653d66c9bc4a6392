"""lamina: the neural networks of the course's notebooks, computed by a C++ library on NumPy arrays.

The modules have the course's names, and their functions its signatures and return values:

    layers          affine, ReLU, normalizations, dropout, convolution, pooling, losses
    layer_utils     several layers in one call, such as affine_relu_forward
    fast_layers     convolution and pooling, fast
    optim           update rules: sgd, sgd_momentum, rmsprop, adam
    gradient_check  numerical gradients
    nets            TwoLayerNet, FullyConnectedNet, ConvNet, ThreeLayerConvNet
    solver          Solver, the training loop
"""
from lamina import fast_layers, gradient_check, layer_utils, layers, nets, optim, solver
from lamina._core import __version__, num_threads, set_num_threads

__all__ = [
    "__version__", "num_threads", "set_num_threads", "fast_layers", "gradient_check", "layer_utils", "layers", "nets",
    "optim", "solver",
]
