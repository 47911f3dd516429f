# SPDX-License-Identifier: GPL-2.0-or-later
"""Logical units behind LUNs of every addressing method (SAM-5, 4.7), with a target that speaks from a script."""
import glob
import os

from rig.checks import expect, read, run, wait_for
from scenarios.conformance import BLOCK, NAME, attached

from harness import shows
from iscsi.disk import REPORT_LUNS, Disk
from iscsi.pdu import ScsiCommand

SECTORS = BLOCK // 512
# As PDUs carry them.
UNITS = {
    "peripheral, bus 1": 0x0105 << 48,
    "flat": 0x412C << 48,
    "logical unit": 0x8521 << 48,
    "extended, of 4 bytes": 0xD2012345 << 32,
    "extended, of 6 bytes": 0xE20123456789 << 16,
    "extended, of 8 bytes": 0xF20123456789ABCD,
}


def linux_lun(field):
    """The number that Linux has for it: the four words of the field, the first one the least."""
    return sum((field >> 48 - 16 * word & 0xFFFF) << 16 * word for word in range(4))


def disks(rig):
    """{Linux's LUN: "/dev/sdX"} of the only session."""
    session, = rig.initiator.sessions()
    return {int(path.split("/")[-3].rsplit(":", 1)[1]): "/dev/" + os.path.basename(path)
            for path in glob.glob(f"{session}/device/target*/*/block/sd*")}


@shows("SAM-5, 4.7; RFC 7143, 11.2.1.2")
def holds_methods(rig):
    """A unit of each addressing method is found, is sent its LUN as REPORT LUNS had it, and keeps its own bytes; a rescan
    finds that one has gone."""
    with attached(rig) as (scripted, _):
        target = scripted.target
        keys = {name: 300 if name == "flat" else field for name, field in UNITS.items()}
        for number, key in enumerate(keys.values()):
            target.disks[key] = Disk(serial=f"HAWSER1{number:03}")
        rig.initiator.adm("-m", "session", "--rescan")
        luns = {name: linux_lun(field) for name, field in UNITS.items()}
        found = wait_for(f"the units {luns}", lambda: set(luns.values()) <= set(disks(rig)) and disks(rig))
        shown = rig.initiator.adm("-m", "session", "-P", "3").stdout
        for number, (name, field) in enumerate(UNITS.items()):
            path = found[luns[name]]
            wait_for(f"{path}'s capacity", lambda node=path: read("/sys/class/block", node[5:], "size") != "0")
            with open("/out/block", "wb") as f:
                f.write(bytes([number + 1]) * BLOCK)
            run("dd", "if=/out/block", f"of={path}", f"bs={BLOCK}", "count=1", "oflag=direct")
            expect(target.disks[keys[name]].read(0, SECTORS) == bytes([number + 1]) * BLOCK, f"{name}: other bytes")
            expect(any(pdu.lun == field for pdu in target.received(ScsiCommand)), f"{name}: no command with its LUN")
            expect(f"Lun: {luns[name]}\n" in shown, f"{name}: {shown}")
        expect(target.received(ScsiCommand, cdb=lambda cdb: cdb[0] == REPORT_LUNS), "nothing asked for the LUNs")
        expect(target.disks[0].read(0, SECTORS) == bytes(BLOCK), "LUN 0 was written to")

        del target.disks[keys["extended, of 8 bytes"]]
        rig.initiator.adm("-m", "session", "--rescan")
        wait_for("the unit to go", lambda: luns["extended, of 8 bytes"] not in disks(rig))
        expect(len(disks(rig)) == len(UNITS), f"{NAME} has {disks(rig)}")
