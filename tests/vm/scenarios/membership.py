# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that are taken out of a session, and such as join it, at a target that speaks from a script."""
import asyncio
import time

from rig import io
from rig.checks import expect, wait_for
from rig.initiators import PORTAL
from rig.io import Io
from scenarios.conformance import BLOCK, NAME
from scenarios.strands import LATE, PATTERN, Held, answering, laid, mark, nothing, since, under_way, up, whole, \
    written

from harness import shows
from iscsi.disk import WRITE_10
from iscsi.pdu import LoginRequest, LogoutRequest, Numbered, ScsiCommand


# 1. A connection is taken out.

@shows("RFC 7143, 11.14; RFC 7143, 11.14.1")
def holds_removal(rig):
    """A connection that is taken out under load has its commands answered first, then logs itself out (reason 1, its
    CID), and sends nothing after that. A target that answers late is waited for; one that answers with an error or
    not at all is asked over the other connection."""
    async def late(connection, request):
        await asyncio.sleep(3)
        await connection.default(request)
    answers = {"at once": None, "late": late, "cleanup failed": answering(3), "no answer": nothing}
    with laid(rig, records={"node.session.policy": "round-robin"}) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        for name, answer in answers.items():
            began = time.monotonic()
            leaver = target.member(0)
            held = Held(target, lambda cdb: cdb[0] == WRITE_10, over=0, times=1)
            # One over each connection.
            writers = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17)]
            held.wait()
            if answer:
                target.on(LogoutRequest, answer, times=1, over=0)
            at = mark(target)
            removal = Io(rig.initiator.connection, NAME, "-o", "delete", "--cid", "0")
            wait_for("it leaves", lambda: rig.initiator.connected(NAME) == {1})
            expect(not since(target, at, LogoutRequest), "a logout before the commands are answered")
            scripted.call(leaver.default(held.commands[0][1]))
            for writer in writers:
                writer.result()
            logout = wait_for("the logout", lambda: since(target, at, LogoutRequest, over=0))[0]
            expect((logout.reason, logout.cid) == (LogoutRequest.CONNECTION, 0), f"{logout!r}")
            removal.result(90)
            wait_for("it has gone", lambda: set(rig.initiator.connections(NAME)) == {1})
            after = [entry.pdu for entry in target.log[at:] if entry.connection == leaver.index]
            after = [pdu for pdu in after[after.index(logout) + 1:] if isinstance(pdu, Numbered)]
            expect(not after, f"after the logout: {after}")
            over_other = since(target, at, LogoutRequest, over=1)
            expect(len(over_other) == (answer not in (None, late)), f"over the other connection: {over_other}")
            expect(not since(target, at, LoginRequest), "a login")
            rig.initiator.connection(NAME, "-o", "new", "-p", PORTAL)
            up(rig, 0, 1)
            rig.say(f"{name} ({time.monotonic() - began:.1f} s)")
        expect(target.normal_session() is session, "the session was recovered as a whole")
        whole(session)


@shows("RFC 7143, 6.3.5")
def holds_removed_does_not_lead(rig):
    """While a connection with commands is being taken out of a session of level 2 all connections are lost, and the
    target keeps none of them: the one that was to stay leads the new session, and the other is gone for good."""
    records = {"node.session.policy": "round-robin", "node.session.iscsi.ERL": 2,
               "node.session.iscsi.DefaultTime2Wait": 0, "node.session.iscsi.DefaultTime2Retain": 60}
    with laid(rig, records=records, ErrorRecoveryLevel="2") as (scripted, disk):
        target = scripted.target
        leaver = target.member(0)
        held = Held(target, lambda cdb: cdb[0] == WRITE_10, over=0, times=1)
        writers = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17)]
        held.wait()
        removal = Io(rig.initiator.connection, NAME, "-o", "delete", "--cid", "0")
        wait_for("it leaves", lambda: rig.initiator.connected(NAME) == {1})
        at = mark(target)
        target.policy.join_status = (2, 10)

        async def cut():
            leaver.abort()
            target.member(1).abort()
        scripted.call(cut())
        for writer in writers:
            writer.result()
        removal.result(90)
        logins = since(target, at, LoginRequest)
        leading = {login.cid for login in logins if not login.tsih}
        expect(leading == {1}, f"it was led by {leading}")
        up(rig, 1)
        expect(set(rig.initiator.connections(NAME)) == {1}, f"{rig.initiator.connections(NAME)}")
        whole(target.normal_session())


# 2. Joining.

