"""CIFAR-10: lamina.data."""
from lamina.data import *
