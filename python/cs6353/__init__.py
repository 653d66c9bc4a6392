"""The course's package, on lamina: its modules' names, lamina's code.

Where it is found first, or another folder cs6353 on sys.path has no __init__.py, that folder adds its modules.
"""
import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
