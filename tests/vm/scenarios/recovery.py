# SPDX-License-Identifier: GPL-2.0-or-later
"""Lost targets: gone and back, gone for good, and silent."""
import time

from rig.checks import Dropped, Fio, expect, fio, read, wait_for
from rig.trace import EXPIRED, FAILED, StateTrace

FAST = {  # seconds; how soon silence is noticed and a new login is tried
    "node.conn[0].timeo.noop_out_interval": 2,
    "node.conn[0].timeo.noop_out_timeout": 2,
    "node.conn[0].timeo.login_timeout": 5,
}
LIMIT = 5  # seconds: a recovery time-out that a test can wait for


def lost(rig, name="t"):
    return rig.initiator.state(name) not in ("LOGGED_IN", None)


def logged_in(rig, name="t"):
    return rig.initiator.state(name) == "LOGGED_IN"


def holds_restart(rig):
    """A target killed and restarted under fio verify: I/O waits, goes on, and verifies clean."""
    disk = rig.attach(records=FAST, backend="file")
    load = Fio.endless(disk)
    for _ in range(2):
        wait_for("I/O", load.moves)
        rig.target.kill()
        wait_for("the session is lost", lambda: lost(rig), 20)
        expect(load.running(), "fio ended while the target was gone")
        before = load.completed()
        time.sleep(2)
        expect(load.completed() == before, "I/O completed without a target")
        rig.target.restart()
        wait_for("the session is back", lambda: logged_in(rig), 60)
    wait_for("I/O", load.moves)
    load.stop()


def holds_time_out(rig):
    """A target gone for longer than the recovery time-out: I/O fails in that time, and works when it is back."""
    disk = rig.attach(records={**FAST, "node.session.timeo.replacement_timeout": LIMIT}, backend="file")
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    with StateTrace() as trace:
        rig.target.kill()
        since = time.monotonic()
        load.fail(60)
        took = time.monotonic() - since
        (failed,), (expired,) = trace.when(FAILED), trace.when(EXPIRED)
    expect(LIMIT <= expired - failed < LIMIT + 1, f"a recovery time-out of {LIMIT} s took {expired - failed:.2f} s")
    # Until the loss is known there may go a NOP-Out's interval and time-out; afterwards fio has to end.
    expect(failed - since < 5 and since + took - expired < 10,
           f"the loss was known after {failed - since:.1f} s, fio ended {since + took - expired:.1f} s after the time-out")
    rig.target.restart()
    wait_for("the session is back", lambda: logged_in(rig), 60)
    fio(disk, size="4M")


def holds_silence(rig):
    """A target that stops answering without closing is found out by NOP-Out, and recovery follows."""
    disk = rig.attach(records=FAST, backend="file")
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    with Dropped():
        wait_for("the silence is noticed", lambda: lost(rig), 30)
        expect(load.running(), "fio ended while the target was silent")
    wait_for("the session is back", lambda: logged_in(rig), 60)
    wait_for("I/O", load.moves)
    load.stop()


def holds_idle_silence(rig):
    """With no I/O under way, silence is found out too, within the NOP interval and time-out."""
    disk = rig.attach(records=FAST)
    with Dropped():
        wait_for("the silence is noticed", lambda: lost(rig), 30)
    wait_for("the session is back", lambda: logged_in(rig), 60)
    fio(disk, size="2M")
    expect(read("/sys/class/block", disk[5:], "device/state") == "running", "the device is not running")
