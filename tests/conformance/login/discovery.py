# SPDX-License-Identifier: GPL-2.0-or-later
"""Discovery: SendTargets."""
import asyncio

from harness import shows
from iscsi import text
from iscsi.pdu import (RESERVED_TAG, AsyncMessage, Digests, LoginRequest, LogoutRequest, NopIn, NopOut,
                       ScsiResponse, TextRequest, TextResponse, Wire)
from iscsi.target import Portal

ORDER = 70
BASE = "iqn.2026-11.io.hawser.test:disk"


def names(found):
    return [target["name"] for target in found.targets]


@shows("RFC 7143, C; RFC 7143, 13.3; UNH-IOL FFP, 18.1")
async def send_targets(t):
    """A discovery session asks SendTargets=All once and logs out of the session."""
    found = await t.discovery_holds()
    assert found.targets == [{"name": t.target.name, "portals": [f"{t.target.address},1"]}]
    request, = t.target.received(TextRequest)
    assert text.decode(request.data) == [("SendTargets", "All")] and request.final and not request.more
    assert request.ttt == RESERVED_TAG and request.itt != RESERVED_TAG
    logout, = t.target.received(LogoutRequest)
    assert logout.reason == LogoutRequest.SESSION and logout.itt != request.itt


@shows("RFC 7143, C")
async def one_target(t):
    """A single target is asked for by its name."""
    t.target.portals = [Portal(f"{BASE}.{n}", ["10.0.0.1:3260,1"]) for n in range(3)]
    found = await t.discovery_holds(what=f"{BASE}.1")
    assert names(found) == [f"{BASE}.1"]


@shows("RFC 7143, C")
async def no_targets(t):
    """A reply without targets is a reply: nothing is found and nothing is wrong."""
    t.target.portals = []
    found = await t.discovery_holds()
    assert found.targets == [] and found.skipped == []


@shows("RFC 7143, C")
async def without_address(t):
    """A target without an address is at the portal that answered, with its portal group tag."""
    t.target.portals = [Portal(f"{BASE}.1")]
    found = await t.discovery_holds()
    assert found.targets == [{"name": f"{BASE}.1", "portals": [f"{t.target.address},1"]}]


ADDRESSES = (("10.1.0.45:3000,1", "10.1.0.45:3000,1"), ("10.0.0.1:5003,1", "10.0.0.1:5003,1"),
             ("[1080:0:0:0:8:800:200C:417A],65", "[1080::8:800:200c:417a]:3260,65"),
             ("[1080::8:800:200C:417A]:5003,1", "[1080::8:800:200c:417a]:5003,1"),
             ("computingcenter.example.com,23", "computingcenter.example.com:3260,23"),
             ("10.0.0.1:0x1234,0x10", "10.0.0.1:4660,16"), ("10.0.0.1:3260,0", "10.0.0.1:3260,0"),
             ("10.0.0.1:3260,65535", "10.0.0.1:3260,65535"))


@shows("RFC 7143, 13.8", each=[{"sent": sent, "found": found} for sent, found in ADDRESSES])
async def address_forms(t, sent, found):
    """TargetAddress={sent} is {found}."""
    t.target.portals = [Portal(f"{BASE}.1", [sent])]
    assert (await t.discovery_holds()).targets == [{"name": f"{BASE}.1", "portals": [found]}]


@shows("RFC 7143, 13.8", each=[{"address": address} for address in (
    "", ":3260,1", "10.0.0.1:0,1", "10.0.0.1:65536,1", "10.0.0.1:3260,65536", "10.0.0.1:3260,-1", "10.0.0:3260,1",
    "[::1:3260,1", "::1,1", "a b:3260,1", "10.0.0.1:3260,1,2")])
