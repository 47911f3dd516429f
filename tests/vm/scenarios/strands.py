# SPDX-License-Identifier: GPL-2.0-or-later
"""Several connections in a session, at a target that speaks from a script: what goes over each, PDU by PDU."""
import asyncio
import contextlib
import glob
import os
import time

from rig import io
from rig.checks import expect, fio, read, run, wait_for, write
from rig.io import Io
from rig.scripted import Scripted
from rig.trace import PolicyTrace
from scenarios.conformance import BLOCK, NAME, at_block

from harness import shows
from iscsi.disk import (COMPARE_AND_WRITE, PERSISTENT_RESERVE_OUT, READ_10, READ_16, SEQUENTIAL_ACCESS, UNMAP, WRITE_6,
                        WRITE_10, WRITE_16, WRITE_SAME_16, Disk)
from iscsi.pdu import AsyncMessage, LoginRequest, LogoutRequest, LogoutResponse, NopIn, NopOut, Reject, ScsiCommand

PATTERN = bytes(n % 251 for n in range(BLOCK))
SECTORS = BLOCK // 512
TRANSPORT_FAILED = 0x0F  # DID_TRANSPORT_FAILFAST
LATE = 5  # seconds that this machine may take for what is done at once


@contextlib.contextmanager
def laid(rig, count=2, records=(), window=64, disks=(), **support):
    """A session of so many connections; left alone, all commands go over CID 0. Gives Scripted and the first disk."""
    with Scripted() as scripted:
        target = scripted.target
        target.window = window
        target.disks.update(disks)
        target.policy.support.update({"DefaultTime2Wait": "0", "ErrorRecoveryLevel": "0", **support})
        rig.initiator.discover()
        rig.initiator.set_keys(NAME, {"node.session.nr_connections": count, **dict(records)})
        rig.initiator.login(NAME)
        try:
            disk = rig.initiator.disk(NAME, lun=0)
            up(rig, *range(count))
            yield scripted, disk
        finally:
            rig.initiator.logout(NAME, check=False)


def up(rig, *cids):
    """Waits until these connections, and no others, are up."""
    wait_for(f"the connections {cids} are up", lambda: rig.initiator.connected(NAME) == set(cids), 60)


class Held:
    """Takes commands (Held(target, at_block(…), …)) and answers none of them until asked to.

    counted: they are counted as delivered; else it is as if they had never arrived.
    """

    def __init__(self, target, cdb, counted=True, over=None, times=None):
        self.commands = []  # with the connection of each

        async def hold(connection, command):
            self.commands.append((connection, command))
        target.on(ScsiCommand, hold, cdb=cdb, raw=not counted, over=over, times=times)

    def wait(self, count=1):
        wait_for(f"{count} commands at the target", lambda: len(self.commands) >= count)
        return self.commands[-1]


def mark(target):
    """What has gone over the wire until now; given to since()."""
    return len(target.log)


def since(target, at, kind, over=None, **fields):
    """What the initiator, or the target, has sent since, of this kind, over the connection with this CID."""
    return [entry.pdu for entry in target.log[at:]
            if isinstance(entry.pdu, kind) and (over is None or target.connections[entry.connection].cid == over)
            and all(getattr(entry.pdu, name) == value for name, value in fields.items())]


def written(target, block):
    expect(target.disks[0].read(block * SECTORS, SECTORS) == PATTERN, f"block {block} was not written")


def at_once(scripted, function, *arguments):
    """Calls a plain function in the target's loop."""
    async def call():
        return function(*arguments)
    return scripted.call(call())


def under_way(disk):
    return sum(int(number) for number in read("/sys/class/block", disk[5:], "inflight").split())


def whole(session):
    """No number that the initiator has used is missing at the target."""
    wait_for("every CmdSN is there", lambda: not session.early)
    highest = session.issues.highest
    expect(highest is None or session.exp_cmd_sn == (highest + 1) & 0xFFFFFFFF,
           f"ExpCmdSN is {session.exp_cmd_sn:#x} after {highest:#x}")


# 1. The order of commands.

@shows("RFC 7143, 4.2.2.1; UNH-IOL FFP, 3.2")
def holds_order(rig):
    """Over two connections CmdSN ascends on each, no command is outside of the window that they share, however
    narrow, and none is missing."""
    for window in (1, 2, 64):
        with laid(rig, records={"node.session.policy": "round-robin"}, window=window) as (scripted, disk):
            target = scripted.target
            fio(disk, size="512k", bs="4k", iodepth=16, timeout=600)
            each = [len(since(target, 0, ScsiCommand, over=cid)) for cid in (0, 1)]
            expect(min(each) > sum(each) / 4, f"commands over the connections: {each}")
            whole(target.normal_session())
        rig.say(f"window of {window}: {each}")


