"""Runs notebooks under nbclient in a folder of their own, and says what each cell printed."""
import collections
import datetime
import json
import os
import pathlib
import re
import sys

Ran = collections.namedtuple("Ran", "text pictures seconds error")


def kernel_for_this_python(folder):
    """The environment in which Jupyter's `python3` is the Python that runs the test, and writes nothing outside `folder`."""
    spec = pathlib.Path(folder, "jupyter", "kernels", "python3")
    spec.mkdir(parents=True)
    argv = [sys.executable, "-B", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    os.environ.update(JUPYTER_PATH=str(spec.parents[1]), JUPYTER_RUNTIME_DIR=str(pathlib.Path(folder, "runtime")),
                      JUPYTER_PREFER_ENV_PATH="0", IPYTHONDIR=str(pathlib.Path(folder, "ipython")), PYDEVD_DISABLE_FILE_VALIDATION="1")


def run(book, folder, timeout, echo=None):
    """Executes the cells of `book` in order; returns {number: Ran} up to the first cell that fails."""
    import nbclient
    client = nbclient.NotebookClient(book, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.update(execution_count=None, outputs=[])
    error = None
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as thrown:
        error = re.sub(r"\x1b\[[0-9;]*m", "", str(thrown))
    ran = {}
    for cell in book.cells:
        if cell.cell_type == "code" and cell.get("execution_count") is not None:
            ran[cell.metadata.get("number", len(ran) + 1)] = Ran(*printed(cell), seconds(cell), None)
    if error is not None:
        last = max(ran)
        ran[last] = ran[last]._replace(error=error)
    return ran


def printed(cell):
    texts, pictures = [], 0
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        if "image/png" in output.get("data", {}):
            pictures += 1
    return "".join(texts), pictures


def seconds(cell):
    times = cell.metadata.get("execution", {})
    ends = [times.get("iopub.execute_input"), times.get("iopub.status.idle")]
    if None in ends:
        return float("nan")
    first, last = (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in ends)
    return (last - first).total_seconds()


def shortened(name, cells, edits):
    """The cells of notebook `name` as (number, source), with `edits` (notebook, number, wrong, right) made; and what was edited."""
    sources = {cell.number: cell.source for cell in cells if cell.notebook == name}
    said = []
    for notebook, number, wrong, right in edits:
        if notebook == name:
            if wrong not in sources[number]:
                raise ValueError(f"{notebook}, cell {number}: expected {wrong!r} to shorten, found none")
            sources[number] = sources[number].replace(wrong, right)
            said.append(f"cell {number}: {wrong!r} -> {right!r}")
    return list(sources.items()), said

