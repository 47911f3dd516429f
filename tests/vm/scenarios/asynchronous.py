# SPDX-License-Identifier: GPL-2.0-or-later
"""What a target says unasked, at each error recovery level and over one connection and two, while a write is under
way; at a target that speaks from a script."""
import contextlib
import itertools
import subprocess
import time

from rig import io
from rig.checks import expect, wait_for
from rig.io import Io
from scenarios.conformance import BLOCK, NAME, at_block
from scenarios.errors import KernelLog, counter
from scenarios.reassign import Cut
from scenarios.strands import LATE, PATTERN, Held, laid, mark, since, up, whole, written

from harness import shows
from iscsi.disk import WRITE_10, sense
from iscsi.pdu import AsyncMessage, LoginRequest, LogoutRequest, ScsiCommand, TaskManagementRequest, TextRequest

VENDOR = 255
UNIT_ATTENTION = 6  # sense key
REASSIGN = TaskManagementRequest.REASSIGN


@contextlib.contextmanager
def laid_at(rig, level, count):
    with laid(rig, count, {"node.session.iscsi.ERL": level, "node.session.iscsi.DefaultTime2Wait": 0,
                           "node.session.iscsi.DefaultTime2Retain": 60},
              ErrorRecoveryLevel=str(level), DefaultTime2Retain="20") as (scripted, disk):
        yield scripted, disk
        rig.say(f"level {level}, connections: {count}")


def everywhere(rig):
    """Each level, over one connection and over two: (level, connections, Scripted, disk)."""
    for level, count in itertools.product((0, 1, 2), (1, 2)):
        with laid_at(rig, level, count) as (scripted, disk):
            yield level, count, scripted, disk


def tell(scripted, event, **parameters):
    """Told over CID 0; gives what the log had before."""
    at = mark(scripted.target)
    scripted.call(scripted.target.member(0).send(AsyncMessage(event=event, **parameters)))
    return at


def writes(target, at, block, over=None):
    return [pdu for pdu in since(target, at, ScsiCommand, over=over) if at_block(WRITE_10, block)(pdu.cdb)]


def goes_on(rig, target, disk, count, block):
    """All connections are up, and what is written arrives."""
    up(rig, *range(count))
    Io(io.write, disk, block * BLOCK, PATTERN).result()
    written(target, block)
    whole(target.normal_session())


