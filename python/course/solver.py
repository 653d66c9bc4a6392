"""The training loop: lamina.solver."""
from lamina.solver import *
