"""Pictures in a grid: lamina.vis."""
from lamina.vis import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
