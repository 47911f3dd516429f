# SPDX-License-Identifier: GPL-2.0-or-later
"""UNH-IOL's full feature phase test suite for initiators: what one connection without recovery can show."""
import subprocess
import time

from rig.checks import drop_cache, expect, fio, wait_for, write
from rig.scripted import Scripted
from scenarios.conformance import BLOCK, NAME, at_block, attached, read_block, violations, write_block

from harness import shows
from iscsi.disk import READ_10, WRITE_10, sense
from iscsi.pdu import (RESERVED_TAG, AsyncMessage, DataIn, DataOut, LoginRequest, LoginResponse, LogoutRequest, NopIn,
                       NopOut, Numbered, R2t, ScsiCommand, ScsiResponse, TaskManagementRequest)

PATTERN = bytes(n % 251 for n in range(BLOCK))
ABORTED_COMMAND = 0x0B
ALL_SOLICITED = {"node.session.iscsi.InitialR2T": "Yes", "node.session.iscsi.ImmediateData": "No"}


def put_pattern():
    with open("/out/block", "wb") as f:
        f.write(PATTERN)


def read_pattern(disk, block):
    """Reads a block that the target's disk has, and looks at what came."""
    drop_cache()
    read_block(disk, block)
    with open("/out/block", "rb") as f:
        expect(f.read() == PATTERN, f"wrong data in block {block}")


