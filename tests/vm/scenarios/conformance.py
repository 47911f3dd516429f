# SPDX-License-Identifier: GPL-2.0-or-later
"""The full feature phase against a target that speaks from a script (tests/conformance)."""
import contextlib
import random
import time

from rig import io
from rig.checks import expect, fio, read, run, wait_for
from rig.io import Io
from rig.scripted import Scripted
from scenarios.errors import counter

from harness import shows
from iscsi.disk import READ_10, WRITE_10
from iscsi.pdu import (RESERVED_TAG, Ahs, AsyncMessage, DataIn, DataOut, LogoutRequest, LogoutResponse, NopIn, NopOut, R2t,
                       Reject, ScsiCommand, ScsiResponse, TaskManagementRequest, TaskManagementResponse, TextRequest,
                       TextResponse, UnknownPdu)
from iscsi.target import Target
from iscsi.text import encode

NAME = "target"
BLOCK = 4096  # bytes of one request below


@contextlib.contextmanager
def attached(rig, records=(), **support):
    """A session with the scripted target, its keys as in support, of error recovery level 0 unless that says more; gives
    Scripted and the disk."""
    with Scripted() as scripted:
        scripted.target.policy.support.update({"ErrorRecoveryLevel": "0", **support})
        rig.initiator.discover()
        if records:
            rig.initiator.set_keys(NAME, dict(records))
        rig.initiator.login(NAME)
        try:
            yield scripted, rig.initiator.disk(NAME, lun=0)
        finally:
            rig.initiator.logout(NAME, check=False)


