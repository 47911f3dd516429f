# SPDX-License-Identifier: GPL-2.0-or-later
"""Text exchanges in full feature phase (RFC 7143, 11.10 and 11.11) with a target that speaks from a script."""
import errno
import os
import threading
import time

from rig.checks import expect, fio, run, wait_for
from rig.genl import Family
from scenarios.conformance import NAME, attached, violations

from iscsi import text
from iscsi.pdu import RESERVED_TAG, NopOut, Reject, TextRequest, TextResponse
from iscsi.target import NAME as IQN
from iscsi.target import Portal

TEXT_MAX = 65024  # HWS_TEXT_MAX
OWN = [("TargetName", IQN), ("TargetAddress", "192.0.2.1:3260,1"), ("TargetAddress", "[2001:db8::1]:3261,2")]
LINES = f"192.0.2.1:3260,1 {IQN}\n[2001:db8::1]:3261,2 {IQN}\n"


class Asker:
    """`hawseradm -C sendtargets` in the one session that there is."""

    def __init__(self, rig, scripted):
        self.rig, self.target, self.scripted = rig, scripted.target, scripted
        self.lost = self.losses()

    def sid(self):
        return self.rig.initiator.sessions()[0].rsplit("session", 1)[1]

    def losses(self):
        stats = self.rig.initiator.adm("-m", "session", "-r", self.sid(), "-s").stdout
        return int(stats.split("connection_losses: ")[1].split()[0])

    def ask(self, status=0):
        """Standard output and error; what was logged on the wire before is forgotten."""
        self.target.log.clear()
        done = self.rig.initiator.adm("-m", "session", "-r", self.sid(), "-C", "sendtargets", check=False, timeout=120)
        expect(done.returncode == status, f"it ended with {done.returncode}, not {status}: {done.stdout}{done.stderr}")
        return done.stdout if status == 0 else done.stderr

    def requests(self):
        return self.target.received(TextRequest)

    def kept(self):
        """No connection was lost, and the disk answers."""
        expect(self.losses() == self.lost, "a connection was lost")
        expect(self.rig.initiator.state(NAME) == "LOGGED_IN", "the session is not up")


def answers(asker, *responses):
    """The next requests get these, one each; fields are those of a TextResponse."""
    queue = list(responses)

    async def answer(connection, pdu):
        fields = dict(queue.pop(0))
        await connection.send(TextResponse(fields.pop("data", b""), **{"itt": pdu.itt, **fields}))
    asker.target.on(TextRequest, answer, times=len(responses))


def whole(asker):
    """What a sane target answers is told as a discovery tells it."""
    asker.target.portals = [Portal(IQN, [value for _, value in OWN[1:]]),
                            Portal(IQN + ".other", ["192.0.2.9:3260,1"])]
    expect(asker.ask() == LINES, "not what the target said of itself")
    (request,) = asker.requests()
    expect((request.final, request.more, request.ttt, request.immediate) == (1, 0, RESERVED_TAG, 1), f"{request!r}")
    # By name: LIO ends the connection at the empty value, which stands for the same target here.
    expect(text.decode(request.data) == [("SendTargets", IQN)], f"{request!r}")


