"""Convolutional nets, and the layers: lamina.nets."""
import numpy as np
from lamina.fast_layers import *
from lamina.layer_utils import *
from lamina.layers import *
from lamina.nets import ConvNet, ThreeLayerConvNet