def at_block(operation, block):
    """A predicate for the CDB of a READ(10) or WRITE(10) of that request."""
    first = (block * BLOCK // 512).to_bytes(4, "big")
    return lambda cdb: cdb[0] == operation and cdb[2:6] == first


def read_block(disk, block, check=True):
    return run("dd", f"if={disk}", "of=/out/block", f"bs={BLOCK}", "count=1", f"skip={block}", "iflag=direct",
               check=check, timeout=180)


def write_block(disk, block, check=True):
    return run("dd", "if=/out/block", f"of={disk}", f"bs={BLOCK}", "count=1", f"seek={block}", "oflag=direct",
               check=check, timeout=180)


@shows("RFC 7143, 13.18; RFC 7143, 13.19")
def holds_out_of_order(rig):
    """Data-In PDUs, Data-In sequences and R2Ts in any order make the same data."""
    for pdus in ("Yes", "No"):
        for sequences in ("Yes", "No"):
            records = {"node.session.iscsi.DataPDUInOrder": pdus, "node.session.iscsi.DataSequenceInOrder": sequences,
                       "node.session.iscsi.InitialR2T": "Yes", "node.session.iscsi.MaxOutstandingR2T": 4,
                       "node.session.iscsi.MaxBurstLength": 16384, "node.session.iscsi.FirstBurstLength": 4096,
                       "node.conn[0].iscsi.MaxRecvDataSegmentLength": 4096}
            keys = {"DataPDUInOrder": pdus, "DataSequenceInOrder": sequences, "MaxRecvDataSegmentLength": "4096"}
            with attached(rig, records, **keys) as (scripted, disk):
                target = scripted.target
                session = next(s for s in target.sessions.values() if not s.discovery)
                agreed = (session.keys["DataPDUInOrder"], session.keys["DataSequenceInOrder"])
                expect(agreed == (pdus, sequences), f"agreed on {agreed}")
                chance = random.Random(rig.seed)

                def shuffled(parts):
                    return chance.sample(parts, len(parts))
                if pdus == "No":
                    target.order_pdus = shuffled
                if sequences == "No":
                    target.order_sequences = target.order_r2ts = shuffled
                fio(disk, size="1M", bs="64k", iodepth=2, timeout=600)
                offsets = [pdu.buffer_offset for pdu in sent(target, DataIn)]
                turned = any(b < a for a, b in zip(offsets, offsets[1:]) if b)
                expect(turned or (pdus, sequences) == ("Yes", "Yes"), "everything came in order after all")
            rig.say(f"DataPDUInOrder={pdus} DataSequenceInOrder={sequences}")


def sent(target, kind):
    """What the target sent of this kind."""
    return [entry.pdu for entry in target.log if isinstance(entry.pdu, kind)]


# One wrong answer each, to a READ or a WRITE of one request. The text is that of the log.

def data_in(pdu, data=bytes(BLOCK), **fields):
    return DataIn(data, **{"itt": pdu.itt, "final": 1, "has_status": 1, **fields})


def r2t(pdu, **fields):
    return R2t(**{"itt": pdu.itt, "lun": pdu.lun, "ttt": 0x77, "desired_length": BLOCK, **fields})


def response(pdu, **fields):
    return ScsiResponse(**{"itt": pdu.itt, **fields})


READS = {
    "an opcode that no target sends in full feature phase": lambda c, p: [UnknownPdu(opcode=0x2A, itt=p.itt)],
    "a data segment over our MaxRecvDataSegmentLength": lambda c, p: [data_in(p, bytes(8192))],
    "an additional header segment that no target sends": lambda c, p: [data_in(p, ahs=[Ahs(1, bytes(5))])],
    "the F bit clear where it must be set": lambda c, p: [response(p, final=0)],
    "an Initiator Task Tag that no task has": lambda c, p: [response(p, itt=p.itt ^ 0x40000000)],
    "a PDU that does not fit the task of its tag": lambda c, p: [LogoutResponse(itt=p.itt)],
    "a StatSN that is not the next one": lambda c, p: [data_in(p, stat_sn=c.stat_sn + 1 & 0xFFFFFFFF)],
    "a DataSN that is not the next one": lambda c, p: [data_in(p, data_sn=1)],
    "Data-In with status that is not the last": lambda c, p: [data_in(p, final=0)],
    "Data-In beyond the expected data length": lambda c, p: [data_in(p, buffer_offset=512)],
    "Data-In out of order, overlapping or repeated": lambda c, p: [
        data_in(p, bytes(2048), has_status=0, final=0), data_in(p, bytes(2048), data_sn=1, buffer_offset=1024)],
    "Data-In with the status of an error": lambda c, p: [data_in(p, status=2)],
    "good status, but data is missing": lambda c, p: [data_in(p, bytes(2048))],
    "a residual count that does not fit the data": lambda c, p: [data_in(p, underflow=1, residual=512)],
    "residual flags that exclude each other": lambda c, p: [data_in(p, overflow=1, underflow=1)],
    "a SenseLength beyond the data segment": lambda c, p: [response(p, status=2, data=b"\x00\x40" + bytes(18))],
    "R2T for a command that does not write": lambda c, p: [r2t(p)],
    "R2T with the reserved Target Transfer Tag": lambda c, p: [r2t(p, ttt=0xFFFFFFFF)],
    "a data segment in a PDU that has none": lambda c, p: [TaskManagementResponse(b"data", itt=p.itt)],
    "an Asynchronous Message with an illegal field": lambda c, p: [AsyncMessage(itt=p.itt)],
    "a Reject without the header that it rejects": lambda c, p: [Reject(reason=4)],
    "NOP-In that answers and asks at once": lambda c, p: [NopIn(itt=p.itt, ttt=5)],
}
WRITES = {
    "Data-In for a command that does not read": lambda c, p: [data_in(p)],
    "good status, but data was never asked for": lambda c, p: [response(p)],
    "an R2TSN that is not the next one": lambda c, p: [r2t(p, r2t_sn=1)],
    "R2T for data outside the command's": lambda c, p: [r2t(p, buffer_offset=512)],
    "R2T for no data, or for more than MaxBurstLength": lambda c, p: [r2t(p, desired_length=0)],
    "R2T out of order, overlapping or repeated": lambda c, p: [
        r2t(p, desired_length=2048), r2t(p, ttt=0x78, r2t_sn=1, desired_length=2048, buffer_offset=1024)],
    "more R2Ts outstanding than MaxOutstandingR2T": lambda c, p: [
        r2t(p, ttt=0x77 + n, r2t_sn=n, desired_length=512, buffer_offset=512 * n) for n in range(5)],
}


@shows("RFC 7143, 11; RFC 7143, 7.3")
def holds_violations(rig):
    """Whatever a target does wrong is told by its rule, costs it the connection at most, and never a byte of data."""
    records = {"node.session.iscsi.InitialR2T": "Yes", "node.session.iscsi.ImmediateData": "No",
               "node.session.iscsi.MaxOutstandingR2T": 4, "node.conn[0].iscsi.MaxRecvDataSegmentLength": 4096}
    with attached(rig, records, DefaultTime2Wait="0") as (scripted, disk):
        scripted.target.lenient = True  # after a lie, the other side's numbers mean nothing
        pattern = bytes(n % 251 for n in range(BLOCK))
        wrong = [(READ_10, *row) for row in READS.items()] + [(WRITE_10, *row) for row in WRITES.items()]
        for block, (operation, text, lie) in enumerate(wrong, 16):
            one_violation(rig, scripted, disk, block, pattern, operation, text, lie)


def one_violation(rig, scripted, disk, block, pattern, operation, text, lie):
    target = scripted.target
    told = violations(text)
    target.disks[0].write(block * BLOCK // 512, pattern if operation == READ_10 else bytes(BLOCK))
    with open("/out/block", "wb") as f:
        f.write(pattern)

    async def answer(connection, pdu):
        await connection.send(*lie(connection, pdu))
    target.on(ScsiCommand, answer, times=1, cdb=at_block(operation, block))
    (read_block if operation == READ_10 else write_block)(disk, block)
    expect(violations(text) == told + 1, f"not told once: {text}")
    if operation == READ_10:
        with open("/out/block", "rb") as f:
            expect(f.read() == pattern, f"wrong data after: {text}")
    expect(target.disks[0].read(block * BLOCK // 512, BLOCK // 512) == pattern, f"wrong data on the disk after: {text}")
    wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN")
    rig.say(text)


def violations(text):
    """How often the log tells this one."""
    return run("dmesg").stdout.count(f"the target broke the protocol: {text} ")


@shows("RFC 7143, 4.2.2.1; UNH-IOL FFP, 3.3")
def holds_window(rig):
    """No command is sent outside of the target's window, however narrow."""
    for window in (1, 2, 7):
        with Scripted() as scripted:
            scripted.target.window = window
            rig.initiator.discover()
            rig.initiator.login(NAME)
            fio(rig.initiator.disk(NAME, lun=0), size="512k", bs="4k", iodepth=16, timeout=600)
            rig.initiator.logout(NAME)
        rig.say(f"window of {window}")


def holds_moved(rig):
    """A target that moves for good keeps its session and its record, which gets the new address (RFC 7143, 11.13.5)."""
    there = Target(port=3261)
    with Scripted() as scripted:
        here = scripted.target
        here.policy.support["ErrorRecoveryLevel"] = "0"  # or it is asked for the connection first, at the old address
        scripted.call(there.listen())
        try:
            rig.initiator.discover()
            rig.initiator.login(NAME)
            disk = rig.initiator.disk(NAME, lun=0)
            here.policy.status, here.policy.redirect = (1, 2), [there.address]
            scripted.loop.call_soon_threadsafe(here.connections[-1].abort)
            wait_for("a login at the new address", lambda: there.sessions, 60)
            wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN", 60)
            read_block(disk, 1)

            def portals():
                return [line.split(",")[0] for line in rig.initiator.adm("-m", "node").stdout.splitlines()]
            wait_for("the record has moved", lambda: portals() == [there.address], 30)
            shown = rig.initiator.adm("-m", "session", "-P", "1").stdout
            expect(f"Current Portal: {there.address}" in shown, f"the session is not at the new address: {shown}")
            expect(f"Persistent Portal: {here.address}" in shown, f"the disks' names have changed: {shown}")

            asked = len(here.connections)
            rig.initiator.stop_daemon()
            rig.initiator.start_daemon()
            scripted.loop.call_soon_threadsafe(there.connections[-1].abort)
            wait_for("a second login at the new address", lambda: len(there.connections) > 1, 60)
            wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN", 60)
            expect(len(here.connections) == asked, "the old address was asked again")
            rig.initiator.logout_all()

            # As after a reboot: the new address names the session from its start.
            rig.initiator.adm("-m", "node", "-T", here.name, "-p", there.address, "--login")
            shown = rig.initiator.adm("-m", "session", "-P", "1").stdout
            expect(f"Persistent Portal: {there.address}" in shown, f"not named by its record: {shown}")
            rig.initiator.logout_all()
        finally:
            scripted.call(there.stop())
    there.judge()


REJECTS = {0x02: "data_digest", 0x03: "snack", 0x04: "protocol", 0x05: "not_supported", 0x06: "immediate",
           0x07: "task_in_progress", 0x08: "invalid_data_ack", 0x09: "invalid_field", 0x0A: "long_operation",
           0x0C: "waiting_for_logout", 0x01: "other", 0x7F: "other", 0x0B: "negotiation_reset"}


def rejects(rig):
    """The counters of Rejects, those that are not 0, by reason."""
    sid = rig.initiator.session(NAME).rsplit("session", 1)[1]
    lines = rig.initiator.adm("-m", "session", "-r", sid, "-s").stdout.split("\n")
    counters = dict(line.strip().split(": ") for line in lines if line.startswith("\trjt_"))
    return {name.removeprefix("rjt_"): int(value) for name, value in counters.items() if value != "0"}


@shows("RFC 7143, 11.17.1")
def holds_reject_reasons(rig):
    """A Reject of a ping fails that ping, and is counted by its reason and logged in words; all but a negotiation's reset
    leave the connection."""
    with attached(rig, {"node.conn[0].timeo.noop_out_interval": 0}) as (scripted, _):
        target, wanted = scripted.target, {}
        sid = rig.initiator.session(NAME).rsplit("session", 1)[1]
        for reason, name in REJECTS.items():
            async def reject(connection, ping, code=reason):
                await connection.full_feature.reject(ping, code)
            target.on(NopOut, reject, times=6)
            ping = rig.initiator.adm("-m", "session", "-r", sid, "-C", "ping", "-c", 1, check=False)
            expect(ping.returncode != 0, f"reason {reason:#04x}: {ping.stdout}")
            target.rules.clear()
            wanted[name] = wanted.get(name, 0) + 1
            # Where room is short it is asked again.
            shown = rejects(rig)
            expect(shown.get(name, 0) >= wanted[name], f"reason {reason:#04x}: {shown}")
            wanted[name] = shown[name]
            expect(shown.pop("pdus") == sum(wanted.values()) and shown == wanted, f"reason {reason:#04x}: {shown}")
        wait_for("the session is up again", lambda: len(target.connections) == 3, 60)  # the first was for discovery
        # The log is rate limited: of so many it has the first.
        expect("the target rejected a PDU: the data segment came damaged (reason 0x02" in run("dmesg").stdout, "not told")
        wait_for("the session is up", lambda: rig.initiator.state(NAME) == "LOGGED_IN", 60)
        expect(len(target.connections) == 3, f"{len(target.connections)} connections")


@shows("RFC 7143, 7.3; RFC 7143, 11.5.1")
def holds_rejected_command(rig):
    """The number of a command that the target rejects is a gap, which an abort of it fills at once: those behind it go
    on, and the command is issued anew."""
    with attached(rig) as (scripted, disk):
        target = scripted.target
        rejected = []

        async def reject(connection, command):
            rejected.append(command)
            await connection.full_feature.reject(command, 0x09)
        target.on(ScsiCommand, reject, cdb=at_block(WRITE_10, 16), raw=True, times=1)
        writer = Io(io.write, disk, 16 * BLOCK, bytes(BLOCK))
        wait_for("the command", lambda: rejected)
        began = time.monotonic()
        Io(io.write, disk, 17 * BLOCK, bytes(BLOCK)).result()
        writer.result()
        expect(time.monotonic() - began < 10, f"it took {time.monotonic() - began:.1f} s")
        aborts = [pdu for pdu in target.received(TaskManagementRequest)
                  if pdu.function == TaskManagementRequest.ABORT_TASK]
        expect([(pdu.referenced_task_tag, pdu.ref_cmd_sn) for pdu in aborts] == [(rejected[0].itt, rejected[0].cmd_sn)],
               f"aborts: {aborts}")
        expect(len(target.connections) == 2, "the connection was lost")  # the first was for discovery


@shows("RFC 7143, 11.18; RFC 7143, 11.19")
def holds_pings(rig):
    """Of pings that the target sends at once, forty or two thousand, each is answered, in order; and of its own, one that
    is not answered, while something else comes, is followed by another."""
    timers = {"node.conn[0].timeo.noop_out_interval": 2, "node.conn[0].timeo.noop_out_timeout": 5}
    with attached(rig, timers) as (scripted, disk):
        target = scripted.target
        connection = target.connections[-1]
        for count in (40, 2000):
            asked = range(0x10000, 0x10000 + count)
            at = len(target.log)
            scripted.call(connection.send(*(NopIn(ttt=ttt) for ttt in asked)))
            wait_for(f"{count} answers", lambda: [entry.pdu.ttt for entry in target.log[at:] if isinstance(
                entry.pdu, NopOut) and entry.pdu.ttt in asked] == list(asked), 20)

        kept = []

        async def keep(connection, ping):
            kept.append(ping)
        target.on(NopOut, keep, times=2)
        for count in (1, 2):
            wait_for(f"ping {count}", lambda: len(kept) == count, 20)
            Io(io.read, disk, 16 * BLOCK, BLOCK).result()
        answered = len(target.received(NopOut))
        wait_for("a third one", lambda: len(target.received(NopOut)) > answered, 20)
        expect(len({ping.itt for ping in kept}) == 2, f"{kept}")
        expect(len(target.connections) == 2, "the connection was lost")


@shows("RFC 7143, 11.19")
def holds_last_words(rig):
    """A status behind two thousand pings, after which the target closes its half, is taken all the same: the command is
    not done again."""
    with attached(rig, DefaultTime2Wait="0") as (scripted, disk):
        target = scripted.target
        connection = target.connections[-1]
        held = []

        async def hold(connection, command):
            held.append(command)
        target.on(ScsiCommand, hold, cdb=at_block(WRITE_10, 16), times=1)
        writer = Io(io.write, disk, 16 * BLOCK, bytes(BLOCK))
        wait_for("the write", lambda: held)

        async def answer():
            await connection.send(*(NopIn(ttt=0x10000 + number) for number in range(2000)),
                                  ScsiResponse(itt=held[0].itt))
            connection.half_close()
        scripted.call(answer())
        writer.result()
        wait_for("the session is back", lambda: counter(rig, "recoveries") == 1, 60)
        expect(counter(rig, "requeued") == 0, "the write was done again")


@shows("RFC 7143, 11.9.1; RFC 7143, 13.12; UNH-IOL FFP, 20.4")
def holds_negotiation(rig):
    """A target that asks for a negotiation gets an empty Text Request on that connection; a MaxRecvDataSegmentLength that it
    declares then holds from there on; for what only a login can negotiate the session is made anew."""
    with attached(rig, MaxRecvDataSegmentLength="65536") as (scripted, disk):
        target = scripted.target
        connection = target.connections[-1]

        def ask(declared):
            """The Text Request that the target's wish comes to."""
            async def answer(connection, pdu):
                await connection.send(TextResponse(encode(declared), itt=pdu.itt, lun=pdu.lun, final=1))
            before = len(target.received(TextRequest))
            target.on(TextRequest, answer, times=1)
            scripted.call(connection.send(AsyncMessage(event=AsyncMessage.NEGOTIATE, parameter3=3)))
            wait_for("a Text Request", lambda: len(target.received(TextRequest)) > before, 3)
            asked = target.received(TextRequest)[-1]
            expect((asked.data, asked.final, asked.more, asked.ttt) == (b"", 1, 0, RESERVED_TAG), f"{asked!r}")

        def longest():
            """What goes to the target in one PDU of a write of 64 KiB."""
            target.log.clear()
            run("dd", "if=/dev/zero", f"of={disk}", "bs=64k", "count=1", "oflag=direct")
            return max(len(pdu.data) for pdu in target.received(DataOut) + target.received(ScsiCommand))

        folder = rig.initiator.session(NAME).replace("/iscsi_session/session", "/iscsi_connection/connection") + ":0"
        expect(longest() > 8192, "no long data segment before")
        ask([])
        expect(longest() > 8192, "no long data segment after nothing was declared")
        ask([("TargetAlias", "a disk"), ("MaxRecvDataSegmentLength", "4096")])
        wait_for("the new length", lambda: read(folder, "max_xmit_dlength") == "4096", 10)
        connection.max_receive = 4096
        expect(longest() == 4096, "longer data segments than the target takes now")
        expect(len(target.connections) == 2, "the connection was not kept")
        fio(disk, size="1M", bs="64k", iodepth=2)
        ask([("MaxBurstLength", "4096")])
        wait_for("a logout", lambda: target.received(LogoutRequest), 10)
        wait_for("a new login", lambda: len(target.connections) == 3, 60)
        fio(rig.initiator.disk(NAME, lun=0), size="1M", bs="64k", iodepth=2)
