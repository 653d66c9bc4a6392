"""What a student added to a module of the course, which lamina's module of that name does not have.

Such a module lies in another folder of the package's name on sys.path, behind lamina's, which hides it. Where a name is
not found in lamina's module, it is looked up there.
"""
from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Callable

_loaded: dict[str, ModuleType | None] = {}  # by the path of a student's module; None where it cannot be loaded


def _load(module: str, path: str) -> ModuleType | None:
    """The student's module, run once under another name. An error in it is told, and the module counts as empty."""
    if path in _loaded:
        return _loaded[path]
    _loaded[path] = None  # for what is imported from it while it runs
    name = module.rpartition(".")[0] + "._own_" + module.rpartition(".")[2]
    package = os.path.basename(path) == "__init__.py"
    spec = importlib.util.spec_from_file_location(name, path,
                                                  submodule_search_locations=[os.path.dirname(path)] if package else None)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    try:
        spec.loader.exec_module(found)
    except Exception as error:
        print(f"lamina: {path} could not be imported, so {module} has lamina's names alone: "
              f"{type(error).__name__}: {error}", file=sys.stderr)
        return None
    _loaded[path] = found
    return found


def _others(module: str) -> list[ModuleType]:
    """The student's modules of this name."""
    package, _, stem = module.rpartition(".")
    ours = sys.modules[module].__file__ or ""
    found = []
    for folder in sys.modules[package].__path__:
        for path in (os.path.join(folder, stem + ".py"), os.path.join(folder, stem, "__init__.py")):
            if os.path.isfile(path) and not os.path.samefile(path, ours):
                other = _load(module, path)
                if other is not None:
                    found.append(other)
    return found


def _public(names: dict[str, Any]) -> list[str]:
    return list(names.get("__all__", [name for name in names if not name.startswith("_")]))


def names_of(module: str) -> Callable[[str], Any]:
    """The function __getattr__ of one of the course's modules: what the student's module of that name has."""
    def find(name: str) -> Any:
        if name == "__all__":  # from module import *
            every = [_public(vars(sys.modules[module])), *(_public(vars(other)) for other in _others(module))]
            return list(dict.fromkeys(name for names in every for name in names))
        if not name.startswith("__"):
            for other in _others(module):
                if name in vars(other):
                    return vars(other)[name]
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return find
