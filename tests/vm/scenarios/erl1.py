# SPDX-License-Identifier: GPL-2.0-or-later
"""Error recovery level 1 against the scripted target: what is lost, damaged or comes again costs nothing but time."""
import asyncio
import contextlib
import subprocess
import time

from rig.checks import expect, run, wait_for
from scenarios.conformance import BLOCK, NAME, at_block, attached, write_block
from scenarios.errors import counter
from scenarios.unh_iol import PATTERN, preset, put_pattern, read_pattern, written

from harness import shows
from iscsi.disk import READ_10, WRITE_10, sense
from iscsi.full_feature import Burst
from iscsi.pdu import RESERVED_TAG, DataIn, DataOut, NopOut, R2t, ScsiCommand, ScsiResponse, SnackRequest

DATA_DIGEST_ERROR, SNACK_REJECT = 0x02, 0x03
ABORTED_COMMAND = 0x0B
SEGMENT = 1024  # data of one PDU: four for a block
RECORDS = {"node.session.iscsi.ERL": 1, "node.conn[0].iscsi.DataDigest": "CRC32C",
           "node.conn[0].iscsi.MaxRecvDataSegmentLength": SEGMENT, "node.session.iscsi.InitialR2T": "Yes",
           "node.session.iscsi.ImmediateData": "No", "node.session.iscsi.FirstBurstLength": SEGMENT,
           "node.session.iscsi.MaxBurstLength": SEGMENT}
MANY_R2TS = {"node.session.iscsi.MaxOutstandingR2T": 4, "node.session.iscsi.DataSequenceInOrder": "No"}


@contextlib.contextmanager
def repairing(rig, records=(), **support):
    """A session at error recovery level 1 with data digests; afterwards its connection was never lost."""
    support = {"ErrorRecoveryLevel": "1", "DataDigest": "CRC32C", "DefaultTime2Wait": "0", **support}
    with attached(rig, {**RECORDS, **dict(records)}, **support) as (scripted, disk):
        target = scripted.target
        session = next(s for s in target.sessions.values() if not s.discovery)
        expect(session.number("ErrorRecoveryLevel") == 1, f"agreed on {session.keys}")
        connections = len(target.connections)
        yield scripted, disk
        expect(not target.losses, f"nothing was lost of {target.losses}")
        expect(len(target.connections) == connections, "there was another login")
        expect(counter(rig, "connection_losses") == 0, "a connection was lost")


def answers(target, itt):
    """What the target sent of a command."""
    return [entry.pdu for entry in target.log if isinstance(entry.pdu, (DataIn, ScsiResponse)) and entry.pdu.itt == itt]


def snacks(target, kind, **fields):
    return target.received(SnackRequest, type=kind, **fields)


def runs(pdus):
    return [(pdu.beg_run, pdu.run_length) for pdu in pdus]


def read_blocks(target, disk, *blocks):
    preset(target, *blocks)
    for block in blocks:
        read_pattern(disk, block)


@shows("RFC 7143, 7.8; RFC 7143, 11.16")
def holds_damaged_data(rig):
    """A Data-In with a wrong data digest is asked for again by its DataSN, wherever it stands, with the status in it,
    too, and the command ends with the right data."""
    for collapse in (True, False):
        with repairing(rig) as (scripted, disk):
            target = scripted.target
            target.collapse = collapse
            for block, data_sn in enumerate((0, 2, 3), 16):
                target.lose(DataIn, damage=True, cdb=at_block(READ_10, block), data_sn=data_sn)
                read_blocks(target, disk, block)
                asked = snacks(target, SnackRequest.DATA)
                run = 0 if data_sn == 3 else 1  # behind the last one there is nothing
                expect(runs(asked)[-1] == (data_sn, run) and len(asked) == block - 15, f"asked for {runs(asked)}")
            expect(counter(rig, "data_snacks") == 3, "data SNACKs are not counted")
            expect(counter(rig, "repaired") == 3, "repairs are not counted")
            expect(counter(rig, "digest_err") == 3, "digest errors are not counted")


