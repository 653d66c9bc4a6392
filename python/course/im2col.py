"""Convolution windows as columns: lamina.im2col."""
from lamina.im2col import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
