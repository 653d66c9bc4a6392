"""Cells of our own that make the notebooks' calls and draws, for where no text of the notebooks is given.

They stand in stand_in_cells/NAME.py, each after a line `# %% NUMBER`; a line `# %magic` is IPython's.
"""
import pathlib
import re

import convert

FOLDER = pathlib.Path(__file__).resolve().parent / "stand_in_cells"


def cells(name):
    parts = re.split(r"^# %% (\d+)\n", (FOLDER / f"{name}.py").read_text(encoding="utf-8"), flags=re.M)
    return [convert.Cell(name, int(number), re.sub(r"^# %(?=\w)", "%", source, flags=re.M).strip() + "\n")
            for number, source in zip(parts[1::2], parts[2::2])]


CELLS = [cell for name in convert.NOTEBOOKS for cell in cells(name)]
