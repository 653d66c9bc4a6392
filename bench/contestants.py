"""Contestants of the benchmarks: processes that keep their nets, and the ways in which each can run a case."""
import json
import os
import statistics
import subprocess
import sys
import tempfile

from nets import TEXTS

HERE = os.path.dirname(os.path.abspath(__file__))
SLOW = 1.5  # a way that is so many times slower than its side's best in two short looks takes no further part


class Worker:
    """A contestant's process: one JSON object a line each way."""

    def __init__(self, command, **environment):
        self.command = command
        self.errors = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env={**os.environ, **environment})

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.errors.seek(0)
            sys.exit(f"{self.errors.read()[-3000:]}\n[bench] {' '.join(self.command)} ended early, asked for {request}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def python_worker(python, script, **environment):
    return Worker([python, "-B", os.path.join(HERE, script)], **environment)


class Way:
    """A contestant's way of running one case. `rival` is whose it is ("PyTorch 1.13.1"), `precision` in what."""

    def __init__(self, rival, precision, name, worker, **request):
        self.rival, self.precision, self.name, self.worker = rival, precision, name, worker
        self.request = dict(request, precision=precision)
        self.steps, self.medians, self.unable = 1, [], ""

    def run(self, seconds, typical=statistics.median):
        """The typical time of a step, of as many steps as fit into `seconds`; None where it cannot run the case."""
        answer = self.worker.ask(steps=self.steps, **self.request)
        if "error" in answer:
            self.unable = answer["error"]
            return None
        time = typical(answer["seconds"])
        self.steps = max(1, min(400, int(seconds / max(time, 1e-6))))
        return time

    def first_look(self, seconds):
        """Warms up, then measures shortly: the shortest step, which other programs disturb least."""
        if self.run(seconds) is None:
            return None
        self.first = self.run(seconds, min)
        return self.first

    def second_look(self, seconds):
        self.first = min(self.first, self.run(seconds, min))

    def time(self):
        return statistics.median(self.medians)


def threads_text(threads):
    return f"{threads} thread{'s' * (threads > 1)}"


def torch_ways(rival, worker, kind, case, cores, compiled=(), precisions=("float32", "bfloat16")):
    """Eager ways, or, where `compiled` holds the best eager way of a precision, that one compiled."""
    images = case[0] in "nabrs"

    def way(precision, layout, threads, compiles):
        name = ", ".join(filter(None, [layout.replace("_", " ") if images else "", threads_text(threads),
                                       "compiled" if compiles else "eager"]))
        return Way(rival, precision, name, worker, kind=kind, case=case, threads=threads, layout=layout,
                   compiled=compiles)

    if compiled:
        return [way(w.precision, w.request["layout"], w.request["threads"], True) for w in compiled]
    return [way(precision, layout, threads, False) for precision in precisions
            for layout in (("contiguous", "channels_last") if images else ("contiguous",))
            for threads in sorted({1, cores})]


class Field:
    """All contestants of a run."""

    def __init__(self, steps, torches, numpy, onnx, cores):
        self.cores = cores
        self.lamina = Worker([steps])
        self.torches, self.compilers = {}, set()
        for python in torches:
            version = subprocess.run([python, "-c", "import torch; print(torch.__version__.split('+')[0])"], text=True,
                                     capture_output=True, check=True).stdout.strip()
            rival = f"PyTorch {version}"
            self.torches[rival] = python_worker(python, "torch_steps.py")
            if int(version.split(".")[0]) >= 2:
                self.compilers.add(rival)
        self.numpys = {t: python_worker(numpy, "numpy_steps.py", OPENBLAS_NUM_THREADS=str(t))
                       for t in sorted({1, cores})} if numpy else {}
        self.onnx = python_worker(onnx, "onnx_steps.py") if onnx else None

    def close(self):
        for worker in [self.lamina, *self.torches.values(), *self.numpys.values(), *filter(None, [self.onnx])]:
            worker.close()

    def ways(self, kind, case):
        """Every way but the compiled ones."""
        found = []
        text = dict(zip(("net", "batch", "input"), TEXTS.get(case, ())))
        for precision in ("float32", "bfloat16"):
            found += [Way("lamina", precision, threads_text(t), self.lamina, kind=kind, case=case, threads=t, **text)
                      for t in sorted({1, self.cores})]
        for rival, worker in self.torches.items():
            found += torch_ways(rival, worker, kind, case, self.cores)
        if not text:
            found += [Way("NumPy", "float32", threads_text(t), w, kind=kind, case=case, threads=t)
                      for t, w in self.numpys.items()]
        if self.onnx and kind == "predict":
            found += [Way("ONNX Runtime", "float32", threads_text(t), self.onnx, kind=kind, case=case, threads=t)
                      for t in sorted({1, self.cores})]
        return found

    def measure(self, kind, case, rounds, seconds, say=print):
        """{(rival, precision): (median seconds, name of the way)} of each side's best way."""
        sides = {}
        for way in self.ways(kind, case):
            if way.first_look(seconds / 4) is not None:
                sides.setdefault((way.rival, way.precision), []).append(way)
        for rival in self.compilers:
            best = [min(ways, key=lambda w: w.first) for (r, _), ways in sides.items() if r == rival]
            for way in torch_ways(rival, self.torches[rival], kind, case, self.cores, compiled=best):
                if way.first_look(seconds / 4) is not None:
                    sides[(rival, way.precision)].append(way)
                else:
                    say(f"  {way.rival} {way.precision}, {way.name}: cannot: {way.unable}")
        chosen = []
        for (rival, precision), ways in sides.items():
            best = min(w.first for w in ways)
            for way in ways:
                if way.first > SLOW * best:
                    way.second_look(seconds / 4)
            limit = SLOW * min(w.first for w in ways)
            slow = [w for w in ways if w.first > limit]
            chosen += [w for w in ways if w.first <= limit]
            if slow:
                say(f"  {rival} {precision}: after two short looks without "
                    + "; ".join(f"{w.name} ({milliseconds(w.first)})" for w in slow))
        for _ in range(rounds):
            for way in chosen:
                way.medians.append(way.run(seconds))
        return {(rival, precision): min((w.time(), w.name) for w in chosen
                                        if (w.rival, w.precision) == (rival, precision)) for rival, precision in sides}


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g} ms"
