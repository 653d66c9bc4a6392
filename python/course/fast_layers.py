"""Convolution and pooling: lamina.fast_layers."""
from lamina.fast_layers import *
from lamina.im2col import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
