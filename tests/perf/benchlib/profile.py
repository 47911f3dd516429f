# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions by function of the guest's kernel.

The plugin counts by block of straight-line code; a block's instructions go to the function that
its first instruction lies in. The addresses are those of the guest's own /proc/kallsyms (scripts/vm
boots without address randomisation).
"""

import bisect
from collections import Counter

USER = ("(user space)", "")


class Symbols:
    """Address to function and module."""

    def __init__(self, lines):
        found = {}
        for line in lines:
            address, kind, name, *module = line.split()
            if kind in "tTwW":
                # Of several names for one address the first is as good as any.
                found.setdefault(int(address, 16), (name, module[0].strip("[]") if module else ""))
        self.addresses = sorted(found)
        self.names = [found[a] for a in self.addresses]

    def at(self, address):
        if address >> 63 == 0:
            return USER
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i] if i >= 0 else ("(unknown)", "")


def by_function(blocks, symbols):
    counts = Counter()
    for address, n in blocks:
        counts[symbols.at(address)] += n
    return counts


def print_profile(runs, ios, symbols, limit, file):
    """runs: (run, window) pairs; ios: I/Os in the window by run id."""
    for run, window in runs:
        counts = by_function(window.blocks, symbols)
        n = ios[run.id]
        total = sum(counts.values())
        modules = Counter()
        for (_, module), count in counts.items():
            modules[module] += count
        print(f"\n{run.driver} {run.row.name}: {total / n:,.0f} instructions an I/O", file=file)
        print("  by module: " + ", ".join(
            f"{module or 'kernel and user'} {count / n:,.0f}"
            for module, count in modules.most_common(12) if count / n >= 1), file=file)
        for (name, module), count in counts.most_common(limit):
            where = f" [{module}]" if module else ""
            print(f"  {count / n:>10,.0f}  {100 * count / total:5.1f} %  {name}{where}", file=file)
