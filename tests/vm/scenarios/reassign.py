# SPDX-License-Identifier: GPL-2.0-or-later
"""Error recovery level 2 at a target that speaks from a script: a connection is lost, and each of its tasks goes on
over another, or over itself reinstated; what goes over the wire, PDU by PDU."""
import asyncio
import contextlib
import struct
import time

from rig import io
from rig.checks import expect, wait_for
from rig.genl import NESTED, Family, attribute, uapi
from rig.io import Io
from scenarios.conformance import BLOCK, NAME, at_block, attached
from scenarios.errors import counter
from scenarios.strands import LATE, LOSSES, PATTERN, SECTORS, Held, at_once, laid, mark, reset, silence, since, under_way, up, \
    whole, written

from harness import shows
from iscsi.disk import READ_10, WRITE_10
from iscsi.pdu import (RESERVED_TAG, AsyncMessage, DataIn, DataOut, LoginRequest, LogoutRequest, LogoutResponse, R2t,
                       ScsiCommand, ScsiResponse, SnackRequest, TaskManagementRequest, TaskManagementResponse)

LONG = 4  # blocks of what is moved in several PDUs
DATA = bytes((n * 7) % 253 for n in range(LONG * BLOCK))
REASSIGN = TaskManagementRequest.REASSIGN


@contextlib.contextmanager
def recovering(rig, count=2, records=(), time2wait=0, time2retain=20, **keys):
    """A session of error recovery level 2, whose reads come in several PDUs and whose writes need several R2Ts."""
    keys = {"ErrorRecoveryLevel": "2", "MaxBurstLength": str(BLOCK), "FirstBurstLength": "512",
            "DefaultTime2Wait": str(time2wait), "DefaultTime2Retain": str(time2retain), **keys}
    records = {"node.session.iscsi.ERL": 2, "node.session.iscsi.DefaultTime2Wait": 0,
               "node.session.iscsi.DefaultTime2Retain": 60, "node.session.iscsi.InitialR2T": "Yes",
               "node.conn[0].iscsi.MaxRecvDataSegmentLength": BLOCK, **dict(records)}
    with laid(rig, count, records=records, **keys) as (scripted, disk):
        yield scripted, disk


def counters(rig, *names):
    return {name: counter(rig, name) for name in names}


def unharmed(rig, **more):
    """Nothing was issued anew, failed, or cost the session."""
    found = counters(rig, "requeued", "failed_by_loss", "recoveries", "reassigned", "connections_recovered",
                     "reinstated")
    for name, value in {"requeued": 0, "failed_by_loss": 0, "recoveries": 0, **more}.items():
        expect(found[name] == value, f"{name} is to be {value}: {found}")


class Cut:
    """Has a command served as ever, but what is sent for it goes only as far as keep says."""

    def __init__(self, target, cdb, keep):
        self.commands = []

        async def serve(connection, command):
            self.commands.append(command)
            send = connection.send

            async def some(*pdus):
                for pdu in pdus:
                    if getattr(pdu, "itt", RESERVED_TAG) != command.itt or keep(pdu):
                        await send(pdu)
            connection.send = some
            await connection.default(command)
        target.on(ScsiCommand, serve, cdb=cdb, times=1)

    def wait(self):
        wait_for("the command at the target", lambda: self.commands)
        return self.commands[0]


def tasks(target, disk, block):
    """One command in each state that a command of a connection may be in: [(name, Io, its SCSI Command, the
    ExpDataSN that its reassignment is to have)], and what they come to is what holds() asks."""
    def start(work, number, cdb, keep, data=()):
        cut = Cut(target, at_block(cdb, block + number), keep)
        one = Io(work, disk, (block + number) * BLOCK, *data)
        return one, cut.wait()

    target.disks[0].write(block * SECTORS, DATA * 8)
    blocks = LONG * BLOCK
    return [
        ("a read without an answer", *start(io.read, 0, READ_10, lambda pdu: False, [blocks]), 0),
        ("a read of which two PDUs came",
         *start(io.read, LONG, READ_10, lambda pdu: isinstance(pdu, DataIn) and pdu.data_sn < 2, [blocks]), 2),
        ("a read of which all but the last PDU came",
         *start(io.read, 2 * LONG, READ_10, lambda pdu: isinstance(pdu, DataIn) and pdu.data_sn < LONG - 1, [blocks]),
         LONG - 1),
        ("a write without an R2T", *start(io.write, 3 * LONG, WRITE_10, lambda pdu: False, [DATA]), 0),
        ("a write whose second R2T is missing",
         *start(io.write, 4 * LONG, WRITE_10, lambda pdu: isinstance(pdu, R2t) and pdu.r2t_sn < 1, [DATA]), 1),
        ("a write without a status",
         *start(io.write, 5 * LONG, WRITE_10, lambda pdu: isinstance(pdu, R2t), [DATA]), None),
    ]


