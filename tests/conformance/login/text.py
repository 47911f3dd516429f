# SPDX-License-Identifier: GPL-2.0-or-later
"""Text: key=value pairs over PDUs."""
from harness import shows
from iscsi import text
from iscsi.keys import KEYS, OBSOLETE
from iscsi.pdu import LoginRequest, LoginResponse

ORDER = 40
MANY = 2000  # exchanges, where a test wants more than the usual limit


def heard(target):
    """Every pair that the initiator sent, in order; C-bit segments put together."""
    whole, pairs = b"", []
    for request in target.received(LoginRequest):
        whole += request.data
        if not request.more:
            pairs += text.decode(whole)
            whole = b""
    return pairs


@shows("RFC 7143, 6.1; RFC 7143, 6.2", each=[{"size": size} for size in
                                            (1, 2, 3, 4, 5, 7, 11, 13, 16, 17, 23, 31, 47, 64, 97, 128, 199, 255)])
async def cut_at_any_byte(t, size):
    """The target's text may be cut at any byte: in pieces of {size} bytes with the C bit it is the same text."""
    t.policy.piece = size
    t.policy.declare.append(("TargetAlias", "An alias = with more; \u00e4\u00f6\u00fc"))
    result = await t.login_holds(max_exchanges=MANY, offer={"MaxBurstLength": "70000", "HeaderDigest": "CRC32C,None"})
    assert result.alias == "An alias = with more; \u00e4\u00f6\u00fc"
    assert result.keys["MaxBurstLength"] == "70000" and result.keys["HeaderDigest"] == "CRC32C"


@shows("RFC 7143, 6.2", each=[{"stage": stage, "csg": csg} for stage, csg in (("security", 0), ("operational", 1))])
async def answer_to_more(t, stage, csg):
    """In the {stage} stage, a response with C is answered with a request without data."""
    t.policy.piece = 20
    await t.login_holds(max_exchanges=MANY)
    log = [entry.pdu for entry in t.target.log]
    pairs = [(response, request) for response, request in zip(log, log[1:])
             if isinstance(response, LoginResponse) and response.more and response.csg == csg]
    assert pairs and all(not request.data and not request.more for _, request in pairs), pairs


@shows("RFC 7143, 6.2")
async def more_without_data(t):
    """A response with C and no data is answered like any other with C."""
    left = [3]

    async def stall(connection, request):
        if request.csg == 1 and left[0]:
            left[0] -= 1
            await connection.login.send(LoginResponse(more=1, csg=1), request)
        else:
            await connection.default(request)
    # The first request of the stage has the keys and goes by; the empty ones after it are stalled.
    t.target.on(LoginRequest, stall, csg=1, data=b"")
    t.policy.withhold = 1
    await t.login_holds()
    assert left == [0]


@shows("RFC 7143, 6.2")
async def more_for_ever(t):
    """A target that sets C for ever is given up."""
    async def script(connection):
        while True:
            request = await connection.receive()
            await connection.login.send(LoginResponse(more=1, csg=request.csg), request)
    t.target.script = script
    (await t.login_fails(max_exchanges=16)).names("16")


@shows("RFC 7143, 6.2; RFC 7143, 11.12.2")
async def long_request(t):
    """An initiator with more to say than one request holds says it in several, all but the last with C and without
    T."""
    t.policy.propose = [(f"X-com.example.a-rather-long-name-of-a-key.{n:03}", "1") for n in range(150)]
    await t.login_holds(max_exchanges=MANY, max_text_length=1 << 20)
    parts = t.target.received(LoginRequest, more=1)
    assert parts and all(not part.transit and len(part.data) == 8192 for part in parts[:-1]), parts
    assert [pair for pair in heard(t.target) if pair[0].startswith("X-")] == \
        [(key, "NotUnderstood") for key, _ in t.policy.propose]


