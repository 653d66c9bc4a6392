#!/usr/bin/env python3
"""The example notebooks: their cells run, in order and from the start, and they hold the figures that they draw."""
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent / "notebooks"))
import running  # noqa: E402

EXAMPLES = sorted((HERE.parents[2] / "examples" / "notebooks").glob("*.ipynb"))


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        running.kernel_for_this_python(cls.folder.name)

    def test_they_are_there(self):
        self.assertEqual([path.stem for path in EXAMPLES], [
            "a_layer_from_scratch", "batch_norm_and_initialization", "train_a_net", "what_filters_see"])

    def test_they_run(self):
        for path in EXAMPLES:
            with self.subTest(notebook=path.name):
                book = nbformat.read(str(path), as_version=4)
                nbformat.validate(book)
                kept = [running.printed(cell) for cell in code_cells(book)]
                self.assertEqual([cell.execution_count for cell in code_cells(book)], list(range(1, len(kept) + 1)))
                ran = running.run(book, self.folder.name, timeout=120)
                for number, cell in ran.items():
                    if cell.error is not None:
                        self.fail(f"{path.name}, code cell {number}: {cell.error}")
                self.assertEqual([cell.pictures for cell in ran.values()], [pictures for _, pictures in kept], "figures")
                self.assertEqual([bool(cell.text) for cell in ran.values()], [bool(text) for text, _ in kept], "printed text")
                self.assertGreaterEqual(sum(pictures for _, pictures in kept), 2, "figures")
                print(f"{path.name}: {len(ran)} cells, {sum(cell.seconds for cell in ran.values()):.1f} s", flush=True)


if __name__ == "__main__":
    try:
        import ipykernel  # noqa: F401
        import matplotlib  # noqa: F401
        import nbclient  # noqa: F401
        import nbformat
    except ImportError as missing:
        print(f"skipped: the example notebooks: {missing} (Debian's python3-nbclient, python3-ipykernel and "
              "python3-matplotlib have it)")
        sys.exit(77)
    unittest.main()
