"""Cells of our own that make the notebooks' calls and draws, for where no text of the notebooks is given.

They stand in stand_in_cells/NAME.py, each after a line `# %% NUMBER`; a line `# %magic` is IPython's. Calls of printed_value
and printed_values become what they return, as the cells run in a process of their own.
"""
import pathlib
import re

import convert
import printed_values

FOLDER = pathlib.Path(__file__).resolve().parent / "stand_in_cells"


def cells(name):
    text = re.sub(r'\b(printed_values?)\("([^"]+)"\)', lambda call: repr(getattr(printed_values, call[1])(call[2])),
                  (FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    parts = re.split(r"^# %% (\d+)\n", text, flags=re.M)
    return [convert.Cell(name, int(number), re.sub(r"^# %(?=\w)", "%", source, flags=re.M).strip() + "\n")
            for number, source in zip(parts[1::2], parts[2::2])]


CELLS = [cell for name in convert.NOTEBOOKS for cell in cells(name)]
