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

    def is_entry(self, address):
        i = bisect.bisect_left(self.addresses, address)
        return i < len(self.addresses) and self.addresses[i] == address

    def at(self, address):
        if address >> 63 == 0:
            return USER
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i] if i >= 0 else ("(unknown)", "")


def by_function(blocks, symbols):
    """Instructions and calls by function. A block at a function's own address is its entry."""
    insns = Counter()
    calls = Counter()
    for address, n, executions in blocks:
        function = symbols.at(address)
        insns[function] += n
        if symbols.is_entry(address):
            calls[function] += executions
    return insns, calls


def print_profile(windows, ios, symbols, limit, file):
    """One table a row, the drivers side by side: instructions an I/O and, in brackets, calls an
    I/O. windows: (run, window) pairs; ios: I/Os in the window by run id. Functions are in the
    order of the most that any driver spends in them."""
    rows = {}
    for run, window in windows:
        rows.setdefault(run.row, {})[run.driver] = (
            by_function(window.blocks, symbols), ios[run.id])
    for row, drivers in rows.items():
        print(f"\n{row.name}: instructions an I/O (calls an I/O)", file=file)
        print("".join(f"{name:>18}" for name in drivers), file=file)

        def cell(driver, pick):
            (insns, calls), n = drivers[driver]
            return f"{pick(insns) / n:,.0f} ({pick(calls) / n:.2f})"

        def line(pick, text, with_calls=True):
            cells = [cell(driver, pick) for driver in drivers]
            if not with_calls:
                cells = [c.split()[0] + " " * 7 for c in cells]
            print("".join(f"{c:>18}" for c in cells) + "  " + text, file=file)

        line(lambda counter: sum(counter.values()), "all", False)
        modules = Counter()
        functions = Counter()
        for (insns, _), n in drivers.values():
            mine = Counter()
            for function, count in insns.items():
                functions[function] = max(functions[function], count / n)
                mine[function[1]] += count / n
            modules |= mine
        for module, most in modules.most_common():
            if most >= 20:
                line(lambda counter, m=module: sum(
                    c for (_, other), c in counter.items() if other == m),
                    f"all of [{module}]" if module else "all of the kernel proper, and user", False)
        for function, _ in functions.most_common(limit):
            name, module = function
            line(lambda counter, f=function: counter[f], name + (f" [{module}]" if module else ""))