def holds(target, disk, under, block):
    """They all ended well, with the right data, and each was run once."""
    for name, one, command, _ in under:
        value = one.result()
        if command.read:
            expect(value == DATA, f"{name}: wrong data")
        else:
            at = int.from_bytes(command.cdb[2:6], "big")
            expect(target.disks[0].read(at, LONG * SECTORS) == DATA, f"{name}: it was not written")
        run = target.disks[0].executed.count(command.cdb)
        expect(run == 1, f"{name}: it was run {run} times")


def reassigned(target, at, under, over):
    """Each was reassigned over that connection, with its tag and the right ExpDataSN, and none was sent again."""
    requests = since(target, at, TaskManagementRequest, function=REASSIGN)
    expect(requests == since(target, at, TaskManagementRequest, over=over, function=REASSIGN), f"elsewhere: {requests}")
    for name, _, command, exp_data_sn in under:
        mine = [request for request in requests if request.referenced_task_tag == command.itt]
        expect(len(mine) == 1 and mine[0].immediate, f"{name}: {mine}")
        # What of a write's R2Ts was answered when the connection went depends on the moment.
        if exp_data_sn is not None:
            expect(mine[0].exp_data_sn == exp_data_sn, f"{name}: {mine[0]!r}, where ExpDataSN is to be {exp_data_sn}")
        sent = since(target, at, ScsiCommand, cdb=command.cdb)
        expect(not sent, f"{name}: sent again: {sent}")


@shows("RFC 7143, 7.2.2; RFC 7143, 11.5.6; RFC 7143, 11.14.1; UNH-IOL FFP, 19.5")
def holds_over_another(rig):
    """However a connection is lost, it is logged out for recovery over the other at once, and each command that it
    had goes on there from where it stood: reassigned with its tag and the next DataSN or R2TSN, run once, none issued
    anew; and the connection joins again."""
    records = {"node.conn[0].timeo.noop_out_interval": 2, "node.conn[0].timeo.noop_out_timeout": 3}
    with recovering(rig, records=records) as (scripted, disk):
        target = scripted.target
        for number, (name, lose) in enumerate(LOSSES.items()):
            block = 64 + number * 64
            under = tasks(target, disk, block)
            at = mark(target)
            lose(scripted)
            wait_for("the logout", lambda: since(target, at, LogoutRequest), 5 + 2 * LATE if lose is silence else LATE)
            holds(target, disk, under, block)
            logout, = since(target, at, LogoutRequest)
            expect((logout.reason, logout.cid) == (LogoutRequest.RECOVERY, 0), f"{logout!r}")
            expect(since(target, at, LogoutRequest, over=1), f"{logout!r} went over the lost connection")
            reassigned(target, at, under, over=1)
            up(rig, 0, 1)
            whole(target.normal_session())
            rig.say(name)
        unharmed(rig, connections_recovered=len(LOSSES))


@shows("RFC 7143, 7.2.1")
def holds_not_delivered(rig):
    """A command that the target has not acknowledged is retried with its CmdSN and its tag, and not reassigned."""
    with recovering(rig) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        lost = Held(target, at_block(WRITE_10, 64), counted=False, times=1)
        writer = Io(io.write, disk, 64 * BLOCK, PATTERN)
        _, writing = lost.wait()
        at = mark(target)
        reset(scripted)
        writer.result()
        written(target, 64)
        retry, = since(target, at, ScsiCommand, cdb=writing.cdb)
        expect((retry.itt, retry.cmd_sn) == (writing.itt, writing.cmd_sn), f"{retry!r} of {writing!r}")
        expect(not since(target, at, TaskManagementRequest), "there was something to be reassigned")
        whole(session)
        unharmed(rig, connections_recovered=1, reassigned=0)


