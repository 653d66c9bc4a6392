#!/usr/bin/env python3
"""What is included stands to the left:

{tensor, memory, threads, check, random, parameters, ...} <- kernels <- {layers <- sandwiches <- nets, optim, data, io}
  <- solver <- datasets <- workbench <- notebooks

within the workbench pages <- runs <- search <- cli; python stands on lamina/, datasets/ and workbench/. SIMD stands in
lamina/kernels/ alone, and threads there, in lamina/threads.cc and, for whole passes side by side, in lamina/solver/slots.h.
"""
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What each part may include, besides itself.
BASE = {"foundation", "kernels"}
PARTS = {
    "foundation": set(),
    "kernels": {"foundation"},
    "layers": BASE,
    "sandwiches": BASE | {"layers"},
    "nets": BASE | {"layers", "sandwiches"},
    "optim": BASE,
    "data": BASE,
    "io": BASE,
}
PARTS["solver"] = set(PARTS)
for part in ["datasets", "workbench/pages", "workbench/runs", "workbench/search", "workbench/cli", "notebooks"]:
    PARTS[part] = set(PARTS)
PARTS["python"] = set(PARTS) - {"notebooks"}
TOPS = ("lamina", "datasets", "workbench", "notebooks", "python")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
MACHINE = re.compile(r"^(hwy/.*|.*intrin\.h|arm_(neon|sve)\.h|omp\.h|pthread\.h|thread|future|execution|barrier|latch|semaphore)$")
PRAGMA = re.compile(r"^\s*#\s*pragma\s+omp\b")
PARALLEL = re.compile(r"\b(parallel_for|for_chunks|for_grid)\s*(<[^>]*>)?\(")
COMMENT_OR_STRING = re.compile(r'//.*|"(\\.|[^"\\])*"')
MAY_USE_THREADS = {"lamina/threads.h", "lamina/threads.cc"}
MAY_CALL_PARALLEL = {"lamina/solver/slots.h"}
SUFFIXES = {".h", ".cc", ".cpp", ".hpp"}


def part_of(path):
    """The part of a path relative to the root: "lamina/layers/conv.h" -> "layers"; None outside the parts."""
    names = path.split("/")
    if names[0] == "lamina":
        return "foundation" if len(names) == 2 else names[1]
    if names[0] == "workbench":
        return "/".join(names[:2])
    return names[0] if names[0] in TOPS else None


def faults(root):
    """One line for each include under root that breaks the order, sorted."""
    found = []
    files = [p for top in TOPS for p in (root / top).rglob("*") if p.suffix in SUFFIXES]
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        part = part_of(name)
        if part not in PARTS:
            found.append(f"{name}: no place in the order for the folder '{part}'")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{name}:{number}"
            if part != "kernels" and name not in MAY_CALL_PARALLEL and PARALLEL.search(COMMENT_OR_STRING.sub("", line)):
                found.append(f"{where}: threads outside lamina/kernels: {line.strip()}")
            if PRAGMA.match(line) and part != "kernels":
                found.append(f"{where}: threads outside lamina/kernels: {line.strip()}")
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match.group(1) or match.group(2)
            if MACHINE.match(header) and part != "kernels" and name not in MAY_USE_THREADS:
                found.append(f"{where}: SIMD or threads outside lamina/kernels: {header}")
            other = part_of(header)
            if other is None and match.group(1):
                if (root / "lamina" / header).exists() or (path.parent / header).exists():
                    found.append(f'{where}: expected a path from the root, "lamina/...", got "{header}"')
            elif other is not None and other != part and other not in PARTS[part]:
                found.append(f"{where}: {part} may not include {header}")
    return found


class Includes(unittest.TestCase):
    def test_the_tree_keeps_the_order(self):
        self.assertGreater(len(list((ROOT / "lamina").rglob("*.h"))), 30, "the tree to check was not found")
        self.assertEqual(faults(ROOT), [])

    def planted(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text(text, encoding="utf-8")
            return faults(root)

    def test_planted_faults_are_found(self):
        for name, text in [
            ("lamina/layers/relu.cc", '#include "lamina/optim/update_rule.h"'),
            ("lamina/optim/update_rule.cc", '#include "lamina/layers/relu.h"'),
            ("lamina/layers/relu.h", '#include "lamina/sandwiches/affine_relu.h"'),
            ("lamina/kernels/products/gemm.cc", '#include "lamina/layers/affine.h"'),
            ("lamina/tensor.h", '#  include "lamina/kernels/products/gemm.h"'),
            ("lamina/data/dataset.h", '#include "lamina/nets/net.h"'),
            ("lamina/data/dataset.h", '#include "datasets/images.h"'),
            ("lamina/io/safetensors.h", '#include "lamina/solver/solver.h"'),
            ("lamina/solver/solver.h", '#include "datasets/load.h"'),
            ("lamina/solver/solver.cc", "#include <thread>"),
            ("lamina/nets/net.cc", "#include <hwy/highway.h>"),
            ("lamina/nets/net.cc", '#include "hwy/highway.h"'),
            ("lamina/layers/conv.cc", "#include <immintrin.h>"),
            ("lamina/layers/conv.cc", "#pragma omp parallel for"),
            ("lamina/optim/update_rule.cc", "  kernels::parallel_for(n, [&](Index i) { f(i); });"),
            ("python/bindings/arrays.h", "for_chunks(Chunks{n, 64}, body);"),
            ("datasets/load.cc", '#include "workbench/pages/report.h"'),
            ("datasets/load.cc", "#include <thread>"),
            ("workbench/pages/report.cc", '#include "workbench/runs/run_config.h"'),
            ("workbench/cli/flags.cc", '#include "notebooks/reproduce.h"'),
            ("python/bindings/nets.cc", '#include "notebooks/reproduce.h"'),
            ("lamina/extras/x.h", ""),
            ("workbench/extras/x.h", ""),
        ]:
            self.assertEqual(len(self.planted(name, "#pragma once\n" + text + "\n")), 1, f"{name}: {text}")

    def test_what_is_allowed_passes(self):
        for name, text in [
            ("lamina/layers/relu.cc", '#include "lamina/kernels/elementwise.h"\n#include <vector>'),
            ("lamina/kernels/machine/parallel.cc", "#include <thread>"),
            ("lamina/threads.cc", "#include <thread>"),
            ("lamina/kernels/products/gemm.cc", '#include "hwy/highway.h"'),
            ("lamina/solver/solver.h", '#include "lamina/optim/update_rule.h"\n#include "lamina/nets/net.h"'),
            ("workbench/cli/train.cc", '#include "workbench/pages/report.h"\n#include "datasets/load.h"'),
            ("notebooks/command.cc", '#include "workbench/cli/flags.h"\n#include "lamina/solver/solver.h"'),
            ("python/bindings/nets.cc", '#include "workbench/runs/run_config.h"\n#include "datasets/load.h"'),
            ("lamina/layers/relu.h", '// #include "lamina/optim/update_rule.h"'),
            ("lamina/layers/relu.h", "// as parallel_for(n) does"),
            ("lamina/kernels/relu.cc", "parallel_for(n, body);"),
        ]:
            self.assertEqual(self.planted(name, text + "\n"), [], f"{name}: {text}")


if __name__ == "__main__":
    unittest.main()
