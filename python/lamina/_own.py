"""What a student added to a module of the course, which lamina's module of that name does not have.

Such a module lies in another folder of the package's name on sys.path, behind lamina's, which hides it. Where a name is
not found in lamina's module, the student's file is run, once, under the module's own name but with names of its own: its
classes and functions are pickled as what they are called, and use one another, also those that lamina's hide.
"""
from __future__ import annotations

import importlib.util
import os
import sys
from types import FunctionType, ModuleType
from typing import Any, Callable

_others: dict[str, ModuleType] = {}  # the students' modules that have run or are running, by name
_running: set[str] = set()
_told: dict[str, tuple[str, int]] = {}  # by path: the error that was told last, and the file's time then


def _path(module: str) -> str | None:
    """The student's file of this module."""
    ours = sys.modules[module]
    if hasattr(ours, "__path__"):
        paths = [os.path.join(folder, "__init__.py") for folder in ours.__path__]
    else:
        package, _, stem = module.rpartition(".")
        paths = [os.path.join(folder, name) for folder in sys.modules[package].__path__
                 for name in (os.path.join(stem, "__init__.py"), stem + ".py")]
    assert ours.__spec__ is not None and ours.__spec__.origin is not None
    for path in paths:
        if os.path.isfile(path) and not os.path.samefile(path, ours.__spec__.origin):
            return path
    return None


def _is_own(module: str, value: Any) -> bool:
    """Whether it is a class or function that the student's file defines."""
    return isinstance(value, (type, FunctionType)) and value.__module__ == module


def _run(module: str, path: str) -> ModuleType:
    """Runs the student's file, a further time with the same names as reload does. Lamina's module gets what it defines."""
    folder = [os.path.dirname(path)] if os.path.basename(path) == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(module, path, submodule_search_locations=folder)
    assert spec is not None and spec.loader is not None
    first = module not in _others
    other = _others.setdefault(module, importlib.util.module_from_spec(spec))
    _running.add(module)
    try:
        spec.loader.exec_module(other)
    except BaseException:
        if first:
            del _others[module]
        raise
    finally:
        _running.remove(module)
    ours = vars(sys.modules[module])
    for name, value in vars(other).items():
        if _is_own(module, value) and (name not in ours or _is_own(module, ours[name])):
            ours[name] = value  # IPython's autoreload renews what it finds here
    return other


def _other(module: str) -> ModuleType | None:
    """The student's module, run if it has not yet. An error in it is told, and the module counts as empty till then."""
    path = None if module in _others else _path(module)
    if path is None:
        return _others.get(module)
    try:
        return _run(module, path)
    except Exception as error:
        told = (f"lamina: {path} could not be imported, so {module} has lamina's names alone: "
                f"{type(error).__name__}: {error}", os.stat(path).st_mtime_ns)
        if _told.get(path) != told:
            print(told[0], file=sys.stderr)
        _told[path] = told
        return None


def _public(names: dict[str, Any]) -> list[str]:
    return list(names.get("__all__", [name for name in names if not name.startswith("_")]))


def names_of(module: str) -> Callable[[str], Any]:
    """The function __getattr__ of one of the course's modules: what the student's module of that name has.

    When lamina's module is reloaded, the student's is too, if it has run.
    """
    ours, path = sys.modules[module], _path(module)
    if path is not None and not hasattr(ours, "__path__"):
        ours.__file__ = path  # where autoreload looks for edits
        if os.path.basename(path) == "__init__.py":
            ours.__path__ = [os.path.dirname(path)]
    if path is not None and module in _others and module not in _running:
        _run(module, path)

    def find(name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        other = _other(module)
        if name == "__all__":  # from module import *
            lamina = {name: value for name, value in vars(sys.modules[module]).items() if not _is_own(module, value)}
            return list(dict.fromkeys([*_public(lamina), *(_public(vars(other)) if other else [])]))
        if other is None or name not in vars(other):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return vars(other)[name]
    return find