@shows("RFC 7143, 6.3.4; RFC 7143, 7.2.2; RFC 7143, 11.12.9; UNH-IOL FFP, 7.1")
def holds_reinstated(rig):
    """The only connection is lost: it is reinstated, with the session's TSIH, its CID and its ExpStatSN, and its
    commands go on there; one that was not acknowledged is retried."""
    with recovering(rig, count=1) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        for number, lose in enumerate((LOSSES["a reset"], LOSSES["FIN"])):
            block = 64 + number * 64
            under = tasks(target, disk, block)
            lost = Held(target, at_block(WRITE_10, block + 60), counted=False, times=1)
            writer = Io(io.write, disk, (block + 60) * BLOCK, PATTERN)
            _, writing = lost.wait()
            exp_stat_sn = target.member(0).acknowledged
            at = mark(target)
            lose(scripted)
            holds(target, disk, under, block)
            writer.result()
            written(target, block + 60)
            logins = since(target, at, LoginRequest)
            expect({(login.tsih, login.cid, login.isid) for login in logins} == {(session.tsih, 0, session.isid)},
                   f"{logins}")
            behind = logins[0].exp_stat_sn - exp_stat_sn & 0xFFFFFFFF
            expect(behind < 64, f"ExpStatSN {logins[0].exp_stat_sn:#x} after {exp_stat_sn:#x}")
            expect(not since(target, at, LogoutRequest), "a logout of what the login has logged out")
            reassigned(target, at, under, over=0)
            retry, = since(target, at, ScsiCommand, cdb=writing.cdb)
            expect((retry.itt, retry.cmd_sn) == (writing.itt, writing.cmd_sn), f"{retry!r} of {writing!r}")
            whole(session)
        unharmed(rig, reinstated=2)


