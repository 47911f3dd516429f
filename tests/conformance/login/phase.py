# SPDX-License-Identifier: GPL-2.0-or-later
"""Login phase: headers, stages and numbers."""
import asyncio
import tempfile

from harness import Driver, shows
from iscsi import text
from iscsi.disk import lun_field
from iscsi.pdu import (Ahs, AsyncMessage, DataIn, LoginRequest, LoginResponse, LogoutResponse, NopIn, R2t, Reject,
                       ScsiResponse, TaskManagementResponse, TextResponse, UnknownPdu, Wire)

ORDER = 10
PROTOCOL_ERROR, TIMED_OUT, TRY_AGAIN = 19, 11, 29  # usr/base/error.h


def edit_in(csg, change):
    """An edit for the responses of one stage only."""
    def edit(response, request):
        if request.csg == csg:
            change(response)
    return edit


@shows("RFC 7143, 6.3")
async def plain_login(t):
    """A login without authentication passes the security and the operational stage into full feature phase."""
    result = await t.login_holds()
    assert result.tsih == 1 and result.tpgt == 1
    requests = t.target.received(LoginRequest)
    assert [(r.csg, r.nsg, r.transit) for r in requests] == [(0, 1, 1), (1, 3, 1)], requests


@shows("RFC 7143, 6.3.1")
async def first_request(t):
    """The first Login Request of a session carries version 0, TSIH 0, ISID and CID, and the names."""
    await t.login_holds(isid="40abcdef0102", cid=7, alias="the alias", cmd_sn=123)
    first = t.target.received(LoginRequest)[0]
    assert (first.version_max, first.version_min, first.tsih) == (0, 0, 0), first
    assert (first.isid, first.cid, first.cmd_sn, first.immediate) == (0x40ABCDEF0102, 7, 123, 1), first
    said = dict(text.decode(first.data))
    assert said["InitiatorName"] == "iqn.2026-11.io.hawser.test:initiator"
    assert said["TargetName"] == t.target.name and said["InitiatorAlias"] == "the alias"
    assert said["SessionType"] == "Normal"


@shows("RFC 7143, 13.4; RFC 7143, 13.21")
async def discovery_first_request(t):
    """The first Login Request of a discovery session says SessionType=Discovery and needs no TargetName."""
    await t.discovery_holds()
    said = dict(text.decode(t.target.received(LoginRequest)[0].data))
    assert said["SessionType"] == "Discovery" and "TargetName" not in said


@shows("RFC 7143, 11.12.8", each=[{"cmd_sn": sn} for sn in (0, 1, 123, 0x7FFFFFFF, 0xFFFFFFFF)])
async def leading_cmd_sn(t, cmd_sn):
    """The leading login's CmdSN, {cmd_sn}, stays the same in each request, and the first command carries it too."""
    result = await t.login_holds(cmd_sn=cmd_sn)
    assert {request.cmd_sn for request in t.target.received(LoginRequest)} == {cmd_sn}
    assert result.cmd_sn == cmd_sn and result.exp_cmd_sn == cmd_sn


@shows("RFC 7143, 11.13.4; RFC 7143, 11.12.9",
       each=[{"stat_sn": sn} for sn in (0, 1, 0x7FFFFFFE, 0x7FFFFFFF, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF)])
async def stat_sn_acknowledged(t, stat_sn):
    """Whatever StatSN the target starts at, {stat_sn} here, each later Login Request acknowledges the last
    response."""
    t.target.first_stat_sn = stat_sn
    t.policy.withhold = 2
    result = await t.login_holds()
    acknowledged = [request.exp_stat_sn for request in t.target.received(LoginRequest)]
    assert acknowledged[1:] == [(stat_sn + n) & 0xFFFFFFFF for n in range(1, 4)], acknowledged
    assert result.exp_stat_sn == (stat_sn + 4) & 0xFFFFFFFF


