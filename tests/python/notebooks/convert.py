#!/usr/bin/env python3
"""Builds Jupyter notebooks from a text in which the course's notebooks were printed and read back by a machine.

Such a text has each cell between ``` fences, after `In [n]:`. The reading lost underscores, closing brackets, the ends of
long lines and the exact indentation. What can be put right by a rule is, here; the rest is in mends.py.

usage: convert.py NOTEBOOKS.txt FOLDER
"""
import collections
import keyword
import pathlib
import re
import sys

import mends

Cell = collections.namedtuple("Cell", "notebook number source")

NOTEBOOKS = ["FullyConnectedNets", "BatchNormalization", "Dropout", "ConvolutionalNetworks"]
HEADER = re.compile(r"^(?:In)?\s*(?:\\lceil|\[)\s*(\d+)\s*(?:\\rceil|\])\s*:\s?\|?(.*)$")
SET_UP = re.compile("COLAB|CUDA")
# Where the printed output begins that the reading left in a cell's block.
OUTPUT = re.compile(
    r"^\s*(\('[Xy]_train|[Xy][ _]train: \(|(Before|After|Testing|Running) [^'=]*[:)\d]$|After .*\)$|Running [a-z]+ with|\(Iteration|dx \w+: \d|"
    r"solver hidden dim: |solver reg: |No normalization: |W[_ ]?1 (?:max )?rel|Initial loss)")
STRING_OR_COMMENT = re.compile(r"('(?:\\.|[^'\\])*'|\"{3}.*?\"{3}|\"(?:\\.|[^\"\\])*\"|#.*)")
CLOSING = {"(": ")", "[": "]", "{": "}"}


def blocks(text):
    """Yields (number, lines) of every cell, in order."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S):
        number, lines = None, []
        for line in block.splitlines():
            header = HEADER.match(line)
            if header:
                if number is not None:
                    yield number, lines
                number, lines = int(header[1]), [header[2].lstrip()]
            elif number is not None:
                lines.append(re.sub(r"^In(?=\s|$)", "  ", line).rstrip())
        if number is not None:
            yield number, lines


def without_output(lines):
    for i, line in enumerate(lines):
        if i > 0 and OUTPUT.match(line):
            return lines[:i]
    return lines


def join_names(code):
    """`num train` was `num_train`: two names side by side, neither of them a keyword."""
    out, last = "", None
    for part in re.split(r"([A-Za-z_]\w*)", code):
        is_name = re.fullmatch(r"[A-Za-z_]\w*", part) is not None
        if is_name and last is not None and out.endswith(" ") and not keyword.iskeyword(part) and not keyword.iskeyword(last):
            if out.rstrip(" ").endswith(last):
                out = out.rstrip(" ") + "_"
        out += part
        if is_name:
            last = part
        elif part.strip():
            last = None
    return out


def repair_code(code):
    code = re.sub(r"\\text\s*\{([^}]*)\}|(?<=_)\{(\w+)\}", lambda m: m[1] or m[2], code)
    code = code.replace("</pre>", "")
    code = code.replace("\\leq", "<=").replace("\\log", "log").replace("\\max imum", "maximum").replace("\\ ", " ")
    code = re.sub(r"\\([_#{}])", r"\1", code)
    code = re.sub(r"(?<![\w.])1 *(?=ambda\b|inspace\b|r[_ =]|n[_ ]param)", "l", code)  # the letter l read as the digit 1
    code = re.sub(r"(?<=\.) 1(?=inspace)", "l", code)
    code = re.sub(r"\bmode1\b", "model", code)
    code = re.sub(r"(\d\.) +(\d)", r"\1\2", code)
    code = join_names(code)
    return re.sub(r"\blambda *:", "lambda _:", re.sub(r",\s*= ", ", _ = ", code))


def repair_string(text):
    if text.startswith("#"):
        return text
    text = re.sub(r"%\. (\d)", r"%.\1", text).replace("\\log", "log")
    text = re.sub(r"^'(\w+)\. (\w+)'$", r"'\1.\2'", text)
    text = re.sub(r"^'([Xy]) (train|val|test)'$", r"'\1_\2'", text)
    return re.sub(r"^'(learning|sgd) (rate|momentum)'$", r"'\1_\2'", text)


def repair_line(line):
    if line.lstrip().startswith("%"):
        return line.replace("load ext", "load_ext")
    line = re.sub(r"^(\s*)\\#", r"\1#", line)
    line = re.sub(r"^(\s*), ", r"\1_, ", line)
    line = re.sub(r"^(\s*)(Shape|Means|Stds): '", r"\1print('  \2: '", line)
    return "".join(repair_string(part) if STRING_OR_COMMENT.fullmatch(part) else repair_code(part)
                   for part in STRING_OR_COMMENT.split(line))


def loosely(wrong):
    """The pattern of a text whose white space and underscores the reading may have changed; a last newline ends the line."""
    loose = {".": r"\.\s*", "_": r"\s*[_ ]\s*", "(": r"\s*\(\s*"}
    words = [word for word in re.split(r"(\s+|[._(])", wrong.strip()) if word]
    return "".join(loose.get(word, r"\s*" if word.isspace() else re.escape(word)) for word in words) + (
        r"[ ]*$" if wrong.endswith("\n") else "")


def mended(source, notebook, number):
    for wrong, right in mends.MENDS.get((notebook, number), []):
        source, found = re.subn(loosely(wrong), lambda _: right.rstrip("\n"), source, flags=re.M)
        if found == 0:
            raise ValueError(f"{notebook}, cell {number}: expected the text {wrong!r} to mend, found none in\n{source}")
    return source


def brackets(line, stack):
    """Pushes and pops the line's brackets."""
    for part in STRING_OR_COMMENT.split(line):
        if not STRING_OR_COMMENT.fullmatch(part):
            for c in part:
                if c in "([{":
                    stack.append(c)
                elif c in ")]}" and stack and CLOSING[stack[-1]] == c:
                    stack.pop()