@shows("RFC 7143, 7.9; RFC 7143, 11.4.8")
def holds_lost_data(rig):
    """Data-In that did not come is asked for when a later DataSN, ExpDataSN or the bytes show that it is missing."""
    with repairing(rig) as (scripted, disk):
        target = scripted.target
        target.collapse = False
        for block, (data_sn, count, run) in enumerate(((0, 1, 1), (1, 2, 2), (3, 1, 0), (0, 4, 0)), 16):
            target.lose(DataIn, times=count, cdb=at_block(READ_10, block), data_sn=lambda n, at=data_sn: n >= at)
            read_blocks(target, disk, block)
            expect(runs(snacks(target, SnackRequest.DATA))[-1] == (data_sn, run), "another run was asked for")
        # As LIO, which says nothing of how many there were.
        target.lose(DataIn, cdb=at_block(READ_10, 30), data_sn=3)
        preset(target, 30)

        async def silent(connection, command):
            connection.full_feature.silent = True
            await connection.default(command)
            connection.full_feature.silent = False
        target.on(ScsiCommand, silent, times=1, cdb=at_block(READ_10, 30))
        read_pattern(disk, 30)
        expect(runs(snacks(target, SnackRequest.DATA))[-1] == (3, 0), "the tail was not asked for")


@shows("UNH-IOL FFP, 13.1; UNH-IOL FFP, 16.4.2")
def holds_skipped_data(rig):
    """For a DataSN that is skipped a SNACK has the task's tag, no transfer tag and a run of one, and goes out before
    the status is acknowledged."""
    records = {"node.session.iscsi.FirstBurstLength": 65536, "node.session.iscsi.MaxBurstLength": 262144,
               "node.session.iscsi.DataSequenceInOrder": "No", "node.conn[0].iscsi.MaxRecvDataSegmentLength": 512}
    with repairing(rig, records, DataSequenceInOrder="No") as (scripted, disk):
        target = scripted.target
        for block, collapse in ((16, True), (17, False)):
            target.collapse = collapse
            target.lose(DataIn, cdb=at_block(READ_10, block), data_sn=3)
            read_blocks(target, disk, block)
            itt = command_of(target, READ_10, block).itt
            asked, = snacks(target, SnackRequest.DATA, itt=itt)
            expect((asked.ttt, asked.beg_run, asked.run_length) == (RESERVED_TAG, 3, 1), f"{asked!r}")
            status, = [pdu for pdu in answers(target, itt) if isinstance(pdu, ScsiResponse) or pdu.has_status]
            expect(status.stat_sn - asked.exp_stat_sn & 0xFFFFFFFF < 1 << 31, f"{asked!r} acknowledges {status!r}")


@shows("RFC 7143, 7.9; RFC 7143, 11.16")
def holds_out_of_order(rig):
    """What is lost of data in any order is put in its place as well."""
    records = {"node.session.iscsi.DataPDUInOrder": "No", "node.session.iscsi.DataSequenceInOrder": "No",
               "node.session.iscsi.MaxBurstLength": 2 * SEGMENT}
    with repairing(rig, records, DataPDUInOrder="No", DataSequenceInOrder="No") as (scripted, disk):
        target = scripted.target
        target.order_pdus = target.order_sequences = lambda parts: parts[::-1]
        for block, data_sn in enumerate(range(3), 16):
            target.lose(DataIn, cdb=at_block(READ_10, block), data_sn=data_sn)
            read_blocks(target, disk, block)


