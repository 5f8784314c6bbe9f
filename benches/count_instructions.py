#!/usr/bin/env python3
"""Counts the machine instructions of the work in benches/instructions.rs and compares them with benches/instructions.json.

    benches/count_instructions.py            fails where a count has grown by more than 5 %
    benches/count_instructions.py --renew    writes the counts as the new baseline

Needs valgrind. Callgrind shows the program a processor of its own, so counts hardly differ from machine to machine; another
compiler or C library may move them, which is a reason to renew the baseline.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
WORK = ["check", "hold", "quickstart", "festival"]
GROWTH = 0.05


def build():
    """Builds the benchmark; the path of its executable."""
    command = ["cargo", "bench", "--locked", "--no-run", "--bench", "instructions", "--message-format=json"]
    lines = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("target", {}).get("name") == "instructions" and m.get("executable")][-1]


def count(executable, work):
    """Instructions of one piece of work."""
    with tempfile.TemporaryDirectory() as scratch:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/out", executable, work]
        run = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


def main():
    renew = sys.argv[1:] == ["--renew"]
    if sys.argv[1:] and not renew:
        sys.exit(__doc__)
    executable = build()
    counts = {work: count(executable, work) for work in WORK}
    if renew:
        BASELINE.write_text(json.dumps(counts, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    grown = []
    for work, now in counts.items():
        before = baseline.get(work, 0)
        change = now / before - 1 if before else float("inf")
        print(f"{work:12} {now / 1e6:10.1f} M instructions, baseline {before / 1e6:10.1f} M, {change:+.1%}")
        if change > GROWTH:
            grown.append(work)
    if grown:
        sys.exit(f"more than {GROWTH:.0%} more instructions: {', '.join(grown)}. If they are worth it, renew the baseline:\n"
                 "    benches/count_instructions.py --renew")


main()
