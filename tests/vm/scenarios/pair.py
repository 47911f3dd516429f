# SPDX-License-Identifier: GPL-2.0-or-later
"""With a target on a machine of its own: it reboots, and what needs its disk to get memory at all."""
import os
import subprocess

from rig.checks import Fio, Failure, expect, read, run, wait_for
from rig.wire import TARGET
from scenarios.daemon import cut_connections
from scenarios.errors import counter
from scenarios.recovery import FAST, logged_in, lost

HOG = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "rig/hog.py")
MUCH = 64 << 20  # bytes that are to go out to the disk, and to come in again, for it to count as pressure
PASSES = "/run/hog"


def attach(rig):
    rig.initiator.discover()
    rig.initiator.set_keys("t", FAST)
    rig.initiator.login("t")
    return rig.initiator.disk("t")


def holds_reboots(rig):
    """The target's machine is switched off and booted again, twice, under fio verify, and the daemon is killed
    meanwhile: I/O waits, goes on, and verifies clean."""
    disk = attach(rig)
    load = Fio.endless(disk)
    for kill in (False, True):
        wait_for("I/O", load.moves)
        open("/out/reboot-target", "w", encoding="ascii").close()
        wait_for("the session is lost", lambda: lost(rig), 60)
        if kill:
            rig.initiator.kill_daemon()
            rig.initiator.start_daemon()
        expect(load.running(), "fio ended while the target was gone")
        wait_for("the target's boot", lambda: os.path.exists("/out/target-is-back"), 300)
        os.unlink("/out/target-is-back")
        wait_for("the session is back", lambda: logged_in(rig), 60)
    wait_for("I/O", load.moves, 60)
    load.stop()


def swapped():
    """Bytes that went out and came in since the boot."""
    counts = dict(line.split() for line in read("/proc/vmstat").splitlines())
    return [int(counts[name]) * 4096 for name in ("pswpout", "pswpin")]


class Hog:
    """Keeps more memory busy than the machine has."""

    def __init__(self, mib):
        self.process = subprocess.Popen([HOG, str(mib), PASSES], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def check(self):
        if self.process.poll() is not None:
            raise Failure(f"the hog ended with {self.process.returncode}: {self.process.stderr.read()}")

    def moves(self):
        """More of its memory goes out and comes in."""
        out, back = swapped()

        def more():
            self.check()
            now = swapped()
            return now[0] > out + (4 << 20) and now[1] > back + (4 << 20)
        wait_for("swapping", more, 120)

    def passes(self):
        self.check()
        return int(read(PASSES)) if os.path.exists(PASSES) else 0

    def end(self):
        self.process.kill()
        self.process.wait()


def total_memory():
    return int(read("/proc/meminfo").split()[1]) >> 10


def holds_swap(rig):
    """Swap on the disk, and more memory in use than there is: connections are reset, the daemon is killed and started
    again, and no page is wrong and nothing hangs."""
    disk = attach(rig)
    run("mkswap", disk)
    run("swapon", disk)
    hog = Hog(total_memory())
    try:
        for number in range(8):
            hog.moves()
            before = counter(rig, "recoveries")
            # A daemon that lives brings the disk back that what is needed to start one may be swapped to.
            if number % 4 == 3:
                rig.initiator.kill_daemon()
                rig.initiator.start_daemon()
            cut_connections(TARGET)
            wait_for("a recovery", lambda count=before: counter(rig, "recoveries") > count, 120)
        done = hog.passes()
        wait_for("another pass over all memory", lambda: hog.passes() > done, 600)
        out, back = swapped()
        rig.say(f"{out >> 20} MiB out, {back >> 20} MiB in, {hog.passes()} passes, {counter(rig, 'recoveries')} recoveries")
        expect(out > MUCH and back > MUCH, "that was no pressure")
    finally:
        hog.end()
        run("swapoff", disk, timeout=300)
    expect("blocked for more than" not in run("dmesg").stdout, "a task hung")
