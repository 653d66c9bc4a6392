"""Tables of what was measured, and their places in docs/performance.md."""
import datetime
import os
import platform
import time

from contestants import HERE, milliseconds

PAGE = os.path.join(os.path.dirname(HERE), "docs", "performance.md")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.processor()


def machine(field, peaks):
    rates = ", ".join(f"{rate:.0f} GFLOP/s in {precision}" for precision, rate in peaks.items())
    target = field.lamina.ask(kind="peak", threads=1)["target"]
    return (f"{processor()}, {field.cores} cores, {target}, Linux {platform.release().split('-')[0]}; measured peak of "
            f"{field.cores} threads {rates}; {datetime.date.today()}")


def busy_seconds():
    """(all processes', this one's and its ended children's, the wall's) seconds until now."""
    with open("/proc/stat", encoding="utf-8") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    own = os.times()
    return ((user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"), sum(own[:4]), time.monotonic())


def share_of_others(before):
    """What other programs took of all cores since `before`, once the contestants have ended."""
    everybody, own, wall = (now - then for now, then in zip(busy_seconds(), before))
    return max(0, everybody - own) / (wall * len(os.sched_getaffinity(0)))


def put(path, name, text):
    """Replaces what stands between the two marker lines of `name`; the rest of the page stays."""
    begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
    with open(path, encoding="utf-8") as page:
        lines = page.read().split("\n")
    if lines.count(begin) != 1 or lines.count(end) != 1:
        raise SystemExit(f"[bench] expected one line '{begin}' and one line '{end}' in {path}")
    lines[lines.index(begin) + 1:lines.index(end)] = ["", *text.strip().split("\n"), ""]
    with open(path + ".new", "w", encoding="utf-8") as page:
        page.write("\n".join(lines))
    os.replace(path + ".new", path)
    print(f"written to {path}, between the lines of '{name}'")


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
                     + ["| " + " | ".join(row) + " |" for row in rows])


def steps_table(title, results, rivals, peaks):
    """One row a case and precision of lamina; `results` are (what, GFLOP, images, Field.measure's answer)."""
    head = [title, "lamina", "images/s", "share of peak", *rivals, "times the best float32", "times the best of any"]
    rows = []
    for what, gflop, images, best in results:
        for precision in ("float32", "bfloat16"):
            if ("lamina", precision) not in best:
                continue
            mine, how = best["lamina", precision]
            share = f"{gflop / mine / peaks[precision]:.0%}" if gflop and precision in peaks else "–"
            row = [f"{what}, {precision}", f"**{milliseconds(mine)}** ({how})", f"{images / mine:,.0f}", share]
            for rival in rivals:  # beside float32 its float32, beside bfloat16 its best of any precision
                found = {p: best[rival, p] for p in ("float32", "bfloat16")
                         if (rival, p) in best and (precision != "float32" or p == "float32")}
                kind = min(found, key=found.get, default=None)
                row.append(f"{milliseconds(found[kind][0])} ({kind}, {found[kind][1]})" if kind else "–")
            others = {key: t for key, (t, _) in best.items() if key[0] != "lamina"}
            single = [t for (_, p), t in others.items() if p == "float32"]
            row.append(f"{min(single) / mine:.2f}" if single and precision == "float32" else "–")
            row.append(f"{min(others.values()) / mine:.2f}" if others else "–")
            rows.append(row)
    return table(head, rows)
