"""Update rules: lamina.optim."""
from lamina.optim import *
