"""Numerical gradients: lamina.gradient_check."""
from lamina.gradient_check import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