@shows("RFC 7143, 11.13.4", each=[{"step": step} for step in (-1, 0, 2, 1 << 31)])
async def stat_sn_must_follow(t, step):
    """A Login Response whose StatSN is not the last one plus 1, but plus {step}, ends the login."""
    t.policy.edit = edit_in(1, lambda r: setattr(r, "stat_sn", t.target.first_stat_sn + step & 0xFFFFFFFF))
    (await t.login_fails()).names("StatSN")


@shows("RFC 7143, 11.13.5")
async def numbers_of_a_refusal(t):
    """StatSN, T, CSG and NSG of a response that refuses the login mean nothing and are not judged."""
    def garble(response, _):
        response.stat_sn, response.transit, response.csg, response.nsg = 77, 1, 3, 2
    t.policy.status, t.policy.edit = (2, 2), garble
    failure = await t.login_fails()
    assert failure.status == (2, 2), failure


@shows("RFC 7143, 6.3", each=[{"itt": itt} for itt in (0, 0xFFFFFFFF, 1)])
async def wrong_task_tag(t, itt):
    """A Login Response with another task tag, {itt}, than the login's is no answer to it and ends the login."""
    t.policy.edit = lambda response, _: setattr(response, "itt", itt)
    (await t.login_fails()).names("tag")


@shows("RFC 7143, 11.12.4; RFC 7143, 11.13.2", each=[{"version": version} for version in (1, 2, 255)])
async def wrong_version(t, version):
    """A target that goes on in protocol version {version} is not followed, since only 0 was stated."""
    t.policy.edit = lambda response, _: setattr(response, "version_active", version)
    (await t.login_fails()).names("version", str(version))


@shows("RFC 7143, 11.13.1")
async def higher_version_max(t):
    """A target that could speak a higher version and speaks version 0 is fine."""
    t.policy.edit = lambda response, _: setattr(response, "version_max", 3)
    await t.login_holds()


@shows("RFC 7143, 11.13.3")
async def tsih_zero(t):
    """A final response with the reserved TSIH 0 ends the login."""
    t.policy.edit = edit_in(1, lambda response: setattr(response, "tsih", 0))
    (await t.login_fails()).names("TSIH 0")


@shows("RFC 7143, 11.13.3")
async def early_tsih(t):
    """A TSIH that a target tells before the final response does no harm, and the final one counts."""
    t.policy.edit = edit_in(0, lambda response: setattr(response, "tsih", 99))
    assert (await t.login_holds()).tsih == 1


@shows("RFC 7143, 6.3.1; RFC 7143, 11.12.6")
async def second_connection(t):
    """A login for one more connection has the session's TSIH and its own CID, and ends with the same TSIH."""
    first = await t.login_holds(cid=0, left=False, offer={"MaxConnections": "4"})
    # The driver closed the first connection; the scripted session lives on for this test.
    session = t.target.new_session("iqn.2026-11.io.hawser.test:initiator", 0x800011220001)
    second = await t.login_holds(cid=1, tsih=session.tsih, cmd_sn=500)
    request = t.target.received(LoginRequest, cid=1)[0]
    assert request.tsih == session.tsih == second.tsih != 0 and first.tsih != 0


@shows("RFC 7143, 13")
async def second_connection_keys(t):
    """A login for one more connection negotiates no key that only a leading login may (Use: LO)."""
    session = t.target.new_session("iqn.2026-11.io.hawser.test:initiator", 0x800011220001)
    await t.login_holds(cid=1, tsih=session.tsih, offer={"TaskReporting": "RFC3720,ResponseFence",
                                                        "iSCSIProtocolLevel": "2"})
    heard = {key for request in t.target.received(LoginRequest) for key, _ in text.decode(request.data)}
    assert heard == {"InitiatorName", "TargetName", "AuthMethod", "HeaderDigest", "DataDigest",
                     "MaxRecvDataSegmentLength"}, heard