def holds_answers(rig):
    """An answer is taken in any pieces, with any tags, and with I/O and pings under way beside it."""
    with attached(rig, {"node.conn[0].iscsi.MaxRecvDataSegmentLength": 512}) as (scripted, disk):
        asker = Asker(rig, scripted)
        target = asker.target
        whole(asker)

        target.portals = [Portal(IQN, [f"192.0.2.{n}:3260,{n}" for n in range(1, 200)])]
        expect(asker.ask().count("\n") == 199, "portals of a long answer are missing")
        expect(len(asker.requests()) > 5, "the answer was no long one")
        rig.say("an answer over many PDUs")

        encoded = text.encode(OWN)
        for size in (1, 7, 512):
            cut = text.pieces(encoded, size)
            # One tag for all, as the RFC's own example has it; with and without C; a LUN that must come back.
            answers(asker, *({"data": piece, "ttt": 0x12345678, "lun": 5 << 48, "more": n % 2}
                             for n, piece in enumerate(cut[:-1])),
                    {"data": cut[-1], "final": 1, "ttt": 7 if size == 7 else RESERVED_TAG})
            expect(asker.ask() == LINES, f"wrong in pieces of {size}")
            expect(all((r.ttt, r.lun, r.data, r.final) == (0x12345678, 5 << 48, b"", 1) for r in asker.requests()[1:]),
                   f"tag or LUN were not given back in pieces of {size}")
        rig.say("pieces of any size, one tag for all")

        answers(asker, *([{"ttt": 9}] * 16), {"data": encoded, "final": 1})
        expect(asker.ask() == LINES, "wrong after empty answers")
        rig.say("empty answers before the text")

        load = threading.Thread(target=fio, args=(disk,),
                                kwargs={"size": "1M", "bs": "4k", "iodepth": 8, "timeout": 600})
        load.start()
        while load.is_alive():
            expect(asker.ask().count("\n") == 199, "portals of a long answer are missing")
            rig.initiator.adm("-m", "session", "-r", asker.sid(), "-C", "ping", "-b", "512", "-c", "3", "-i", "0")
        load.join()
        rig.say("beside I/O and pings")
        asker.kept()


