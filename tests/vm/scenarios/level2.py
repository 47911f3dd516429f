# SPDX-License-Identifier: GPL-2.0-or-later
"""Long CDBs, and what iSCSIProtocolLevel 2 adds (RFC 7144), with a target that speaks from a script."""
import subprocess

from rig.checks import drop_cache, expect, read, run, wait_for, write
from rig.io import FROM_DEVICE, TO_DEVICE, exchange
from scenarios.conformance import BLOCK, NAME, at_block, attached
from scenarios.unh_iol import PATTERN, preset, read_pattern, session_log

from harness import shows
from iscsi.disk import READ_10, READ_32, VARIABLE_LENGTH, WRITE_32
from iscsi.pdu import Ahs, ScsiCommand, TaskManagementRequest, TaskManagementResponse

LEVEL_1, LEVEL_2 = ({"node.session.iscsi.iSCSIProtocolLevel": level} for level in (1, 2))
SECTOR = 512
QUERY_TASK, ABORT_TASK = TaskManagementRequest.QUERY_TASK, TaskManagementRequest.ABORT_TASK
LUN_RESET, NEXUS_RESET = TaskManagementRequest.LUN_RESET, TaskManagementRequest.I_T_NEXUS_RESET
IDLE, REAL_TIME = 3, 1  # ionice's classes


def cdb_32(action, first, count):
    """READ(32) or WRITE(32) of SBC-3."""
    return bytes([VARIABLE_LENGTH]) + bytes(6) + bytes([24]) + action.to_bytes(2, "big") + bytes(2) + \
        first.to_bytes(8, "big") + bytes(8) + count.to_bytes(4, "big")


