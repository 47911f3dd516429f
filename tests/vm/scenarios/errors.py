# SPDX-License-Identifier: GPL-2.0-or-later
"""Task management: by hand under load, and by the midlayer for commands that do not end."""
import time

from rig.checks import Fio, expect, fio, run, wait_for, write


def counter(rig, name):
    """One of the session's statistics."""
    for line in rig.initiator.adm("-m", "session", "-s").stdout.splitlines():
        key, _, value = line.strip().partition(": ")
        if key == name:
            return int(value)
    raise KeyError(name)


class KernelLog:
    """What the kernel has logged since this was made: what follows a mark of ours, as long as the
    ring still has it."""

    def __init__(self):
        self.mark = f"hawser-test: mark {time.monotonic_ns()}"
        write(f"<6>{self.mark}\n", "/dev/kmsg")

    def tells(self, *words):
        since = run("dmesg").stdout.rsplit(self.mark, 1)[-1]
        return any(all(word in line for word in words) for line in since.splitlines())


def holds_resets(rig):
    """LOGICAL UNIT RESET, TARGET WARM RESET and a new session, asked for under fio verify, lose nothing."""
    disk = rig.attach(units=2)
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    log = KernelLog()
    for option, name, text in (("--device", "lu_resets", "LOGICAL UNIT RESET"),
                               ("--target", "target_resets", "TARGET WARM RESET")):
        before = counter(rig, name)
        done = run("sg_reset", option, "--no-escalate", disk, check=False)
        expect(counter(rig, name) == before + 1, f"{name} did not count a reset")
        expect(log.tells(text), f"the kernel's log does not tell of a {text}")
        if log.tells(text, "failed (response"):
            rig.skip(f"{rig.target.name} refuses {text}")
        else:
            expect(done.returncode == 0, f"sg_reset {option}: {done.stderr}")
        wait_for("I/O", load.moves)
    before = counter(rig, "recoveries")
    run("sg_reset", "--host", "--no-escalate", disk)
    expect(counter(rig, "recoveries") == before + 1, "a host reset is a new session")
    wait_for("I/O", load.moves)
    load.stop()
    fio(rig.initiator.disk("t", 2), size="2M")


def holds_commands_that_do_not_end(rig):
    """A target that stands still for longer than commands may take: each step of error handling is
    logged and ends in its time, and when the target goes on, so does the I/O, verified clean."""
    disk = rig.attach(backend="stalling",
                      records={"node.conn[0].timeo.noop_out_interval": 0,
                               "node.conn[0].timeo.noop_out_timeout": 0,
                               "node.conn[0].timeo.login_timeout": 5,
                               "node.session.err_timeo.abort_timeout": 2,
                               "node.session.err_timeo.lu_reset_timeout": 2,
                               "node.session.err_timeo.tgt_reset_timeout": 2})
    # The midlayer gives a command up after six times this.
    write(10, "/sys/class/block", disk[5:], "device/timeout")
    log = KernelLog()
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    with rig.target.stalled():
        # With so many aborts unanswered the connection may be lost by it before the ladder comes to that, and the step
        # between, the target's reset, is left out.
        for step in ("ABORT TASK", "LOGICAL UNIT RESET", "task management"):
            wait_for(f"the kernel's log tells of {step}", lambda text=step: log.tells(text), 60)
        expect(load.running(), "fio ended while the target stood still")
    write(30, "/sys/class/block", disk[5:], "device/timeout")
    wait_for("the session is back", lambda: rig.initiator.state("t") == "LOGGED_IN", 60)
    wait_for("I/O", load.moves, 60)
    load.stop()
