"""lamina against PyTorch, NumPy and the processor's limit, interleaved in one run; writes docs/performance.md's table.

    bench.py --steps BUILD/bench/steps [--torch PYTHON ...] [--rounds 5] [--cases n32,a32] [--out FILE]

Each contestant is a process that keeps its nets and waits for requests, so that contestants take turns round by round
on the same machine. A rival's figure is the best of its ways of running (layout, threads, compiled): a first look
finds the best two of each precision, and those take part in all rounds. Medians over rounds of each round's median.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

CASES = {  # name: (what it is, GFLOP of a step at valid taps, images a step)
    "n32": ("(n) ConvNet 16,32,64 of 7,7,3, stride 1, batch norm, batch 32", 8.2, 32),
    "n128": ("(n) at batch 128", 32.7, 128),
    "a32": ("(a) the same with stride 2, batch 32", 0.36, 32),
    "a128": ("(a) at batch 128", 1.45, 128),
    "b128": ("(b) stride 2, filters 64,128,256, batch 128", 19.9, 128),
    "c100": ("(c) six layers of 100, batch 100", 0.15, 100),
    "d50": ("(d) eight layers of 50, batch norm, adam, batch 50", 0.04, 50),
    "e100": ("(e) one layer of 500, dropout 0.75, adam, batch 100", 0.62, 100),
}
PREDICTIONS = {
    "n1": ("(n), one image", None, 1), "n128": ("(n), 128 images", None, 128), "a1": ("(a), one image", None, 1),
    "a128": ("(a), 128 images", None, 128), "c1": ("(c), one image", None, 1), "c128": ("(c), 128 images", None, 128),
}


class Worker:
    """A contestant's process."""

    def __init__(self, command, **environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"[bench] a contestant ended early, asked for {request}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Way:
    """A contestant's way of running one case."""

    def __init__(self, side, name, worker, kind, case, **how):
        self.side, self.name, self.worker = side, name, worker
        self.request = dict(kind=kind, case=case, **how)
        self.steps, self.medians = 2, []

    def run(self, seconds):
        answer = self.worker.ask(steps=self.steps, **self.request)
        median = statistics.median(answer["seconds"])
        self.steps = max(2, min(400, int(seconds / max(median, 1e-6))))
        return median


def ways_of(kind, case, lamina, rivals, numpy_workers, cores):
    ways = [Way("lamina", f"{t} thread{'s' * (t > 1)}", lamina, kind, case, threads=t) for t in sorted({1, cores})]
    for label, (worker, modes) in rivals.items():
        for precision in ("float32", "bfloat16"):
            for layout in ("contiguous", "channels_last") if case[0] in "nab" else ("contiguous",):
                for threads in sorted({1, cores}):
                    for compiled in modes:
                        name = ", ".join(filter(None, [layout if case[0] in "nab" else "", f"{threads} thread"
                                                       + "s" * (threads > 1), "compiled" if compiled else "eager"]))
                        ways.append(Way(f"{label} {precision}", name, worker, kind, case, threads=threads,
                                        layout=layout, precision=precision, compiled=compiled))
    for threads, worker in numpy_workers.items():
        ways.append(Way("NumPy", f"{threads} thread{'s' * (threads > 1)}", worker, kind, case, threads=threads))
    return ways


def measure(kind, case, args, lamina, rivals, numpy_workers, cores):
    ways = ways_of(kind, case, lamina, rivals, numpy_workers, cores)
    sides = {}
    for way in ways:  # a first look, which also warms up
        way.run(args.seconds / 4)
        sides.setdefault(way.side, []).append((way.run(args.seconds / 4), way))
    chosen = [w for side, found in sides.items()
              for _, w in sorted(found, key=lambda f: f[0])[:len(found) if side == "lamina" else 2]]
    for _ in range(args.rounds):
        for way in chosen:
            way.medians.append(way.run(args.seconds))
    best = {}
    for way in chosen:
        time = statistics.median(way.medians)
        if way.side not in best or time < best[way.side][0]:
            best[way.side] = (time, way.name)
    return best


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g} ms"


def table(title, rows, sides, peak):
    head = [title, "lamina", "images/s", "share of peak"] + [f"{s} (its best way)" for s in sides] + [
        f"times {s}" for s in sides]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (what, gflop, images), best in rows:
        mine = best["lamina"][0]
        share = f"{gflop / mine / peak:.0%}" if gflop else "–"
        cells = [what, f"{milliseconds(mine)} ({best['lamina'][1]})", f"{images / mine:,.0f}", share]
        cells += [f"{milliseconds(best[s][0])} ({best[s][1]})" for s in sides]
        cells += [f"{best[s][0] / mine:.2f}" for s in sides]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", required=True, help="the program made of bench/steps.cc")
    parser.add_argument("--torch", action="append", default=[], help="a Python that has PyTorch; may be repeated")
    parser.add_argument("--numpy", help="a Python that has NumPy")
    parser.add_argument("--cases", help="names of training steps, by commas; all where not given")
    parser.add_argument("--predictions", action="store_true", help="also time predictions")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one contestant in one round")
    parser.add_argument("--out", help="a Markdown file to write")
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))

    lamina = Worker([args.steps])
    rivals = {}
    for python in args.torch:
        version = subprocess.run([python, "-c", "import torch; print(torch.__version__.split('+')[0])"], text=True,
                                 capture_output=True, check=True).stdout.strip()
        modes = (False, True) if int(version.split(".")[0]) >= 2 else (False,)
        rivals[f"PyTorch {version}"] = (Worker([python, os.path.join(HERE, "torch_steps.py")]), modes)
    numpy_workers = {}
    if args.numpy:
        for threads in sorted({1, cores}):
            numpy_workers[threads] = Worker([args.numpy, os.path.join(HERE, "numpy_steps.py")],
                                            OPENBLAS_NUM_THREADS=str(threads))

    peak = max(lamina.ask(kind="peak", threads=cores)["gflops"] for _ in range(3))
    target = lamina.ask(kind="peak", threads=1)["target"]
    names = args.cases.split(",") if args.cases else list(CASES)
    results = []
    for title, kind, cases in (("training step", "train", {n: CASES[n] for n in names}),
                               ("prediction", "predict", PREDICTIONS if args.predictions else {})):
        rows = []
        for name, what in cases.items():
            rows.append((what, measure(kind, name, args, lamina, rivals, numpy_workers, cores)))
            best = rows[-1][1]
            print(f"{what[0]}: " + "; ".join(f"{side} {milliseconds(t)} ({how})" for side, (t, how) in best.items()),
                  flush=True)
        if rows:
            results.append(table(title, rows, [s for s in rows[0][1] if s != "lamina"], peak))
    for worker in [lamina, *(w for w, _ in rivals.values()), *numpy_workers.values()]:
        worker.close()

    machine = (f"{processor()}, {cores} cores, {target}; measured peak of {cores} threads {peak:.0f} GFLOP/s in float32; "
               f"{datetime.date.today()}; medians of {args.rounds} interleaved rounds")
    text = machine + "\n\n" + "\n\n".join(results) + "\n"
    print("\n" + text)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as out:
            out.write(text)


main()