def holds_long_requests(rig):
    """Text over the target's MaxRecvDataSegmentLength goes out in pieces, and back comes an answer up to the limit."""
    with attached(rig, MaxRecvDataSegmentLength="512") as (scripted, _):
        asker = Asker(rig, scripted)
        family = Family()
        for count in (0, 1, 18, 19, 400):
            pairs = [(f"X-com.example.n{n}", "v" * 10) for n in range(count)]
            asker.target.log.clear()
            status, answer = family.text(int(asker.sid()), text.encode(pairs))
            expect(status == 0, f"{count} keys ended with {os.strerror(status)}")
            expect(text.decode(answer) == [(key, "NotUnderstood") for key, _ in pairs], f"{count} keys: {answer[:80]}")
            sent = asker.requests()
            expect(b"".join(request.data for request in sent) == text.encode(pairs), "other text was sent")
            first = -(-len(text.encode(pairs)) // 512) or 1
            expect([(r.more, r.final) for r in sent[:first]] == [(1, 0)] * (first - 1) + [(0, 1)], "wrong C or F bits")
            expect(len({request.itt for request in sent}) == 1, "several task tags in one exchange")
        rig.say("requests in pieces")

        long = text.encode([("X-com.example.k", "v" * 600)])
        for told, fields in {"a final Text Response to a request that was not": {"final": 1},
                             "text in answer to a request that had the C bit": {"data": b"a=b\0", "ttt": 5}}.items():
            before = violations(told)
            answers(asker, fields)
            expect(family.text(int(asker.sid()), long) == (errno.EPROTO, b""), f"it was taken: {told}")
            expect(violations(told) == before + 1, f"not told once: {told}")
            rig.say(told)

        exact = text.encode([("X-com.example.k", "v" * (TEXT_MAX - 17))])
        answers(asker, {"data": exact, "final": 1})
        expect(family.text(int(asker.sid()), b"a=b\0") == (0, exact), "not the longest answer that may be")
        answers(asker, {"data": exact + b"\0", "final": 1})
        expect(family.text(int(asker.sid()), b"a=b\0") == (errno.EMSGSIZE, b""), "an answer over the limit")
        try:
            family.text(int(asker.sid()), bytes(TEXT_MAX + 1))
            expect(False, "a request over the limit was taken")
        except OSError as refused:
            expect(refused.errno == errno.ERANGE, f"a request over the limit: {refused}")
        rig.say("the limit")
        family.close()
        asker.kept()


def holds_failures(rig):
    """Whatever is wrong with an exchange costs the exchange, is told, and leaves the connection as it was."""
    with attached(rig) as (scripted, _):
        asker = Asker(rig, scripted)
        target = asker.target

        def reset(count):
            """The exchange was given up by an empty request with the reserved tag."""
            last = asker.requests()[-1]
            expect(len(asker.requests()) == count, f"{len(asker.requests())} requests")
            expect((last.ttt, last.final, last.data, last.lun) == (RESERVED_TAG, 1, b"", 0), f"no reset: {last!r}")

        wrong = {
            "a Text Response with both the F and the C bit": (dict(final=1, more=1), 1),
            "a Text Response that goes on without a transfer tag": (dict(data=b"a=b\0"), 2),
        }
        for told, (fields, count) in wrong.items():
            before = violations(told)
            answers(asker, fields)
            expect("broke the rules" in asker.ask(1), "not told")
            expect(violations(told) == before + 1, f"not told once: {told}")
            if count > 1:
                reset(count)
            rig.say(told)

        answers(asker, *([{"ttt": 9}] * 17))
        asker.ask(1)
        reset(18)
        rig.say("no end of empty answers")

        piece = b"X-com.example.long=" + b"v" * 8000 + b"\0"
        answers(asker, *([{"data": piece, "ttt": 9, "more": 1}] * (TEXT_MAX // len(piece) + 1)))
        expect(f"over {TEXT_MAX} bytes" in asker.ask(1), "not told")
        reset(TEXT_MAX // len(piece) + 2)
        rig.say("an answer over the limit")

        async def refuse(connection, pdu):
            await connection.send(Reject(pdu.header.to_bytes(48, "big"), reason=0x04))
        target.on(TextRequest, refuse, times=1)
        asker.ask(1)
        rig.say("a Reject")

        async def full(connection, pdu):
            await connection.send(Reject(pdu.header.to_bytes(48, "big"), reason=0x06))
        target.on(TextRequest, full, times=2)
        asker.ask()
        expect(len(asker.requests()) == 3, "a Reject for want of room was not tried again")
        rig.say("a Reject for want of room")

        answers(asker, {"data": text.encode([("SendTargets", "Reject")]), "final": 1})
        asker.ask(21)
        rig.say("no target in the answer")
        asker.kept()
        whole(asker)


def holds_silence(rig):
    """A target that does not answer in time keeps its connection, is pinged meanwhile, and is asked once at a time."""
    with attached(rig, {"node.conn[0].timeo.noop_out_interval": 2, "node.conn[0].timeo.noop_out_timeout": 5}) as (
            scripted, _):
        asker = Asker(rig, scripted)
        held = []

        async def hold(connection, pdu):
            held.append((connection, pdu))
        asker.target.on(TextRequest, hold, times=1)
        expect("in time" in asker.ask(11), "not told")
        expect(len(asker.target.received(NopOut)) >= 3, "no pings while the target kept silent")
        asker.kept()

        # The late answer is the end of it, and only then the next exchange begins.
        late = threading.Thread(target=asker.ask)
        late.start()
        time.sleep(3)
        expect(not asker.requests(), "a second Text Request while one is outstanding (RFC 7143, 11.10)")
        connection, pdu = held[0]
        scripted.call(connection.send(TextResponse(itt=pdu.itt, final=1)))
        late.join(60)
        expect(len(asker.requests()) == 1, "the exchange that waited did not begin")
        asker.kept()
        rig.say("a late answer")


def holds_losses(rig):
    """An exchange ends with its connection, and an answer to no exchange ends the connection; both come back."""
    with attached(rig, DefaultTime2Wait="0") as (scripted, _):
        asker = Asker(rig, scripted)
        target = asker.target
        target.lenient = True  # after a lie, the other side's numbers mean nothing

        async def close(connection, pdu):
            connection.abort()
        target.on(TextRequest, close, times=1)
        expect("was lost" in asker.ask(32), "not told")
        wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN")

        told = "an Initiator Task Tag that no task has"
        before = violations(told)

        async def other(connection, pdu):
            await connection.send(TextResponse(itt=pdu.itt ^ 0x40000000, final=1))
        target.on(TextRequest, other, times=1)
        asker.ask(32)
        expect(violations(told) == before + 1, f"not told once: {told}")
        wait_for("the session is back", lambda: rig.initiator.state(NAME) == "LOGGED_IN")
        whole(asker)
        expect(run("dmesg").stdout.count("BUG") == 0, "the kernel is not well")
