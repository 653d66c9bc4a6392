"""Layers: lamina.layers."""
from lamina.layers import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