@shows("RFC 7143, 6.3.4")
async def reinstated_connection(t):
    """The first request of a connection that is reinstated carries the old connection's ExpStatSN and the live
    CmdSN."""
    session = t.target.new_session("iqn.2026-11.io.hawser.test:initiator", 0x800011220001)
    await t.login_holds(cid=3, tsih=session.tsih, cmd_sn=0x1234, exp_stat_sn=0x98765432)
    first = t.target.received(LoginRequest)[0]
    assert (first.cid, first.cmd_sn, first.exp_stat_sn) == (3, 0x1234, 0x98765432), first


@shows("RFC 7143, 11.12.6")
async def other_tsih(t):
    """A target that puts one more connection into another session than the one asked for is refused."""
    session = t.target.new_session("iqn.2026-11.io.hawser.test:initiator", 0x800011220001)
    t.policy.edit = edit_in(1, lambda response: setattr(response, "tsih", session.tsih + 1))
    (await t.login_fails(cid=1, tsih=session.tsih)).names("TSIH")


@shows("RFC 7143, 6.3.1")
async def unknown_session(t):
    """A TSIH that the target does not know is refused by it in words: the session does not exist."""
    failure = await t.login_fails(cid=1, tsih=4711)
    assert failure.status == (2, 10), failure
    failure.names("session does not exist")


# Stages.

@shows("RFC 7143, 11.13.6", each=[{"nsg": nsg} for nsg in (0, 1, 3)])
async def transit_without_request(t, nsg):
    """A response with T, to stage {nsg}, to a request without T ends the login."""
    async def script(connection):
        request = await connection.expect(LoginRequest, csg=0, transit=0)
        await connection.send(LoginResponse(text.encode([("AuthMethod", "CHAP")]), itt=request.itt, isid=request.isid,
                                            transit=1, csg=0, nsg=nsg))
        await connection.expect_close()
    t.target.script = script
    (await t.login_fails(auth=["CHAP"], chap={"secret": "61" * 16})).names("T")


@shows("RFC 7143, 6.3", each=[{"csg": csg, "nsg": nsg} for csg, nsg in ((0, 0), (0, 3), (1, 0), (1, 1))])
async def wrong_next_stage(t, csg, nsg):
    """From stage {csg} a target can only go on to what was asked for, not to stage {nsg}."""
    t.policy.edit = edit_in(csg, lambda response: setattr(response, "nsg", nsg))
    (await t.login_fails()).names("stage")


@shows("RFC 7143, 11.12.3", each=[{"field": field, "csg": csg} for field in ("csg", "nsg") for csg in (0, 1)])
async def reserved_stage(t, field, csg):
    """The reserved stage code 2 as {field} of a response in stage {csg} is a protocol error."""
    t.policy.edit = edit_in(csg, lambda response: setattr(response, field, 2))
    (await t.login_fails()).names(field.upper(), "2")


@shows("RFC 7143, 6.3", each=[{"csg": csg, "other": other} for csg, other in ((0, 1), (0, 3), (1, 0), (1, 3))])
async def wrong_current_stage(t, csg, other):
    """A response to a request in stage {csg} belongs to that stage; one that says {other} ends the login."""
    t.policy.edit = edit_in(csg, lambda response: setattr(response, "csg", other))
    failure = await t.login_fails()
    assert failure.code == PROTOCOL_ERROR, failure


@shows("RFC 7143, 11.13.7", each=[{"csg": csg} for csg in (0, 1)])
async def transit_and_more(t, csg):
    """A response in stage {csg} with both T and C ends the login."""
    t.policy.edit = edit_in(csg, lambda response: setattr(response, "more", 1))
    (await t.login_fails()).names("T and C")


@shows("RFC 7143, 6.3.3", each=[{"times": times} for times in (1, 2, 5, 6, 20, 50)])
async def transit_withheld(t, times):
    """A target that leaves T clear {times} times gets as many more requests with T set, and the login succeeds."""
    t.policy.withhold = times
    await t.login_holds()
    operational = t.target.received(LoginRequest, csg=1)
    assert len(operational) == times + 1 and all(request.transit for request in operational)
    assert all(not request.data for request in operational[1:])


