"""The course's package, on lamina: its modules' names, lamina's code. It is installed twice, as cs6353 and as cs231n.

Where it is found first, or another folder of its name on sys.path has no __init__.py, that folder adds its modules; and
names that a student added to a module of the course are found although lamina's module of that name comes first
(lamina._own).
"""
import pkgutil

from lamina import _own

__path__ = pkgutil.extend_path(__path__, __name__)
__getattr__ = _own.names_of(__name__)