def indent_of(line):
    return len(line) - len(line.lstrip())


def laid_out(source):
    """Closes the brackets whose lines were lost and gives every line the indentation of its block."""
    lines = [line for line in source.splitlines() if line.strip()]
    base = min((indent_of(line) for line in lines[1:] if indent_of(line)), default=0)
    out, stack, levels, opened, opener = [], [], [base], False, 0
    for i, line in enumerate(lines):
        indent = base if i == 0 else indent_of(line) or levels[-1]  # without any: where the line before it stands
        text = line.strip()
        if stack and text[0] not in ")]}":
            if stack[-1] == "{" and text[0] not in "'\"#":
                stack.pop()
                out[-1] += "}" + ("," if stack else "")
            if stack and indent <= opener + 1 and text[0] not in "'\"[0123456789":
                out[-1] = out[-1].rstrip(",") + "".join(CLOSING[c] for c in reversed(stack))
                stack.clear()
        if not stack:
            opener = indent
            if opened:
                levels.append(max(indent, levels[-1] + 1))
            else:
                nearest = min(range(len(levels)), key=lambda k: abs(levels[k] - indent))
                del levels[nearest + 1:]
        out.append("    " * (len(levels) - (0 if stack else 1)) + text)
        brackets(text, stack)
        if opened and text.startswith("#"):
            levels.pop()  # the first statement gives the block's level
        else:
            opened = not stack and re.sub(STRING_OR_COMMENT, "", text).rstrip().endswith(":")
    out.append("".join(CLOSING[c] for c in reversed(stack)))
    return "\n".join(out).rstrip() + "\n"


def cells(text):
    """All code cells of the four notebooks but the set-up cells of the course's machines, mended."""
    out, which, last = [], -1, None
    for number, lines in blocks(text):
        if last is None or number <= last:
            which += 1
        last = number
        if which >= len(NOTEBOOKS):
            raise ValueError(f"expected {len(NOTEBOOKS)} notebooks, found another one")
        if SET_UP.search("\n".join(lines)):
            continue
        name = NOTEBOOKS[which]
        source = mended("\n".join(without_output(lines)), name, number)
        kept = [repair_line(line) for line in source.splitlines() if line.strip() not in ("print('", "END OF YOUR CODE")]
        out.append(Cell(name, number, laid_out("\n".join(kept))))
    if which != len(NOTEBOOKS) - 1:
        raise ValueError(f"expected {len(NOTEBOOKS)} notebooks, found {which + 1}")
    out += [Cell(name, number, source) for (name, number), source in mends.LOST.items()]
    return sorted(out, key=lambda cell: (NOTEBOOKS.index(cell.notebook), cell.number))


def notebook(sources):
    """A Jupyter notebook of code cells: sources are (number, source)."""
    import nbformat
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, source in sources:
        cell = nbformat.v4.new_code_cell(source.rstrip("\n"))
        cell.metadata["number"] = number
        made.cells.append(cell)
    return made


def main(path, folder):
    import nbformat
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    all_cells = cells(pathlib.Path(path).read_text(encoding="utf-8"))
    for name in NOTEBOOKS:
        chosen = [(cell.number, cell.source) for cell in all_cells if cell.notebook == name]
        nbformat.write(notebook(chosen), str(folder / f"{name}.ipynb"))
        print(f"{folder / name}.ipynb: {len(chosen)} code cells")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip().splitlines()[-1])
    main(sys.argv[1], sys.argv[2])
