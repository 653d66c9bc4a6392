"""Numerical gradients: lamina.gradient_check."""
from lamina.gradient_check import *