@shows("RFC 7143, 11.13.5; RFC 7143, 6.3.1; RFC 7143, 11.13.3; RFC 7143, 4.4.3")
def holds_join_refused(rig):
    """A target that refuses a further connection is told of by its own word, for status 0206, 0207 and 020a, as is
    one that lets it join another session (TSIH) or portal group; the session goes on with what it has."""
    def tsih(response, request):
        if request.tsih and response.transit and response.nsg == 3:
            response.tsih = request.tsih ^ 0x4000

    def portal_group(pairs, request):
        return [(key, "2" if key == "TargetPortalGroupTag" and request.tsih else value) for key, value in pairs]
    refusals = {
        "too many connections": dict(join_status=(2, 6)), "Missing parameter": dict(join_status=(2, 7)),
        "session does not exist": dict(join_status=(2, 10)), "TSIH": dict(edit=tsih),
        "portal group": dict(say=portal_group),
    }
    with laid(rig, count=1, records={"node.session.iscsi.MaxConnections": 4}) as (scripted, disk):
        policy = scripted.target.policy
        session = scripted.target.normal_session()
        for words, change in refusals.items():
            for name, value in change.items():
                setattr(policy, name, value)
            refused = rig.initiator.connection(NAME, "-o", "new", "-p", PORTAL, check=False)
            rig.say(f"{refused.returncode}: {refused.stderr.strip()}")
            expect(refused.returncode and words.lower() in refused.stderr.lower(),
                   f"'{words}' is not in {refused.stderr}")
            for name in change:
                setattr(policy, name, None)
            expect(rig.initiator.connected(NAME) == {0}, "the session has other connections")
        Io(io.write, disk, 16 * BLOCK, PATTERN).result()
        rig.initiator.connection(NAME, "-o", "new", "-p", PORTAL)
        up(rig, 0, 1)
        expect(scripted.target.normal_session() is session, "another session")


@shows("RFC 7143, 4.2.2.1; RFC 7143, 11.13.5")
def holds_window_of_a_join(rig):
    """A closed command window that the last Login Response of a joining connection opens is open, though nothing else
    comes; and one whose numbers contradict themselves, or go back, changes nothing."""
    records = {"node.session.iscsi.MaxConnections": 4, "node.conn[0].timeo.noop_out_interval": 0}
    with laid(rig, count=1, records=records, window=2) as (scripted, disk):
        target = scripted.target
        session = target.normal_session()
        held = Held(target, lambda cdb: cdb[0] == WRITE_10, times=2)
        first = [Io(io.write, disk, block * BLOCK, PATTERN) for block in (16, 17)]
        held.wait(2)
        session.window = 0
        at = mark(target)
        waiter = Io(io.write, disk, 18 * BLOCK, PATTERN)
        wait_for("three writes under way", lambda: under_way(disk) == 3)
        next_sn = session.exp_cmd_sn

        def tell(exp_cmd_sn, max_cmd_sn):
            def edit(response, request):
                if request.tsih and response.transit and response.nsg == 3:
                    response.exp_cmd_sn, response.max_cmd_sn = exp_cmd_sn & 0xFFFFFFFF, max_cmd_sn & 0xFFFFFFFF
            target.policy.edit = edit
        for cid, (exp_cmd_sn, max_cmd_sn) in enumerate(((next_sn + 100, next_sn + 50), (next_sn - 1, next_sn - 2)), 1):
            tell(exp_cmd_sn, max_cmd_sn)
            rig.initiator.connection(NAME, "-o", "new", "-p", PORTAL)
            up(rig, *range(cid + 1))
        expect(not since(target, at, ScsiCommand), "a command in a closed window")
        session.told_max = next_sn  # for the one that waits
        tell(next_sn, next_sn)
        rig.initiator.connection(NAME, "-o", "new", "-p", PORTAL)
        wait_for("the command", lambda: since(target, at, ScsiCommand), LATE)
        target.policy.edit = None
        session.window = 8
        for connection, command in held.commands:
            scripted.call(connection.default(command))
        for one in first + [waiter]:
            one.result()
        written(target, 18)
        whole(session)


@shows("RFC 7143, 13.2")
def holds_one_connection(rig):
    """A target that allows one connection (MaxConnections=1) is not asked for a second, and the log says whose word
    that is."""
    seen = len(rig.initiator.logged())
    with laid(rig, count=1, MaxConnections="1", records={"node.session.nr_connections": 2}) as (scripted, disk):
        Io(io.write, disk, 16 * BLOCK, PATTERN).result()
        logins = [login for login in scripted.target.received(LoginRequest) if login.tsih]
        expect(not logins, f"asked: {logins}")
        told = [line for line in rig.initiator.logged(seen) if "MaxConnections" in line]
        expect(len(told) == 1 and "1 connection" in told[0], f"the log has {told}")