@shows("RFC 7143, 4.2.2.1")
def holds_closed_window(rig):
    """While the window is closed no command goes out on any connection, and pings still do, with the CmdSN of the
    next command; what opens it on one connection lets the others send."""
    with laid(rig, records={"node.session.policy": "round-robin"}, window=2) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        held = Held(target, lambda cdb: cdb[0] == WRITE_10, times=2)
        first = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17)]
        held.wait(2)
        session.window = 0
        at = mark(target)
        more = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (18, 19, 20)]
        wait_for("five writes under way", lambda: under_way(disk) == 5)
        for cid in (0, 1):
            rig.initiator.adm("-m", "session", "-r", rig.initiator.sid(NAME), "-C", "ping", "-c", "1", "--cid", cid)
        expect(not since(target, at, ScsiCommand), "a command in a closed window")
        pings = [since(target, at, NopOut, over=cid, immediate=1) for cid in (0, 1)]
        expect(all(pings), f"no ping: {pings}")
        expect({ping.cmd_sn for each in pings for ping in each} == {session.exp_cmd_sn}, f"CmdSN of {pings}")
        session.window = 8
        scripted.call(target.member(0).send(NopIn()))
        wait_for("the others", lambda: len(since(target, at, ScsiCommand)) >= 3)
        expect(all(since(target, at, ScsiCommand, over=cid) for cid in (0, 1)), "they all went over one connection")
        for connection, command in held.commands:
            scripted.call(connection.default(command))
        for one in first + more:
            one.result()
        for block in range(16, 21):
            written(target, block)


def holds_trace(rig):
    """The trace tells of each change of the policy and of which connections carry commands, and the log of the first."""
    with laid(rig) as (scripted, disk), PolicyTrace() as trace:
        rig.initiator.set_policy(NAME, "round-robin")
        rig.initiator.set_policy(NAME, "round-robin")
        rig.initiator.set_policy(NAME, "failover")
        changes = [("failover", "round-robin"), (1, True), ("round-robin", "failover"), (1, False)]
        expect(trace.seen() == changes, f"{trace.seen()}")
        reset(scripted)
        changes += [(0, False), (1, True), (0, True), (1, False)]
        wait_for(f"{changes}", lambda: trace.seen() == changes, 4 * LATE)
        expect("policy round-robin instead of failover" in run("dmesg").stdout, "it is not logged")


# 2. A connection is lost while another is up, below error recovery level 2.

def reset(scripted):
    at_once(scripted, scripted.target.member(0).abort)


def close(scripted):
    at_once(scripted, scripted.target.member(0).close)


def half_close(scripted):
    at_once(scripted, scripted.target.member(0).half_close)


def silence(scripted):
    scripted.target.member(0).silent = True


def drop(over):
    def told(scripted):
        scripted.call(scripted.target.member(over).send(
            AsyncMessage(event=AsyncMessage.DROP_CONNECTION, parameter1=0, parameter2=0, parameter3=20)))
    return told


LOSSES = {
    "a reset": reset, "FIN": close, "half of it closed": half_close, "silence": silence,
    "the target drops it": drop(0), "it is dropped, told over the other": drop(1),
}


