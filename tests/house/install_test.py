#!/usr/bin/env python3
"""install_test.py CMAKE BUILD COMPILER: installs the build to a temporary prefix, builds README's program there with
README's CMakeLists.txt, outside the tree, and runs it."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def block(language):
    """The one fenced block of that language in the README."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 1, f"expected one block of {language} in README.md, got {len(blocks)}"
    return blocks[0]


class Install(unittest.TestCase):
    def run_in(self, folder, *command):
        done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def test_readme_outside_the_tree(self):
        with tempfile.TemporaryDirectory(prefix="lamina install ") as name:
            folder = pathlib.Path(name)
            prefix, source = folder / "prefix", folder / "source"
            self.run_in(folder, CMAKE, "--install", BUILD, "--prefix", prefix)
            self.assertRegex(self.run_in(folder, prefix / "bin" / "lamina", "--version"), r"^lamina \d+\.\d+\.\d+")

            source.mkdir()
            (source / "first.cc").write_text(block("cpp"), encoding="utf-8")
            (source / "CMakeLists.txt").write_text(block("cmake"), encoding="utf-8")
            self.run_in(source, CMAKE, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
                        f"-DCMAKE_CXX_COMPILER={COMPILER}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
            self.run_in(source, CMAKE, "--build", folder / "build")
            said = self.run_in(folder, folder / "build" / "first", "synthetic")
            accuracy = re.search(r"^on test images: (0\.\d+|1)$", said, re.M)
            self.assertTrue(accuracy, said)
            self.assertGreater(float(accuracy.group(1)), 0.2, "expected more than twice chance after an epoch")


if __name__ == "__main__":
    CMAKE, BUILD, COMPILER = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
