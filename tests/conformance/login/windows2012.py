# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows Server 2012: its known deviations in login and discovery."""
from harness import shows
from iscsi import text
from iscsi.pdu import LoginRequest, LogoutRequest, TextRequest, TextResponse
from iscsi.target import Portal
from iscsi.windows2012 import EARLY_TSIH, Windows2012

ORDER = 80
BASE = "iqn.1991-05.com.microsoft:server-disk"
USER = {"secret": "61" * 16}  # CHAP, as the driver takes it


def said(target):
    """Every pair of the initiator's Login Requests; those that C cut are put together."""
    return text.decode(b"".join(request.data for request in target.received(LoginRequest)))


def disconnected(failure):
    """The failure is the target's disconnect: with FIN or, where the target left what it was sent unread, RST."""
    assert failure.text.endswith(("the target closed the connection",
                                  "the connection broke: Connection reset by peer")), failure


@shows("Windows Server 2012, Standard Login Key Negotiation")
async def tsih_in_every_response(t):
    """The TSIH that the first response has already is passed over; that of the final response is the session's."""
    Windows2012(t.target)
    assert (await t.login_holds()).tsih == 1
    assert {request.tsih for request in t.target.received(LoginRequest)} == {0} and EARLY_TSIH != 1


@shows("Windows Server 2012, Standard Login Key Negotiation")
async def tsih_with_chap(t):
    """So it is when several responses of a login with CHAP have it."""
    Windows2012(t.target)
    t.policy.auth, t.policy.chap.secret = ("CHAP",), b"a" * 16
    assert (await t.login_holds(auth=["CHAP"], chap=USER)).tsih == 1


@shows("Windows Server 2012, Standard Login Key Negotiation")
async def tsih_in_discovery(t):
    """A discovery finds the targets and logs out all the same."""
    Windows2012(t.target)
    t.target.portals = [Portal(f"{BASE}{n}-target", [f"10.0.0.{n}:3260,1"]) for n in range(1, 4)]
    found = await t.discovery_holds()
    assert [target["name"] for target in found.targets] == [f"{BASE}{n}-target" for n in range(1, 4)]


@shows("Windows Server 2012, Handling Text Request During Discovery Session; "
       "Windows Server 2012, Handling Text Request with C bit")
async def only_send_targets(t):
    """A long discovery has no Text Request with C or with another key than SendTargets, at which the target would
    disconnect."""
    Windows2012(t.target)
    t.target.portals = [Portal(f"{BASE}{n}-target", [f"10.0.0.{n}:3260,1"]) for n in range(1, 200)]
    found = await t.discovery_holds(offer={"MaxRecvDataSegmentLength": "512"})
    requests = t.target.received(TextRequest)
    assert len(found.targets) == 199 and len(requests) > 10
    assert [text.decode(request.data) for request in requests[:2]] == [[("SendTargets", "All")], []]
    assert not any(request.more or request.data for request in requests[1:])


@shows("Windows Server 2012, Handling Text Request with SendTargets=")
async def empty_send_targets(t):
    """A disconnect at SendTargets= ends the discovery with one line that says so, and it may be tried again."""
    Windows2012(t.target)
    failure = await t.discovery_fails(what="")
    disconnected(failure)
    assert failure.retryable and "\n" not in failure.text, failure


@shows("Windows Server 2012, Handling Text Request During Discovery Session")
async def disconnect_at_text(t):
    """A disconnect in the midst of a reply ends the discovery, with nothing of the half that was there."""
    Windows2012(t.target)
    half_of_it = text.encode([("TargetName", f"{BASE}1-target")])

    async def half(connection, request):
        await connection.send(TextResponse(half_of_it, itt=request.itt, ttt=1, more=1))
        connection.close()
    t.target.on(TextRequest, half)
    failure = await t.discovery_fails()
    disconnected(failure)
    assert failure.retryable, failure


@shows("Windows Server 2012, Handling Text Response Text Field in Discovery Session")
async def every_request_final(t):
    """Every Text Request of a discovery has F, so that its reply is never one without F and without a transfer
    tag."""
    Windows2012(t.target)
    t.target.portals = [Portal(f"{BASE}{n}-target", [f"10.0.0.{n}:3260,1"]) for n in range(1, 50)]
    await t.discovery_holds(offer={"MaxRecvDataSegmentLength": "512"})
    requests = t.target.received(TextRequest)
    assert len(requests) > 1 and all(request.final for request in requests)


