#!/usr/bin/env python3
"""headers_test.py COMPILER: every header compiles on its own, without a warning.

One that a source of the tree includes first shows that where sources are compiled one by one, as under the sanitizers and
clang-tidy of `./run test --full`; the others are compiled here."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)


def parts_of_sources(header):
    """Openings and inner parts of kernel sources, compiled once an instruction set, are no headers."""
    return header.endswith("-inl.h") or header == "lamina/kernels/machine/simd.h"


TOPS = ("lamina", "datasets", "workbench", "notebooks")


def shown_in_the_build(root):
    """The first include of each source."""
    sources = (path for top in TOPS for path in (root / top).rglob("*.cc"))
    first = (INCLUDE.search(path.read_text(encoding="utf-8")) for path in sources)
    return {match.group(1) for match in first if match}


def complaint(compiler, folder, header):
    """What the compiler says to a source that has this include alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as source:
        source.write(f'#include "{header}"\n#include "{header}"\n')
        source.flush()
        done = subprocess.run([compiler, *FLAGS, "-I", str(folder), source.name], capture_output=True, text=True)
    return f"{header}:\n{done.stderr[:2000]}" if done.returncode else ""


class Headers(unittest.TestCase):
    def test_each_compiles_alone(self):
        headers = sorted(p.relative_to(ROOT).as_posix() for top in TOPS for p in (ROOT / top).rglob("*.h"))
        self.assertGreater(len(headers), 30, "the headers were not found")
        shown = shown_in_the_build(ROOT)
        headers = [header for header in headers if header not in shown and not parts_of_sources(header)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            complaints = list(filter(None, pool.map(lambda header: complaint(COMPILER, ROOT, header), headers)))
        self.assertEqual(complaints, [], "\n".join(complaints))

    def test_a_header_that_needs_another_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "planted.h").write_text("#pragma once\nstd::string name();\n")
            self.assertIn("planted.h", complaint(COMPILER, folder, "planted.h"))


if __name__ == "__main__":
    COMPILER = sys.argv.pop(1)
    unittest.main()
