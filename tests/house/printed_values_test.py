#!/usr/bin/env python3
"""notebooks/printed_values.txt: every name that is asked for is there, every name is asked for, and no source has its values."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))
import printed_values  # noqa: E402

NAME = re.compile(r"[\"']([A-Za-z0-9_]+\.[A-Za-z_0-9]+(?:\.[0-9]+)?)[\"']")
NUMBER = re.compile(r"(?<![\w.])-?\d+\.?\d*(?:[eE][-+]?\d+)?(?![\w.])")


def sources():
    files = [p for top in ("notebooks", "tests") for p in (ROOT / top).rglob("*") if p.suffix in (".cc", ".h", ".py")]
    return {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in files if p != pathlib.Path(__file__).resolve()}


def digits(number):
    """Its significant digits: "0.0500e-3" -> "5"."""
    return re.split("[eE]", number)[0].lstrip("-").replace(".", "").strip("0")


def repeated(text, values):
    """The numbers of a source that are among the values: those of five digits or more, but for 0.9999999."""
    return [number for number in NUMBER.findall(text)
            if len(digits(number)) >= 5 and set(digits(number)) != {"9"} and abs(float(number)) in values]


VALUES = {abs(value) for name in printed_values.TEXTS for value in printed_values.printed_values(name)
          if not value.is_integer()}


class PrintedValues(unittest.TestCase):
    def test_names(self):
        asked = {name for text in sources().values() for name in NAME.findall(text)}
        families = {name.split(".")[0] for name in printed_values.TEXTS}
        unused = [name for name in printed_values.TEXTS if name not in asked]
        self.assertEqual(unused, [], "nobody asks for these")
        missing = [name for name in asked if name.split(".")[0] in families and name not in printed_values.TEXTS
                   and not name.endswith((".cc", ".h", ".py"))]
        self.assertEqual(missing, [], "not in printed_values.txt")

    def test_no_value_stands_twice(self):
        found = {path: numbers for path, text in sources().items() if (numbers := repeated(text, VALUES))}
        self.assertEqual(found, {}, "ask for these by name")

    def test_planted_values_are_found(self):
        self.assertEqual(repeated("EXPECT_NEAR(loss, 8.999602749096233, 1e-12); f(-0.98053589, 1.5)", VALUES),
                         ["8.999602749096233", "-0.98053589"])
        self.assertEqual(repeated("0.05, 188, 3.14159, x8.999602749096233", VALUES), [])


if __name__ == "__main__":
    unittest.main()