@shows("RFC 7143, 6.3.3")
async def security_withheld(t):
    """Empty exchanges in the security stage, too, are answered until the target sets T."""
    left = [4]

    def withhold(response, request):
        if request.csg == 0 and left[0]:
            left[0] -= 1
            response.transit = response.nsg = 0
    t.policy.edit = withhold
    await t.login_holds()
    assert len(t.target.received(LoginRequest, csg=0)) == 5


@shows("RFC 7143, 6.2", each=[{"limit": limit} for limit in (8, 64)])
async def never_ends(t, limit):
    """A negotiation that does not end is ended by the initiator, after {limit} requests."""
    t.policy.withhold = 1 << 30
    failure = await t.login_fails(max_exchanges=limit)
    failure.names(str(limit))
    assert len(t.target.received(LoginRequest)) == limit


@shows("RFC 7143, 6.2")
async def six_exchanges(t):
    """At least six exchanges are allowed even where the limit is the lowest that makes sense."""
    t.policy.withhold = 4
    await t.login_holds(max_exchanges=6)
    assert len(t.target.received(LoginRequest)) == 6


@shows("RFC 7143, 6.3", each=[{"after": after} for after in (0, 1)])
async def silent_target(t, after):
    """A target that falls silent after {after} responses is given up in time, and the login may be tried again."""
    async def script(connection):
        for _ in range(after):
            await connection.handle(await connection.receive())
        await connection.expect(LoginRequest)
        await connection.expect_close()
    t.target.script = script
    failure = await t.login_fails(response_timeout=1)
    assert (failure.code, failure.retryable) == (TIMED_OUT, True), failure


@shows("RFC 7143, 6.2")
async def slow_target(t):
    """A target that answers each request in time but never comes to an end is given up when the login's time is
    over."""
    t.policy.withhold = 1 << 30

    async def late(connection, request):
        await asyncio.sleep(0.2)
        await connection.default(request)
    t.target.on(LoginRequest, late)
    failure = await t.login_fails(response_timeout=5, total_timeout=1)
    assert (failure.code, failure.retryable) == (TIMED_OUT, True), failure


# What is no Login Response, or no whole one.

STRANGERS = {
    "NopIn": NopIn(), "ScsiResponse": ScsiResponse(), "TaskManagementResponse": TaskManagementResponse(),
    "TextResponse": TextResponse(final=1), "DataIn": DataIn(b"data", final=1), "LogoutResponse": LogoutResponse(),
    "R2t": R2t(lun=lun_field(1), desired_length=512), "AsyncMessage": AsyncMessage(event=1),
    "LoginRequest": LoginRequest(), "unknown": UnknownPdu(opcode=0x3A),
}


@shows("RFC 7143, 6.3", each=[{"pdu": name} for name in STRANGERS])
async def no_login_response(t, pdu):
    """The login phase has Login Requests and Responses only: a {pdu} in it ends the login."""
    async def script(connection):
        request = await connection.expect(LoginRequest)
        stranger = STRANGERS[pdu].copy()
        if pdu not in ("NopIn", "AsyncMessage"):
            stranger.itt = request.itt
        await connection.send(stranger)
        await connection.expect_close()
    t.target.script = script
    failure = await t.login_fails()
    assert failure.code == PROTOCOL_ERROR, failure
    failure.names("opcode")


@shows("RFC 7143, 11.17.1", each=[{"reason": reason, "words": words} for reason, words in (
    (0x02, "digest"), (0x04, "protocol error"), (0x05, "not supported"), (0x06, "immediate"), (0x09, "invalid"),
    (0x0A, "resource"), (0x77, "unknown"))])
