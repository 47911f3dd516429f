# SPDX-License-Identifier: GPL-2.0-or-later
"""The command window: of one, of two, and closed for seconds."""
import time

from rig.checks import Fio, expect, fio, wait_for
from scenarios.errors import counter


def small(rig, window):
    disk = rig.attach(window=window)
    fio(disk, size="4M", iodepth=32)
    fio(disk, size="4M", iodepth=8, bsrange="512-256k")
    closed = counter(rig, "window_closed")
    expect(closed > 0, f"with a window of {window} and 32 commands it was never closed")


def holds_one(rig):
    """Against a command window of 1, I/O of any depth is done and verified."""
    small(rig, 1)


def holds_two(rig):
    """Against a command window of 2, I/O of any depth is done and verified."""
    small(rig, 2)


def holds_closed(rig):
    """A window that closes for seconds under load stops the I/O, and opens it again; verify is clean."""
    # No NOP-Out time-out: a target that stands still is what this is about.
    disk = rig.attach(backend="stalling", window=8,
                      records={"node.conn[0].timeo.noop_out_interval": 0,
                               "node.conn[0].timeo.noop_out_timeout": 0})
    load = Fio.endless(disk, iodepth=32)
    for _ in range(3):
        wait_for("I/O", load.moves)
        with rig.target.stalled():
            before = settle(load)
            time.sleep(4)
            expect(load.completed() == before, "I/O completed while the target stood still")
            expect(load.running(), "fio ended while the target stood still")
    wait_for("I/O", load.moves)
    load.stop()


def settle(load):
    """Lets what the target had already done arrive; returns the count of completed I/O."""
    def still():
        before = load.completed()
        time.sleep(0.5)
        return load.completed() == before and before
    return wait_for("I/O stops", still)
