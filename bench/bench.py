"""lamina against PyTorch, NumPy, ONNX Runtime and the processor's limit, interleaved in one run.

    bench.py --steps BUILD/bench/steps [--torch PYTHON ...] [--numpy PYTHON] [--onnx PYTHON] [--cases n32,a32]
    bench.py --steps ... --busy      two threads against one, alone and with one core held by another process
    bench.py --steps ... --sweep     40 small trainings side by side against one after another
    bench.py --steps ... --lamina BUILD/bin/lamina --recipe [FLAG ...]     a whole run; FLAGS go to `lamina train`

Contestants take turns round by round on the same machine. A rival's figure is the best of its ways of running (layout,
threads, eager or compiled; the best eager way of each precision is also tried compiled). Medians over rounds of each
round's median. A run of all cases, and each of the other modes, replaces its part of docs/performance.md.
"""
import argparse
import os
import time

import busy
import nets
import page
import recipe
from contestants import Field, milliseconds

CASES = {  # name: (what it is, GFLOP of a step at valid taps, images a step)
    "n32": ("(n) ConvNet 16,32,64 of 7,7,3, stride 1, batch norm, batch 32", 8.2, 32),
    "n128": ("(n) at batch 128", 32.7, 128),
    "a32": ("(a) the same with stride 2, batch 32", 0.36, 32),
    "a128": ("(a) at batch 128", 1.45, 128),
    "b128": ("(b) stride 2, filters 64,128,256, batch 128", 19.9, 128),
    "c100": ("(c) six layers of 100, batch 100", 0.15, 100),
    "d50": ("(d) eight layers of 50, batch norm, adam, batch 50", 0.04, 50),
    "e100": ("(e) one layer of 500, dropout 0.75, adam, batch 100", 0.62, 100),
    "r128": ("(r) ResNet-20, batch 128", 31.3, 128),
    "s128": ("(s) depthwise-separable net of 32 to 512 channels, batch 128", 14.3, 128),
    "t256": ("(t) table of 20 columns, two layers of 128, batch 256", 0.029, 256),
}
PREDICTIONS = {"n1": "(n), one image", "n128": "(n), 128 images", "a1": "(a), one image", "a128": "(a), 128 images",
               "c1": "(c), one image", "c128": "(c), 128 images"}


def peaks_of(field, peaks=None):
    """GFLOP/s by precision: the most that was seen, `peaks` included (other guests of a machine slow a minute down)."""
    peaks = dict(peaks or {})
    for precision in ("float32", "bfloat16"):
        answers = [field.lamina.ask(kind="peak", threads=field.cores, precision=precision) for _ in range(3)]
        if all(answer.get("precision") == precision for answer in answers):
            peaks[precision] = max(peaks.get(precision, 0), *(answer["gflops"] for answer in answers))
    return peaks


def compare(field, args, peaks):
    start = time.monotonic()
    names = args.cases.split(",") if args.cases else [*CASES, *(f"predict-{name}" for name in PREDICTIONS)]
    results = {"train": [], "predict": []}
    rivals = [*field.torches, *(["NumPy"] if field.numpys else [])]
    for name in names:
        kind, case = ("predict", name.removeprefix("predict-")) if name.startswith("predict-") else ("train", name)
        what, gflop, images = CASES[case] if kind == "train" else (
            PREDICTIONS[case], nets.forward_gflop(case), nets.CASES[case][2])
        peaks = peaks_of(field, peaks)
        best = field.measure(kind, case, args.rounds, args.seconds, lambda line: print(line, flush=True))
        results[kind].append((what, gflop, images, best))
        print(f"[{time.monotonic() - start:.0f} s] {what}{' (prediction)' * (kind == 'predict')}: "
              + "; ".join(f"{rival} {precision} {milliseconds(t)} ({how})"
                          for (rival, precision), (t, how) in best.items()), flush=True)
    tables = []
    if results["train"]:
        tables.append(page.steps_table("training step", results["train"], rivals, peaks))
    if results["predict"]:
        rivals += ["ONNX Runtime"] * (field.onnx is not None)
        tables.append(page.steps_table("prediction", results["predict"], rivals, peaks))
    return (f"{page.machine(field, peaks)}; medians of {args.rounds} interleaved rounds; in brackets each one's best "
            "way.\n\n" + "\n\n".join(tables))


def sweep(field, args, peaks):
    rows = []
    for _ in range(args.rounds):
        rows.append([field.lamina.ask(kind="sweep", threads=field.cores, together=together)["total"]
                     for together in (False, True)])
        print(f"one after another {rows[-1][0]:.2f} s, side by side {rows[-1][1]:.2f} s", flush=True)
    one, side = (sorted(column)[len(rows) // 2] for column in zip(*rows))
    head = ["40 trainings: eight layers of 50, half with batch norm, adam, 200 steps of 50", "time", "trainings/min"]
    rows = [[f"one after another, {field.cores} threads", f"{one:.2f} s", f"{2400 / one:.0f}"],
            [f"side by side, {field.cores} at a time", f"{side:.2f} s ({one / side:.2f} times as fast)",
             f"{2400 / side:.0f}"]]
    return f"{page.machine(field, peaks)}; medians of {args.rounds} interleaved rounds.\n\n" + page.table(head, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", required=True, help="the program made of bench/steps.cc")
    parser.add_argument("--lamina", help="the command lamina, for --recipe")
    parser.add_argument("--torch", action="append", default=[], help="a Python that has PyTorch; may be repeated")
    parser.add_argument("--numpy", help="a Python that has NumPy")
    parser.add_argument("--onnx", help="a Python that has onnx and onnxruntime, for predictions")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--recipe", nargs=argparse.REMAINDER, help="the last option: what follows goes to lamina train")
    parser.add_argument("--cases", help="by commas, such as n32,c100,predict-a1; all where not given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one contestant in one round")
    parser.add_argument("--write", metavar="PAGE", help="write there, also where not all was measured")
    args = parser.parse_args()
    mode = "busy" if args.busy else "sweep" if args.sweep else "recipe" if args.recipe is not None else "steps"

    before = page.busy_seconds()
    alone = mode in ("sweep", "recipe")  # without rivals
    field = Field(args.steps, [] if alone else args.torch, args.numpy if mode == "steps" else None,
                  args.onnx if mode == "steps" else None, len(os.sched_getaffinity(0)))
    peaks = peaks_of(field)
    text = {"busy": busy.run, "sweep": sweep, "recipe": recipe.run, "steps": compare}[mode](field, args, peaks)
    field.close()
    text += f"\n\nOther programs took {page.share_of_others(before):.0%} of the processor meanwhile."
    print("\n" + text + "\n")
    whole = not args.cases and not recipe.changes(args.recipe or [])
    if args.write or whole:
        page.put(args.write or page.PAGE, mode, text)


main()