async def rejected_request(t, reason, words):
    """A Reject with reason {reason} in answer to a Login Request ends the login and is told in words ({words})."""
    async def script(connection):
        request = await connection.expect(LoginRequest)
        await connection.send(Reject(request.header.to_bytes(48, "big"), reason=reason))
        await connection.expect_close()
    t.target.script = script
    (await t.login_fails()).names("reject", words)


@shows("RFC 7143, 6.3", each=[{"bytes": count} for count in (0, 1, 47, 48, 60)])
async def cut_response(t, bytes):
    """A target that closes after {bytes} bytes of its response leaves a login that may be tried again."""
    async def script(connection):
        request = await connection.expect(LoginRequest)
        whole = LoginResponse(text.encode([("TargetPortalGroupTag", "1")]), itt=request.itt).pack()
        await connection.send_raw(whole[:bytes])
    t.target.script = script
    failure = await t.login_fails()
    assert (failure.code, failure.retryable) == (TRY_AGAIN, True), failure


@shows("RFC 7143, 6.3")
async def reset_connection(t):
    """A connection that is reset in the login leaves a login that may be tried again."""
    async def script(connection):
        await connection.expect(LoginRequest)
        connection.abort()
    t.target.script = script
    failure = await t.login_fails()
    assert (failure.code, failure.retryable) == (TRY_AGAIN, True), failure


@shows("RFC 7143, 11.1")
async def response_in_single_bytes(t):
    """Responses that arrive a byte at a time are put together."""
    async def script(connection):
        connection.chunk = 1
        await connection.serve()
    t.target.script = script
    await t.login_holds()


@shows("RFC 7143, 11.1", each=[{"byte": byte} for byte in (0x00, 0x3D, 0xFF)])
async def padding_ignored(t, byte):
    """Padding of a response is no part of its text, whatever its bytes are ({byte})."""
    def pad(response, _):
        response.wire.padding = bytes([byte]) * (-len(response.data) % 4)
    t.policy.declare = [("TargetPortalGroupTag", "1"), ("TargetAlias", "abc")]
    t.policy.edit = pad
    assert (await t.login_holds()).alias == "abc"


@shows("RFC 7143, 11")
async def reserved_bits_ignored(t):
    """Reserved bits of a Login Response are ignored."""
    def garble(response, _):
        given = set(response.given)
        response.header |= ~response.defined & ((1 << 384) - 1) & ~(0xFF << 376)
        response.given = given
    t.policy.edit = garble
    await t.login_holds()


@shows("RFC 7143, 6.3")
async def largest_response(t):
    """A Login Response with as much data as the default MaxRecvDataSegmentLength allows, 8192 bytes, is taken."""
    filler = [(f"X-com.example.key{n}", "x" * 200) for n in range(36)]
    room = 8192 - len(text.encode([("AuthMethod", "None"), ("TargetPortalGroupTag", "1"), *filler, ("X-last", "")]))
    t.policy.declare = [("TargetPortalGroupTag", "1"), *filler, ("X-last", "y" * room)]
    t.policy.edit = edit_in(0, lambda response: set_transit(response, 0) if len(response.data) == 8192 else None)
    await t.login_holds()
    sizes = [len(entry.pdu.data) for entry in t.target.log if isinstance(entry.pdu, LoginResponse)]
    assert max(sizes) == 8192, sizes


def set_transit(response, transit):
    response.transit, response.nsg = transit, response.nsg if transit else 0


@shows("RFC 7143, 6.3; RFC 7143, 13.12")
async def too_large_response(t):
    """A Login Response with more data than the default MaxRecvDataSegmentLength, 8192 bytes, ends the login."""
    t.policy.piece = 8196
    t.policy.declare = [(f"X-com.example.key{n}", "x" * 200) for n in range(40)]
    (await t.login_fails()).names("8196", "8192")


@shows("RFC 7143, 11.13")
async def additional_header(t):
    """A Login Response has no additional header segment; one that has ends the login."""
    def add(response, _):
        response.ahs = [Ahs(1, bytes(5))]
    t.policy.edit = add
    (await t.login_fails()).names("additional header")


