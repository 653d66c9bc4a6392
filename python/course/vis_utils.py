"""Pictures in a grid: lamina.vis."""
from lamina.vis import *
