# SPDX-License-Identifier: GPL-2.0-or-later
"""Task management over several connections, at a target that speaks from a script."""
import asyncio

from rig import io
from rig.checks import expect, wait_for, write
from rig.io import Io
from scenarios.conformance import BLOCK, NAME, at_block
from scenarios.strands import PATTERN, Held, at_once, laid, mark, rejecting, reset, since, whole, written

from harness import shows
from iscsi.disk import WRITE_10
from iscsi.pdu import NopOut, Reject, ScsiCommand, TaskManagementRequest, TaskManagementResponse, TextRequest


@shows("RFC 7143, 11.5.1; RFC 7143, 4.2.3")
def holds_abort(rig):
    """ABORT TASK goes over the connection of its command."""
    with laid(rig, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        write(3, "/sys/class/block", disk[5:], "device/timeout")
        held = Held(target, lambda cdb: cdb[0] == WRITE_10, times=2)
        writers = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17)]
        held.wait(2)
        for writer in writers:
            writer.result()
        expect({connection.cid for connection, _ in held.commands} == {0, 1}, f"{held.commands}")
        for connection, command in held.commands:
            abort, = target.received(TaskManagementRequest, referenced_task_tag=command.itt)
            over, = since(target, 0, TaskManagementRequest, over=connection.cid)
            expect(abort is over and abort.ref_cmd_sn == command.cmd_sn, f"{abort!r} for {command!r}")


@shows("RFC 7143, 11.6.1; RFC 7143, 4.2.2.1")
def holds_abort_undelivered(rig):
    """The abort of a command that never arrived fills the hole that it left: what waited behind it, come over the other
    connection, goes on."""
    with laid(rig, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        write(3, "/sys/class/block", disk[5:], "device/timeout")
        lost = Held(target, at_block(WRITE_10, 16), counted=False, times=1)
        first = Io(io.write, disk, 16 * BLOCK, PATTERN)
        connection, command = lost.wait()
        second = Io(io.write, disk, 17 * BLOCK, PATTERN)
        wait_for("the second one waits", lambda: session.early)
        for block, writer in ((16, first), (17, second)):
            writer.result()
            written(target, block)
        aborts = target.received(TaskManagementRequest, ref_cmd_sn=command.cmd_sn)
        expect(len(aborts) == 1 and since(target, 0, TaskManagementRequest, over=connection.cid)[0] is aborts[0],
               f"{aborts}")
        whole(session)


def reset_with_late_status(scripted, disk, answer_ping):
    """A write over each connection, neither answered; a logical unit reset, whose answer arrives before the status of
    the write over CID 1 does. answer_ping gets what is sent there after that status."""
    target = scripted.target
    held = Held(target, lambda cdb: cdb[0] == WRITE_10, times=2)
    writers = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17)]
    held.wait(2)
    by_cid = {connection.cid: (connection, command) for connection, command in held.commands}
    expect(set(by_cid) == {0, 1}, f"{held.commands}")
    told = at_once(scripted, asyncio.Event)

    async def answer(connection, request):
        await connection.send(TaskManagementResponse(itt=request.itt))
        await asyncio.sleep(1)
        await by_cid[1][0].default(by_cid[1][1])
        told.set()

    async def ping(connection, request):
        await told.wait()
        await answer_ping(connection, request)
    target.on(TaskManagementRequest, answer, times=1, over=0, function=TaskManagementRequest.LUN_RESET)
    target.on(NopOut, ping, over=1)
    at = mark(target)
    Io(io.reset_device, disk).result()
    for writer in writers:
        writer.result()
    for block in (16, 17):
        written(target, block)
    expect(since(target, at, NopOut, over=1), "no ping on the other connection")
    anew = since(target, at, ScsiCommand)
    gone = by_cid[0][1]
    expect([command.cdb for command in anew] == [gone.cdb], f"issued after the reset: {anew}, not {gone!r}")


@shows("RFC 7143, 4.2.3.2; RFC 7143, 11.6")
def holds_reset(rig):
    """After the answer to a logical unit reset, a status that was still under way on another connection counts: a
    ping there is waited for first. What has no status then is issued anew, once."""
    with laid(rig, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        async def default(connection, request):
            await connection.default(request)
        reset_with_late_status(scripted, disk, default)
        expect(rig.initiator.connected(NAME) == {0, 1}, "a connection was lost")


@shows("RFC 7143, 4.2.3.2; RFC 7143, 11.10.5")
def holds_reset_beside_text(rig):
    """The same while a Text Request on that connection waits for its answer; a Reject of the ping will do."""
    with laid(rig, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        asked = []

        async def hold(connection, request):
            asked.append((connection, request))
        target.on(TextRequest, hold, times=1, over=1)
        text = Io(rig.initiator.adm, "-m", "session", "-r", rig.initiator.sid(NAME), "-C", "sendtargets", "--cid", "1")
        wait_for("the Text Request", lambda: asked)
        reset_with_late_status(scripted, disk, rejecting(6))
        scripted.call(asked[0][0].default(asked[0][1]))
        expect(target.name in text.result().stdout, "the Text exchange was cut off")
        expect(rig.initiator.connected(NAME) == {0, 1}, "a connection was lost")
