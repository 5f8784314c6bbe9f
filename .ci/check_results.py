#!/usr/bin/env python3
"""Checks a result folder from outside: nothing of saleload is used, only the files and what the README says of them.

usage: check_results.py FOLDER [--gmv-bn LOW HIGH]

Needs: pip install blake3
"""

import argparse
import csv
import json
import struct
import sys
import xml.etree.ElementTree
from pathlib import Path

from blake3 import blake3

PICTURES = ["gmv", "inventory", "orders", "services", "lost"]
NOT_LOST = {"bought", "changed_mind", "coupon", "deposit_forfeited", "open", "substituted"}
SUMMARY = {
    "saleload", "name", "title", "zone", "seed", "completion", "simulated_until_unix_ms", "cells", "simulated_cells",
    "shoppers", "skus", "skus_sold_out", "categories", "services", "products", "total", "windows", "saturated",
    "conservation", "events", "digest",
}  # fmt: skip
# Column of the series by total of the summary.
SERIES = {
    "sessions": "sessions_begun",
    "orders_created": "orders_created",
    "orders_paid": "orders_paid",
    "gmv_ordered_fen": "gmv_ordered_fen",
    "gmv_paid_fen": "gmv_paid_fen",
}

problems = []


def expect(holds, what):
    if not holds:
        problems.append(what)


def equal(what, found, wanted):
    expect(found == wanted, f"{what}: {found}, expected {wanted}")


def table(folder, name):
    with open(folder / name, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expect(rows, f"{name} has no rows")
    return rows


def total(rows, column):
    return sum(int(row[column]) for row in rows)


def check_summary(summary):
    missing = SUMMARY - summary.keys()
    expect(not missing, f"summary.json lacks {sorted(missing)}")
    equal("completion", summary["completion"], "complete")
    equal("simulated until", summary["simulated_until_unix_ms"], summary["windows"][-1]["closes_unix_ms"])
    expect(summary["events"] > 0, "no events")
    expect(len(summary["digest"]) == 64, "digest is not 256 bits")
    for name, amount in summary["total"].items():
        equal(f"windows: {name}", sum(window["total"][name] for window in summary["windows"]), amount)


def check_conservation(laws):
    for law in ["skus_in_breach", "ledger_difference_fen", "paid_difference_fen"]:
        equal(law, laws[law], 0)
    equal("sessions", laws["sessions_ended"] + laws["sessions_in_flight"], laws["sessions_begun"])
    equal("units", laws["units_sold"] + laws["units_held"] + laws["units_left"] + laws.get("units_set_aside", 0),
          laws["units_start"] + laws.get("units_restocked", 0))


def check_ledger(summary, ledger):
    of = summary["total"]
    equal("ledger money", total(ledger, "money_fen"), of["demand_fen"])
    equal("ledger intents", total(ledger, "intents"), of["intents"])
    bought = [row for row in ledger if row["bucket"] == "bought"]
    equal("ledger bought", total(bought, "money_fen"), of["gmv_paid_fen"])
    equal("ledger orders", total(bought, "intents"), of["orders_paid"])
    equal("ledger units", total(bought, "units"), summary["conservation"]["units_sold"])
    lost = [row for row in ledger if row["bucket"] not in NOT_LOST]
    equal("ledger lost", total(lost, "money_fen"), of["lost_fen"])


def check_series(summary, series, ledger, services):
    for name, column in SERIES.items():
        equal(f"series {column}", total(series, column), summary["total"][name])
    for bucket in sorted({row["bucket"] for row in ledger} - {"open"}):
        money = total([row for row in ledger if row["bucket"] == bucket], "money_fen")
        equal(f"series ledger.{bucket}_fen", total(series, f"ledger.{bucket}_fen"), money)
    for service in summary["services"]:
        rows = [row for row in services if row["service"] == service]
        for what in ["requests", "rejected", "timed_out"]:
            equal(f"series {service} {what}", total(series, f"service.{service}.{what}"), total(rows, what))
    until = summary["windows"][0]["opens_unix_ms"]
    for row in series:
        expect(int(row["time_unix_ms"]) == until, f"series: a gap or an overlap at {row['time_unix_ms']}")
        until = int(row["time_unix_ms"]) + 1000 * int(row["seconds"])
    equal("end of the series", until, summary["simulated_until_unix_ms"])


def check_pictures(folder):
    for name in PICTURES:
        png = (folder / f"{name}.png").read_bytes()
        expect(png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) > 10_000, f"{name}.png is no picture")
        width, height = struct.unpack(">II", png[16:24])
        expect(width >= 1000 and height >= 500, f"{name}.png is {width} x {height}")
        svg = xml.etree.ElementTree.parse(folder / f"{name}.svg").getroot()
        shapes = sum(1 for _ in svg.iter())
        expect(svg.tag.endswith("svg") and shapes > 20, f"{name}.svg has {shapes} elements")
    page = (folder / "report.html").read_text(encoding="utf-8")
    expect(page.rstrip().endswith("</html>") and len(page) > 20_000, "report.html is cut off")


def check_manifest(folder, summary):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name in ["saleload", "seed", "completion", "cells", "simulated_cells", "digest"]:
        equal(f"manifest {name}", manifest[name], summary[name])
    names = {path.name for path in folder.iterdir()} - {"manifest.json"}
    equal("files of the manifest", sorted(manifest["files"]), sorted(names))
    for name in names & manifest["files"].keys():
        equal(f"BLAKE3 of {name}", blake3((folder / name).read_bytes()).hexdigest(), manifest["files"][name])
    equal("BLAKE3 of the scenario", manifest["files"]["scenario.resolved.toml"], manifest["scenario_blake3"])


def check_gmv(summary, low, high):
    gmv = summary["total"]["gmv_paid_fen"] / 1e11
    expect(low <= gmv <= high, f"GMV paid is {gmv:.1f} bn RMB, expected {low} to {high}")


def main():
    parser = argparse.ArgumentParser(description="Checks a result folder from outside.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gmv-bn", nargs=2, type=float, metavar=("LOW", "HIGH"), help="band of paid GMV, bn RMB")
    arguments = parser.parse_args()
    folder = arguments.folder
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    series, ledger, services = (table(folder, name) for name in ["series.csv", "ledger.csv", "services.csv"])
    table(folder, "brands.csv")
    table(folder, "products.csv")
    check_summary(summary)
    check_conservation(summary["conservation"])
    check_ledger(summary, ledger)
    check_series(summary, series, ledger, services)
    check_pictures(folder)
    check_manifest(folder, summary)
    if arguments.gmv_bn:
        check_gmv(summary, *arguments.gmv_bn)
    for problem in problems:
        print(f"FAILS: {problem}")
    if problems:
        sys.exit(1)
    gmv = summary["total"]["gmv_paid_fen"] / 1e11
    print(f"{summary['name']}: all files agree; {summary['events']} events, {gmv:.4g} bn RMB paid, digest {summary['digest'][:16]}")


if __name__ == "__main__":
    main()
