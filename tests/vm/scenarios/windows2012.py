# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows Server 2012: its known deviations in the full feature phase."""
from rig.checks import drop_cache, expect, fio, run, wait_for, write
from rig.scripted import Scripted
from scenarios.conformance import BLOCK, NAME, at_block, attached, read_block, violations, write_block

from harness import shows
from iscsi.disk import READ_10, WRITE_10
from iscsi.pdu import AsyncMessage, LogoutRequest, ScsiCommand, SnackRequest, TaskManagementRequest, TextRequest
from iscsi.windows2012 import Windows2012, good_too_early, rejected

PATTERN = bytes(n % 251 for n in range(BLOCK))


def reads_back(target, block):
    return target.disks[0].read(block * BLOCK // 512, BLOCK // 512) == PATTERN


def put_pattern():
    with open("/out/block", "wb") as f:
        f.write(PATTERN)


@shows("Windows Server 2012, SCSI Response Excess Immediate Data; "
       "Windows Server 2012, SCSI Response to Incorrect Amount of Data Condition; "
       "Windows Server 2012, SCSI Response to Unexpected Unsolicited Data")
def holds_unsolicited(rig):
    """Where the target would take too much, too little or unexpected unsolicited data with good status, exactly what
    was agreed on is sent."""
    for initial_r2t in ("Yes", "No"):
        for immediate in ("Yes", "No"):
            records = {"node.session.iscsi.InitialR2T": initial_r2t, "node.session.iscsi.ImmediateData": immediate,
                       "node.session.iscsi.FirstBurstLength": 512, "node.session.iscsi.MaxBurstLength": 4096}
            with attached(rig, records) as (scripted, disk):
                # The target complains of a byte too many or too few, or of one that was not agreed on.
                Windows2012(scripted.target)
                fio(disk, size="256k", bsrange="512-32k", iodepth=4, timeout=600)
            rig.say(f"InitialR2T={initial_r2t} ImmediateData={immediate}")


@shows("Windows Server 2012, SCSI Response to Incorrect Amount of Data Condition")
def holds_good_too_early(rig):
    """Good status for a write whose data the target has not got is told, and the write is done again: no byte is
    lost."""
    records = {"node.session.iscsi.InitialR2T": "Yes", "node.session.iscsi.FirstBurstLength": 512}
    text = "good status, but data was never asked for"
    with attached(rig, records, DefaultTime2Wait="0") as (scripted, disk):
        Windows2012(scripted.target)
        told = violations(text)
        put_pattern()
        scripted.target.on(ScsiCommand, lambda connection, command: connection.send(good_too_early(command)), times=1,
                           cdb=at_block(WRITE_10, 16))
        write_block(disk, 16)
        expect(violations(text) == told + 1, "it is not told")
        expect(reads_back(scripted.target, 16), "data is lost")


@shows("Windows Server 2012, Duplicate or Out of Order CmdSN")
def holds_order(rig):
    """A target that drops every command whose CmdSN is not the next one gets each in its turn, under load."""
    with attached(rig) as (scripted, disk):
        profile = Windows2012(scripted.target)
        fio(disk, size="1M", bs="4k", iodepth=32, timeout=600)
        expect(not profile.ignored, f"dropped for their CmdSN: {profile.ignored[:3]}")


@shows("Windows Server 2012, Handling Text Request During Normal Session; "
       "Windows Server 2012, Text Response Negotiation Failure; "
       "Windows Server 2012, Handling Text Request with SendTargets=All during Normal Session")
def holds_negotiation(rig):
    """A request to negotiate (asynchronous event 4) costs the connection at most at a target that disconnects at Text
    Requests, and no I/O."""
    with attached(rig, DefaultTime2Wait="0") as (scripted, disk):
        target = scripted.target
        Windows2012(target)
        put_pattern()

        async def ask(connection, command):
            await connection.send(AsyncMessage(event=AsyncMessage.NEGOTIATE, parameter3=3))
            await connection.default(command)
        target.on(ScsiCommand, ask, times=1, cdb=at_block(WRITE_10, 16))
        write_block(disk, 16)
        wait_for("the session is up", lambda: rig.initiator.state(NAME) == "LOGGED_IN")
        write_block(disk, 17)
        expect(reads_back(target, 16) and reads_back(target, 17), "data is lost")
        normal = [entry.pdu for entry in target.log if entry.connection and isinstance(entry.pdu, TextRequest)]
        expect(not any(b"SendTargets" in request.data for request in normal), f"in a normal session: {normal}")


@shows("Windows Server 2012, Task Management Response for Non-Existent Task")
def holds_abort(rig):
    """"Function complete" for a task that the target never had: the command is done again, and its data is right."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        Windows2012(target)
        put_pattern()
        target.disks[0].write(16 * BLOCK // 512, PATTERN)
        write(5, "/sys/class/block", disk[5:], "device/timeout")

        async def drop(connection, command):
            """It is as if it had never come, but for its CmdSN."""
        for operation, block in ((READ_10, 16), (WRITE_10, 17)):
            target.on(ScsiCommand, drop, times=1, cdb=at_block(operation, block))
        drop_cache()
        read_block(disk, 16)
        with open("/out/block", "rb") as f:
            expect(f.read() == PATTERN, "wrong data was read")
        write_block(disk, 17)
        expect(reads_back(target, 17), "data is lost")
        aborts = target.received(TaskManagementRequest, function=TaskManagementRequest.ABORT_TASK)
        expect(len(aborts) == 2, f"{len(aborts)} ABORT TASK were sent, not 2")


@shows("Windows Server 2012, Reject SNACK")
def holds_reject(rig):
    """At ErrorRecoveryLevel 0 no SNACK is sent; a Reject with a wrong StatSN is told and costs the connection at
    most."""
    text = "a StatSN that is not the next one"
    with attached(rig, DefaultTime2Wait="0") as (scripted, disk):
        target = scripted.target
        Windows2012(target)
        target.lenient = True  # what the initiator says of numbers means nothing after the lie
        told = violations(text)
        target.disks[0].write(16 * BLOCK // 512, PATTERN)

        async def lie(connection, command):
            await connection.send(rejected(connection, command))
            await connection.default(command)
        target.on(ScsiCommand, lie, times=1, cdb=at_block(READ_10, 16))
        drop_cache()
        read_block(disk, 16)
        with open("/out/block", "rb") as f:
            expect(f.read() == PATTERN, "wrong data was read")
        expect(violations(text) == told + 1, "it is not told")
        expect(not target.received(SnackRequest), "a SNACK was sent")


@shows("Windows Server 2012, Logout Response Non-existent Connection")
def holds_logout(rig):
    """Where any logout has success, the one that is sent closes the session, once, and nothing is left."""
    with Scripted() as scripted:
        Windows2012(scripted.target)
        rig.initiator.discover()
        rig.initiator.login(NAME)
        disk = rig.initiator.disk(NAME, lun=0)
        run("dd", "if=/dev/zero", f"of={disk}", "bs=64k", "count=4", "oflag=direct")
        rig.initiator.logout(NAME)
        normal = [pdu.reason for pdu in scripted.target.received(LogoutRequest)]
        expect(normal == [LogoutRequest.SESSION] * 2, f"logouts of the discovery and of the session: {normal}")
        expect(not scripted.target.sessions, "a session is left")
