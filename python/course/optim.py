"""Update rules: lamina.optim."""
from lamina.optim import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
