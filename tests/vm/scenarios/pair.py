# SPDX-License-Identifier: GPL-2.0-or-later
"""With targets on a machine of their own: it reboots, and what needs their disk to get memory at all; and both while
faults happen on the wire."""
import contextlib
import os
import subprocess

from rig.checks import Fio, Failure, expect, read, run, wait_for, write
from rig.wire import FAULTY_PORT, TARGET
from scenarios import campaign
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


def reboot_target(rig, kill):
    """The target's machine is switched off and booted again, and the session comes back."""
    open("/out/reboot-target", "w", encoding="ascii").close()
    wait_for("the session is lost", lambda: lost(rig), 60)
    if kill:
        rig.initiator.kill_daemon()
        rig.initiator.start_daemon()
    wait_for("the target's boot", lambda: os.path.exists("/out/target-is-back"), 300)
    os.unlink("/out/target-is-back")
    wait_for("the session is back", lambda: logged_in(rig), 60)


def holds_reboots(rig):
    """The target's machine is switched off and booted again, twice, under fio verify, and the daemon is killed
    meanwhile: I/O waits, goes on, and verifies clean."""
    load = Fio.endless(attach(rig))
    for kill in (False, True):
        wait_for("I/O", load.moves)
        reboot_target(rig, kill)
        expect(load.running(), "fio ended while the target was gone")
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
        try:
            wait_for("swapping", more, 120)
        except Failure as failure:
            now, where = swapped(), f"/proc/{self.process.pid}"
            state = [line for line in read(where, "status").splitlines()
                     if line.startswith(("State", "VmRSS", "VmSwap"))]
            raise Failure(f"{failure}: since then {(now[0] - out) >> 10} KiB out, {(now[1] - back) >> 10} KiB in, "
                          f"{self.passes()} passes, {state}, at\n{read(where, 'stack')}\n"
                          f"{read('/proc/meminfo')}") from failure

    def passes(self):
        self.check()
        return int(read(PASSES)) if os.path.exists(PASSES) else 0

    def end(self):
        self.process.kill()
        self.process.wait()


def total_memory():
    return int(read("/proc/meminfo").split()[1]) >> 10


@contextlib.contextmanager
def pressure(rig, disk):
    """Swap on the disk, and more memory in use than there is; gives who uses it. At the end that was pressure, and
    no task hung."""
    run("mkswap", disk)
    run("swapon", disk)
    hog = Hog(total_memory())
    try:
        yield hog
        done = hog.passes()
        wait_for("another pass over all memory", lambda: hog.passes() > done, 900)
        out, back = swapped()
        rig.say(f"{out >> 20} MiB out, {back >> 20} MiB in, {hog.passes()} passes")
        expect(out > MUCH and back > MUCH, "that was no pressure")
    finally:
        hog.end()
        run("swapoff", disk, timeout=300)
    expect("blocked for more than" not in run("dmesg").stdout, "a task hung")


def holds_swap(rig):
    """Swap on the disk, and more memory in use than there is: connections are reset, the daemon is killed and started
    again, and no page is wrong and nothing hangs."""
    with pressure(rig, attach(rig)) as hog:
        for number in range(8):
            hog.moves()
            before = counter(rig, "recoveries")
            # A daemon that lives brings the disk back that what is needed to start one may be swapped to.
            if number % 4 == 3:
                rig.initiator.kill_daemon()
                rig.initiator.start_daemon()
            cut_connections(TARGET)
            wait_for("a recovery", lambda count=before: counter(rig, "recoveries") > count, 120)
        rig.say(f"{counter(rig, 'recoveries')} recoveries")


def reactions(rig):
    """How many faults the session has met and answered."""
    return sum(counter(rig, name) for name in campaign.REACTIONS)


def holds_swap_faults(rig):
    """Swap over two connections of error recovery level 2, between which and the target faults happen all the time:
    no page is wrong, and no command, session or byte is lost."""
    disk = campaign.log_in(rig, 2, f"{TARGET}:{FAULTY_PORT}")
    write(60, "/sys/class/block", disk[5:], "device/timeout")
    enough = 2000 if rig.full else 60
    with pressure(rig, disk) as hog:
        while reactions(rig) < enough:
            hog.moves()
        campaign.judge(rig)


def holds_reboots_faults(rig):
    """The target's machine is rebooted, twice, between faults at error recovery level 2 under fio verify, and the
    daemon is killed meanwhile: a target that is new is logged in to anew, and I/O verifies clean."""
    disk = campaign.log_in(rig, 2, f"{TARGET}:{FAULTY_PORT}", {"node.session.timeo.replacement_timeout": 600})
    write(60, "/sys/class/block", disk[5:], "device/timeout")
    load = campaign.verify(disk)
    for kill in (False, True, False):
        before = reactions(rig)
        wait_for("faults", lambda count=before: not load.running() or
                 reactions(rig) > count + (300 if rig.full else 10), 3600)
        wait_for("I/O", load.moves, 120)
        reboot_target(rig, kill)
        expect(load.running(), "fio ended while the target was gone")
    campaign.up(rig, 2)
    wait_for("I/O", load.moves, 120)
    load.stop(600)
    campaign.judge(rig, 1)
