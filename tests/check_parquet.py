#!/usr/bin/env python3
"""Opens series.parquet of a result folder with pandas, Polars and DuckDB and compares it with series.csv.

Needs: pip install pandas pyarrow polars duckdb
"""

import csv
import sys
from pathlib import Path

AMOUNT = "gmv_paid_fen"


def expected(folder):
    with open(folder / "series.csv", newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        amounts = [int(row[AMOUNT]) for row in reader]
        return len(amounts), list(reader.fieldnames), sum(amounts)


def with_pandas(path):
    import pandas

    frame = pandas.read_parquet(path, engine="pyarrow")
    assert str(frame["time_unix_ms"].dtype) == "datetime64[ms, UTC]", frame["time_unix_ms"].dtype
    return len(frame), list(frame.columns), int(frame[AMOUNT].sum())


def with_polars(path):
    import polars

    frame = polars.read_parquet(path)
    assert frame.schema["time_unix_ms"] == polars.Datetime("ms", "UTC"), frame.schema["time_unix_ms"]
    return frame.height, frame.columns, int(frame[AMOUNT].sum())


def with_duckdb(path):
    import duckdb

    with duckdb.connect() as connection:
        quoted = str(path).replace("'", "''")
        source = f"read_parquet('{quoted}')"
        described = connection.execute(f"describe select * from {source}").fetchall()
        assert described[0][:2] == ("time_unix_ms", "TIMESTAMP WITH TIME ZONE"), described[0]
        rows, amount = connection.execute(f"select count(*), sum({AMOUNT}) from {source}").fetchone()
        return rows, [column[0] for column in described], int(amount)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_parquet.py RESULT_FOLDER")
    folder = Path(sys.argv[1])
    wanted = expected(folder)
    failed = False
    for name, read in [("pandas", with_pandas), ("polars", with_polars), ("duckdb", with_duckdb)]:
        try:
            found = read(folder / "series.parquet")
            verdict = "agrees" if found == wanted else f"DIFFERS: series.csv has {wanted[0]} rows, {AMOUNT} {wanted[2]}"
        except Exception as error:
            found, verdict = (0, [], 0), f"FAILS: {error!r}"
        failed |= verdict != "agrees"
        print(f"{name}: {found[0]} rows, {len(found[1])} columns, {AMOUNT} {found[2]}: {verdict}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
