#!/usr/bin/env python3
"""Sources that are compiled as one (lamina_unite in the CMakeLists.txt files) share no name that each has for itself: a second
function of a name would be an overload, and calls might choose it without a word from the compiler."""
import collections
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The groups, and what is compiled by itself.
GROUPS = ["lamina/*.cc", "lamina/io/*.cc", "lamina/layers/*.cc", "lamina/nets/*.cc", "lamina/nets/blocks/*.cc",
          "lamina/optim/*.cc", "lamina/sandwiches/*.cc",
          "lamina/solver/*.cc", "workbench/pages/*.cc", "workbench/runs/*.cc", "workbench/search/*.cc", "workbench/cli/*.cc",
          "notebooks/*.cc"]
ALONE = {"spatial_batchnorm.cc", "printed_values.cc"}

ANONYMOUS = re.compile(r"^namespace \{\n(.*?)^\}  // namespace\n", re.M | re.S)
DEFINED = re.compile(r"^(?!using|namespace|return|template|typedef|#|//|\}|extern)[A-Za-z_:][^\n=;()]*?[ *&>](\w+)(?=\(| = |\{|;)"
                     r"|^(?:struct|class|enum class) (\w+)", re.M)
DECLARED = re.compile(r"^(?:template <[^\n]*>\n)?(?!using|namespace|return|#|//|\}|inline constexpr)[A-Za-z_:][^\n=;()]*?[ *&>](\w+)(?=\()", re.M)


def own_names(text):
    """What a source defines in its anonymous namespaces."""
    return {a or b for block in ANONYMOUS.findall(text) for a, b in DEFINED.findall(block)}


def shared(sources, headers):
    """Names that two of the sources have for themselves, or that one has and a header declares."""
    where = collections.defaultdict(set)
    for path, text in sources.items():
        for name in own_names(text):
            where[name].add(path)
    found = {name: sorted(paths) for name, paths in where.items() if len(paths) > 1}
    for path, text in headers.items():
        for name in set(DECLARED.findall(text)) & set(where):
            found.setdefault(name, sorted(where[name])).append(path)
    return found


def read(pattern, suffix=".cc"):
    return {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in ROOT.glob(pattern)
            if p.name not in ALONE and p.suffix == suffix}


class United(unittest.TestCase):
    def test_no_name_is_shared(self):
        for group in GROUPS:
            sources = read(group)
            self.assertGreater(len(sources), 2, group)
            self.assertEqual(shared(sources, read(group.replace(".cc", ".h"), ".h")), {}, group)

    def test_planted_names_are_found(self):
        a = "namespace lamina {\nnamespace {\nconstexpr int kA = 1;\nstd::string percent(double x) { return {}; }\n}  // namespace\n}\n"
        b = "namespace lamina {\nnamespace {\nstruct B {};\nstd::string percent(float x) {\n}\n}  // namespace\n}\n"
        self.assertEqual(own_names(a), {"kA", "percent"})
        self.assertEqual(shared({"a": a, "b": b}, {}), {"percent": ["a", "b"]})
        self.assertEqual(shared({"a": a}, {"h": "namespace lamina {\nstd::string percent(int x);\n}\n"}), {"percent": ["a", "h"]})
        self.assertEqual(shared({"a": a, "b": b.replace("percent", "other")}, {}), {})


if __name__ == "__main__":
    unittest.main()
