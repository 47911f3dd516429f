# SPDX-License-Identifier: GPL-2.0-or-later
"""Many sessions at once."""
import glob
import os

from rig.checks import expect, read, wait_for


def crowd(rig, count, rounds):
    for number in range(count):
        rig.target.add(f"c{number:03}")
        rig.target.add_lun(f"c{number:03}", 1, size="1M")
    rig.initiator.discover()
    least = {}

    def nothing_grew():
        # What a client's end or a released reference still holds goes a moment later (RCU, the
        # daemon's loop), so one look may count too much, never too little: the least is the measure.
        now = leftovers(rig)
        grew = any(now[what] > least.get(what, now[what]) for what in now)
        least.update({what: min(now[what], least.get(what, now[what])) for what in now})
        return not grew

    for number in range(rounds):
        rig.initiator.adm("-m", "node", "-L", "all", timeout=300)
        expect(len(rig.initiator.sessions()) == count, f"{len(rig.initiator.sessions())} sessions")
        wait_for(f"{count} disks", lambda: len(glob.glob("/sys/class/iscsi_session/session*/device/target*/*/block/sd*"))
                 == count, 300)
        rig.initiator.adm("-m", "node", "-U", "all", timeout=300)
        wait_for("no session", lambda: not rig.initiator.sessions(), 60)
        wait_for("nobody uses the module", lambda: read(f"/sys/module/{rig.initiator.module}/refcnt") == "0", 30)
        # The first round may still fill caches; from then on nothing may grow.
        wait_for(f"round {number + 1} leaves no more than {least}", nothing_grew, 30)


def leftovers(rig):
    """What a session could leave behind, as counts."""
    return {
        "disks": len(glob.glob("/sys/class/block/sd*")),
        "SCSI hosts": len(glob.glob("/sys/class/scsi_host/*")),
        "SCSI devices": len(glob.glob("/sys/class/scsi_device/*")),
        "connections": len(glob.glob("/sys/class/iscsi_connection/*")),
        "endpoints": len(glob.glob("/sys/class/iscsi_endpoint/*")),
        "the daemon's descriptors": len(os.listdir(f"/proc/{rig.initiator.daemon.pid}/fd")),
    }


def holds_hundred(rig):
    """100 sessions are logged in at once and out at once, 5 times (in the long run 20): no leak, no hang, no stray
    device."""
    crowd(rig, 100, 20 if rig.full else 5)


def holds_ten(rig):
    """10 sessions are logged in at once and out at once, 3 times; for the debug kernel."""
    crowd(rig, 10, 3)
