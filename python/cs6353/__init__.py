"""The course's package, on lamina: its modules' names, lamina's code. A notebook's own folder cs6353 adds its modules."""
import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
