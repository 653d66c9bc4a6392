#!/usr/bin/env python3
"""install_test.py CMAKE BUILD COMPILER: what programs outside the tree do with lamina.

The build is installed to a temporary prefix, where README's program is built with README's CMakeLists.txt and run; an
example is built against lamina::lamina alone, by CMake and by pkg-config, and its run-time libraries are looked at; and
each installed header is compiled. A project that adds the tree by add_subdirectory is configured and its own source
compiled. With LAMINA_TEST_FULL set, that project is built whole, with shared libraries, installed, and run from there."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FULL = bool(os.environ.get("LAMINA_TEST_FULL"))
# What a program with lamina::lamina may need at run time; libhwy where Highway is a shared library.
RUNTIME = {"libc", "libm", "libstdc++", "libgcc_s", "libhwy"}

ALONE = """cmake_minimum_required(VERSION 3.25)
project(alone LANGUAGES CXX)
find_package(lamina REQUIRED)
add_executable(alone res_net.cc)
target_link_libraries(alone lamina::lamina)
"""
INSIDE = """cmake_minimum_required(VERSION 3.25)
project(inside LANGUAGES CXX)
add_subdirectory("{root}" lamina)
if(TARGET lamina_datasets OR TARGET lamina_command OR TARGET lamina_python OR TARGET tests_last_flags OR CURL_FOUND)
  message(FATAL_ERROR "more than the library was configured")
endif()
add_executable(inside own_net.cc)
target_link_libraries(inside lamina::lamina)
"""


def block(language):
    """The one fenced block of that language in the README."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 1, f"expected one block of {language} in README.md, got {len(blocks)}"
    return blocks[0]


def run(folder, *command, **environment):
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment})
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def configure(source, build, *flags):
    run(source, CMAKE, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={COMPILER}", "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", *flags)


def project(folder, lists, **sources):
    """A new folder with a CMakeLists.txt and sources, each by its name without .cc."""
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(lists, encoding="utf-8")
    for name, text in sources.items():
        (folder / f"{name}.cc").write_text(text, encoding="utf-8")
    return folder


def needed(program):
    """The shared libraries that a program names, without their versions."""
    lines = run("/", "readelf", "-d", program)
    return {name.split(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", lines)} - {"ld-linux-x86-64", "ld-linux-aarch64"}


def example(name):
    return (ROOT / "examples" / f"{name}.cc").read_text(encoding="utf-8")


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="lamina install ")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.prefix = cls.folder / "prefix"
        run(cls.folder, CMAKE, "--install", BUILD, "--prefix", cls.prefix)

    def test_the_command(self):
        self.assertRegex(run(self.folder, self.prefix / "bin" / "lamina", "--version"), r"^lamina \d+\.\d+\.\d+")

    def test_readme_outside_the_tree(self):
        source = project(self.folder / "first", block("cmake"), first=block("cpp"))
        build = self.folder / "first build"
        configure(source, build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run(source, CMAKE, "--build", build)
        said = run(self.folder, build / "first", "synthetic")
        accuracy = re.search(r"^on test images: (0\.\d+|1)$", said, re.M)
        self.assertTrue(accuracy, said)
        self.assertGreater(float(accuracy.group(1)), 0.2, "expected more than twice chance after an epoch")

    def test_the_library_alone(self):
        source = project(self.folder / "alone", ALONE, res_net=example("res_net"))
        build = self.folder / "alone build"
        configure(source, build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run(source, CMAKE, "--build", build)
        self.assertIn("W5 has the numerical gradient", run(self.folder, build / "alone"))
        self.assertLessEqual(needed(build / "alone"), RUNTIME)

    def test_pkg_config(self):
        places = [p.parent for p in self.prefix.rglob("lamina.pc")]
        self.assertEqual(len(places), 1)
        flags = [run(self.folder, "pkg-config", "--cflags", "--libs", package, PKG_CONFIG_PATH=str(places[0]))
                 for package in ("lamina", "lamina-datasets")]
        self.assertIn("-llamina_datasets", flags[1])
        # The prefix has a space, which pkg-config escapes for a shell.
        command = f'"{COMPILER}" -std=c++20 -Wall -Wextra -Werror "{ROOT}/examples/own_net.cc" -o by_pkg_config {flags[0]}'
        run(self.folder, "sh", "-c", command.replace("\n", " "))
        run(self.folder, self.folder / "by_pkg_config", LD_LIBRARY_PATH=str(places[0].parent))

    def test_headers(self):
        include = self.prefix / "include" / "lamina"
        headers = sorted(p.relative_to(include).as_posix() for p in include.rglob("*.h"))
        self.assertIn("lamina/version.h", headers)
        self.assertIn("datasets/load.h", headers)
        self.assertEqual({h.split("/")[0] for h in headers}, {"lamina", "datasets"})
        self.assertEqual([p.name for p in (self.prefix / "include").iterdir()], ["lamina"])
        inner = [h for h in headers if h.endswith("-inl.h") or h.startswith("lamina/kernels/")]
        self.assertEqual(inner, ["lamina/kernels/elementwise.h", "lamina/kernels/gather.h",
                                 "lamina/kernels/machine/chunks.h", "lamina/kernels/machine/parallel.h",
                                 "lamina/kernels/machine/target.h", "lamina/kernels/update.h"])
        source = "".join(f'#include "{h}"\n' for h in headers)  # each by itself: headers_test.py
        (self.folder / "all.cc").write_text(source, encoding="utf-8")
        run(self.folder, COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", include, "all.cc")


class Inside(unittest.TestCase):
    def test_add_subdirectory(self):
        with tempfile.TemporaryDirectory(prefix="lamina inside ") as name:
            folder = pathlib.Path(name)
            source = project(folder / "inside", INSIDE.format(root=ROOT), own_net=example("own_net"))
            build, prefix = folder / "build", folder / "prefix"
            configure(source, build, "-DBUILD_SHARED_LIBS=ON", "-DLAMINA_INSTALL=ON")
            if not FULL:
                run(source, "ninja", "-C", build, "CMakeFiles/inside.dir/own_net.cc.o")
                return
            run(source, CMAKE, "--build", build)
            run(folder, build / "inside")
            run(folder, CMAKE, "--install", build, "--prefix", prefix)
            shared = next(iter(prefix.rglob("liblamina.so")))
            self.assertTrue(os.path.samefile(shared, next(iter(prefix.rglob("liblamina.so.[0-9].[0-9]")))))
            alone = project(folder / "alone", ALONE, res_net=example("res_net"))
            configure(alone, folder / "alone build", f"-DCMAKE_PREFIX_PATH={prefix}")
            run(alone, CMAKE, "--build", folder / "alone build")
            run(folder, folder / "alone build" / "alone")
            self.assertLessEqual(needed(folder / "alone build" / "alone"), RUNTIME | {"liblamina"})
            self.assertLessEqual(needed(shared), RUNTIME)


if __name__ == "__main__":
    CMAKE, BUILD, COMPILER = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
