"""lamina: the neural networks of the course's notebooks, computed by a C++ library on NumPy arrays.

The modules have the course's names, and their functions its signatures and return values:

    layers          affine, ReLU, normalizations, dropout, convolution, pooling, losses
    layer_utils     several layers in one call, such as affine_relu_forward
    fast_layers     convolution and pooling, fast
    optim           update rules: sgd, sgd_momentum, rmsprop, adam, adagrad, adamw
    gradient_check  numerical gradients
    nets            TwoLayerNet, FullyConnectedNet, ConvNet, ThreeLayerConvNet, Sequential
    solver          Solver, the training loop
    data            CIFAR-10 as arrays
    vis             images and filters in a grid
    im2col          convolution windows as columns, in NumPy
"""
from lamina import (_arguments, _core, data, fast_layers, gradient_check, im2col, layer_utils, layers, nets, optim, solver,
                    vis)
from lamina._core import __version__

__all__ = [
    "__version__", "num_threads", "set_num_threads", "data", "fast_layers", "gradient_check", "im2col", "layer_utils",
    "layers", "nets", "optim", "solver", "vis",
]


def num_threads() -> int:
    """The number of threads that a call uses: LAMINA_NUM_THREADS, else as many as the process may run on."""
    return _core.num_threads()


def set_num_threads(threads: int) -> None:
    """Uses this many threads from the next call on, 1 to 4096; 0 restores the default: LAMINA_NUM_THREADS, else as many
    as the process may run on.

    Results do not depend on it. ValueError for any other number.
    """
    threads = _arguments.as_whole("set_num_threads", "threads", threads)
    if not 0 <= threads <= 4096:
        raise ValueError(f"[set_num_threads] expected 0 to 4096 threads, got {threads}")
    _core.set_num_threads(threads)