@shows("RFC 7143, 11.9.1; UNH-IOL FFP, 14.1")
def holds_logout(rig):
    """Asked to log out within ten seconds, it lets the command that is under way end first, sends no other there, logs
    out, and comes back: nothing is sent twice."""
    for _, count, scripted, disk in everywhere(rig):
        target = scripted.target
        held = Held(target, at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
        connection, command = held.wait()
        at = tell(scripted, AsyncMessage.LOGOUT, parameter3=10)
        waiter = Io(io.write, disk, 17 * BLOCK, PATTERN)
        if count > 1:
            waiter.result()
            expect(writes(target, at, 17, over=1), "it did not go over the other")
        else:
            time.sleep(1)  # it is not to be sent
        sent = since(target, at, LogoutRequest) + since(target, at, ScsiCommand, over=0)
        expect(not sent, f"while a command was under way: {sent}")
        scripted.call(connection.default(command))
        wait_for("the logout", lambda: since(target, at, LogoutRequest), LATE)
        logout, = since(target, at, LogoutRequest)
        expect((logout.reason, logout.cid) in ((LogoutRequest.SESSION, 0), (LogoutRequest.CONNECTION, 0))
               and (logout.reason == LogoutRequest.CONNECTION) == (count > 1), f"{logout!r}")
        writer.result()
        waiter.result()
        written(target, 16)
        goes_on(rig, target, disk, count, 18)
        for block in (16, 17, 18):
            expect(len(target.received(ScsiCommand, cdb=at_block(WRITE_10, block))) == 1, f"block {block} was sent twice")
        expect(counter(rig, "requeued") == 0, "a command was issued anew")


@shows("RFC 7143, 11.9.1; RFC 7143, 11.14")
def holds_logout_of_both(rig):
    """A session that is logged out while its connection, asked to log out, lets a command end: the command ends well."""
    with laid_at(rig, 0, 1) as (scripted, disk):
        target = scripted.target
        held = Held(target, at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
        connection, command = held.wait()
        at = tell(scripted, AsyncMessage.LOGOUT, parameter3=20)
        with subprocess.Popen([rig.initiator.program, "-m", "session", "-r", rig.initiator.sid(NAME), "-u"]) as logout:
            time.sleep(1)  # nothing is to happen
            expect(not since(target, at, LogoutRequest), "it logs out while a command is under way")
            scripted.call(connection.default(command))
            writer.result()
            expect(logout.wait(60) == 0, "the logout failed")
        wait_for("the session to go", lambda: not rig.initiator.sessions(), 60)
        written(target, 16)


def unanswered_write(target, disk):
    """A write of block 16 that the target does and tells nothing of."""
    Cut(target, at_block(WRITE_10, 16), lambda pdu: False)
    writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
    wait_for("the write", lambda: target.received(ScsiCommand, cdb=at_block(WRITE_10, 16)))
    return writer


@shows("RFC 7143, 11.9.1")
def holds_logout_of_all(rig):
    """Asked over each of two connections to log that one out, the one that has nothing under way is closed alone, and
    does not take the command of the other with it."""
    for level in (0, 1, 2):
        with laid_at(rig, level, 2) as (scripted, disk):
            target = scripted.target
            held = Held(target, at_block(WRITE_10, 16), times=1)
            writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
            connection, command = held.wait()
            idle = 1 - connection.cid
            at = mark(target)
            for cid in (0, 1):
                scripted.call(target.member(cid).send(AsyncMessage(event=AsyncMessage.LOGOUT, parameter3=20)))
            first = wait_for("the logout", lambda: since(target, at, LogoutRequest), LATE)[0]
            expect((first.reason, first.cid) == (LogoutRequest.CONNECTION, idle), f"{first!r}")
            time.sleep(2)  # the command is still the target's
            expect(len(since(target, at, LogoutRequest, over=connection.cid)) == 0, "the other was logged out as well")
            scripted.call(connection.default(command))
            writer.result()
            expect(len(writes(target, at, 16)) == 0, "it was sent again")
            goes_on(rig, target, disk, 2, 18)


@shows("RFC 7143, 11.9.1; UNH-IOL FFP, 17.1")
def holds_logout_in_time(rig):
    """Asked to log out within four seconds, it does so although the command that is under way does not end; that is
    done afterwards."""
    for _, count, scripted, disk in everywhere(rig):
        target = scripted.target
        writer = unanswered_write(target, disk)
        began = time.monotonic()
        at = tell(scripted, AsyncMessage.LOGOUT, parameter3=4)
        wait_for("the logout", lambda: since(target, at, LogoutRequest), 4)
        took = time.monotonic() - began
        expect(took > 1.9, f"the write had {took:.1f} s of four")
        writer.result()
        goes_on(rig, target, disk, count, 18)
        written(target, 16)


@shows("RFC 7143, 11.9.1; UNH-IOL FFP, 20.2")
def holds_drop(rig):
    """Told that the connection is dropped, it is recovered at once by what the level has: a new session, a logout over
    the other connection, or, with the write run once, the same connection anew or its reassignment."""
    for level, count, scripted, disk in everywhere(rig):
        target = scripted.target
        tsih = target.normal_session().tsih
        writer = unanswered_write(target, disk)
        at = tell(scripted, AsyncMessage.DROP_CONNECTION, parameter1=0, parameter2=0, parameter3=20)
        writer.result()
        goes_on(rig, target, disk, count, 18)
        recovered(target, at, level, count, tsih)
        if count > 1:
            logout, = since(target, at, LogoutRequest)
            reason = LogoutRequest.RECOVERY if level == 2 else LogoutRequest.CONNECTION
            expect((logout.reason, logout.cid) == (reason, 0), f"{logout!r}")


@shows("RFC 7143, 11.9.1; RFC 7143, 7.2.2")
def holds_drop_waits(rig):
    """The time that the target gives when it drops a connection passes before a task of it is reassigned."""
    with laid_at(rig, 2, 2) as (scripted, disk):
        target = scripted.target
        writer = unanswered_write(target, disk)
        tag = target.received(ScsiCommand, cdb=at_block(WRITE_10, 16))[0].itt
        began = time.monotonic()
        at = tell(scripted, AsyncMessage.DROP_CONNECTION, parameter1=0, parameter2=2, parameter3=20)
        wait_for("the reassignment", lambda: since(target, at, TaskManagementRequest, function=REASSIGN,
                                                   referenced_task_tag=tag), 2 + LATE)
        took = time.monotonic() - began
        expect(took > 1.9, f"it waited {took:.1f} s, not 2")
        writer.result()
        goes_on(rig, target, disk, 2, 18)


def recovered(target, at, level, kept, tsih):
    """kept: the session is, whatever the level."""
    login = since(target, at, LoginRequest)[0]
    again = writes(target, at, 16)
    tag = target.received(ScsiCommand, cdb=at_block(WRITE_10, 16))[0].itt
    requests = since(target, at, TaskManagementRequest, function=REASSIGN, referenced_task_tag=tag)
    if level == 2:
        expect(not again and len(requests) == 1, f"{again}, {requests}")
    else:
        expect(len(again) == 1 and not requests, f"{again}, {requests}")
    expect(login.tsih == (tsih if level == 2 or kept > 1 else 0), f"{login!r}, the session's TSIH is {tsih}")


@shows("RFC 7143, 11.9.1; UNH-IOL FFP, 20.3")
def holds_drop_all(rig):
    """Told that all connections are dropped, it waits as long as it is told and logs in: to a new session, or at level
    2 to the same, where the write goes on."""
    for level, count, scripted, disk in everywhere(rig):
        target = scripted.target
        tsih = target.normal_session().tsih
        writer = unanswered_write(target, disk)
        began = time.monotonic()
        at = tell(scripted, AsyncMessage.DROP_ALL, parameter2=1, parameter3=20)
        wait_for("a login", lambda: since(target, at, LoginRequest), 1 + LATE)
        took = time.monotonic() - began
        expect(took > 0.9, f"it waited {took:.1f} s, not 1")
        # At level 2 the other connection is logged out over the reinstated one, and not before.
        first = since(target, at, (LoginRequest, LogoutRequest))[0]
        expect(isinstance(first, LoginRequest), f"a logout of what the target drops: {first!r}")
        writer.result()
        goes_on(rig, target, disk, count, 18)
        recovered(target, at, level, 0, tsih)


@shows("RFC 7143, 11.9.1; RFC 7143, 11.9.2")
def holds_others(rig):
    """A SCSI event and a vendor's code are told of and change nothing; a request to negotiate is answered by a Text
    Request over the same connection; the write goes on, and no connection is lost."""
    for _, count, scripted, disk in everywhere(rig):
        target = scripted.target
        held = Held(target, at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, PATTERN)
        connection, command = held.wait()
        log = KernelLog()
        tell(scripted, VENDOR, vcode=0x42, parameter1=1, parameter2=2, parameter3=3)
        tell(scripted, AsyncMessage.SCSI_EVENT, data=(4).to_bytes(2, "big") + bytes(4))
        at = tell(scripted, AsyncMessage.NEGOTIATE, parameter3=3)
        wait_for("a Text Request", lambda: since(target, at, TextRequest, over=0), 3)
        for words in (("asynchronous message 0xff", "0x42"), ("SCSI event",), ("asks for a negotiation",)):
            expect(log.tells(*words), f"the log does not tell of {words}")
        scripted.call(connection.default(command))
        writer.result()
        goes_on(rig, target, disk, count, 18)
        expect(counter(rig, "connection_losses") == 0, "a connection was lost")
        expect(len(target.received(ScsiCommand, cdb=at_block(WRITE_10, 16))) == 1, "the write was sent twice")


# What an administrator is told of (SPC-4), and one that is nobody's business.
ATTENTIONS = {(0x2A, 0x09): "the capacity changed", (0x3F, 0x0E): "the list of logical units changed",
              (0x3F, 0x03): "the INQUIRY data changed", (0x2A, 0x01): "the mode parameters changed",
              (0x29, 0x00): None}


@shows("RFC 7143, 11.4.7.2")
def holds_unit_attentions(rig):
    """A unit attention that a change of the unit has raised is told of, by unit and in words, and the command that met
    it is done after all."""
    with laid_at(rig, 0, 1) as (scripted, disk):
        target = scripted.target
        for block, (code, words) in enumerate(ATTENTIONS.items(), 16):
            async def tell_of(connection, command, attention=sense(UNIT_ATTENTION, code)):
                await connection.full_feature.fail(command, attention)
            log = KernelLog()
            target.on(ScsiCommand, tell_of, times=1, cdb=at_block(WRITE_10, block))
            Io(io.write, disk, block * BLOCK, PATTERN).result()
            written(target, block)
            expect(len(target.received(ScsiCommand, cdb=at_block(WRITE_10, block))) == 2, f"{code}: it was not tried again")
            expect(log.tells("LUN 0", words) if words else not log.tells("LUN 0"), f"{code}: the log, where {words}")
        expect(counter(rig, "unit_attentions") == len(ATTENTIONS), "the counter of unit attentions")
