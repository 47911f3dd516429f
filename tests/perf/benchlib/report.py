# SPDX-License-Identifier: GPL-2.0-or-later
"""From what the rig left behind to figures, a table and JSON."""

import json
import os
import statistics
from dataclasses import dataclass

from .rows import BASELINE, FLOOR, OURS, Row


class ReportError(Exception):
    """The results are not whole."""


@dataclass(frozen=True)
class Window:
    """What the plugin counted between one pair of marks."""

    kernel: int
    user: int
    rep: int
    blocks: list  # of (address, instructions, executions); only with the profile on


@dataclass(frozen=True)
class Sample:
    """One run: instructions an I/O (whole guest, before the floor is taken off), of them the
    repetitions of string instructions; I/Os a second in the window; latency over the run."""

    insns: float
    rep: float
    user: float
    iops: float
    latency_us: float
    p99_us: float


def read_windows(lines):
    """The plugin's file as windows, in order."""
    windows = []
    begin = None
    for line in lines:
        word, *rest = line.split()
        if word == "mark" and rest[0] == "1":
            begin = [int(n) for n in rest[1:]]
            blocks = []
        elif word == "mark" and rest[0] == "2":
            if begin is None:
                raise ReportError("an end mark without a begin mark")
            counts = [int(n) - b for n, b in zip(rest[1:], begin)]
            windows.append(Window(*counts, blocks))
            begin = None
        elif word == "block":
            windows[-1].blocks.append((int(rest[0], 16), int(rest[1]), int(rest[2])))
    return windows


def read_sample(share, run, window):
    with open(os.path.join(share, f"{run.id}.window"), encoding="ascii") as f:
        ios, nanoseconds = (int(n) for n in f.read().split())
    with open(os.path.join(share, f"{run.id}.json"), encoding="utf-8") as f:
        job = json.load(f)["jobs"][0]
    if job["error"]:
        raise ReportError(f"{run.id}: fio reports error {job['error']}")
    latency = job[run.row.rw]["clat_ns"]
    return Sample(
        insns=(window.kernel + window.user) / ios,
        rep=window.rep / ios,
        user=window.user / ios,
        iops=ios / (nanoseconds / 1e9),
        latency_us=latency["mean"] / 1000,
        p99_us=latency["percentile"]["99.000000"] / 1000,
    )


def read_samples(share, marks, runs):
    """Samples by (driver, row), and windows by run. Runs and windows pair up by their order."""
    with open(marks, encoding="ascii") as f:
        windows = read_windows(f)
    if len(windows) != len(runs):
        raise ReportError(f"{len(runs)} runs, but {len(windows)} windows in {marks}")
    samples = {}
    for run, window in zip(runs, windows):
        samples.setdefault((run.driver, run.row), []).append(read_sample(share, run, window))
    return samples, list(zip(runs, windows))


def floor_row(row):
    return Row(row.bytes, row.rw, row.depth, False)


def spread(values):
    """Half the distance from the least to the greatest, in per cent of the median."""
    return 50 * (max(values) - min(values)) / statistics.median(values)


def figures(samples, drivers, rows):
    """One dictionary a driver and row. Instructions are the driver's own: the floor's median is
    taken off, which is fio and the block layer over a device that does nothing."""
    table = []
    for row in rows:
        floor = samples[(FLOOR, floor_row(row))]
        floor_insns = statistics.median(s.insns for s in floor)
        floor_rep = statistics.median(s.rep for s in floor)
        base = samples.get((BASELINE, row))
        for driver in drivers:
            mine = samples[(driver, row)]

            def median(field, of):
                return statistics.median(getattr(s, field) for s in of)

            entry = {
                "row": row.name,
                "driver": driver,
                "repeats": len(mine),
                "insns_per_io": median("insns", mine) - floor_insns,
                "rep_per_io": median("rep", mine) - floor_rep,
                "insns_without_rep_per_io":
                    median("insns", mine) - floor_insns - median("rep", mine) + floor_rep,
                "floor_insns_per_io": floor_insns,
                "iops": median("iops", mine),
                "mib_per_s": median("iops", mine) * row.bytes / 2**20,
                "latency_us": median("latency_us", mine),
                "p99_us": median("p99_us", mine),
            }
            if len(mine) > 1:
                entry["insns_spread_percent"] = spread([s.insns for s in mine])
                entry["iops_spread_percent"] = spread([s.iops for s in mine])
            if base:
                entry["insns_ratio"] = entry["insns_per_io"] / (
                    median("insns", base) - floor_insns)
                entry["insns_without_rep_ratio"] = entry["insns_without_rep_per_io"] / (
                    median("insns", base) - floor_insns - median("rep", base) + floor_rep)
                entry["iops_ratio"] = entry["iops"] / median("iops", base)
                entry["latency_ratio"] = entry["latency_us"] / median("latency_us", base)
                entry["p99_ratio"] = entry["p99_us"] / median("p99_us", base)
            table.append(entry)
    return table


def dearer(table):
    """The rows of Hawser that take more instructions than the baseline's, each with its ratio."""
    return [f"{entry['row']} {entry['insns_ratio']:.3f}" for entry in table
            if entry["driver"] == OURS and entry.get("insns_ratio", 0) > 1]


COLUMNS = (
    ("insns/IO", "insns_per_io", "{:,.0f}"),
    ("+-%", "insns_spread_percent", "{:.1f}"),
    ("of it rep", "rep_per_io", "{:,.0f}"),
    ("IOPS", "iops", "{:,.0f}"),
    ("lat us", "latency_us", "{:,.0f}"),
    ("x insns", "insns_ratio", "{:.3f}"),
    ("x less rep", "insns_without_rep_ratio", "{:.3f}"),
    ("x IOPS", "iops_ratio", "{:.2f}"),
    ("x lat", "latency_ratio", "{:.2f}"),
    ("x p99", "p99_ratio", "{:.2f}"),
)


def print_table(table, file):
    heads = ["row", "driver"] + [head for head, _, _ in COLUMNS]
    lines = [heads]
    for entry in table:
        cells = [entry["row"], entry["driver"]]
        cells += [form.format(entry[key]) if key in entry else "-" for _, key, form in COLUMNS]
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    previous = None
    for line in lines:
        if previous and line[0] != previous:
            print(file=file)
        previous = line[0]
        cells = [cell.ljust(w) if i < 2 else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip(), file=file)
    print(
        "\nInstructions of the initiator's VM for each completed I/O, null_blk's taken off; +-% is"
        "\nhalf the range of the repeats. rep: those that are repetitions of a string instruction,"
        "\nwhich QEMU executes one by one (a byte each in rep movsb, eight in rep movsq). x: ratio to"
        f"\n{BASELINE} in this run; less rep: of the instructions without those.", file=file)


def write_json(path, table, about):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"about": about, "rows": table}, f, indent=2)
        f.write("\n")
