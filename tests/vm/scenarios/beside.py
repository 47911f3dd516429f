# SPDX-License-Identifier: GPL-2.0-or-later
"""Hawser and open-iscsi on one machine, under one initiator name."""
import contextlib
import os
import shutil

from rig.checks import expect, fio, read, run, wait_for
from rig.initiators import OpenIscsi


def use_name_of_open_iscsi(rig):
    """One name for both, or their ISIDs could not clash."""
    rig.initiator.stop_daemon()
    os.makedirs("/etc/hawser", exist_ok=True)
    shutil.copy("/etc/iscsi/initiatorname.iscsi", "/etc/hawser/initiatorname.hawser")
    rig.initiator.start_daemon()


def holds_each_keeps_its_own(rig):
    """Neither adopts, scans or ends the other's sessions, and no ISID is used by both."""
    other = OpenIscsi()
    other.start()
    with contextlib.ExitStack() as stack:
        stack.callback(other.stop)
        use_name_of_open_iscsi(rig)
        rig.target.add("shared")
        rig.target.add_lun("shared", 1)
        # open-iscsi goes first: it logs in to no target that has a session of anybody's.
        other.discover()
        other.login("shared")
        theirs = other.disk("shared")
        rig.initiator.discover()
        rig.initiator.login("shared")
        disk = rig.initiator.disk("shared")
        expect(disk != theirs, f"both say {disk}")
        names = {read(i.session("shared"), "initiatorname") for i in (rig.initiator, other)}
        expect(len(names) == 1, f"the initiator names differ, so the ISIDs could not clash: {names}")
        # Under one name, one ISID in both would have been a reinstatement: the target would
        # have ended the older session (RFC 7143, 6.3.5), and both_live would find it gone.
        both_live(rig, other, disk, theirs)

        # Each daemon starts again while the other's session lives.
        rig.initiator.stop_daemon()
        rig.initiator.start_daemon()
        other.stop_daemon()
        other.start_daemon()
        both_live(rig, other, disk, theirs)

        # Each logs out of all that it has.
        rig.initiator.logout_all()
        expect(other.state("shared") == "LOGGED_IN", "Hawser's logout ended open-iscsi's session")
        fio(theirs, size="1M")
        rig.initiator.login("shared")
        disk = rig.initiator.disk("shared")
        other.logout_all()
        expect(rig.initiator.state("shared") == "LOGGED_IN", "open-iscsi's logout ended Hawser's session")
        fio(disk, size="1M")


def both_live(rig, other, disk, theirs):
    for initiator in (rig.initiator, other):
        initiator.rescan("shared")
        initiator.adm("-m", "session", "--rescan")
        wait_for("logged in", lambda i=initiator: i.state("shared") == "LOGGED_IN", 10)
        expect(len(initiator.sessions()) == 1, f"{initiator.name} has {len(initiator.sessions())} sessions")
        expect(len(initiator.disks("shared")) == 1, f"{initiator.name} has {initiator.disks('shared')}")
    for path in (disk, theirs):
        fio(path, size="1M")
    listing = run(rig.initiator.program, "-m", "session").stdout.splitlines()
    expect(len(listing) == 1, f"Hawser lists {listing}")