async def bad_address(t, address):
    """A bad address ({address}) is passed over and told; the rest of the reply is used."""
    t.target.portals = [Portal(f"{BASE}.1", [address, "10.0.0.2:3260,1"]), Portal(f"{BASE}.2", ["10.0.0.3:3260,1"])]
    found = await t.discovery_holds()
    assert found.targets == [{"name": f"{BASE}.1", "portals": ["10.0.0.2:3260,1"]},
                             {"name": f"{BASE}.2", "portals": ["10.0.0.3:3260,1"]}]
    assert len(found.skipped) == 1 and address in found.skipped[0], found.skipped


@shows("RFC 7143, 4.2.7; RFC 7143, 13.4", each=[{"name": name} for name in (
    "", "disk1", "iqn.2026-13.com.example:x", "iqn.26-1.com.example", "eui.123", "eui.0123456789ABCDEG",
    "naa.0123456789abcde", "iqn.2026-11.com.example:with space", "iqn.2026-11.com.example:" + "x" * 200,
    "iqn.2026-11.com.example:slash/", "iqn.2026-11.com.example:_under")])
async def bad_name(t, name):
    """A target with a bad name ({name}) is passed over with its addresses and told; the rest of the reply is used."""
    t.target.portals = [Portal(f"{BASE}.1", ["10.0.0.1:3260,1"]), Portal(name, ["10.0.0.9:3260,1"]),
                        Portal(f"{BASE}.2", ["10.0.0.2:3260,1"])]
    found = await t.discovery_holds()
    assert names(found) == [f"{BASE}.1", f"{BASE}.2"] and len(found.skipped) == 1, found
    assert all("10.0.0.9" not in portal for target in found.targets for portal in target["portals"])


@shows("RFC 7143, 4.2.7", each=[{"name": name} for name in (
    "iqn.1993-11.com.disk-vendor:diskarrays.sn.45678", "eui.020000023B040506", "naa.52004567BA64678D",
    "naa.62004567BA64678D0123456789ABCDEF", "iqn.2026-11.com.example:" + "x" * 199,
    "iqn.2026-11.com.example:\u00fc\u4e2d")])
async def good_name(t, name):
    """A target of a legal name, {name}, is found under it."""
    t.target.portals = [Portal(name, ["10.0.0.1:3260,1"])]
    assert names(await t.discovery_holds()) == [name]


@shows("RFC 7143, C")
async def named_twice(t):
    """A target that the reply names twice is one target with the portals of both records, each once."""
    t.target.portals = [Portal(f"{BASE}.1", ["10.0.0.1:3260,1"]), Portal(f"{BASE}.2", ["10.0.0.5:3260,1"]),
                        Portal(f"{BASE}.1", ["10.0.0.2:3260,1", "10.0.0.1:3260,1"])]
    found = await t.discovery_holds()
    assert found.targets[0] == {"name": f"{BASE}.1", "portals": ["10.0.0.1:3260,1", "10.0.0.2:3260,1"]}


def answering(*responses):
    """A script that logs the initiator in and answers each Text Request with the next of responses."""
    async def script(connection):
        while not connection.full_feature:
            await connection.handle(await connection.receive())
        for response in responses:
            request = await connection.expect(TextRequest)
            if "itt" not in response.given:
                response.itt = request.itt
            await connection.send(response)
        await connection.serve()
    return script


def reply(pairs, **fields):
    return TextResponse(text.encode(pairs), final=1, **fields)


@shows("RFC 7143, C")
async def foreign_key(t):
    """A key that has no place in the reply is passed over and told."""
    t.target.script = answering(reply([("TargetName", f"{BASE}.1"), ("TargetAlias", "x"),
                                       ("TargetAddress", "10.0.0.1:3260,1")]))
    found = await t.discovery_holds()
    assert names(found) == [f"{BASE}.1"] and "TargetAlias" in found.skipped[0]
    assert found.targets[0]["portals"] == ["10.0.0.1:3260,1"]


@shows("RFC 7143, C")
async def address_before_name(t):
    """An address before any name belongs to no target and is passed over."""
    t.target.script = answering(reply([("TargetAddress", "10.0.0.9:3260,1"), ("TargetName", f"{BASE}.1")]))
    found = await t.discovery_holds()
    assert names(found) == [f"{BASE}.1"] and "10.0.0.9" in found.skipped[0]


