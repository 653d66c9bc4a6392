"""Several layers in one call: lamina.layer_utils."""
from lamina.fast_layers import *
from lamina.layer_utils import *
from lamina.layers import *
from lamina import _own

__getattr__ = _own.names_of(__name__)
