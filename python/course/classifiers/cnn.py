"""Convolutional nets, and the layers: lamina.nets."""
import numpy as np
from lamina.fast_layers import *
from lamina.layer_utils import *
from lamina.layers import *
from lamina.nets import ConvNet, ThreeLayerConvNet
from lamina import _own

__getattr__ = _own.names_of(__name__)
