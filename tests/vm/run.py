#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs scenarios in the guest, one after another, against one target.

    run.py --target lio|tgt [--initiator hawser|open-iscsi] MODULE[:FUNCTION]…

A scenario is a function `holds_…(rig)` of a module in tests/vm/scenarios; its docstring is
the sentence that it shows. Each starts and ends without sessions, records
and targets. One that fails does not stop those after it; the exit status counts all.
"""
import argparse
import importlib
import os
import re
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from rig import initiators, targets  # noqa: E402
from rig.checks import Failure, Fio, Skip, run, spent  # noqa: E402


class Rig:
    """What a scenario is given. full: the long run, as with the whole product of settings instead of every pair."""

    def __init__(self, args):
        self.target = targets.KINDS[args.target]()
        self.initiator = initiators.KINDS[args.initiator]()
        self.initiator.portal = self.target.portal
        self.full = args.full
        self.seed = args.seed
        self.skipped = 0

    def skip(self, text):
        """Counts a case that the target cannot do; the scenario goes on."""
        self.skipped += 1
        print(f"  skipped: {text}", flush=True)

    def say(self, text):
        print(f"  {text}", flush=True)

    def tell(self, text):
        """A figure: scripts/run-tests shows it at the end of all tests."""
        print(f"  = {text}", flush=True)

    def attach(self, name="t", units=1, size="64M", backend="ramdisk", block_size=512, records=(), window=None, **keys):
        """A target with LUNs 1 to units, discovered and logged in to; returns the first disk."""
        self.target.add(name, window=window, **keys)
        for lun in range(1, units + 1):
            self.target.add_lun(name, lun, size, backend, block_size)
        self.initiator.discover()
        if records:
            self.initiator.set_keys(name, dict(records))
        self.initiator.login(name)
        return self.initiator.disk(name)


def find(words):
    for word in words:
        module_name, _, function = word.partition(":")
        module = importlib.import_module(f"scenarios.{module_name}")
        for name, scenario in vars(module).items():
            if name.startswith("holds_") and function in ("", name.removeprefix("holds_")):
                yield f"{module_name}:{name.removeprefix('holds_')}", scenario


def attempt(rig, step):
    """Runs one step and tells at once what it came to: True, False, or None for skipped."""
    try:
        step()
        return True
    except Skip as reason:
        rig.skip(str(reason))
        return None
    except Failure as failure:
        print("".join(traceback.format_tb(failure.__traceback__)[-3:]) + f"  FAILS: {failure}", flush=True)
    except Exception:  # a bug of the scenario's own is a failure of it, and the others still run
        print(f"  FAILS: {traceback.format_exc()}", flush=True)
    return False


def clean_up(rig):
    Fio.kill_all()
    rig.initiator.clean()
    rig.target.stop()


def tell_logs(rig, since):
    """The ends of what the kernel and the daemon wrote since this boot time: a failure may be seen where nothing but
    this output is kept."""
    kernel = [line for line in run("dmesg", check=False).stdout.splitlines()
              if (at := re.match(r"\[ *(\d+\.\d+)", line)) and float(at[1]) >= since]
    for name, lines in (("kernel", kernel), (rig.initiator.name, rig.initiator.logged())):
        print(f"  the {name}'s log:", *(f"    {line}" for line in lines[-30:]), sep="\n", flush=True)


def run_one(rig, name, scenario):
    """True when it holds and leaves nothing, False when not, None when the target cannot do it."""
    print(f"- {name}: {' '.join(scenario.__doc__.split())}", flush=True)
    started, booted = time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
    rig.target.start()
    result = attempt(rig, lambda: scenario(rig))
    if result is False:
        attempt(rig, lambda: tell_logs(rig, booted))
    if attempt(rig, lambda: clean_up(rig)) is False:
        result = False
    verdict = {True: "holds", False: "does not hold", None: "skipped"}[result]
    print(f"  {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=targets.KINDS, default="lio")
    parser.add_argument("--initiator", choices=initiators.KINDS, default="hawser")
    parser.add_argument("--full", action="store_true",
                        help="the long run: all kills and rounds, the whole product of settings")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("scenarios", nargs="+")
    args = parser.parse_args()

    rig = Rig(args)
    chosen = list(find(args.scenarios))
    if not chosen:
        sys.exit(f"no scenario of that name: {' '.join(args.scenarios)}")
    print(f"{os.uname().release}: {rig.target.name}, {rig.initiator.name}, {len(chosen)} scenarios", flush=True)
    rig.initiator.start()
    results = [run_one(rig, name, scenario) for name, scenario in chosen]
    try:
        rig.initiator.stop()
    except Failure as failure:
        print(f"- at the end: FAILS: {failure}", flush=True)
        results.append(False)
    # Nothing is left where the scenarios worked, or the next run starts from something else.
    left = run("findmnt", "-rn", "-t", "ext4,xfs", check=False).stdout
    if left:
        print(f"- at the end: FAILS: mounts are left:\n{left}")
        results.append(False)
    print("time went to: " + ", ".join(f"{program} {seconds:.0f} s ({calls})" for program, (seconds, calls)
                                       in sorted(spent.items(), key=lambda item: -item[1][0])[:6]))
    print(f"{rig.target.name}, {rig.initiator.name}: {results.count(True)} hold, {results.count(False)} fail, "
          f"{results.count(None)} skipped; {rig.skipped} cases that this target cannot do")
    sys.exit(1 if False in results or True not in results else 0)


if __name__ == "__main__":
    main()
