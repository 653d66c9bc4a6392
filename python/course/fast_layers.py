"""Convolution and pooling: lamina.fast_layers."""
from lamina.fast_layers import *
from lamina.im2col import *
