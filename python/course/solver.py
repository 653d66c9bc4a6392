"""The training loop: lamina.solver."""
from lamina.solver import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