@shows("RFC 7143, 6.1; RFC 7143, 11.11", each=[{"size": size} for size in (512, 513, 1000, 4096)])
async def reply_in_pieces(t, size):
    """A reply over several Text Responses, cut at any byte ({size} in each), is put together; each piece is
    fetched with an empty request that has the target's transfer tag."""
    t.target.portals = [Portal(f"{BASE}.{n}", [f"10.0.{n}.{m}:3260,{m}" for m in range(4)]) for n in range(60)]
    found = await t.discovery_holds(offer={"MaxRecvDataSegmentLength": str(size)})
    assert names(found) == [f"{BASE}.{n}" for n in range(60)]
    assert all(len(target["portals"]) == 4 for target in found.targets)
    requests = t.target.received(TextRequest)
    answers = [entry.pdu for entry in t.target.log if isinstance(entry.pdu, TextResponse)]
    assert len(requests) == len(answers) > 1
    for request, answer in zip(requests[1:], answers):
        assert request.ttt == answer.ttt and request.itt == answer.itt and not request.data, request


@shows("RFC 7143, 11.11.4; UNH-IOL FFP, 18.2")
async def tag_and_lun_returned(t):
    """Transfer tag and LUN of a Text Response that is not the last come back in the next request."""
    part = TextResponse(text.encode([("TargetName", f"{BASE}.1")]), more=1, ttt=0x1234, lun=7 << 48)
    t.target.script = answering(part, reply([("TargetAddress", "10.0.0.1:3260,1")]))
    await t.discovery_holds()
    second = t.target.received(TextRequest)[1]
    assert (second.ttt, second.lun) == (0x1234, 7 << 48), second


@shows("RFC 7143, 11.11.1", each=[{"fields": name, "values": values} for name, values in (
    ("no F and no transfer tag", {"final": 0}), ("F and C", {"final": 1, "more": 1}))])
async def bad_flags(t, fields, values):
    """A Text Response with {fields} is a protocol error and ends the discovery."""
    t.target.script = answering(TextResponse(text.encode([("TargetName", f"{BASE}.1")]), **values))
    assert not (await t.discovery_fails()).retryable


@shows("RFC 7143, 11.11.4; UNH-IOL FFP, 18.3.2")
async def neither_final_nor_tag(t):
    """A Text Response with a LUN that is not the last and has no transfer tag cannot be asked on: it ends the
    discovery."""
    part = TextResponse(text.encode([("TargetName", f"{BASE}.1"), ("TargetAddress", "10.0.0.1:3260,1")]), lun=7 << 48)
    t.target.script = answering(part)
    assert not (await t.discovery_fails()).retryable
    assert len(t.target.received(TextRequest)) == 1


@shows("UNH-IOL FFP, 18.3.1")
async def final_with_tag(t):
    """A transfer tag in the last Text Response is passed over: the reply is taken, and the logout closes the session
    with a task tag of its own."""
    t.target.script = answering(reply([("TargetName", f"{BASE}.1")], ttt=5))
    assert names(await t.discovery_holds()) == [f"{BASE}.1"]
    request, = t.target.received(TextRequest)
    logout, = t.target.received(LogoutRequest)
    assert logout.reason == LogoutRequest.SESSION and logout.itt != request.itt


@shows("RFC 7143, 11.11.3")
async def wrong_tag(t):
    """A Text Response to another task tag ends the discovery."""
    t.target.script = answering(reply([("TargetName", f"{BASE}.1")], itt=0x777))
    (await t.discovery_fails()).names("tag")


@shows("RFC 7143, 11.11.5")
async def wrong_stat_sn(t):
    """A Text Response with a StatSN that is not the next ends the discovery."""
    t.target.script = answering(reply([("TargetName", f"{BASE}.1")], stat_sn=5))
    (await t.discovery_fails()).names("StatSN")


