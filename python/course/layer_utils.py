"""Several layers in one call: lamina.layer_utils."""
from lamina.fast_layers import *
from lamina.layer_utils import *
from lamina.layers import *