def preset(target, *blocks):
    for block in blocks:
        target.disks[0].write(block * BLOCK // 512, PATTERN)


def written(target, block):
    expect(target.disks[0].read(block * BLOCK // 512, BLOCK // 512) == PATTERN, f"block {block} was not written")


def session_log(target):
    """What went over the normal session's connection, in its order."""
    return [entry.pdu for entry in target.log if entry.connection == len(target.connections) - 1]


def after(log, pdu):
    """The next request with a CmdSN behind this one."""
    at = next(n for n, other in enumerate(log) if other is pdu)
    return next((other for other in log[at + 1:] if isinstance(other, Numbered)), None)


def sid(rig):
    return rig.initiator.session(NAME).rsplit("session", 1)[1]


@shows("UNH-IOL FFP, 1.1; UNH-IOL FFP, 16.1.1; UNH-IOL FFP, 16.1.2")
def holds_command_numbers(rig):
    """The first command has the CmdSN that the login left, its tag is new, it acknowledges the last Login Response, and
    from there each command counts CmdSN up by 1."""
    for immediate in ("Yes", "No"):
        with attached(rig, {"node.session.iscsi.ImmediateData": immediate}) as (scripted, disk):
            put_pattern()
            for block in range(16, 20):
                write_block(disk, block)
            log = session_log(scripted.target)
            login = [pdu for pdu in log if isinstance(pdu, LoginResponse)][-1]
            commands = [pdu for pdu in log if isinstance(pdu, ScsiCommand)]
            first = commands[0]
            expect(first.cmd_sn == login.exp_cmd_sn, f"CmdSN {first.cmd_sn}, not {login.exp_cmd_sn}")
            expect(first.exp_stat_sn == (login.stat_sn + 1) & 0xFFFFFFFF, f"{first!r} after {login!r}")
            expect(first.itt != login.itt, "the login's task tag is used again")
            numbers = [pdu.cmd_sn for pdu in log if isinstance(pdu, Numbered) and not pdu.immediate]
            expect(numbers == [(first.cmd_sn + n) & 0xFFFFFFFF for n in range(len(numbers))], f"CmdSN: {numbers}")
            data = [len(pdu.data) for pdu in commands if pdu.cdb[0] == WRITE_10]
            expect(data == [BLOCK if immediate == "Yes" else 0] * 4, f"immediate data: {data}")


@shows("UNH-IOL FFP, 2.1; UNH-IOL FFP, 15.1; UNH-IOL FFP, 15.2")
def holds_pings(rig):
    """A ping either way is immediate: it has the CmdSN of the command after it, and tags and LUN as they must be."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        preset(target, 16, 17)
        rig.initiator.adm("-m", "session", "-r", sid(rig), "-C", "ping", "-c", "1")
        read_pattern(disk, 16)
        ping = [pdu for pdu in session_log(target) if isinstance(pdu, NopOut) and pdu.itt != RESERVED_TAG][-1]
        expect((ping.ttt, ping.lun, ping.immediate) == (RESERVED_TAG, 0, 1), f"{ping!r}")

        connection = target.connections[-1]
        scripted.call(connection.send(NopIn(ttt=0x1234, lun=0)))
        wait_for("the answer", lambda: target.received(NopOut, ttt=0x1234))
        read_pattern(disk, 17)
        answer, = target.received(NopOut, ttt=0x1234)
        expect((answer.itt, answer.lun, answer.immediate, answer.data) == (RESERVED_TAG, 0, 1, b""), f"{answer!r}")
        log = session_log(target)
        for nop in (ping, answer):
            follower = after(log, nop)
            expect(follower is not None and follower.cmd_sn == nop.cmd_sn, f"{follower!r} follows {nop!r}")


@shows("UNH-IOL FFP, 2.2; UNH-IOL FFP, 19.1; UNH-IOL FFP, 19.2; UNH-IOL FFP, 19.3")
def holds_abort(rig):
    """ABORT TASK for a command that gets no answer names its tag, its LUN and its CmdSN, and has, being immediate, the
    CmdSN of the command after it."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        preset(target, 16)
        write(5, "/sys/class/block", disk[5:], "device/timeout")

        async def nothing(connection, command):
            """No answer at all."""
        target.on(ScsiCommand, nothing, times=1, cdb=at_block(READ_10, 16))
        read_pattern(disk, 16)
        abort, = target.received(TaskManagementRequest, function=TaskManagementRequest.ABORT_TASK)
        lost = target.received(ScsiCommand, cdb=at_block(READ_10, 16))[0]
        expect((abort.referenced_task_tag, abort.lun, abort.ref_cmd_sn) == (lost.itt, lost.lun, lost.cmd_sn),
               f"{abort!r} for {lost!r}")
        follower = after(session_log(target), abort)
        expect(abort.immediate and follower is not None and follower.cmd_sn == abort.cmd_sn,
               f"{follower!r} follows {abort!r}")


def abort_task_set(rig):
    """By hand; the target's answer is to be "function complete"."""
    done = rig.initiator.adm("-m", "session", "-r", sid(rig), "-C", "tmf", "--function", "abort_task_set", "--lun", 0)
    expect("function complete" in done.stdout, done.stdout)


@shows("UNH-IOL FFP, 19.4.1; UNH-IOL FFP, 19.4.2; UNH-IOL FFP, 19.4.3; RFC 7143, 4.2.3.2")
def holds_abort_task_set(rig):
    """Until ABORT TASK SET is answered the target's tags are, of pings and of Data-In that is to be acknowledged, and a
    status that comes before is taken; what has none then is issued anew, and its data is right."""
    with attached(rig, {"node.session.iscsi.ERL": 1}, ErrorRecoveryLevel="1") as (scripted, disk):
        target, held = scripted.target, []
        preset(target, 17, 18)
        put_pattern()

        async def hold(connection, command):
            """No answer; of a write its data may come."""
            connection.full_feature.begin(command)
            held.append(command)

        async def ping(connection, tmf):
            await connection.send(NopIn(ttt=0x71))
            while not target.received(NopOut, ttt=0x71):
                await connection.handle(await connection.receive())
            await connection.default(tmf)

        async def half_of_the_data(connection, tmf):
            await connection.send(DataIn(PATTERN[:BLOCK // 2], itt=held[-1].itt, lun=held[-1].lun, ttt=0x72, final=1,
                                         acknowledge=1))
            await connection.full_feature.wait_for_ack(0x72)
            await connection.default(tmf)

        async def whole(connection, tmf):
            await connection.send(DataIn(PATTERN, itt=held[-1].itt, final=1, has_status=1))
            await connection.default(tmf)

        for block, operation, begin, before_the_answer, times in (
                (16, WRITE_10, writer, ping, 2), (17, READ_10, reader, half_of_the_data, 2), (18, READ_10, reader, whole, 1)):
            target.on(ScsiCommand, hold, times=1, cdb=at_block(operation, block))
            target.on(TaskManagementRequest, before_the_answer, times=1, function=TaskManagementRequest.ABORT_TASK_SET)
            count = len(held)
            work = begin(disk, block)
            wait_for("the command", lambda count=count: len(held) > count)
            abort_task_set(rig)
            expect(work.wait(60) == 0, f"the I/O of block {block} failed")
            sent = target.received(ScsiCommand, cdb=at_block(operation, block))
            expect(len(sent) == times, f"{len(sent)} commands for block {block}, not {times}")
        written(target, 16)
        read_pattern(disk, 17)
        request = target.received(TaskManagementRequest)[0]
        expect((request.referenced_task_tag, request.lun, request.immediate) == (RESERVED_TAG, 0, 1), f"{request!r}")
        expect(len(target.connections) == 2, "a connection was lost")


@shows("UNH-IOL FFP, 3.1; UNH-IOL FFP, 16.5")
def holds_closed_window(rig):
    """While MaxCmdSN is ExpCmdSN - 1 no command is sent; a NOP-In that opens the window lets it go."""
    with Scripted() as scripted:
        target = scripted.target
        target.window = 1  # it may be left closed, but never be taken back
        preset(target, 16, 17)
        rig.initiator.discover()
        rig.initiator.login(NAME)
        disk = rig.initiator.disk(NAME, lun=0)
        session = target.connections[-1].session

        async def close(connection, command):
            session.window = 0
            await connection.default(command)
        target.on(ScsiCommand, close, times=1, cdb=at_block(READ_10, 16))
        read_pattern(disk, 16)
        waiting = reader(disk, 17)
        time.sleep(2)
        expect(not target.received(ScsiCommand, cdb=at_block(READ_10, 17)), "a command in a closed window")

        async def open_window():
            session.window = 4
            await target.connections[-1].send(NopIn())
        scripted.call(open_window())
        expect(waiting.wait(60) == 0, "the read that waited for the window failed")
        expect(target.received(ScsiCommand, cdb=at_block(READ_10, 17)), "no command after the window was opened")
        rig.initiator.logout(NAME)


def reader(disk, block):
    """Reads a block in the background."""
    return subprocess.Popen(["dd", f"if={disk}", "of=/dev/null", f"bs={BLOCK}", "count=1", f"skip={block}",
                             "iflag=direct"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def writer(disk, block):
    """Writes the block of /out/block in the background."""
    return subprocess.Popen(["dd", "if=/out/block", f"of={disk}", f"bs={BLOCK}", "count=1", f"seek={block}", "oflag=direct"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@shows("UNH-IOL FFP, 3.2")
def holds_wide_window(rig):
    """With a window of 100 commands many are under way at a time, without waiting for the first one's status."""
    with Scripted() as scripted:
        target = scripted.target
        target.window = 100
        rig.initiator.discover()
        rig.initiator.login(NAME)
        fio(rig.initiator.disk(NAME, lun=0), size="1M", bs="4k", iodepth=16, rw="randread", verify=None,
            do_verify=None, verify_fatal=None, timeout=600)
        rig.initiator.logout(NAME)
        most = max(statuses_ahead(target))
        expect(most > 1, f"a command waited for all but {most} of the statuses before it")
        rig.say(f"{most} statuses were on their way when a command was sent")


def statuses_ahead(target):
    """How many statuses the target had sent that each command's sender did not know of."""
    stat_sn = None
    for entry in target.log:
        pdu = entry.pdu
        if isinstance(pdu, ScsiResponse) or isinstance(pdu, DataIn) and pdu.has_status:
            stat_sn = pdu.stat_sn
        elif isinstance(pdu, ScsiCommand) and stat_sn is not None:
            ahead = (stat_sn + 1 - pdu.exp_stat_sn) & 0xFFFFFFFF
            yield ahead if ahead < 1 << 31 else 0  # answers to others than commands have a StatSN, too


@shows("UNH-IOL FFP, 5.1")
def holds_stat_sn(rig):
    """A StatSN that is 2**31 away from ExpStatSN is told and costs the session, and the command is done again."""
    text = "a StatSN that is not the next one"
    with attached(rig, DefaultTime2Wait="0") as (scripted, disk):
        target = scripted.target
        target.lenient = True  # after the lie the numbers mean nothing
        preset(target, 16)
        told = violations(text)

        async def jump(connection, command):
            far = connection.stat_sn + (1 << 31) & 0xFFFFFFFF
            await connection.send(DataIn(PATTERN, itt=command.itt, final=1, has_status=1, stat_sn=far))
        target.on(ScsiCommand, jump, times=1, cdb=at_block(READ_10, 16))
        read_pattern(disk, 16)
        expect(violations(text) == told + 1, "it is not told")


@shows("UNH-IOL FFP, 6.1; UNH-IOL FFP, 8.2; UNH-IOL FFP, 9.1; UNH-IOL FFP, 11.2.2; UNH-IOL FFP, 11.3; "
       "UNH-IOL FFP, 11.4; UNH-IOL FFP, 12.1; UNH-IOL FFP, 12.2; UNH-IOL FFP, 16.2.2; UNH-IOL FFP, 16.3.1")
def holds_solicited(rig):
    """An R2T is answered by Data-Out PDUs of its tag, in one sequence: DataSN from 0 on, offsets that follow on each
    other inside of what was asked for, F in the last one alone; and without an R2T there is no data."""
    with attached(rig, ALL_SOLICITED, MaxRecvDataSegmentLength="512") as (scripted, disk):
        target = scripted.target
        put_pattern()

        async def ask_twice(connection, command):
            expect(not command.data and command.final and command.write, f"{command!r}")
            data = b""
            for part, ttt in enumerate((0xABBAABBA, 0xABBAABBB)):
                await connection.send(R2t(itt=command.itt, lun=command.lun, ttt=ttt, r2t_sn=part,
                                          buffer_offset=part * 2048, desired_length=2048))
                for number in range(4):
                    pdu = await connection.expect(DataOut, itt=command.itt, ttt=ttt, lun=command.lun, data_sn=number,
                                                  buffer_offset=part * 2048 + number * 512, final=int(number == 3))
                    data += pdu.data
            connection.target.disks[0].write(int.from_bytes(command.cdb[2:6], "big"), data)
            await connection.send(ScsiResponse(itt=command.itt))
        target.on(ScsiCommand, ask_twice, times=2, cdb=lambda cdb: cdb[0] == WRITE_10)
        for block in (16, 17):
            write_block(disk, block)
            written(target, block)
        first, second = target.received(ScsiCommand, cdb=lambda cdb: cdb[0] == WRITE_10)[:2]
        expect(first.itt != second.itt, "one task tag for two commands")


@shows("UNH-IOL FFP, 8.1; UNH-IOL FFP, 8.3; UNH-IOL FFP, 11.1.1; UNH-IOL FFP, 11.2.1; UNH-IOL FFP, 16.2.1; "
       "UNH-IOL FFP, 16.2.3; UNH-IOL FFP, 16.2.4; UNH-IOL FFP, 16.6")
def holds_unsolicited(rig):
    """Data without an R2T is as much as FirstBurstLength, immediate up to the target's MaxRecvDataSegmentLength where
    that was agreed on, the last PDU of it with F; the rest waits for R2Ts."""
    for initial_r2t, immediate, segment in (("No", "Yes", 512), ("No", "No", 512), ("Yes", "Yes", 8192)):
        records = {"node.session.iscsi.InitialR2T": initial_r2t, "node.session.iscsi.ImmediateData": immediate,
                   "node.session.iscsi.FirstBurstLength": 1024, "node.session.iscsi.MaxBurstLength": 2048}
        with attached(rig, records, MaxRecvDataSegmentLength=str(segment)) as (scripted, disk):
            target = scripted.target
            put_pattern()
            write_block(disk, 16)
            written(target, 16)
            command = target.received(ScsiCommand, cdb=at_block(WRITE_10, 16))[0]
            unasked = target.received(DataOut, itt=command.itt, ttt=RESERVED_TAG)
            at_once = min(segment, 1024) if immediate == "Yes" else 0
            rest = 1024 - at_once if initial_r2t == "No" else 0
            expect(len(command.data) == at_once, f"{len(command.data)} bytes of immediate data, not {at_once}")
            expect(command.write and command.final == int(not rest), f"F of {command!r}")
            expect(sum(len(pdu.data) for pdu in unasked) == rest, f"not {rest} bytes without an R2T: {unasked}")
            expect([pdu.final for pdu in unasked] == [0] * (len(unasked) - 1) + [1] * bool(unasked), f"F: {unasked}")
            sizes = [len(pdu.data) for pdu in target.received(DataOut, itt=command.itt)]
            expect(max(sizes) <= segment, f"data segments of {sizes} bytes")
        rig.say(f"InitialR2T={initial_r2t} ImmediateData={immediate} MaxRecvDataSegmentLength={segment}")


@shows("UNH-IOL FFP, 10.1; UNH-IOL FFP, 11.1.2")
def holds_data_in(rig):
    """Status in the last Data-In ends a command, and a Data-In without data is none of an error."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        preset(target, 16, 17)

        async def with_empty(connection, command):
            await connection.send(DataIn(b"", itt=command.itt), DataIn(PATTERN, itt=command.itt, data_sn=1, final=1,
                                                                       has_status=1))
        target.on(ScsiCommand, with_empty, times=1, cdb=at_block(READ_10, 16))
        read_pattern(disk, 16)
        read_pattern(disk, 17)
        expect(rig.initiator.state(NAME) == "LOGGED_IN", "the session is not up")
        expect(len(target.connections) == 2, "the connection was lost")


@shows("UNH-IOL FFP, 12.3")
def holds_r2t_order(rig):
    """R2Ts of one command are answered in the order in which they came, whatever their offsets."""
    records = {**ALL_SOLICITED, "node.session.iscsi.DataSequenceInOrder": "No",
               "node.session.iscsi.MaxOutstandingR2T": 4}
    with attached(rig, records, MaxRecvDataSegmentLength="512", DataSequenceInOrder="No") as (scripted, disk):
        target = scripted.target
        put_pattern()
        offsets = (3072, 2048, 1024, 0)

        async def backwards(connection, command):
            await connection.send(*(R2t(itt=command.itt, lun=command.lun, ttt=0x77 + n, r2t_sn=n, buffer_offset=offset,
                                        desired_length=1024) for n, offset in enumerate(offsets)))
            data = bytearray(BLOCK)
            for n, offset in enumerate(offsets):
                for part in range(2):
                    pdu = await connection.expect(DataOut, itt=command.itt, ttt=0x77 + n, data_sn=part,
                                                  buffer_offset=offset + 512 * part, final=part)
                    data[pdu.buffer_offset:pdu.buffer_offset + 512] = pdu.data
            connection.target.disks[0].write(int.from_bytes(command.cdb[2:6], "big"), bytes(data))
            await connection.send(ScsiResponse(itt=command.itt))
        target.on(ScsiCommand, backwards, times=1, cdb=at_block(WRITE_10, 16))
        write_block(disk, 16)
        written(target, 16)


@shows("UNH-IOL FFP, 12.4")
def holds_parallel(rig):
    """R2Ts of two commands under way are answered in the order in which they came, not in that of the commands."""
    with attached(rig, ALL_SOLICITED) as (scripted, disk):
        target = scripted.target
        held = []

        async def hold(connection, command):
            held.append(command)
            if len(held) == 2:
                for late in reversed(held):
                    await connection.default(late)
        target.on(ScsiCommand, hold, times=2, cdb=lambda cdb: cdb[0] == WRITE_10)
        fio(disk, rw="write", bs="4k", size="8k", iodepth=2, verify=None, do_verify=None, verify_fatal=None)
        order = [pdu.itt for pdu in target.received(DataOut)]
        expect(order[:2] == [held[1].itt, held[0].itt], f"data of the tasks {order}, asked of {held}")


@shows("UNH-IOL FFP, 14.1; UNH-IOL FFP, 17.1; UNH-IOL FFP, 20.1")
def holds_logout_request(rig):
    """Asked to log out within a second, it does so with ExpStatSN and CID in place, sends no command after that, closes
    once it is answered, and comes back to the same portal; the command that it had under way is done."""
    with attached(rig, DefaultTime2Wait="0") as (scripted, disk):
        target = scripted.target
        put_pattern()

        async def ask(connection, command):
            await connection.send(AsyncMessage(event=AsyncMessage.LOGOUT, parameter3=1))
            asked = time.monotonic()

            async def answer(other, request):
                late.append(time.monotonic() - asked)
                await other.default(request)
            target.on(LogoutRequest, answer, times=1)
            await connection.default(command)
        late = []
        target.on(ScsiCommand, ask, times=1, cdb=at_block(WRITE_10, 16))
        write_block(disk, 16)
        written(target, 16)
        wait_for("the logout", lambda: late)
        wait_for("a new connection", lambda: len(target.connections) > 2)
        wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN")
        write_block(disk, 17)
        log = [entry.pdu for entry in target.log if entry.connection == 1]
        at = next(n for n, pdu in enumerate(log) if isinstance(pdu, LogoutRequest))
        logout = log[at]
        expect(late[0] < 5, f"the logout came after {late[0]:.1f} s")  # one, and this machine's slowness
        expect(logout.reason in (LogoutRequest.SESSION, LogoutRequest.CONNECTION) and not logout.data, f"{logout!r}")
        expect(logout.reason == LogoutRequest.SESSION or logout.cid == target.connections[1].cid, f"{logout!r}")
        expect(not any(isinstance(pdu, ScsiCommand) for pdu in log[at:]), "a command after the logout")
        again = target.received(LoginRequest)[-1]
        expect(again.isid == target.received(LoginRequest)[2].isid, f"{again!r} is another session's")


@shows("UNH-IOL FFP, 20.2")
def holds_drop(rig):
    """Told that its connection is dropped, with no time to wait, it disconnects and logs in again at once."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        put_pattern()

        async def drop(connection, command):
            await connection.send(AsyncMessage(event=AsyncMessage.DROP_CONNECTION, parameter1=connection.cid,
                                               parameter2=0, parameter3=1))
            await connection.expect_close()
            connection.close()
        target.on(ScsiCommand, drop, times=1, cdb=at_block(WRITE_10, 16))
        write_block(disk, 16)
        written(target, 16)
        expect(len(target.connections) == 3, f"{len(target.connections)} connections")


@shows("UNH-IOL FFP, 16.4.1; UNH-IOL FFP, 16.4.3; UNH-IOL FFP, 16.4.4; UNH-IOL FFP, 16.4.5")
def holds_failures(rig):
    """A command that ends in ABORTED COMMAND for a protocol service CRC error, for unexpected unsolicited data or for
    too little of it, or in BUSY, is not taken for done: it is issued anew, with a CmdSN of its own."""
    answers = [ScsiResponse(len(data).to_bytes(2, "big") + data, status=ScsiResponse.CHECK_CONDITION)
               for data in (sense(ABORTED_COMMAND, code) for code in ((0x47, 0x05), (0x0C, 0x0C), (0x0C, 0x0D)))]
    with attached(rig) as (scripted, disk):
        target = scripted.target
        put_pattern()
        for block, answer in enumerate([*answers, ScsiResponse(status=ScsiResponse.BUSY)], 16):
            async def fail(connection, command, response=answer):
                response.itt = command.itt
                if command.write:
                    response.underflow, response.residual = 1, command.expected_length
                await connection.send(response)
            target.on(ScsiCommand, fail, times=1, cdb=at_block(WRITE_10, block))
            write_block(disk, block)
            written(target, block)
            first, second = target.received(ScsiCommand, cdb=at_block(WRITE_10, block))
            expect(first.cmd_sn != second.cmd_sn, f"{second!r} is a retry")


@shows("RFC 7143, 11.4.2")
def holds_reservation_conflict(rig):
    """RESERVATION CONFLICT is no success: the midlayer gives it to the application as an error at once, and I/O goes on
    when the reservation is gone."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        put_pattern()

        async def conflict(connection, command):
            await connection.send(ScsiResponse(itt=command.itt, status=ScsiResponse.RESERVATION_CONFLICT, underflow=1,
                                               residual=command.expected_length))
        target.on(ScsiCommand, conflict, times=1, cdb=at_block(WRITE_10, 16))
        refused = write_block(disk, 16, check=False)
        expect(refused.returncode != 0, "a write into a reservation succeeded")
        write_block(disk, 16)
        written(target, 16)


@shows("UNH-IOL FFP, 16.4.2")
def holds_missing_data(rig):
    """Good status for a read of which a PDU is missing is told; without SNACK (ErrorRecoveryLevel 0) the command is
    issued anew in a new session."""
    text = "good status, but data is missing"
    with attached(rig, DefaultTime2Wait="0") as (scripted, disk):
        target = scripted.target
        target.lenient = True
        preset(target, 16)
        told = violations(text)

        async def half(connection, command):
            await connection.send(DataIn(PATTERN[:2048], itt=command.itt, final=1), ScsiResponse(itt=command.itt))
        target.on(ScsiCommand, half, times=1, cdb=at_block(READ_10, 16))
        read_pattern(disk, 16)
        expect(violations(text) == told + 1, "it is not told")
        first, second = target.received(ScsiCommand, cdb=at_block(READ_10, 16))
        expect(first.cmd_sn != second.cmd_sn or len(target.connections) > 2, f"{second!r} is a retry")