@shows("RFC 7143, 6.1")
async def reply_without_delimiter(t):
    """A reply whose last pair has no delimiter ends the discovery."""
    t.target.script = answering(TextResponse(f"TargetName={BASE}.1".encode(), final=1))
    await t.discovery_fails()


@shows("RFC 7143, 11.11")
async def empty_for_ever(t):
    """A target that answers with empty responses for ever is given up."""
    t.target.script = answering(*(TextResponse(ttt=n + 1) for n in range(100)))
    (await t.discovery_fails()).names("empty")
    assert len(t.target.received(TextRequest)) < 50


@shows("RFC 7143, 11.11")
async def some_empty(t):
    """Empty responses between those with text are waited out."""
    t.target.script = answering(TextResponse(ttt=1), TextResponse(ttt=2), TextResponse(ttt=3),
                                reply([("TargetName", f"{BASE}.1")]))
    assert names(await t.discovery_holds()) == [f"{BASE}.1"]


@shows("RFC 7143, 11.17", each=[{"reason": reason, "words": words} for reason, words in (
    (0x04, "protocol error"), (0x05, "not supported"), (0x0A, "resources"))])
async def rejected(t, reason, words):
    """A Reject (reason {reason}) of SendTargets ends the discovery and is told in words ({words})."""
    t.target.on(TextRequest, lambda connection, request: connection.full_feature.reject(request, reason))
    (await t.discovery_fails()).names("reject", words)


@shows("RFC 7143, 11.19; RFC 7143, 11.18.2", each=[{"ttt": ttt} for ttt in (0, 1, 0x99, 0xFFFFFFFE)])
async def ping_in_between(t, ttt):
    """A target's ping with transfer tag {ttt} before the reply is answered with that tag and its LUN."""
    async def ping(connection, request):
        await connection.send(NopIn(ttt=ttt, lun=3 << 48))
        await connection.expect(NopOut, ttt=ttt, itt=RESERVED_TAG, lun=3 << 48, immediate=1, data=b"")
        await connection.default(request)
    t.target.on(TextRequest, ping)
    assert names(await t.discovery_holds()) == [t.target.name]


@shows("RFC 7143, 11.19")
async def notice_in_between(t):
    """A NOP-In that wants no answer is not answered, and the reply is waited for."""
    async def notice(connection, request):
        await connection.send(NopIn())
        await connection.default(request)
    t.target.on(TextRequest, notice)
    await t.discovery_holds()
    assert not t.target.received(NopOut)


@shows("RFC 7143, 11.9.1", each=[{"event": event} for event in (1, 2, 3)])
async def asked_to_leave(t, event):
    """A target that asks to leave (event {event}) in the midst of a discovery ends it, to be tried again."""
    async def leave(connection, _):
        await connection.send(AsyncMessage(event=event, parameter3=1))
    t.target.on(TextRequest, leave)
    assert (await t.discovery_fails()).retryable


@shows("RFC 7143, 11.11")
async def strange_answer(t):
    """A PDU that has no business in a discovery session ends it."""
    async def answer(connection, request):
        await connection.send(ScsiResponse(itt=request.itt))
    t.target.on(TextRequest, answer)
    (await t.discovery_fails()).names("opcode")


@shows("RFC 7143, 13.12")
async def more_than_declared(t):
    """A Text Response with more data than the declared MaxRecvDataSegmentLength ends the discovery."""
    t.target.script = answering(reply([("TargetName", f"{BASE}.1"), ("TargetAddress", "h" * 600)]))
    (await t.discovery_fails(offer={"MaxRecvDataSegmentLength": "512"})).names("512")


@shows("RFC 7143, 13.1", each=[{"header": header, "data": data} for header in ("None", "CRC32C")
                              for data in ("None", "CRC32C")])
async def with_digests(t, header, data):
    """HeaderDigest={header} and DataDigest={data} hold from the first PDU after the login on, both ways."""
    await t.discovery_holds(offer={"HeaderDigest": header, "DataDigest": data})
    assert t.target.connections[0].digests == Digests(header == "CRC32C", data == "CRC32C")
    assert t.target.received(LogoutRequest)