def one_loss(rig, scripted, disk, block, lose, limit, in_order=True):
    """CID 0 has a read that was delivered, a write that was lost on the way, and one that was not sent. in_order: the
    retry comes first; else what was not sent may have gone to the other connection before the loss."""
    target = scripted.target
    session = target.normal_session()
    target.disks[0].write(block * SECTORS, PATTERN)
    delivered = Held(target, at_block(READ_10, block), times=1)
    lost = Held(target, at_block(WRITE_10, block + 1), counted=False, times=1)
    reader = Io(io.read, disk, block * BLOCK, BLOCK)
    _, reading = delivered.wait()
    session.window = 0  # the edge stays where it is
    writer = Io(io.write, disk, (block + 1) * BLOCK, PATTERN)
    _, writing = lost.wait()
    waiter = Io(io.write, disk, (block + 2) * BLOCK, PATTERN)
    wait_for("three commands under way", lambda: under_way(disk) == 3)
    expect(not target.received(ScsiCommand, cdb=at_block(WRITE_10, block + 2)), "it was sent in a closed window")

    async def log_out(connection, request):
        session.window = 3  # for these three, and no more
        await connection.default(request)
        session.window = 0
    target.on(LogoutRequest, log_out, times=1)
    at = mark(target)
    lose(scripted)
    wait_for("the logout", lambda: since(target, at, LogoutRequest), limit)
    expect(reader.result() == PATTERN, "wrong data was read")
    writer.result()
    waiter.result()
    for n in (1, 2):
        written(target, block + n)

    logout, = since(target, at, LogoutRequest)
    expect((logout.reason, logout.cid, logout.immediate) == (LogoutRequest.CONNECTION, 0, 1), f"{logout!r}")
    commands = since(target, at, ScsiCommand)
    expect(len(commands) == 3 and commands == since(target, at, ScsiCommand, over=1), f"{commands}")
    retries = [command for command in commands if command.itt == writing.itt]
    expect(len(retries) == 1 and (not in_order or commands[0] is retries[0]), f"no retry first: {commands}")
    retry, = retries
    commands.remove(retry)
    expect((retry.cmd_sn, retry.cdb) == (writing.cmd_sn, writing.cdb), f"no retry: {retry!r}")
    expect([command.cmd_sn for command in commands] == [writing.cmd_sn + n & 0xFFFFFFFF for n in (1, 2)],
           f"CmdSN: {commands}")
    again, = [command for command in commands if command.cdb == reading.cdb]
    expect(again.itt != reading.itt, f"{again!r} has the tag of {reading!r}, which was delivered")
    whole(session)
    session.window = 2
    scripted.call(target.member(1).send(NopIn()))
    return logout, at


def back(rig, target, at):
    """CID 0 has joined again, as itself, and nothing else has logged in."""
    up(rig, 0, 1)
    logins = since(target, at, LoginRequest)
    expect({(login.tsih, login.cid) for login in logins} == {(target.normal_session().tsih, 0)}, f"{logins}")


@shows("RFC 7143, 7.2.1; RFC 7143, 11.14; RFC 7143, 7.14")
def holds_losses(rig):
    """However a connection is lost, it is logged out over the other at once; then a command that was not delivered is
    retried there, with its CmdSN and its task tag, one that was delivered is issued anew, and one that was not sent
    is sent; no hole is left, and the connection joins again with its CID."""
    records = {"node.conn[0].timeo.noop_out_interval": 2, "node.conn[0].timeo.noop_out_timeout": 3}
    with laid(rig, records=records, window=2) as (scripted, disk):
        for number, (name, lose) in enumerate(LOSSES.items()):
            began = time.monotonic()
            _, at = one_loss(rig, scripted, disk, 16 + number * 4, lose, 5 + 2 * LATE if lose is silence else LATE)
            expect(since(scripted.target, at, LogoutRequest, over=1), "the logout went over the lost connection")
            back(rig, scripted.target, at)
            rig.say(f"{name} ({time.monotonic() - began:.1f} s)")


@shows("UNH-IOL FFP, 14.2; RFC 7143, 11.9.1")
def holds_logout_request(rig):
    """Asked to log one connection out, it closes that one alone, over itself, with its CID and its last ExpStatSN;
    nothing follows there, and commands go on over the other."""
    with laid(rig, window=2) as (scripted, disk):
        target = scripted.target
        leaver = target.member(0)
        stat_sn = []

        def ask(scripted):
            scripted.call(leaver.send(AsyncMessage(event=AsyncMessage.LOGOUT, parameter3=5)))
            stat_sn.append(leaver.stat_sn)
        logout, at = one_loss(rig, scripted, disk, 16, ask, LATE, in_order=False)
        expect(since(target, at, LogoutRequest, over=0), f"{logout!r} went over the other connection")
        expect([logout.exp_stat_sn] == stat_sn, f"{logout!r} does not acknowledge {stat_sn}")
        after = [entry.pdu for entry in target.log[at:] if entry.connection == leaver.index]
        after = after[after.index(logout) + 1:]
        expect([type(pdu) for pdu in after] == [LogoutResponse], f"after the logout: {after}")
        back(rig, target, at)