@shows("RFC 7143, 6.2")
async def text_in_answer_to_more(t):
    """A target that answers the initiator's C with text breaks the rule, and the login ends."""
    t.policy.propose = [(f"X-com.example.a-rather-long-name-of-a-key.{n:03}", "1") for n in range(150)]

    async def chat(connection, request):
        await connection.login.send(LoginResponse(text.encode([("TargetAlias", "too early")]), csg=1), request)
    t.target.on(LoginRequest, chat, more=1)
    (await t.login_fails()).names("C")


@shows("RFC 7143, 6.1", each=[{"size": size} for size in (8192, 32768, 60000)])
async def long_text(t, size):
    """Text of {size} bytes in one negotiation is taken."""
    t.policy.declare += [(f"X-com.example.{n}", "v" * 240) for n in range(size // 260)]
    await t.login_holds()


@shows("RFC 7143, 6.2", each=[{"limit": limit} for limit in (8192, 65536)])
async def too_long_text(t, limit):
    """Text without end is cut off at a limit, {limit} bytes here, and the limit is told."""
    t.policy.declare += [(f"X-com.example.{n}", "v" * 240) for n in range(2 * limit // 240)]
    (await t.login_fails(max_text_length=limit, max_exchanges=MANY)).names(str(limit))


def raw(t, data):
    """The first response of the security stage carries data as its text."""
    def put(response, request):
        if request.csg == 0:
            response.data = data
    t.policy.edit = put


@shows("RFC 7143, 6.1", each=[{"case": name, "data": data} for name, data in (
    ("no delimiter at the end", b"TargetPortalGroupTag=1"),
    ("no equals sign", b"TargetPortalGroupTag\0"),
    ("no key", b"=1\0"),
    ("a key of 64 characters", b"X" * 64 + b"=1\0"),
    ("a key with a space", b"Target Alias=1\0"),
    ("a key that begins with a digit", b"1Key=1\0"),
    ("a key that is not ASCII", "Schl\u00fcssel=1\0".encode()),
    ("an empty pair between two", b"TargetAlias=a\0\0TargetPortalGroupTag=1\0"),
    ("a value that is no UTF-8", b"TargetAlias=\xff\xfe\0"),
    ("a value of an overlong encoding", b"TargetAlias=\xc0\xaf\0"),
    ("a value with a surrogate", b"TargetAlias=\xed\xa0\x80\0"),
    ("a value cut in a character", b"TargetAlias=\xe2\x82\0"))])
async def malformed(t, case, data):
    """Text that is no list of key=value pairs ({case}) ends the login."""
    raw(t, data)
    assert (await t.login_fails()).code == 19


@shows("RFC 7143, 6.1", each=[{"key": key} for key in (
    "X", "X" * 63, "Zz.-+@_9", "X-com.example.bar.foo.do_something")])
async def unknown_key(t, key):
    """A key that nobody defined ({key}) is answered with NotUnderstood and is not in the way."""
    t.policy.propose = [(key, "3")]
    await t.login_holds()
    assert (key, "NotUnderstood") in heard(t.target)


@shows("RFC 7143, 6.2; RFC 7143, 13.22", each=[{"stage": "security"}, {"stage": "operational"}])
async def private_key(t, stage):
    """A private X- key of the target in the {stage} stage is answered with NotUnderstood."""
    pair = ("X-com.example.key", "a,b,None")
    if stage == "security":
        t.policy.edit = lambda response, request: set_aside(response, request)
        t.policy.declare.append(pair)
    else:
        t.policy.propose = [pair]
    await t.login_holds()
    assert ("X-com.example.key", "NotUnderstood") in heard(t.target)


def set_aside(response, request):
    """T comes back only with the second response of the security stage."""
    if request.csg == 0 and b"X-com" in response.data:
        response.transit = response.nsg = 0


@shows("RFC 7143, 6.1")
async def case_matters(t):
    """Keys are case sensitive: a known key in other letters is one that is not understood."""
    t.policy.propose = [("MAXBURSTLENGTH", "65536"), ("Initialr2t", "Yes")]
    await t.login_holds()
    answers = dict(heard(t.target))
    assert answers["MAXBURSTLENGTH"] == answers["Initialr2t"] == "NotUnderstood"


@shows("RFC 7143, 6.1")
async def equals_in_value(t):
    """A key ends at the first equals sign; those after it are part of the value."""
    t.policy.declare.append(("TargetAlias", "a=b=c"))
    assert (await t.login_holds()).alias == "a=b=c"


@shows("RFC 7143, 6.1; RFC 7143, 13.6", each=[{"size": size} for size in (0, 1, 254, 255)])
async def longest_value(t, size):
    """A value of {size} bytes is within the 255 that a value may have."""
    t.policy.declare.append(("TargetAlias", "x" * size))
    assert (await t.login_holds()).alias == "x" * size


@shows("RFC 7143, 6.1; RFC 7143, 13.6", each=[{"size": size} for size in (256, 4000)])
async def too_long_value(t, size):
    """A value of {size} bytes is longer than the 255 that a value may have, and ends the login."""
    t.policy.declare.append(("TargetAlias", "x" * size))
    (await t.login_fails()).names("TargetAlias")


@shows("RFC 7143, 6.2", each=[{"word": word, "key": key} for word in ("Reject", "Irrelevant", "NotUnderstood")
                              for key in ("TaskReporting", "X-com.example.key", "iSCSIProtocolLevel")])
async def reserved_as_proposal(t, word, key):
    """{word} is no value that may be proposed: {key}={word} for a key that the initiator did not send ends the
    login."""
    t.policy.propose = [(key, word)]
    (await t.login_fails()).names(key, word)


@shows("RFC 7143, 6.3", each=[{"key": key} for key in KEYS if key not in ("TaskReporting", "iSCSIProtocolLevel")])
async def answered_twice(t, key):
    """{key} that comes twice in one response is a renegotiation: the initiator drops the connection."""
    t.policy.say = lambda pairs, request: pairs + [pair for pair in pairs if pair[0] == key]
    (await t.login_fails()).names(key)


@shows("RFC 7143, 6.3", each=[{"key": key} for key in ("TargetAlias", "TargetPortalGroupTag")])
async def declared_twice(t, key):
    """{key} is declared once in a login; a second time, with the same value or not, ends it."""
    t.policy.declare = [(key, "1"), (key, "1")]
    (await t.login_fails()).names(key)


@shows("RFC 7143, 6.3", each=[{"key": key} for key in ("HeaderDigest", "MaxBurstLength", "InitialR2T",
                                                       "MaxRecvDataSegmentLength", "ErrorRecoveryLevel")])
async def answered_again(t, key):
    """{key} that comes once more in a later response of the same login ends it."""
    t.policy.withhold = 1
    values = {}

    def repeat(pairs, request):
        values.update(dict(pairs))
        return pairs or [(key, values[key])]
    t.policy.say = repeat
    (await t.login_fails()).names(key)


@shows("RFC 7143, 6.3; RFC 7143, 12", each=[{"key": key} for key in KEYS])
async def operational_in_security(t, key):
    """{key} has no place in the security stage; there it ends the login."""
    t.policy.declare.append((key, KEYS[key].default))
    (await t.login_fails()).names(key, "stage")


@shows("RFC 7143, 6.3; RFC 7143, 12", each=[{"key": key, "value": value} for key, value in (
    ("AuthMethod", "None"), ("CHAP_A", "5"), ("CHAP_I", "1"), ("CHAP_C", "0x0102"), ("CHAP_N", "n"),
    ("CHAP_R", "0x0102"))])
async def security_in_operational(t, key, value):
    """{key} has no place in the operational stage; there it ends the login."""
    t.policy.say = lambda pairs, request: [p for p in pairs if request.csg or p[0] != "AuthMethod"]
    t.policy.propose = [(key, value)]
    (await t.login_fails()).names(key, "stage")


@shows("RFC 7143, 13.25", each=[{"key": key, "value": value} for key, value in zip(
    OBSOLETE, ("Yes", "Yes", "2048", "2048~8192"))])
async def obsolete_key(t, key, value):
    """{key} is obsolete: a target that proposes it gets Reject, never NotUnderstood."""
    t.policy.propose = [(key, value)]
    result = await t.login_holds()
    assert (key, "Reject") in heard(t.target), heard(t.target)
    assert result.keys["HeaderDigest"] == "None"


@shows("RFC 7143, 13.3", each=[{"key": key, "value": value} for key, value in (("SendTargets", "All"),
                                                                              ("InitiatorName", "iqn.2026-11.a:b"),
                                                                              ("InitiatorAlias", "x"),
                                                                              ("SessionType", "Normal"))])
async def not_a_targets_key(t, key, value):
    """{key} is not a target's to say in a login."""
    t.policy.propose = [(key, value)]
    (await t.login_fails()).names(key)


@shows("RFC 7143, 13.4")
async def other_target_name(t):
    """A TargetName in the login that is not the one asked for ends it."""
    t.policy.declare.append(("TargetName", "iqn.2026-11.io.hawser.test:another"))
    (await t.login_fails()).names("TargetName")


@shows("RFC 7143, 13.26")
async def node_architecture(t):
    """X#NodeArchitecture of a target changes nothing."""
    t.policy.propose = [("X#NodeArchitecture", "ExampleOS/v1234,ExampleInc_SW_Target/1.05a")]
    t.policy.say = lambda pairs, _: pairs
    await t.login_holds()


@shows("RFC 7143, 13.26")
async def long_node_architecture(t):
    """X#NodeArchitecture of more than 255 bytes ends the login."""
    t.policy.propose = [("X#NodeArchitecture", "a" * 256)]
    (await t.login_fails()).names("X#NodeArchitecture")


@shows("RFC 7143, 13.8", each=[{"count": count} for count in (1, 2, 5)])
async def addresses_declared(t, count):
    """TargetAddress may be declared several times ({count}) in a login that goes on."""
    t.policy.declare += [("TargetAddress", f"10.0.0.{n}:3260") for n in range(count)]
    await t.login_holds()


@shows("RFC 7143, 6.2", each=[{"key": key} for key in ("InitiatorName", "TargetName", "SessionType")])
async def declaration_not_understood(t, key):
    """{key}=NotUnderstood is a protocol error, since every target understands {key} (SessionType=Normal alone is let
    by)."""
    t.policy.declare.append((key, "NotUnderstood"))
    outcome = await t.login()
    if key == "SessionType":
        assert hasattr(outcome, "tsih"), outcome
    else:
        outcome.names(key, "NotUnderstood")


@shows("RFC 7143, 6.2; RFC 7143, 13.7")
async def alias_not_understood(t):
    """A target that does not care for the initiator's alias can be used."""
    t.policy.declare.append(("InitiatorAlias", "NotUnderstood"))
    await t.login_holds(alias="somebody")


@shows("RFC 7143, 6.2")
async def discovery_not_understood(t):
    """A target that does not understand SessionType=Discovery is no discovery session."""
    t.policy.declare.append(("SessionType", "NotUnderstood"))
    (await t.discovery_fails()).names("SessionType")


@shows("RFC 7143, 6.2.2", each=[{"key": key} for key in ("IFMarker", "OFMarker")])
async def settled_with_transit(t, key):
    """{key}=No in a response with T has one outcome, and so waits for no answer: LIO before Linux 4.2 ends its logins
    with it."""
    t.policy.say = lambda pairs, request: pairs + ([(key, "No")] if request.csg == 1 else [])
    await t.login_holds()


@shows("RFC 7143, 11.13.6", each=[{"key": key, "value": value} for key, value in (
    ("TaskReporting", "RFC3720,ResponseFence"), ("iSCSIProtocolLevel", "2"), ("IFMarker", "Yes"))])
async def proposal_with_transit(t, key, value):
    """A response with T must not hold a proposal, {key} here, that waits for an answer."""
    t.policy.say = lambda pairs, request: pairs + ([(key, value)] if request.csg == 1 else [])
    (await t.login_fails()).names(key)
