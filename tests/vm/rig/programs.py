# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own programs that stand where a target does: one that recovers from everything, and a proxy that damages."""
import os
import subprocess

from rig.checks import Failure, wait_for

TESTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))),
                     "build/tests")


class Program:
    """A program that says when it listens; lines: what it has said since."""

    def __init__(self, path, *options):
        self.name = os.path.basename(path)
        self.log = open(f"/out/{self.name}.log", "w+", encoding="ascii")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen([os.path.join(TESTS, path), *map(str, options)], stdout=self.log)
        wait_for(f"{self.name} listens", lambda: "listening" in self.text())

    def text(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}")
        with open(self.log.name, encoding="ascii") as log:
            return log.read()

    def lives(self):
        """True, unless that fails."""
        return bool(self.text())

    def lines(self, start):
        return [line for line in self.text().splitlines() if line.startswith(start)]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Proxy(Program):
    """A fault_proxy before the target."""

    def __init__(self, *options, at, to):
        super().__init__("fault/fault_proxy", *options, at, to)

    def faults(self):
        """The faults until now: of each its kind."""
        return [line.split()[2] for line in self.lines("fault ")]


class Recovering(Program):
    """The target, and what it complains of."""

    PORT = 3262

    def __init__(self, *options):
        super().__init__("target/recovering_target", "-p", self.PORT, *options)

    def complaints(self):
        return self.lines("complaint")
