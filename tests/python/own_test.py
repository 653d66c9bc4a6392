"""A student's folder of the course behind lamina's: names that lamina's modules lack are found, pickled and
reloaded."""
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import lamina

OURS = pathlib.Path(lamina.__file__).parents[1]
# What each program begins with. Every edit gives the file a later time, also within a second.
START = """
import importlib, os, pathlib, pickle
def edit(name, text):
    path = pathlib.Path("cs231n", name)
    after = path.stat().st_mtime + 2
    path.write_text(text)
    os.utime(path, (after, after))
"""
needs_ipython = unittest.skipUnless(importlib.util.find_spec("IPython"), "needs IPython (python3-ipykernel)")
SHELL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(history_manager=None)
shell.run_line_magic("load_ext", "autoreload")
shell.run_line_magic("autoreload", "2")
def cell(text):
    shell.run_cell(text).raise_error()
"""


class OwnTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, files):
        for name, text in {"__init__.py": "", "classifiers/__init__.py": "", **files}.items():
            path = pathlib.Path(self.folder, "cs231n", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def ran(self, program, lamina_first=True):
        """What a new process writes to standard error, with the student's folder on its path, behind lamina's or alone."""
        path = f"{OURS}:{self.folder}" if lamina_first else self.folder
        done = subprocess.run([sys.executable, "-B", "-P", "-c", START + program], capture_output=True, text=True,
                              cwd=self.folder, env={**os.environ, "PYTHONPATH": path, "IPYTHONDIR": self.folder})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stderr

    def test_names(self):
        self.write({
            "classifiers/__init__.py": "from .nearest import Nearest\n",
            "classifiers/nearest.py": "class Nearest:\n    pass\n",
            "optim.py": "from cs231n.layers import relu_forward\ndef my_rule(w, dw, config=None):\n    return w, config\n"
                        "def sgd(w, dw, config=None):\n    raise AssertionError('lamina has its own')\n"
                        "calls = 0\ndef count():\n    global calls\n    calls += 1\n",
            "layers.py": "def swish_forward(x):\n    return x, x\n_hidden = 1\n",
            "layer_utils.py": "__all__ = ['both']\ndef both():\n    pass\ndef neither():\n    pass\n",
            "solver.py": "raise ValueError('not finished')\n",
            "__init__.py": "MY_VERSION = 3\n",
        })
        said = self.ran("""
import numpy as np
from cs231n.classifiers import Nearest
from cs231n.optim import my_rule, sgd
from cs231n.layers import *
from cs231n.layer_utils import *
import cs231n, lamina.optim, cs231n.solver
assert Nearest.__name__ == "Nearest" and sgd is lamina.optim.sgd
assert swish_forward(1) == (1, 1) and relu_forward(np.ones(2))[0][0] == 1
assert {"both", "affine_relu_forward"} <= globals().keys() and not {"neither", "_hidden"} & globals().keys()
cs231n.optim.count()
assert cs231n.optim.calls == 1
assert cs231n.MY_VERSION == 3 and not hasattr(cs231n, "YOUR_VERSION")
assert not hasattr(cs231n.solver, "Missing") and not hasattr(cs231n.solver, "Other")
""")
        self.assertRegex(said, r"^lamina: \S+solver.py could not be imported, .*: ValueError: not finished\n$")

    def test_pickles_and_one_copy(self):
        """Classes and functions are pickled as what they are called, and there is one of each."""
        self.write({
            "classifiers/__init__.py": "from .mine import Mine\nfrom cs231n.classifiers.mine import Mine as same\n"
                                       "class Here:\n    pass\n",
            "classifiers/mine.py": "print('run')\nclass Mine:\n    pass\n",
            "optim.py": "def my_rule(w, dw, config=None):\n    return w, config\n",
        })
        self.ran("""
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as said:
    import cs231n.classifiers, cs231n.optim
    assert cs231n.classifiers.Mine is cs231n.classifiers.same
    import cs231n.classifiers.mine
