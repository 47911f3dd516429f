#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs conformance tests of Hawser's login code, or prints the table of all tests.

    run.py --driver build/tests/conformance/login_driver [--verbose] [MODULE[:NAME]…]
    run.py --table
    run.py --check-table Documentation/conformance.rst

A test in known-failures.tsv is expected not to hold: if it holds after all, that is an error,
and so is a line of that file that names no test.
"""
import argparse
import asyncio
import difflib
import importlib
import os
import pkgutil
import sys
import time
from types import ModuleType

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../vm")]

import login  # noqa: E402
from harness import Case, Driver, run_case, tests_of  # noqa: E402
from table import table  # noqa: E402

AT_ONCE = 8
# Of tests/vm: what is in the table.
SCENARIOS = ("conformance", "strands", "membership", "resets", "windows2012", "unh_iol", "erl1", "reassign", "level2",
             "asynchronous")


def modules():
    """All test modules in the order of their ORDER."""
    found = [importlib.import_module(f"login.{info.name}") for info in pkgutil.iter_modules(login.__path__)]
    return sorted(found, key=lambda module: module.ORDER)


def everything() -> list[ModuleType]:
    """What the table lists."""
    return [*modules(), *(importlib.import_module(f"scenarios.{name}") for name in SCENARIOS)]


def known_failures() -> dict[str, str]:
    """Test (module:name) to the reason why it does not hold."""
    with open(os.path.join(HERE, "known-failures.tsv"), encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return dict(rows)


def chosen(words: list[str]) -> list[tuple[str, Case]]:
    found = []
    for module in modules():
        short = module.__name__.removeprefix("login.")
        for test in tests_of(module):
            if not words or short in words or f"{short}:{test.name}" in words:
                found += [(f"{short}:{case.name}", case) for case in test.cases]
            else:
                found += [(f"{short}:{case.name}", case) for case in test.cases if f"{short}:{case.name}" in words]
    return found


async def run(cases: list[tuple[str, Case]], program: str, verbose: bool) -> int:
    known = known_failures()
    driver = Driver(program)
    slots = asyncio.Semaphore(AT_ONCE)
    counts = {"holds": 0, "known": 0, "fails": 0}

    async def one(name: str, case: Case) -> None:
        async with slots:
            started = time.monotonic()
            why = await run_case(case, driver)
            took = time.monotonic() - started
        if (why is None) == (name not in known):
            verdict = "holds" if why is None else "known"
        else:
            verdict = "fails"
            why = why or f"  holds, though known-failures.tsv says: {known[name]}"
        counts[verdict] += 1
        if verbose or verdict == "fails":
            print(f"{verdict}: {name}: {case.sentence} ({case.section}; {took * 1000:.0f} ms)")
            if why and verdict == "fails":
                print(why)

    await asyncio.gather(*(one(name, case) for name, case in cases))
    await driver.stop()
    names = {name for name, _ in chosen([])}
    for name in sorted(set(known) - names):
        counts["fails"] += 1
        print(f"fails: known-failures.tsv names {name}, which is no test")
    print(f"{counts['holds']} hold, {counts['known']} are known not to hold, {counts['fails']} fail")
    return counts["fails"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", help="the program login_driver")
    parser.add_argument("--table", action="store_true", help="print Documentation/conformance.rst")
    parser.add_argument("--check-table", metavar="FILE", help="fail when FILE is not what --table prints")
    parser.add_argument("--verbose", action="store_true", help="a line for each test")
    parser.add_argument("tests", nargs="*")
    args = parser.parse_args()
    if args.table:
        print(table(everything()), end="")
        return
    if args.check_table:
        with open(args.check_table, encoding="utf-8") as old:
            changes = list(difflib.unified_diff(old.read().splitlines(), table(everything()).splitlines(),
                                                args.check_table, "the tests", lineterm="", n=0))
        if changes:
            sys.exit("\n".join([*changes[:40], f"make it anew: {sys.argv[0]} --table >{args.check_table}"]))
        return
    if not args.driver:
        parser.error("--driver is missing")
    cases = chosen(args.tests)
    if not cases:
        sys.exit(f"no test of that name: {' '.join(args.tests)}")
    sys.exit(1 if asyncio.run(run(cases, args.driver, args.verbose)) else 0)


if __name__ == "__main__":
    main()