@shows("RFC 7143, 7.5; RFC 7143, 7.2.2")
def holds_all_lost(rig):
    """Both connections are lost at once: one is reinstated, the other is logged out for recovery over it, and the
    commands of both go on."""
    with recovering(rig, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        under = tasks(target, disk, 64)
        over = {target.connections[entry.connection].cid for entry in target.log
                if any(entry.pdu is command for _, _, command, _ in under)}
        expect(over == {0, 1}, f"the commands went over {over}")
        at = mark(target)
        members = list(target.normal_session().connections.values())

        async def cut():
            for member in members:
                member.abort()
        scripted.call(cut())
        holds(target, disk, under, 64)
        logout, = since(target, at, LogoutRequest)
        expect(logout.reason == LogoutRequest.RECOVERY, f"{logout!r}")
        first = since(target, at, LoginRequest)[0]
        expect((first.tsih != 0) and first.cid != logout.cid, f"{first!r}, {logout!r}")
        up(rig, 0, 1)
        unharmed(rig, reinstated=1)


@shows("RFC 7143, 7.2.2; RFC 7143, 11.15.3")
def holds_time_to_wait(rig):
    """The Logout Response says how long to wait: no task is reassigned before, and what needs no reassignment
    does not wait."""
    with recovering(rig) as (scripted, disk):
        target = scripted.target
        answered = []

        async def log_out(connection, request):
            cid = request.cid
            target.normal_session().drop(cid, keep=True)
            answered.append(time.monotonic())
            await connection.send(LogoutResponse(itt=request.itt, time2wait=3, time2retain=20))
        target.on(LogoutRequest, log_out, times=1)
        cut = Cut(target, at_block(READ_10, 65), lambda pdu: False)
        reader = Io(io.read, disk, 65 * BLOCK, BLOCK)
        cut.wait()
        held = Held(target, at_block(WRITE_10, 64), counted=False, times=1)
        writer = Io(io.write, disk, 64 * BLOCK, PATTERN)
        held.wait()
        at = mark(target)
        reset(scripted)
        writer.result(2)
        expect(not since(target, at, TaskManagementRequest), "a task was reassigned at once")
        reader.result()
        waited = time.monotonic() - answered[0]
        expect(waited > 2.9, f"it waited {waited:.1f} s, not 3")
        unharmed(rig, connections_recovered=1)


def arrived(target, kind):
    """When the first of this kind came."""
    times = []

    async def note(connection, pdu):
        times.append(time.monotonic())
        await connection.default(pdu)
    target.on(kind, note, times=1)
    return times


@shows("RFC 7143, 7.5; RFC 7143, 13.15")
def holds_respite(rig):
    """While Time2Wait of a loss runs, nothing is said about the lost connection, and I/O goes on over the other; then
    it is logged out there, its commands go on, and it joins again."""
    with recovering(rig, time2wait=3) as (scripted, disk):
        target = scripted.target
        logout = arrived(target, LogoutRequest)
        cut = Cut(target, at_block(READ_10, 65), lambda pdu: False)
        reader = Io(io.read, disk, 65 * BLOCK, BLOCK)
        cut.wait()
        at, began = mark(target), time.monotonic()
        reset(scripted)
        Io(io.write, disk, 64 * BLOCK, PATTERN).result(2)
        written(target, 64)
        expect(not since(target, at, LogoutRequest) and not since(target, at, LoginRequest), "it was asked for at once")
        reader.result()
        up(rig, 0, 1)
        waited = logout[0] - began
        expect(2.9 < waited < 3 + LATE, f"it was logged out after {waited:.1f} s, not 3")
        unharmed(rig, connections_recovered=1, reassigned=1)


@shows("RFC 7143, 7.5; RFC 7143, 13.15")
def holds_lost_in_respite(rig):
    """The last connection is lost while Time2Wait of another's loss runs: one is reinstated when its own is over, the
    other logged out over it, and the commands of both go on."""
    with recovering(rig, time2wait=3, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        under = tasks(target, disk, 64)
        login = arrived(target, LoginRequest)
        at = mark(target)
        reset(scripted)
        time.sleep(1)  # in the middle of it
        expect(not since(target, at, LogoutRequest), "the first was logged out at once")
        began = time.monotonic()
        at_once(scripted, target.member(1).abort)
        holds(target, disk, under, 64)
        up(rig, 0, 1)
        expect(login[0] - began > 1.9, f"a login {login[0] - began:.1f} s after the losses of 3 and 2 s to wait")
        unharmed(rig, reinstated=1, connections_recovered=2)


@shows("RFC 7143, 11.14.4")
def holds_late_status(rig):
    """A status that comes behind the target's word that it drops the connection ends its command, and the Logout
    acknowledges it: the target keeps no task for it."""
    with recovering(rig) as (scripted, disk):
        target = scripted.target

        async def serve(connection, command):
            await connection.send(AsyncMessage(event=AsyncMessage.DROP_CONNECTION, parameter1=connection.cid))
            await connection.default(command)
        target.on(ScsiCommand, serve, cdb=at_block(READ_10, 64), times=1)
        at = mark(target)
        io.read(disk, 64 * BLOCK, BLOCK)
        up(rig, 0, 1)
        (drop,) = since(target, at, AsyncMessage)
        (logout,) = since(target, at, LogoutRequest, reason=LogoutRequest.RECOVERY)
        expected = drop.stat_sn + (1 if counter(rig, "reassigned") else 2)
        expect(logout.exp_stat_sn == expected, f"ExpStatSN is {logout.exp_stat_sn}, not {expected}")
        expect(counters(rig, "requeued", "recoveries") == {"requeued": 0, "recoveries": 0}, "it cost the session")


@shows("RFC 7143, 11.15.3")
def holds_endless_wait(rig):
    """A target that wants its tasks to wait for hours has its session recovered instead."""
    with recovering(rig) as (scripted, disk):
        target = scripted.target

        async def log_out(connection, request):
            target.normal_session().drop(request.cid, keep=True)
            await connection.send(LogoutResponse(itt=request.itt, time2wait=65535, time2retain=65535))
        target.on(LogoutRequest, log_out, times=1)
        cut = Cut(target, at_block(READ_10, 65), lambda pdu: False)
        reader = Io(io.read, disk, 65 * BLOCK, BLOCK)
        cut.wait()
        reset(scripted)
        reader.result()
        expect(counters(rig, "requeued", "recoveries") == {"requeued": 1, "recoveries": 1}, "no new session")


@shows("RFC 7143, 7.2.2; RFC 7143, 11.6.1")
def holds_refused(rig):
    """A target that refuses to reassign a task, in whatever words, or does not answer, costs the session and not the
    I/O; one that does not know the task costs that task alone."""
    for verdict in (TaskManagementResponse.NO_TASK, TaskManagementResponse.NO_REASSIGNMENT,
                    TaskManagementResponse.STILL_ALLEGIANT, TaskManagementResponse.NOT_SUPPORTED, 255, None):
        with recovering(rig) as (scripted, disk):
            target = scripted.target
            cut = Cut(target, at_block(WRITE_10, 64), lambda pdu: isinstance(pdu, R2t))
            writer = Io(io.write, disk, 64 * BLOCK, PATTERN)
            command = cut.wait()

            async def refuse(connection, request):
                if verdict is not None:
                    await connection.send(TaskManagementResponse(itt=request.itt, response=verdict))
            target.on(TaskManagementRequest, refuse, function=REASSIGN, referenced_task_tag=command.itt)
            reset(scripted)
            writer.result()
            written(target, 64)
            alone = verdict == TaskManagementResponse.NO_TASK
            found = counters(rig, "requeued", "failed_by_loss", "recoveries")
            expect(found == {"requeued": 1, "failed_by_loss": 0, "recoveries": 0 if alone else 1}, f"{verdict}: {found}")
            rig.say(f"{verdict}")


@shows("RFC 7143, 7.2.2")
def holds_lost_again(rig):
    """The connection over which tasks are being reassigned is lost as well: what was reassigned there and what was
    not goes on over the third."""
    with recovering(rig, count=3) as (scripted, disk):
        target = scripted.target
        under = tasks(target, disk, 64)
        asked = []

        async def then_cut(connection, request):
            asked.append(request)
            if len(asked) < 4:
                await connection.default(request)
            else:
                connection.abort()
        target.on(TaskManagementRequest, then_cut, function=REASSIGN, over=1)
        at = mark(target)
        reset(scripted)
        holds(target, disk, under, 64)
        logouts = since(target, at, LogoutRequest)
        expect({logout.cid for logout in logouts} >= {0}, f"{logouts}")
        up(rig, 0, 1, 2)
        unharmed(rig)


@shows("RFC 7143, 11.14.1; RFC 7143, 11.15.1")
def holds_no_recovery(rig):
    """A target that does not recover a connection after all (Logout Response 2) is asked to close it, and the commands
    are issued anew as below level 2."""
    with recovering(rig) as (scripted, disk):
        target = scripted.target

        async def refuse(connection, request):
            await connection.send(LogoutResponse(itt=request.itt, response=2))
        target.on(LogoutRequest, refuse, reason=LogoutRequest.RECOVERY)
        cut = Cut(target, at_block(READ_10, 64), lambda pdu: False)
        reader = Io(io.read, disk, 64 * BLOCK, BLOCK)
        cut.wait()
        at = mark(target)
        reset(scripted)
        reader.result()
        reasons = [logout.reason for logout in since(target, at, LogoutRequest)]
        expect(reasons == [LogoutRequest.RECOVERY, LogoutRequest.CONNECTION], f"{reasons}")
        expect(counters(rig, "requeued", "recoveries") == {"requeued": 1, "recoveries": 0}, "it cost the session")


@shows("RFC 7143, 11.15.3")
def holds_refusal_waits(rig):
    """A target that refuses a logout names the seconds before the next one: it is not asked to close the connection
    before (Logout Response 2), nor logged in to anew (3)."""
    for response, then in ((2, LogoutRequest), (3, LoginRequest)):
        with recovering(rig) as (scripted, disk):
            target = scripted.target
            refused, after = [], []

            async def refuse(connection, request, response=response, refused=refused, after=after, then=then):
                await connection.send(LogoutResponse(itt=request.itt, response=response, time2wait=3, time2retain=20))
                refused.append(time.monotonic())
                after.append(arrived(target, then))
            target.on(LogoutRequest, refuse, reason=LogoutRequest.RECOVERY, times=1)
            cut = Cut(target, at_block(READ_10, 64), lambda pdu: False)
            reader = Io(io.read, disk, 64 * BLOCK, BLOCK)
            cut.wait()
            reset(scripted)
            reader.result()
            up(rig, 0, 1)
            waited = after[0][0] - refused[0]
            expect(2.9 < waited < 3 + LATE, f"after response {response} it waited {waited:.1f} s, not 3")


@shows("RFC 7143, 7.5; RFC 7143, 13.16")
def holds_not_retained(rig):
    """A target that keeps nothing (it refuses the reinstating login, or Time2Retain is 0) gets a new session, and the
    commands are issued anew."""
    for time2retain in (20, 0):
        with recovering(rig, count=1, time2retain=time2retain) as (scripted, disk):
            target = scripted.target
            target.policy.join_status = (2, 0x0A)
            cut = Cut(target, at_block(WRITE_10, 64), lambda pdu: False)
            writer = Io(io.write, disk, 64 * BLOCK, PATTERN)
            cut.wait()
            at = mark(target)
            reset(scripted)
            writer.result()
            written(target, 64)
            tsihs = {login.tsih for login in since(target, at, LoginRequest)}
            expect((0 in tsihs) and (len(tsihs) == (2 if time2retain else 1)), f"{tsihs}")
            found = counters(rig, "requeued", "recoveries", "reinstated")
            expect(found == {"requeued": 1, "recoveries": 1, "reinstated": 0}, f"{found}")


@shows("RFC 7143, 13.15; RFC 7143, 13.16; RFC 7143, 13.20")
def holds_by_default(rig):
    """With records as discovery makes them, and a target that has it all, level 2 with the RFC's 2 and 20 seconds is agreed
    on: a lost connection is reinstated after its 2 seconds, and the write that it had goes on, run once."""
    expected = {"ErrorRecoveryLevel": 2, "DefaultTime2Wait": 2, "DefaultTime2Retain": 20}
    with attached(rig, **{key: str(value) for key, value in expected.items()}) as (scripted, disk):
        target = scripted.target
        session = next(session for session in target.sessions.values() if not session.discovery)
        agreed = {key: session.number(key) for key in expected}
        expect(agreed == expected, f"agreed on {agreed}")
        cut = Cut(target, at_block(WRITE_10, 64), lambda pdu: False)
        writer = Io(io.write, disk, 64 * BLOCK, PATTERN)
        cut.wait()
        began = time.monotonic()
        reset(scripted)
        writer.result()
        expect(time.monotonic() - began >= 2, "Time2Wait was not waited for")
        written(target, 64)
        unharmed(rig, reassigned=1, reinstated=1)


@shows("RFC 7143, 7.2.2")
def holds_expiry(rig):
    """A target that does not come back: when the recovery time-out has passed, what was kept for it fails."""
    records = {"node.session.timeo.replacement_timeout": 5}
    with recovering(rig, count=1, records=records) as (scripted, disk):
        target = scripted.target
        cut = Cut(target, at_block(READ_10, 64), lambda pdu: False)
        reader = Io(io.read, disk, 64 * BLOCK, BLOCK)
        cut.wait()
        target.policy.join_status = (3, 1)  # out of service, for now
        target.policy.status = (3, 1)
        began = time.monotonic()
        reset(scripted)
        reader.fails()
        waited = time.monotonic() - began
        expect(4 < waited < 5 + 2 * LATE, f"it failed after {waited:.1f} s")
        target.policy.join_status = target.policy.status = None
        up(rig, 0)
        expect(under_way(disk) == 0, "commands are left")


@shows("RFC 7143, 7.2.2")
def holds_from_the_start(rig):
    """A target may send all data again after a reassignment, from DataSN 0 on, and may ask for all of a write."""
    with recovering(rig) as (scripted, disk):
        target = scripted.target
        target.disks[0].write(64 * SECTORS, DATA)
        keep = Cut(target, at_block(READ_10, 64), lambda pdu: isinstance(pdu, DataIn) and pdu.data_sn < 2)
        reader = Io(io.read, disk, 64 * BLOCK, LONG * BLOCK)
        reading = keep.wait()

        async def forgetful(connection, request):
            request.exp_data_sn = 0
            await connection.default(request)
        target.on(TaskManagementRequest, forgetful, function=REASSIGN, referenced_task_tag=reading.itt)
        reset(scripted)
        expect(reader.result() == DATA, "wrong data")
        unharmed(rig, connections_recovered=1)


@shows("RFC 7143, 7.2.2; RFC 7143, 11.16")
def holds_lost_r2t(rig):
    """The first R2T that the target sends for a write after its reassignment is lost: it is asked for within seconds,
    by the R2TSN that is due, when nothing came and when others did, though all had been asked for before."""
    for outstanding in (1, LONG):
        records = {"node.session.iscsi.MaxOutstandingR2T": outstanding,
                   "node.session.iscsi.DataSequenceInOrder": "No"}
        with recovering(rig, records=records, MaxOutstandingR2T=str(outstanding),
                        DataSequenceInOrder="No") as (scripted, disk):
            target = scripted.target
            swallowed = []

            async def swallow(connection, pdu):
                swallowed.append(pdu)
            # Of the last that was asked for nothing arrives, or of all.
            target.on(DataOut, swallow, over=0, buffer_offset=lambda at: at >= (LONG - outstanding) * BLOCK)
            writer = Io(io.write, disk, 64 * BLOCK, DATA)
            wait_for("the data", lambda: len({pdu.buffer_offset // BLOCK for pdu in swallowed}) == outstanding)
            at = mark(target)
            target.lose(R2t, cdb=at_block(WRITE_10, 64), r2t_sn=LONG)
            began = time.monotonic()
            reset(scripted)
            writer.result(2 * LATE)
            waited = time.monotonic() - began
            expect(not target.losses, "the R2T was not lost")
            expect(target.disks[0].read(64 * SECTORS, LONG * SECTORS) == DATA, "it was not written")
            asked = [(snack.beg_run, snack.run_length) for snack in since(target, at, SnackRequest)]
            expect(asked == [(LONG, 0)], f"asked for {asked}")
            expect(waited < 2 * LATE, f"it took {waited:.1f} s")
            unharmed(rig, connections_recovered=1, reassigned=1)
            rig.say(f"{outstanding}: {waited:.1f} s")


def task_management(sid, cid, function):
    """By hand, for LUN 0; nobody waits for its answer."""
    number, family = uapi(), Family(events=False)
    nest = attribute(number["HWS_TMF_A_ID"], bytes(4)) + attribute(number["HWS_TMF_A_FUNCTION"], bytes([function])) \
        + attribute(number["HWS_TMF_A_LUN"], bytes(8))
    family.request(family.id, number["HWS_CMD_TMF"], attribute(number["HWS_A_SID"], struct.pack("=I", sid))
                   + attribute(number["HWS_A_CONNECTION"] | NESTED,
                               attribute(number["HWS_CONN_A_CID"], struct.pack("=H", cid)))
                   + attribute(number["HWS_A_TMF"] | NESTED, nest))
    family.close()


@shows("RFC 7143, 4.2.2.1; RFC 7143, 11.5.1")
def holds_past_another(rig):
    """A task management function that the target does not answer holds up no reassignment; at a target that has room
    for one at a time, and says so by a Reject, they are made when the other has its answer."""
    for strict in (False, True):
        with recovering(rig) as (scripted, disk):
            target = scripted.target
            unanswered = []

            async def leave(connection, request):
                unanswered.append((connection, request))

            async def no_room(connection, request):
                if unanswered:
                    await connection.full_feature.reject(request, 0x06)
                else:
                    await connection.default(request)
            target.on(TaskManagementRequest, leave, function=TaskManagementRequest.CLEAR_ACA, times=1)
            if strict:
                target.on(TaskManagementRequest, no_room, function=REASSIGN)
            target.disks[0].write(64 * SECTORS, DATA)
            cut = Cut(target, at_block(READ_10, 64), lambda pdu: False)
            reader = Io(io.read, disk, 64 * BLOCK, LONG * BLOCK)
            cut.wait()
            task_management(int(rig.initiator.sid(NAME)), 1, TaskManagementRequest.CLEAR_ACA)
            wait_for("the function", lambda: unanswered, LATE)
            at = mark(target)
            reset(scripted)
            if strict:
                wait_for("it is refused", lambda: since(target, at, TaskManagementRequest, function=REASSIGN), LATE)
                time.sleep(1)
                connection, request = unanswered.pop()
                scripted.call(connection.default(request))
            expect(reader.result(LATE) == DATA, "wrong data")
            expect(strict or unanswered, "the function has its answer")
            unharmed(rig, connections_recovered=1, reassigned=1)
            for connection, request in unanswered:
                scripted.call(connection.default(request))


@shows("RFC 7143, 4.2.2.1; RFC 7143, 7.2.2")
def holds_side_by_side(rig):
    """Tasks are asked for side by side. A target that has room for one request at a time, and says so by a Reject or by
    its answer, gets them one after the other from there on, after the next loss as well."""
    async def by_reject(connection, request):
        await connection.full_feature.reject(request, 0x06)

    async def by_answer(connection, request):
        await connection.send(TaskManagementResponse(itt=request.itt, response=TaskManagementResponse.REJECTED))
    for strict in (None, by_reject, by_answer):
        with recovering(rig) as (scripted, disk):
            target = scripted.target
            waiting, answers, rejects = [], [], []

            async def answer(connection, request):
                if strict and waiting:
                    rejects.append(request)
                    await strict(connection, request)
                    return
                waiting.append((connection, request))
                if strict:
                    answers.append(asyncio.create_task(after_a_while(connection, request)))
                elif len(waiting) == 6:
                    for asked, one in waiting[::-1]:
                        await asked.default(one)

            async def after_a_while(connection, request):
                await asyncio.sleep(0.05)  # another one comes meanwhile, or none does
                waiting.clear()
                await connection.default(request)

            async def for_a_task(connection, request):
                if request.referenced_task_tag in known:
                    await answer(connection, request)
                else:
                    await connection.default(request)
            for block in (64, 128) if strict else (64,):
                under = tasks(target, disk, block)
                known = {command.itt for _, _, command, _ in under}
                target.on(TaskManagementRequest, for_a_task, function=REASSIGN)
                reset(scripted)
                holds(target, disk, under, block)
                expect(bool(rejects) == (bool(strict) and block == 64), f"rejected with the tasks at {block}: {rejects}")
                rejects.clear()
                up(rig, 0, 1)
            unharmed(rig, connections_recovered=2 if strict else 1, reassigned=12 if strict else 6)


@shows("RFC 7143, 11.6.1")
def holds_codes_of_lio(rig):
    """LIO answers "rejected" when it has reassigned a task, and "complete" when it does not know it: a question about
    a task that does not exist shows that, and tasks go on."""
    codes = {TaskManagementResponse.COMPLETE: 255, TaskManagementResponse.NO_TASK: TaskManagementResponse.COMPLETE,
             TaskManagementResponse.STILL_ALLEGIANT: TaskManagementResponse.NO_LUN}
    with recovering(rig) as (scripted, disk):
        target = scripted.target

        async def as_lio(connection, request):
            send = connection.send

            async def told(*pdus):
                for pdu in pdus:
                    if isinstance(pdu, TaskManagementResponse):
                        pdu.response = codes[pdu.response]
                await send(*pdus)
            connection.send = told
            await connection.default(request)
            connection.send = send
        target.on(TaskManagementRequest, as_lio, function=REASSIGN)
        under = tasks(target, disk, 64)
        at = mark(target)
        reset(scripted)
        holds(target, disk, under, 64)
        reassigned(target, at, under, over=1)
        # What was on its way when the connection went may have come.
        logout, = since(target, at, LogoutRequest)
        after = next(number for number, entry in enumerate(target.log) if entry.pdu is logout)
        expect(not since(target, after, DataOut, over=0), "data over the lost connection")
        expect(since(target, at, ScsiResponse) or since(target, at, DataIn), "nothing came")
        unharmed(rig, connections_recovered=1)
