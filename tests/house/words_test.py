#!/usr/bin/env python3
"""Words that do not belong in the tree, and files that have grown too long."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST = 450  # lines

CODE = {".h", ".cc", ".py", ".cmake", ".sh", ".js", ""}
# Split so that this file passes its own test.
EVERYWHERE = [r"\.\./sha" + "red", "/work/(main|sha" + "red)", "/tmp/" + "cifar", r"\biss" + r"ue #?\d", "Clau" + "de", "Chat" + "GPT"]
IN_CODE = ["TO" + "DO", "FIX" + "ME", r"\bX" + r"XX\b", r"\bHA" + "CK", "not imple" + "mented", "GTEST_" + "SKIP", r"\bDIS" + "ABLED_"]
MAY_NAME_IT = {".ci/run"}  # where CIFAR-10 lies on the machine that runs it


def files(root):
    """Tracked files; without git, all but what a build or a run makes."""
    try:
        listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=True).stdout
        names = [name for name in listed.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        made = re.compile(r"^(build|runs|\.git)/|__pycache__/")
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
        names = [name for name in names if not made.match(name)]
    return sorted(name for name in names if (root / name).is_file())


def word_faults(name, text):
    """Each line of the file `name` that has a word that does not belong there."""
    patterns = [] if name in MAY_NAME_IT else list(EVERYWHERE)
    if pathlib.PurePath(name).suffix in CODE:
        patterns += IN_CODE
    pattern = re.compile("|".join(patterns) or r"(?!)")
    return [f"{name}:{n}: {line.strip()}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


class Words(unittest.TestCase):
    def setUp(self):
        self.texts = {}
        for name in files(ROOT):
            try:
                self.texts[name] = (ROOT / name).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                pass  # a picture or an archive
        self.assertGreater(len(self.texts), 50, "the tree to check was not found")

    def test_words(self):
        self.assertEqual([fault for name, text in self.texts.items() for fault in word_faults(name, text)], [])

    def test_planted_words_are_found(self):
        self.assertTrue(word_faults("README.md", "see .." + "/shared/x"))
        self.assertFalse(word_faults(".ci/run", "see .." + "/shared/x"))
        self.assertTrue(word_faults("lamina/x.cc", "// TO" + "DO: later"))
        self.assertTrue(word_faults("docs/x.md", "as iss" + "ue 3 asks"))
        self.assertFalse(word_faults("docs/x.md", "an issue of taste"))

    def test_lengths(self):
        lengths = {name: text.count("\n") for name, text in self.texts.items()
                   if not name.startswith("tests/golden/") and pathlib.PurePath(name).suffix in CODE and name != "LICENSE"}
        self.assertEqual({name: n for name, n in lengths.items() if n > LONGEST}, {}, f"files over {LONGEST} lines")


if __name__ == "__main__":
    unittest.main()