@shows("RFC 7143, 11.14")
def holds_long_removal(rig):
    """A connection that is taken out is not logged out before the command that the target has of it is done, however
    long that takes."""
    with laid(rig) as (scripted, disk):
        target = scripted.target
        write(600, "/sys/class/block", disk[5:], "device/timeout")
        held = Held(target, at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
        connection, command = held.wait()
        at = mark(target)
        removal = Io(rig.initiator.connection, NAME, "-o", "delete", "--cid", connection.cid)
        time.sleep(40)  # what is not sent has 30
        expect(not since(target, at, LogoutRequest), "it was logged out")
        expect(writer.is_alive() and removal.is_alive(), "one of the two has ended")
        scripted.call(connection.default(command))
        writer.result()
        removal.result()
        logouts = since(target, at, LogoutRequest)
        expect([(pdu.reason, pdu.cid) for pdu in logouts] == [(LogoutRequest.CONNECTION, connection.cid)],
               f"{logouts}")
        written(target, 16)
        up(rig, 1)


@shows("UNH-IOL FFP, 20.3; RFC 7143, 11.9.1")
def holds_drop_all(rig):
    """Told over one connection that all of the session are dropped, it closes them all, and logs in anew when the
    time that it is to wait has passed."""
    with laid(rig) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        members = list(session.connections.values())
        held = Held(target, at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
        held.wait()
        at = mark(target)
        told = time.monotonic()
        scripted.call(members[1].send(AsyncMessage(event=AsyncMessage.DROP_ALL, parameter2=2, parameter3=20)))
        wait_for("both are closed", lambda: all(member.closed.is_set() for member in members), LATE)
        wait_for("a login", lambda: since(target, at, LoginRequest), 2 + LATE)
        waited = time.monotonic() - told
        expect(1.9 < waited, f"it waited {waited:.1f} s, not 2")
        expect(not since(target, at, LogoutRequest), "a logout of what the target drops")
        first = since(target, at, LoginRequest)[0]
        expect((first.tsih, first.isid) == (0, session.isid), f"{first!r}")
        writer.result()
        written(target, 16)
        up(rig, 0, 1)


@shows("RFC 7143, 11.14")
def holds_silence_after_logout(rig):
    """After a logout that closes the session nothing more is sent over any of its connections, not even the answer to a
    ping."""
    with laid(rig) as (scripted, disk):
        target = scripted.target
        Io(io.write, disk, 16 * BLOCK, PATTERN).result()
        at = []

        async def wait(connection, request):
            at.append(mark(target))
            for cid in (0, 1):
                await target.member(cid).send(NopIn(ttt=0x1000 + cid))
            await asyncio.sleep(2)
            at.append(since(target, at[0], NopOut))
            await connection.default(request)
        target.on(LogoutRequest, wait, times=1)
        rig.initiator.logout(NAME)
        expect(at and at[1] == [], f"after the logout: {at[1:]}")


def sg_node(rig, lun):
    """The generic node of a logical unit of the session."""
    run("modprobe", "sg")

    def node():
        found = glob.glob(f"{rig.initiator.session(NAME)}/device/target*/*:{lun}/scsi_generic/sg*")
        return found and "/dev/" + os.path.basename(found[0])
    return wait_for(f"a node of LUN {lun}", node)


def fates(rig, disk, big, tape):
    """What a connection may have under way when it is lost: name, command, and whether it is issued anew."""
    first = (64 * SECTORS).to_bytes(4, "big")
    far = (2 ** 32 + 64).to_bytes(8, "big")
    write = bytes([WRITE_10, 0]) + first + bytes([0, 0, SECTORS, 0])
    return [
        ("READ(10)", Io(io.read, disk, 16 * BLOCK, BLOCK), True),
        ("WRITE(10)", Io(io.write, disk, 17 * BLOCK, PATTERN), True),
        ("READ(16)", Io(io.read, big, 16 * BLOCK, BLOCK), True),
        ("WRITE(16)", Io(io.write, big, 17 * BLOCK, PATTERN), True),
        ("UNMAP", Io(io.discard, disk, 18 * BLOCK, BLOCK), True),
        ("WRITE SAME(16)", Io(io.discard, big, 18 * BLOCK, BLOCK), True),
        ("TEST UNIT READY by SG_IO", Io(io.pass_through, disk, bytes(6)), True),
        ("TEST UNIT READY of a tape", Io(io.pass_through, tape, bytes(6)), True),
        ("WRITE(10) by SG_IO", Io(io.pass_through, disk, write, PATTERN, io.TO_DEVICE), False),
        ("READ(10) by SG_IO", Io(io.pass_through, disk, bytes([READ_10]) + write[1:], bytes(BLOCK), io.FROM_DEVICE),
         False),
        ("COMPARE AND WRITE", Io(io.pass_through, big, bytes([COMPARE_AND_WRITE, 0]) + far + bytes([0, 0, 0, 1, 0, 0]),
                                 bytes(1024), io.TO_DEVICE), False),
        ("PERSISTENT RESERVE OUT", Io(io.pass_through, disk, bytes([PERSISTENT_RESERVE_OUT, *bytes(7), 24, 0]),
                                      bytes(24), io.TO_DEVICE), False),
        ("WRITE(6) of a tape", Io(io.pass_through, tape, bytes([WRITE_6, 0, 0, 2, 0, 0]), bytes(512), io.TO_DEVICE),
         False),
    ]


OPERATIONS = (0x00, READ_10, WRITE_10, READ_16, WRITE_16, UNMAP, WRITE_SAME_16, COMPARE_AND_WRITE,
              PERSISTENT_RESERVE_OUT, WRITE_6)


@shows("RFC 7143, 11.14.5; RFC 7143, 7.2.1")
def holds_fates(rig):
    """Of the commands that were delivered on a lost connection, those that may be run twice are issued anew; pass-
    through, COMPARE AND WRITE, PERSISTENT RESERVE OUT and what a tape was to write fail as an error of the transport,
    and are not sent again. Not delivered, all are retried, and run once."""
    disks = {1: Disk(blocks=1 << 33, serial="HAWSER0002"), 2: Disk(device_type=SEQUENTIAL_ACCESS, serial="HAWSER0003")}
    with laid(rig, disks=disks) as (scripted, disk):
        target = scripted.target
        big, tape = rig.initiator.disk(NAME, lun=1), sg_node(rig, 2)
        for name, mode in ((disk, "unmap"), (big, "writesame_16")):
            chosen, = glob.glob(f"/sys/class/block/{name[5:]}/device/scsi_disk/*/provisioning_mode")
            write(mode, chosen)
        for delivered in (True, False):
            up(rig, 0, 1)
            # Who looks at the disks on their own has ended.
            wait_for("nothing under way", lambda: not under_way(disk) and not under_way(big))
            at = mark(target)
            held = Held(target, lambda cdb: cdb[0] in OPERATIONS, counted=delivered, over=0)
            commands = fates(rig, disk, big, tape)
            held.wait(len(commands))
            target.rules.pop(0)
            before = {lun: len(unit.executed) for lun, unit in target.disks.items()}
            reset(scripted)
            for name, one, again in commands:
                value = one.result()
                if isinstance(value, tuple):
                    good = again or not delivered
                    expect(value == ((0, 0) if good else (TRANSPORT_FAILED, 0)), f"{name} ended with {value}")
            sent = [command for _, command in held.commands]
            issued = since(target, at, ScsiCommand, over=1)
            wanted = sum(again or not delivered for _, _, again in commands)
            expect(len(issued) == wanted, f"{len(issued)} commands over the other connection, not {wanted}")
            numbers = {command.itt: command.cmd_sn for command in sent}
            retries = [command for command in issued if numbers.get(command.itt) == command.cmd_sn]
            expect(len(retries) == (0 if delivered else wanted), f"{len(retries)} retries")
            run_once = sum(len(unit.executed) - before[lun] for lun, unit in target.disks.items())
            expect(run_once == wanted, f"{run_once} commands were run, not {wanted}")
        expect(target.disks[2].records == [bytes(512)], f"the tape has {len(target.disks[2].records)} records")
        whole(target.normal_session())


def answering(response):
    async def answer(connection, request):
        await connection.send(LogoutResponse(itt=request.itt, response=response))
    return answer


def rejecting(reason):
    async def answer(connection, request):
        await connection.send(Reject(request.header.to_bytes(48, "big"), reason=reason))
    return answer


async def nothing(connection, pdu):
    """No answer at all."""


async def lose_it_too(connection, request):
    connection.abort()


ANSWERS = {
    "CID not found": (answering(1), True), "recovery is not supported": (answering(2), False),
    "cleanup failed": (answering(3), False), "a response that no RFC has": (answering(9), False),
    "no answer": (nothing, False), "Reject: protocol error": (rejecting(4), False),
    "the other is lost as well": (lose_it_too, False),
}


@shows("RFC 7143, 11.15.1; RFC 7143, 7.14")
def holds_answers(rig):
    """Where the logout over the other connection is answered with an error, rejected or not answered, or that
    connection is lost as well, nothing is taken for granted: the session is logged in anew in its own place, and a
    command that was delivered is issued anew. CID not found is as good as closed."""
    with laid(rig) as (scripted, disk):
        target = scripted.target
        for block, (name, (answer, closed)) in enumerate(ANSWERS.items(), 16):
            began = time.monotonic()
            session = target.normal_session()
            held = Held(target, at_block(WRITE_10, block), times=1)
            writer = Io(io.write, disk, block * BLOCK, PATTERN)
            held.wait()
            target.on(LogoutRequest, answer, times=1, over=1, cid=0)
            at = mark(target)
            reset(scripted)
            writer.result(90)
            written(target, block)
            up(rig, 0, 1)
            logins = since(target, at, LoginRequest)
            leading = [login for login in logins if login.tsih == 0]
            expect(bool(leading) != closed and logins[0].isid == session.isid, f"logins: {logins}")
            if not closed:
                expect(logins[0].tsih == 0, f"the first login is {logins[0]!r}")
            expect(len(since(target, at, LogoutRequest)) == 1, f"{since(target, at, LogoutRequest)}")
            expect((target.normal_session() is session) == closed, "another session")
            rig.say(f"{name} ({time.monotonic() - began:.1f} s)")


@shows("RFC 7143, 4.2.2.1; RFC 7143, 11.17.1")
def holds_busy(rig):
    """A target that has no room for one more immediate request (Reject 0x06) is asked again to close the lost
    connection, but not for ever: after ten seconds the session is logged in anew."""
    with laid(rig) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        held = Held(target, at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
        held.wait()
        target.on(LogoutRequest, rejecting(6), times=2, over=1, cid=0)
        at = mark(target)
        reset(scripted)
        writer.result()
        written(target, 16)
        expect(len(since(target, at, LogoutRequest)) == 3, f"{since(target, at, LogoutRequest)}")
        back(rig, target, at)
        expect(target.normal_session() is session, "another session")

        held = Held(target, at_block(WRITE_10, 17), times=1)
        writer = Io(io.write, disk, 17 * BLOCK, PATTERN)
        held.wait()
        target.on(LogoutRequest, rejecting(6), over=1, cid=0)
        at = mark(target)
        reset(scripted)
        writer.result(10 + 2 * LATE)
        written(target, 17)
        expect(target.normal_session() is not session, "the same session")
        expect(len(since(target, at, LogoutRequest)) > 3, "it was not asked again")


@shows("RFC 7143, 11.14; RFC 7143, 7.2.1")
def holds_second_lost(rig):
    """When the connection over which a lost one is being logged out is lost as well, the third one is asked, for
    both, and the commands of both go on there."""
    with laid(rig, count=3, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        held = Held(target, lambda cdb: cdb[0] == WRITE_10, times=3)
        writers = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17, 18)]
        held.wait(3)
        expect({connection.cid for connection, _ in held.commands} == {0, 1, 2}, f"{held.commands}")
        target.on(LogoutRequest, lose_it_too, times=1, over=1, cid=0)
        at = mark(target)
        reset(scripted)
        third = wait_for("the logouts over the third", lambda: len(since(target, at, LogoutRequest, over=2)) == 2 and
                         since(target, at, LogoutRequest, over=2), LATE)
        expect({request.cid for request in third} == {0, 1}, f"{third}")
        up(rig, 0, 1, 2)
        for connection, command in held.commands:
            if connection.cid == 2:
                scripted.call(connection.default(command))
        for writer in writers:
            writer.result()
        for block in (16, 17, 18):
            written(target, block)
        expect(target.normal_session() is session, "the session was recovered as a whole")
        whole(session)


@shows("RFC 7143, 4.2.2.1; RFC 7143, 7.14")
def holds_losses_under_load(rig):
    """Under verified writes over three connections one after another is reset, with commands in every state: no I/O
    error, no hole, and nothing is out of order on any connection."""
    with laid(rig, count=3, records={"node.session.policy": "round-robin"}, window=8) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        job = Io(lambda: fio(disk, size="2M", bsrange="4k-16k", iodepth=16, timeout=600))
        for cid in (0, 1, 2, 1):
            at = mark(target)
            wait_for("I/O, or its end", lambda: not job.is_alive() or len(since(target, at, ScsiCommand, over=cid)) > 20, 60)
            if not job.is_alive():
                break
            at_once(scripted, target.member(cid).abort)
            wait_for("it is back", lambda: cid in rig.initiator.connected(NAME) and
                     since(target, at, LoginRequest, cid=cid), 60)
            if not job.is_alive():
                break
        rig.say(f"the load was under way until CID {cid} went")
        job.result(600)
        expect(target.normal_session() is session, "the session was recovered as a whole")
        whole(session)