@shows("Windows Server 2012, Handling Text Response Text Field in Discovery Session", each=[
    {"what": "without text", "data": b""},
    {"what": "with text", "data": text.encode([("TargetName", f"{BASE}1-target")])}])
async def neither_final_nor_tag(t, what, data):
    """A reply {what} that has neither F nor a transfer tag cannot go on and ends the discovery, which is told."""
    Windows2012(t.target)
    t.target.on(TextRequest, lambda connection, request: connection.send(TextResponse(data, itt=request.itt)))
    failure = await t.discovery_fails()
    failure.names("Text Response", "F clear and no target transfer tag")
    assert not failure.retryable


@shows("Windows Server 2012, Incorrect Logout Reason Code Being Accepted During Discovery")
async def logout_of_discovery(t):
    """A discovery ends with the one logout that it may have, for the reason that the session is closed."""
    Windows2012(t.target)
    await t.discovery_holds()
    logout, = t.target.received(LogoutRequest)
    assert (logout.reason, logout.cid) == (LogoutRequest.SESSION, 0), logout


@shows("Windows Server 2012, Handling Not Understood for Required Keys", each=[
    {"tag": tag} for tag in ("0", "1", "65535")])
async def portal_group_not_answered(t, tag):
    """TargetPortalGroupTag={tag} is a declaration: it is taken and has no answer, NotUnderstood least of all."""
    Windows2012(t.target)
    t.policy.declare = [("TargetPortalGroupTag", tag)]
    assert (await t.login_holds()).tpgt == int(tag)
    assert "TargetPortalGroupTag" not in dict(said(t.target))


AGAIN = (("ImmediateData", "Yes"), ("MaxBurstLength", "32524"), ("DataDigest", "CRC32C"))


@shows("Windows Server 2012, Handling Re-negotiation During Login")
async def each_key_once(t):
    """In a login that takes several exchanges, no key is said a second time, though the target would let it."""
    Windows2012(t.target)
    t.policy.withhold = 3
    offer = {"ImmediateData": "Yes", "MaxBurstLength": "32524", "FirstBurstLength": "32524", "DataDigest": "CRC32C"}
    assert (await t.login_holds(offer=offer)).keys["MaxBurstLength"] == "32524"
    names = [key for key, _ in said(t.target)]
    assert len(names) == len(set(names)) and {key for key, _ in AGAIN} < set(names), names


@shows("Windows Server 2012, Handling Re-negotiation During Login", each=[
    {"key": key, "value": value} for key, value in AGAIN])
async def target_renegotiates(t, key, value):
    """A target that comes back to {key} once it is settled, with {value}, is left, and the key is told."""
    Windows2012(t.target)
    t.policy.withhold = 2
    rounds = []

    def say(pairs, request):
        if request.csg == LoginRequest.OPERATIONAL:
            rounds.append(request)
        return pairs + [(key, value)] if len(rounds) == 2 else pairs
    t.policy.say = say
    (await t.login_fails(offer={"ImmediateData": "Yes", "DataDigest": "CRC32C"})).names(key)


@shows("Windows Server 2012, Handling Re-negotiation During Login")
async def digest_twice(t):
    """DataDigest twice in one response is such a renegotiation, too."""
    Windows2012(t.target)
    t.policy.say = lambda pairs, request: pairs + [pair for pair in pairs if pair[0] == "DataDigest"]
    (await t.login_fails(offer={"DataDigest": "CRC32C"})).names("DataDigest")


@shows("Windows Server 2012, Text mode negotiation")
async def no_vendor_key(t):
    """With C the target leaves a vendor's key without an answer: Hawser offers none, and all that it offers goes
    without C."""
    Windows2012(t.target)
    t.policy.auth, t.policy.chap.secret = ("CHAP",), b"a" * 16
    await t.login_holds(auth=["CHAP", "None"], chap=USER, alias="x" * 255,
                        offer={"TaskReporting": "FastAbort,ResponseFence,RFC3720", "iSCSIProtocolLevel": "2",
                               "HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None"})
    assert not t.target.received(LoginRequest, more=1)
    assert not [key for key, _ in said(t.target) if key.startswith(("X-", "X#"))]
