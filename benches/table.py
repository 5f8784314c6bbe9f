#!/usr/bin/env python3
"""Prints the last measurements as rows of Markdown: one row per benchmark and size, the medians of all its contestants.

    python3 benches/table.py
"""

import json
from pathlib import Path

OURS = ("event_list", "saleload")
here = Path(__file__).resolve().parent
rows = {}
for root in (here.parent / "target", here / "peers" / "target"):
    for file in sorted(root.glob("criterion/**/new/benchmark.json")):
        what = json.loads(file.read_text())
        seconds = json.loads((file.parent / "estimates.json").read_text())["median"]["point_estimate"] / 1e9
        elements = (what["throughput"] or {"Elements": 1})["Elements"]
        size = what["value_str"] or ""
        key = (what["group_id"], len(size), size)
        rows.setdefault(key, {})[what["function_id"]] = elements / seconds

print("| benchmark | size | contestant | elements a second | ns each | ours is faster by |")
print("|---|---:|---|---:|---:|---:|")
for (group, _, size), rates in sorted(rows.items()):
    ours = next((rates[name] for name in OURS if name in rates), None)
    for name, rate in sorted(rates.items(), key=lambda item: (item[0] not in OURS, item[0])):
        ratio = f"{ours / rate:.2f} ×" if ours and name not in OURS else ""
        print(f"| {group} | {size} | `{name}` | {rate / 1e6:.3g} M | {1e9 / rate:,.0f} | {ratio} |")
