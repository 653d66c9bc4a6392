"""Layers: lamina.layers."""
from lamina.layers import *