@shows("RFC 7143, 13.1; RFC 7143, 6.2", each=[{"key": "HeaderDigest"}, {"key": "DataDigest"}])
async def digest_irrelevant(t, key):
    """A target that calls the {key} which is required irrelevant is refused: a discovery session has digests, too."""
    t.policy.answers[key] = "Irrelevant"
    (await t.discovery_fails(offer={key: "CRC32C"})).names(key, "Irrelevant")
    await t.discovery_holds(offer={key: "CRC32C,None"})


@shows("RFC 7143, 13.1; RFC 7143, 7.8", each=[{"which": "header"}, {"which": "data"}])
async def wrong_digest(t, which):
    """A wrong {which} digest ends the discovery and is told."""
    wrong = {f"{which}_digest": b"\x01\x02\x03\x04"}
    t.target.script = answering(reply([("TargetName", f"{BASE}.1")], wire=Wire(**wrong)))
    (await t.discovery_fails(offer={"HeaderDigest": "CRC32C", "DataDigest": "CRC32C"})).names(which, "digest")


@shows("RFC 7143, 11.14")
async def logout_not_answered(t):
    """A target that closes instead of answering the logout takes nothing from what was found."""
    async def leave(connection, _):
        connection.close()
    t.target.on(LogoutRequest, leave)
    assert names(await t.discovery_holds()) == [t.target.name]


@shows("RFC 7143, 4.2.2")
async def numbers(t):
    """Immediate requests of the session leave CmdSN as it is and acknowledge each status."""
    t.target.portals = [Portal(f"{BASE}.{n}") for n in range(100)]
    await t.discovery_holds(cmd_sn=0xFFFFFFFF, offer={"MaxRecvDataSegmentLength": "512"})
    requests = [entry.pdu for entry in t.target.log if isinstance(entry.pdu, (TextRequest, LogoutRequest))]
    assert {request.cmd_sn for request in requests} == {0xFFFFFFFF}
    numbers_seen = [request.exp_stat_sn for request in requests]
    assert numbers_seen == [numbers_seen[0] + n & 0xFFFFFFFF for n in range(len(requests))]


@shows("RFC 7143, 11.11")
async def silent(t):
    """A target that never answers SendTargets is given up in time."""
    async def nothing(connection, request):
        await asyncio.sleep(30)
    t.target.on(TextRequest, nothing)
    failure = await t.discovery_fails(response_timeout=1)
    assert failure.code == 11 and failure.retryable, failure


@shows("RFC 7143, C", own_driver=True)
async def ten_thousand(t):
    """10,000 targets with 4 portals each are taken in less than 2 s of CPU and 64 MiB."""
    t.target.portals = [Portal(f"{BASE}.{n:05}", [f"10.{n >> 8}.{n & 255}.{m}:3260,{m}" for m in range(1, 5)])
                        for n in range(10000)]
    found = await t.discovery_holds(summary=True)
    assert (found.targets, found.portals, found.skipped) == (10000, 40000, [])
    assert found.usage["cpu_us"] < 2_000_000 and found.usage["peak_kib"] < 65536, found.usage


@shows("RFC 7143, C", own_driver=True)
async def endless_reply(t):
    """A reply without end is cut off before it eats the memory."""
    chunk = text.encode([("X-com.example.key", "v" * 200)] * 1000)
    t.target.on(TextRequest, lambda connection, request: connection.send(
        TextResponse(chunk, itt=request.itt, ttt=1, more=1)))
    (await t.discovery_fails()).names("bytes of text")


@shows("RFC 7143, 6.3.1")
async def session_per_discovery(t):
    """Each discovery is a session of its own that starts at TSIH 0."""
    for _ in range(3):
        await t.discovery_holds()
    assert all(request.tsih == 0 for request in t.target.received(LoginRequest)) and not t.target.sessions
