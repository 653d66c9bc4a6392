"""Convolution windows as columns: lamina.im2col."""
from lamina.im2col import *
