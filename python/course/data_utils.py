"""CIFAR-10: lamina.data."""
from lamina.data import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
