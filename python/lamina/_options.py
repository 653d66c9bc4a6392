"""Options that nets and Solver have besides the course's: C++ knows their names, defaults and meanings."""
from __future__ import annotations

import textwrap
from typing import Any, Iterable


def without(described: Iterable[tuple[str, Any, str]], names: Iterable[str]) -> list[tuple[str, Any, str]]:
    """Those of other names."""
    left_out = set(names)
    return [option for option in described if option[0] not in left_out]


def help_text(described: Iterable[tuple[str, Any, str]], indent: int, width: int) -> str:
    """An option a line, for a docstring: its name in `width` columns, its meaning and its default."""
    lines: list[str] = []
    for name, default, text in described:
        lines += textwrap.wrap(f"{name:<{width}}{text[0].lower()}{text[1:]}; {default!r}", 120,
                               initial_indent=" " * indent, subsequent_indent=" " * (indent + width))
    return "\n".join(lines)


def given(where: str, described: Iterable[tuple[str, Any, str]], keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords without those that are None: TypeError where one is no option."""
    known = {name for name, _, _ in described}
    for name in keywords:
        if name not in known:
            raise TypeError(f"[{where}] got an unexpected keyword argument '{name}'")
    return {name: value for name, value in keywords.items() if value is not None}