@shows("RFC 7143, 11.2.1.6")
async def length_beyond_data(t):
    """A response that claims more data than it has is waited for until the time is over."""
    def claim(response, _):
        response.wire = Wire(data_length=len(response.data) + 64)
    t.policy.edit = claim
    assert (await t.login_fails(response_timeout=1)).code == TIMED_OUT


@shows("RFC 7143, 6.3", each=[{"count": count} for count in (1, 48, 5000)])
async def nothing_read_beyond(t, count):
    """Of what the target sends behind its final response not one of {count} bytes is taken from the connection."""
    later = bytes(n % 251 for n in range(count))

    def follow(response, _):
        if response.nsg == 3:
            response.wire.after = later

    async def script(connection):
        while not connection.full_feature:
            await connection.handle(await connection.receive())
    t.policy.edit = follow
    t.target.script = script
    result = await t.login_holds(left=True)
    assert bytes.fromhex(result.left) == later


# Host names.

@shows("RFC 7143, 13.8")
async def resolved_again(t):
    """A host name is resolved anew at each login: a target that has another address meanwhile is found there."""
    there = await t.another_target(host="0.0.0.0")
    with tempfile.NamedTemporaryFile("w", prefix="hawser-hosts-") as hosts:
        t.driver = Driver(t.driver.program, hosts.name)
        try:
            for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
                hosts.seek(0)
                hosts.truncate()
                hosts.write(f"{address} moving.test\n")
                hosts.flush()
                await t.login_holds(address=f"moving.test:{there.port}")
                assert there.connections[-1].writer.get_extra_info("sockname")[0] == address
        finally:
            await t.driver.stop()


# The portal group tag.

@shows("RFC 7143, 6.3.1; RFC 7143, 13.9", each=[{"value": value, "tag": tag} for value, tag in (
    ("0", 0), ("1", 1), ("65535", 65535), ("0x0", 0), ("0xffff", 65535), ("0X1F", 31))])
async def portal_group_tag(t, value, tag):
    """TargetPortalGroupTag={value} names portal group {tag}; 0 is a legal tag."""
    t.policy.declare = [("TargetPortalGroupTag", value)]
    assert (await t.login_holds()).tpgt == tag
    assert (await t.login_holds(tpgt=tag)).tpgt == tag


@shows("RFC 7143, 13.9", each=[{"value": value} for value in ("65536", "-1", "", "one", "1,2", "0x10000", "None")])
async def bad_portal_group_tag(t, value):
    """A TargetPortalGroupTag that is no number of 16 bits ({value}) ends the login."""
    t.policy.declare = [("TargetPortalGroupTag", value)]
    (await t.login_fails()).names("TargetPortalGroupTag")


@shows("RFC 7143, 6.3.1")
async def wrong_portal_group(t):
    """A login that reaches another portal group than the one meant is given up, and both tags are told."""
    t.policy.declare = [("TargetPortalGroupTag", "2")]
    (await t.login_fails(tpgt=1)).names("TargetPortalGroupTag", "1", "2")


@shows("RFC 7143, 6.3.1")
async def missing_portal_group(t):
    """Where the portal group matters, a target that does not tell it is not the one meant."""
    t.policy.declare = []
    (await t.login_fails(tpgt=1)).names("TargetPortalGroupTag")


@shows("RFC 7143, 6.3.1")
async def unknown_portal_group(t):
    """Where no portal group was asked for, a target that does not tell its own can still be used."""
    t.policy.declare = []
    assert (await t.login_holds()).tpgt is None


@shows("RFC 7143, 6.3")
async def portal_group_twice(t):
    """TargetPortalGroupTag is declared once in a login, not again in the next stage."""
    t.policy.propose = [("TargetPortalGroupTag", "1")]
    (await t.login_fails()).names("TargetPortalGroupTag")
