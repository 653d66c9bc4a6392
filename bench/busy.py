"""Threads: two against one, and two while another process holds one core.

Everything is a ratio of mean step times in the same round; the busy core changes from round to round.
"""
import contextlib
import os
import statistics
import subprocess
import sys
import time

import page
from contestants import Way, milliseconds, torch_ways

CASES = {"n32": "(n), batch 32", "b128": "(b)"}


@contextlib.contextmanager
def spinning(core):
    """A process that never rests, on one core."""
    spin = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", spin])
    time.sleep(0.2)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def mean(way, threads, seconds):
    way.request["threads"] = threads
    answer = way.worker.ask(steps=max(3, int(seconds / way.first)), **way.request)["seconds"]
    return sum(answer) / len(answer)


def run(field, args, peaks):
    rows = []
    cores = sorted(os.sched_getaffinity(0))
    for case in args.cases.split(",") if args.cases else CASES:
        sides = [Way("lamina", "float32", "", field.lamina, kind="train", case=case, threads=1)]
        for rival, worker in field.torches.items():
            eager = [w for w in torch_ways(rival, worker, "train", case, len(cores), precisions=("float32",))
                     if w.request["threads"] > 1]
            sides.append(min(eager, key=lambda w: w.first_look(args.seconds)))
        for way in sides:
            way.request["threads"] = 1
            way.first_look(args.seconds)
            times = {"one": [], "two": [], "busy": []}
            for turn in range(args.rounds):
                times["one"].append(mean(way, 1, args.seconds))
                times["two"].append(mean(way, len(cores), args.seconds))
                with spinning(cores[turn % len(cores)]):
                    times["busy"].append(mean(way, len(cores), args.seconds))
            gain = {k: statistics.median(o / t for o, t in zip(times["one"], times[k])) for k in ("two", "busy")}
            rows.append([f"{CASES.get(case, case)}, {way.rival}"]
                        + [milliseconds(statistics.median(times[k])) for k in ("one", "two", "busy")]
                        + [f"{gain['two']:.2f}", f"{gain['busy']:.2f}"])
            print(" | ".join(rows[-1]), flush=True)
    head = ["training step, float32", "one thread", f"{len(cores)} threads", f"{len(cores)} threads, one core held",
            f"{len(cores)} threads over one", "over one, with a core held"]
    return (f"{page.machine(field, peaks)}; mean step times, medians of {args.rounds} interleaved rounds; the core is "
            "held by a process that never rests.\n\n" + page.table(head, rows))