@shows("RFC 7143, 7.1.4.2; RFC 7143, 7.8; RFC 7143, 11.16")
def holds_lost_status(rig):
    """A status that was lost or damaged is asked for by its StatSN when the next one shows it, or the answer to a
    probe; and ExpStatSN stands before it until it has come."""
    with repairing(rig) as (scripted, disk):
        target = scripted.target
        target.collapse = False
        # Nothing behind it but the probe's answer.
        target.lose(ScsiResponse, cdb=at_block(READ_10, 16))
        read_blocks(target, disk, 16)
        lost = [pdu for pdu in sent_statuses(target) if pdu.itt == command_of(target, READ_10, 16).itt][0]
        asked, = snacks(target, SnackRequest.STATUS)
        expect((asked.beg_run, asked.run_length, asked.itt) == (lost.stat_sn, 1, RESERVED_TAG), f"{asked!r}")
        expect(asked.exp_stat_sn == lost.stat_sn, f"{asked!r} acknowledges what is missing")
        # Another status behind it.
        target.lose(ScsiResponse, cdb=at_block(WRITE_10, 18))
        put_pattern()
        writer = subprocess.Popen(["dd", "if=/out/block", f"of={disk}", f"bs={BLOCK}", "count=1", "seek=18",
                                   "oflag=direct"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        read_blocks(target, disk, 17)
        expect(writer.wait(60) == 0, "the write failed")
        written(target, 18)
        # Sense data, damaged.
        failing(target, 19)
        target.lose(ScsiResponse, damage=True, cdb=at_block(READ_10, 19), status=ScsiResponse.CHECK_CONDITION)
        read_blocks(target, disk, 19)
        expect(len(target.received(ScsiCommand, cdb=at_block(READ_10, 19))) == 2, "the sense data was not taken")
        expect(len(snacks(target, SnackRequest.STATUS)) == 3, "statuses were asked for some other time")


def failing(target, block):
    """The next read of the block ends in a status that is worth another try."""
    async def fail(connection, command):
        data = sense(ABORTED_COMMAND, (0x00, 0x00))
        await connection.full_feature.fail(command, data)
    target.on(ScsiCommand, fail, times=1, cdb=at_block(READ_10, block))


def command_of(target, operation, block):
    return target.received(ScsiCommand, cdb=at_block(operation, block))[0]


def sent_statuses(target):
    return [entry.pdu for entry in target.log if isinstance(entry.pdu, ScsiResponse)]


@shows("RFC 7143, 11.16; RFC 7143, 7.9")
def holds_lost_r2t(rig):
    """An R2T that was lost is asked for by its R2TSN when the next one shows it, and after a silence when nothing
    does."""
    with repairing(rig, MANY_R2TS, DataSequenceInOrder="No", MaxOutstandingR2T="4") as (scripted, disk):
        target = scripted.target
        put_pattern()
        for block, r2t_sn in enumerate((0, 2, 3), 16):
            target.lose(R2t, cdb=at_block(WRITE_10, block), r2t_sn=r2t_sn)
            write_block(disk, block)
            written(target, block)
            asked = runs(snacks(target, SnackRequest.DATA))
            expect(asked[-1] == ((r2t_sn, 1) if r2t_sn < 3 else (3, 0)), f"asked for {asked}")
        expect(counter(rig, "r2t_snacks") == 3, "R2T SNACKs are not counted")


@shows("RFC 7143, 11.8; RFC 7143, 7.8")
def holds_recovery_r2t(rig):
    """Data that the target rejects for its digest, or asks for again for no reason, is sent again."""
    for records, support in (({}, {}), (MANY_R2TS, {"DataSequenceInOrder": "No", "MaxOutstandingR2T": "4"})):
        records = {**records, "node.session.iscsi.MaxBurstLength": BLOCK, "node.session.iscsi.FirstBurstLength": BLOCK}
        with repairing(rig, records, MaxRecvDataSegmentLength=str(SEGMENT), **support) as (scripted, disk):
            target = scripted.target
            put_pattern()

            async def refuse(connection, pdu):
                """As if its digest were wrong: asked for again at once, before the rest of the burst has come."""
                full_feature = connection.full_feature
                task = connection.session.tasks[pdu.itt]
                burst = task.bursts[pdu.ttt]
                await full_feature.reject(pdu, DATA_DIGEST_ERROR)
                await full_feature.ask(task, pdu.buffer_offset, len(pdu.data))
                burst.received += len(pdu.data)
                burst.data_sn += 1
                if pdu.final:
                    del task.bursts[pdu.ttt]
            for block, offset in enumerate((0, SEGMENT, BLOCK - SEGMENT), 16):
                target.on(DataOut, refuse, times=1, buffer_offset=offset)
                write_block(disk, block)
                written(target, block)
            expect(counter(rig, "recovery_r2ts") == 3, "recovery R2Ts are not counted")


@shows("RFC 7143, 13.17; RFC 7143, 7.1.4.1")
def holds_r2t_before_its_data(rig):
    """A target that has waited long enough for a sequence asks for it again, more often than it may have R2Ts
    outstanding, before any of the data is on its way: the data comes once, for the last R2T."""
    records = {"node.session.iscsi.MaxBurstLength": BLOCK, "node.session.iscsi.FirstBurstLength": BLOCK}
    with repairing(rig, records, MaxRecvDataSegmentLength=str(SEGMENT)) as (scripted, disk):
        target = scripted.target
        put_pattern()

        async def impatient(connection, command):
            task = connection.full_feature.begin(command)
            task.wanted, task.data = BLOCK, bytearray(BLOCK)
            for r2t_sn in range(6):
                task.r2ts.append(R2t(itt=command.itt, lun=command.lun, ttt=connection.session.new_ttt(),
                                     r2t_sn=r2t_sn, buffer_offset=0, desired_length=BLOCK))
            last = task.r2ts[-1]
            task.bursts[last.ttt] = Burst(0, BLOCK, r2t=last)  # the others are not outstanding any more
            await connection.send(*task.r2ts)  # in one segment, so that all are here before the first is answered
        for block in (16, 17, 18):
            target.on(ScsiCommand, impatient, times=1, cdb=at_block(WRITE_10, block))
            write_block(disk, block)
            written(target, block)
            sent = target.received(DataOut, itt=command_of(target, WRITE_10, block).itt)
            expect(len(sent) == BLOCK // SEGMENT and len({pdu.ttt for pdu in sent}) == 1, f"the data was {sent}")
        expect(counter(rig, "recovery_r2ts") == 15, "recovery R2Ts are not counted")


@shows("RFC 7143, 11.7.2; RFC 7143, 11.16.2; UNH-IOL FFP, 10.2; UNH-IOL FFP, 13.2")
def holds_data_ack(rig):
    """A Data-In with the A bit is acknowledged with its tag and LUN, once all before it is there."""
    with repairing(rig) as (scripted, disk):
        target = scripted.target
        target.collapse = False
        for block, (asks, lose) in enumerate(((1, None), (1, 0), (1, 1), (3, None), (3, 2)), 16):
            preset(target, block)
            if lose is not None:
                target.lose(DataIn, cdb=at_block(READ_10, block), data_sn=lose)

            async def acknowledged(connection, command, tag=0xACE0 + block, asks=asks):
                pdus = [DataIn(PATTERN[at:at + SEGMENT], itt=command.itt, buffer_offset=at, data_sn=at // SEGMENT,
                               final=int(at + SEGMENT == BLOCK)) for at in range(0, BLOCK, SEGMENT)]
                pdus[asks].acknowledge, pdus[asks].ttt, pdus[asks].lun, pdus[asks].final = 1, tag, command.lun, 1
                task = connection.full_feature.begin(command)
                task.data_ins = pdus
                await connection.send(*pdus)
                await connection.full_feature.wait_for_ack(tag)
                await connection.send(ScsiResponse(itt=command.itt, exp_data_sn=len(pdus)))
            target.on(ScsiCommand, acknowledged, times=1, cdb=at_block(READ_10, block))
            read_pattern(disk, block)
            ack, = snacks(target, SnackRequest.DATA_ACK, ttt=0xACE0 + block)
            expect((ack.itt, ack.run_length) == (RESERVED_TAG, 0) and ack.beg_run > asks, f"{ack!r}")
            log = [entry.pdu for entry in target.log]
            again = [n for n, pdu in enumerate(log) if isinstance(pdu, DataIn) and pdu.itt == command_of(
                target, READ_10, block).itt and pdu.data_sn == lose]
            expect(not again or log.index(ack) > again[-1], f"{ack!r} came before the data")


@shows("RFC 7143, 7.2.1; RFC 7143, 7.3; UNH-IOL FFP, 4.1")
def holds_command_retry(rig):
    """A command that the target rejects for its data digest, or throws away without a word, is sent again with its
    CmdSN, tag and data."""
    for immediate, initial in (("Yes", "Yes"), ("No", "No")):
        records = {"node.session.iscsi.ImmediateData": immediate, "node.session.iscsi.InitialR2T": initial}
        with repairing(rig, records) as (scripted, disk):
            target = scripted.target
            put_pattern()

            async def swallow(connection, command):
                """It is never heard of."""

            async def reject(connection, command):
                await connection.full_feature.reject(command, DATA_DIGEST_ERROR)
            actions = (swallow, reject) if immediate == "Yes" else (swallow,)
            for block, action in enumerate(actions, 16):
                target.lenient = initial == "No"  # the unsolicited data of what it does not know
                target.on(ScsiCommand, action, times=1, raw=True, cdb=at_block(WRITE_10, block))
                write_block(disk, block)
                written(target, block)
                first, second = target.received(ScsiCommand, cdb=at_block(WRITE_10, block))
                same = [(c.cmd_sn, c.itt, c.data, c.final, c.expected_length) for c in (first, second)]
                expect(same[0] == same[1], f"{second!r} is no retry of {first!r}")
            expect(counter(rig, "retried") == len(actions), "retries are not counted")
            target.violations.clear()


@shows("RFC 7143, 7.8")
def holds_refused(rig):
    """Data that the target will not send again fails its command, which is then done anew."""
    with repairing(rig) as (scripted, disk):
        target = scripted.target
        target.collapse = False

        async def refuse(connection, pdu):
            await connection.full_feature.reject(pdu, SNACK_REJECT)
        for block, data_sn in enumerate((1, 3), 16):
            target.on(SnackRequest, refuse, times=1)
            target.lose(DataIn, cdb=at_block(READ_10, block), data_sn=data_sn)
            read_blocks(target, disk, block)
            first, second = target.received(ScsiCommand, cdb=at_block(READ_10, block))
            expect(first.cmd_sn != second.cmd_sn, f"{second!r} is a retry")


@shows("RFC 7143, 7.9")
def holds_twice(rig):
    """What comes twice counts once: data, R2Ts and statuses."""
    with repairing(rig) as (scripted, disk):
        target = scripted.target
        for collapse in (True, False):
            target.collapse = collapse
            block = 16 + collapse
            preset(target, block)

            async def again(connection, command):
                await connection.default(command)
                for pdu in [entry.pdu for entry in target.log if entry.pdu.itt == command.itt]:
                    if isinstance(pdu, (DataIn, ScsiResponse)):
                        await connection.send_again(pdu)
            target.on(ScsiCommand, again, times=1, cdb=at_block(READ_10, block))
            read_pattern(disk, block)

        async def ask_again(connection, pdu):
            for r2t in connection.session.tasks[pdu.itt].r2ts:
                await connection.send_again(r2t)
            await connection.default(pdu)
        target.on(DataOut, ask_again, times=2)
        put_pattern()
        write_block(disk, 20)
        written(target, 20)
        read_blocks(target, disk, 21)
        expect(not target.received(SnackRequest), "something was asked for")


@shows("RFC 7143, 7.1.4.1")
def holds_slow(rig):
    """A target that works on a command for ten seconds is asked once what it does, and left alone."""
    with repairing(rig) as (scripted, disk):
        target = scripted.target
        put_pattern()
        preset(target, 16)

        async def late(connection, command):
            await asyncio.sleep(10)
            await connection.default(command)
        for block, operation in ((16, READ_10), (17, WRITE_10)):
            before = len(target.received(NopOut)) + len(target.received(SnackRequest))
            target.on(ScsiCommand, lambda c, p: spawn(c, late(c, p)), times=1, cdb=at_block(operation, block))
            (read_pattern if operation == READ_10 else write_block)(disk, block)
            asked = len(target.received(NopOut)) + len(target.received(SnackRequest)) - before
            expect(1 <= asked <= 4, f"{asked} probes and SNACKs")
        written(target, 17)
        expect(counter(rig, "retried") == 0, "a command was sent again")


async def spawn(connection, work):
    """Beside the connection, which goes on."""
    connection.target.tasks.add(asyncio.ensure_future(work))


@shows("RFC 7143, 7.8; RFC 7143, 7.1.5")
def holds_never(rig):
    """A target that never repairs costs the connection within seconds, and the command is done in a new session."""
    support = {"ErrorRecoveryLevel": "1", "DataDigest": "CRC32C", "DefaultTime2Wait": "0"}
    with attached(rig, RECORDS, **support) as (scripted, disk):
        target = scripted.target
        target.collapse = False

        async def nothing(connection, pdu):
            """SNACKs are not for this target."""
        target.on(SnackRequest, nothing)
        for number, (block, damage) in enumerate(((16, False), (17, True)), 1):
            target.lose(DataIn, damage=damage, cdb=at_block(READ_10, block), data_sn=1)
            began = time.monotonic()
            read_blocks(target, disk, block)
            expect(4 < time.monotonic() - began < 25, f"after {time.monotonic() - began:.0f} s")
            expect(counter(rig, "connection_losses") == number, "no connection was lost")
        target.lose(ScsiResponse, cdb=at_block(READ_10, 18))
        read_blocks(target, disk, 18)
        expect(counter(rig, "connection_losses") == 3, "no connection was lost for a status")

        # Each time damaged anew: not for ever.
        target.rules.clear()
        target.lose(DataIn, times=5, damage=True, cdb=at_block(READ_10, 19), data_sn=1)
        read_blocks(target, disk, 19)
        expect(counter(rig, "connection_losses") == 4, "no connection was lost for data that is always damaged")
        expect("what was lost did not come again" in run("dmesg").stdout, "the reason is not told")
        wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN")