assert cs231n.classifiers.Mine is cs231n.classifiers.mine.Mine
assert said.getvalue() == "run\\n"
with open("kept.pkl", "wb") as file:
    pickle.dump([cs231n.classifiers.Mine(), cs231n.classifiers.Here(), cs231n.optim.my_rule], file)
""")
        for lamina_first in (True, False):
            self.ran("""
with open("kept.pkl", "rb") as file:
    mine, here, rule = pickle.load(file)
assert type(mine).__name__ == "Mine" and type(here).__name__ == "Here" and rule(1, 2, 3) == (1, 3)
import cs231n.classifiers.mine
assert type(mine) is cs231n.classifiers.mine.Mine
""", lamina_first)

    def test_a_name_that_both_have(self):
        """It is lamina's; the student's own classes and functions use the student's."""
        self.write({"classifiers/fc_net.py": "class TwoLayerNet:\n    whose = 'own'\nclass MyNet(TwoLayerNet):\n"
                                             "    def __init__(self):\n        super(TwoLayerNet, self).__init__()\n"})
        self.ran("""
import lamina.nets
from cs231n.classifiers.fc_net import TwoLayerNet, MyNet
assert TwoLayerNet is lamina.nets.TwoLayerNet
assert MyNet().whose == "own" and not issubclass(MyNet, TwoLayerNet)
assert type(pickle.loads(pickle.dumps(MyNet()))) is MyNet
""")

    def test_reload(self):
        self.write({"layers.py": "def swish(x):\n    return 1\n", "optim.py": "def my_rule(:\n"})
        said = self.ran("""
import cs231n.layers
assert cs231n.layers.swish(0) == 1
edit("layers.py", "def helper():\\n    return 2\\ndef swish(x):\\n    return helper()\\ndef mish(x):\\n    return 3\\n"
                  "def relu_forward(x):\\n    return 4\\n")
importlib.reload(cs231n.layers)
assert cs231n.layers.swish(0) == 2 and cs231n.layers.mish(0) == 3
assert cs231n.layers.relu_forward.__module__ == "lamina.layers"
edit("layers.py", "def swish(x:\\n")
try:
    importlib.reload(cs231n.layers)
    raise AssertionError("the error was not raised")
except SyntaxError:
    assert cs231n.layers.swish(0) == 2
""")
        self.assertEqual(said, "")

    def test_mended(self):
        for reload in ("", "importlib.reload(cs231n.optim)\n"):
            self.write({"optim.py": "def my_rule(:\n"})
            said = self.ran("""
import cs231n.optim
for _ in range(2):
    try:
        from cs231n.optim import my_rule
        raise AssertionError("there is no such rule")
    except ImportError:
        pass
edit("optim.py", "def my_rule():\\n    return 1\\n")
""" + reload + """
from cs231n.optim import my_rule
assert my_rule() == 1
""")
            self.assertRegex(said, r"^lamina: \S+optim.py could not be imported, .*: SyntaxError: .*\n$")

    @needs_ipython
    def test_autoreload(self):
        self.write({"layers.py": "def swish(x):\n    return 1\n", "optim.py": "def my_rule(:\n"})
        self.ran(SHELL + """
cell("import cs231n.layers, cs231n.optim")
cell("from cs231n.layers import swish; assert swish(0) == 1")
cell("kept = swish")
edit("layers.py", "def helper():\\n    return 2\\ndef swish(x):\\n    return helper()\\ndef mish(x):\\n    return 3\\n")
cell("assert swish(0) == kept(0) == 2 and cs231n.layers.mish(0) == 3")
cell("assert not hasattr(cs231n.optim, 'my_rule')")
edit("optim.py", "def my_rule():\\n    return 1\\n")
cell("assert cs231n.optim.my_rule() == 1")
""")

    @needs_ipython
    def test_a_file_runs_once(self):
        """Also under autoreload, which watches the student's file from the module's import on."""
        self.write({"layers.py": "import builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\n"
                                 "class Layer:\n    pass\n"})
        self.ran(SHELL + """
cell("import cs231n.layers")
cell("layer = cs231n.layers.Layer()")
cell("assert type(layer) is cs231n.layers.Layer and runs == 1")
""")


if __name__ == "__main__":
    unittest.main()