@shows("RFC 7143, 11.2.2; UNH-IOL FFP, 16.1.1")
def holds_long_cdb(rig):
    """A CDB of 32 bytes goes in an additional header segment, which the header digest covers, one of 16 does without."""
    for digest in ("None", "CRC32C"):
        with attached(rig, {"node.conn[0].iscsi.HeaderDigest": digest}, HeaderDigest=digest) as (scripted, disk):
            target = scripted.target
            for action, direction, data in ((WRITE_32, TO_DEVICE, PATTERN), (READ_32, FROM_DEVICE, bytes(BLOCK))):
                cdb = cdb_32(action, 1 << 16, BLOCK // SECTOR)
                host, status, came = exchange(disk, cdb, data, direction)
                expect((host, status) == (0, 0), f"host status {host}, status {status}")
                sent, = target.received(ScsiCommand, cdb=cdb[:16])
                expect(sent.ahs == [Ahs(Ahs.EXTENDED_CDB, bytes(1) + cdb[16:])], f"{sent.ahs!r}")
                expect(sent.ahs_length == 5, f"TotalAHSLength {sent.ahs_length}")
            expect(came == PATTERN, "READ(32) gave other bytes than WRITE(32) had")
            expect(target.disks[0].read(1 << 16, BLOCK // SECTOR) == PATTERN, "WRITE(32) wrote other bytes")
            short = [pdu for pdu in session_log(target) if isinstance(pdu, ScsiCommand) and pdu.cdb[0] != VARIABLE_LENGTH]
            expect(short and not any(pdu.ahs for pdu in short), "a CDB of 16 bytes has a segment")


def priorities(rig, records):
    """The priorities that reads of classes real time 2, best effort 5, idle and none went with."""
    classes = ((REAL_TIME, 2), (2, 5), (IDLE, 7), None)
    with attached(rig, records) as (scripted, disk):
        for number, io in enumerate(classes):
            words = ("ionice", "-c", io[0], "-n", io[1]) if io else ()
            drop_cache()
            run(*words, "dd", f"if={disk}", "of=/dev/null", f"bs={BLOCK}", "count=1", f"skip={16 + number}", "iflag=direct")
        return [scripted.target.received(ScsiCommand, cdb=at_block(READ_10, 16 + number))[0].priority
                for number in range(len(classes))]


@shows("RFC 7144, 5.1.1")
def holds_priority(rig):
    """A request's I/O priority is its command's, the more important one the lower number; below level 2 none has one."""
    shown = priorities(rig, LEVEL_2)
    # What nobody gave a priority is best effort 4 to some kernels, to others it has none.
    expect(shown[:3] == [2, 10, 15] and shown[3] in (0, 9), f"at level 2: {shown}")
    shown = priorities(rig, LEVEL_1)
    expect(shown == [0, 0, 0, 0], f"at level 1: {shown}")


async def nothing(connection, command):
    """No answer at all, the task is there."""
    connection.full_feature.begin(command)


@shows("RFC 7144, 6.3")
def holds_query_task(rig):
    """Before a command that timed out is aborted the target is asked, on the same connection, whether it has it; the log
    tells. Below level 2 it is not asked."""
    for records, queries in ((LEVEL_2, 1), (LEVEL_1, 0)):
        with attached(rig, records) as (scripted, disk):
            target = scripted.target
            preset(target, 16)
            write(5, "/sys/class/block", disk[5:], "device/timeout")
            target.on(ScsiCommand, nothing, times=1, cdb=at_block(READ_10, 16))
            read_pattern(disk, 16)
            lost = target.received(ScsiCommand, cdb=at_block(READ_10, 16))[0]
            asked = target.received(TaskManagementRequest, function=QUERY_TASK)
            abort, = target.received(TaskManagementRequest, function=ABORT_TASK)
            expect(len(asked) == queries, f"{len(asked)} questions")
            log = session_log(target)
            for query in asked:
                expect((query.referenced_task_tag, query.lun, query.ref_cmd_sn) == (lost.itt, lost.lun, lost.cmd_sn),
                       f"{query!r} for {lost!r}")
                expect(query.immediate and log.index(query) < log.index(abort), f"{query!r}, {abort!r}")
                expect("a command, which the target still had, timed out" in run("dmesg").stdout, "the log does not tell")


@shows("RFC 7144, 6.3; RFC 7144, 6.5")
def holds_nexus_reset(rig):
    """A unit that no reset brings back costs this initiator's nexus, not the target: at level 2 I_T NEXUS RESET comes
    before TARGET WARM RESET, the session is a new one, and the I/O is done."""
    with attached(rig, LEVEL_2) as (scripted, disk):
        target = scripted.target
        preset(target, 16)
        write(5, "/sys/class/block", disk[5:], "device/timeout")

        async def not_supported(connection, pdu):
            await connection.send(TaskManagementResponse(itt=pdu.itt, response=TaskManagementResponse.NOT_SUPPORTED))
        target.on(ScsiCommand, nothing, times=1, cdb=at_block(READ_10, 16))
        for function in (ABORT_TASK, LUN_RESET):
            target.on(TaskManagementRequest, not_supported, function=function)
        read_pattern(disk, 16)
        functions = [pdu.function for pdu in target.received(TaskManagementRequest)]
        expect(functions[:4] == [QUERY_TASK, ABORT_TASK, LUN_RESET, NEXUS_RESET], f"{functions}")
        expect(TaskManagementRequest.WARM_RESET not in functions, "the target was reset as well")
        reset, = target.received(TaskManagementRequest, function=NEXUS_RESET)
        expect(reset.lun == 0 and reset.referenced_task_tag == 0xFFFFFFFF, f"{reset!r}")
        wait_for("the session is up", lambda: rig.initiator.state(NAME) == "LOGGED_IN", 60)
        expect("I_T NEXUS RESET" in run("dmesg").stdout, "the log does not tell")
        expect(read("/sys/class/block", disk[5:], "device/state") == "running", "the disk is not up")


@shows("RFC 7144, 6.3; RFC 7144, 6.4.2")
def holds_by_hand(rig):
    """An administrator asks whether a unit has commands of ours, and resets a unit or the nexus; what needs level 2 is
    refused below it."""
    def function(*words, status=0):
        sid = rig.initiator.session(NAME).rsplit("session", 1)[1]
        done = rig.initiator.adm("-m", "session", "-r", sid, "-C", "tmf", "--function", *words, check=False)
        expect(done.returncode == status, f"{words}: {done.returncode}, {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    with attached(rig, LEVEL_2) as (scripted, disk):
        target = scripted.target
        expect("no commands are there" in function("query_task_set", "--lun", 0), "commands are there")
        target.on(ScsiCommand, nothing, times=1, cdb=at_block(READ_10, 16))
        reader = subprocess.Popen(["dd", f"if={disk}", "of=/dev/null", f"bs={BLOCK}", "count=1", "skip=16", "iflag=direct"],
                                  stderr=subprocess.DEVNULL)
        wait_for("a command", lambda: target.received(ScsiCommand, cdb=at_block(READ_10, 16)))
        expect(": commands are there" in function("query_task_set", "--lun", 0), "no command is there")
        expect("function complete" in function("query_async_event", "--lun", 0), "no answer")
        # It ends the command that hung, and the midlayer has it done again.
        expect("function complete" in function("lu_reset", "--lun", 0), "no answer")
        expect(reader.wait(30) == 0, "the read failed")
        function("it_nexus_reset")
        wait_for("the session is a new one", lambda: len(target.connections) == 3, 60)
        wait_for("the session is up", lambda: rig.initiator.state(NAME) == "LOGGED_IN", 60)
        preset(target, 16)
        read_pattern(disk, 16)
        asked = [(pdu.function, pdu.lun) for pdu in target.received(TaskManagementRequest)]
        query, reset = TaskManagementRequest.QUERY_TASK_SET, TaskManagementRequest.LUN_RESET
        expect(asked[:2] == [(query, 0), (query, 0)] and (reset, 0) in asked and (NEXUS_RESET, 0) in asked, f"{asked}")
    with attached(rig, LEVEL_1) as (scripted, disk):
        told = function("query_task_set", "--lun", 0, status=27)
        expect("iSCSIProtocolLevel" in told, told)
        expect(not scripted.target.received(TaskManagementRequest), "it was sent all the same")
