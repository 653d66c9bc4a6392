"""The nets. A notebook's own module may lie in a folder classifiers of a package of this name elsewhere on sys.path."""
import pkgutil

from lamina import _own

__path__ = pkgutil.extend_path(__path__, __name__)
__getattr__ = _own.names_of(__name__)
