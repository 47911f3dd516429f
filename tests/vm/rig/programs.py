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
        # A log gets long, and who waits for a line asks twenty times a second: each line is read and looked at once.
        self.reader = open(self.log.name, encoding="ascii")  # pylint: disable=consider-using-with
        self.said, self.part = [], ""
        wait_for(f"{self.name} listens", lambda: "listening" in self.text())

    def lives(self):
        """True, unless it has ended, which is a failure."""
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}")
        return True

    def news(self):
        """The whole lines that were not there yet when this was asked last; they are kept in `said`."""
        self.lives()
        *lines, self.part = (self.part + self.reader.read()).split("\n")
        self.said += lines
        return lines

    def text(self):
        self.news()
        return "\n".join(self.said)

    def lines(self, start):
        self.news()
        return [line for line in self.said if line.startswith(start)]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.close()
        self.log.close()


class Proxy(Program):
    """A fault_proxy before the target."""

    def __init__(self, *options, at, to):
        self.kinds = []
        super().__init__("fault/fault_proxy", *options, at, to)

    def news(self):
        lines = super().news()
        self.kinds += [line.split()[2] for line in lines if line.startswith("fault ")]
        return lines

    def faults(self):
        """The faults until now: of each its kind."""
        self.news()
        return self.kinds


class Recovering(Program):
    """The target, and what it complains of."""

    PORT = 3262

    def __init__(self, *options):
        super().__init__("target/recovering_target", "-p", self.PORT, *options)

    def complaints(self):
        return self.lines("complaint")
