# SPDX-License-Identifier: GPL-2.0-or-later
"""CHAP."""
import asyncio
import itertools

from harness import shows
from iscsi import text
from iscsi.chap import ALGORITHMS, Chap, binary, hexadecimal, in_base64, response
from iscsi.pdu import LoginRequest, LoginResponse
from login.text import heard

ORDER = 60
AUTHENTICATION_FAILED, PROTOCOL_ERROR = 24, 19
NAMES = {"MD5": 5, "SHA1": 6, "SHA256": 7, "SHA3-256": 8}


def one_way(t, auth=("CHAP",), **chap):
    """The target wants CHAP; returns the members of a login that does it."""
    t.policy.auth = ("CHAP",)
    return {"auth": list(auth), "chap": {"secret": t.policy.chap.secret.hex(), "user": "initiator-user", **chap}}


def mutual(t, **chap):
    """The same, and the target has to prove itself."""
    proof = {"target_user": t.policy.chap.own_name, "target_secret": t.policy.chap.own_secret.hex()}
    return one_way(t, **{**proof, **chap})


@shows("RFC 7143, 12.1.3", each=[{"algorithm": name} for name in NAMES])
async def one_way_holds(t, algorithm):
    """One-way CHAP with {algorithm} proves the initiator by name and response."""
    result = await t.login_holds(**one_way(t, algorithms=[algorithm]))
    assert t.policy.chap.algorithm == NAMES[algorithm] and t.policy.chap.name == "initiator-user"
    assert result.keys["AuthMethod"] == "CHAP" and not result.target_authenticated


@shows("RFC 7143, 12.1.3", each=[{"algorithm": name} for name in NAMES])
async def mutual_holds(t, algorithm):
    """Mutual CHAP with {algorithm} proves both sides."""
    result = await t.login_holds(**mutual(t, algorithms=[algorithm]))
    assert result.target_authenticated


@shows("RFC 7143, 12.1.3", each=[{"order": order} for order in (
    "MD5", "SHA1,MD5", "SHA256,SHA1,MD5", "SHA3-256,SHA256,SHA1,MD5", "MD5,SHA1,SHA256,SHA3-256")])
async def algorithms_in_order(t, order):
    """The algorithms are offered in the order in which they were configured, {order}."""
    await t.login_holds(**one_way(t, algorithms=order.split(",")))
    assert t.policy.chap.offered == [NAMES[name] for name in order.split(",")]


@shows("RFC 7143, 12.1.3")
async def default_algorithms(t):
    """MD5 is among the algorithms that are offered by default, for all targets know it."""
    await t.login_holds(**one_way(t))
    assert 5 in t.policy.chap.offered


@shows("RFC 7143, 12.1; RFC 7143, 6.2.1", each=[{"order": order} for order in (
    "CHAP", "CHAP,None", "None,CHAP", "None")])
async def methods_in_order(t, order):
    """AuthMethod={order} is offered as configured."""
    t.policy.auth = ("CHAP", "None")
    result = await t.login_holds(auth=order.split(","), chap={"secret": t.policy.chap.secret.hex()})
    assert ("AuthMethod", order) in heard(t.target)
    assert result.keys["AuthMethod"] == order.split(",", maxsplit=1)[0]


@shows("RFC 7143, 12.1")
async def none_chosen(t):
    """Where CHAP,None is offered a target may choose None, and no CHAP follows."""
    result = await t.login_holds(auth=["CHAP", "None"], chap={"secret": t.policy.chap.secret.hex()})
    assert result.keys["AuthMethod"] == "None" and not [k for k, _ in heard(t.target) if k.startswith("CHAP")]


@shows("RFC 7143, 12.1.3")
async def steps_of_initiator(t):
    """The initiator's steps are CHAP_A, then CHAP_N and CHAP_R with, when mutual, CHAP_I and CHAP_C."""
    await t.login_holds(**mutual(t))
    said = [[key for key, _ in text.decode(request.data)] for request in t.target.received(LoginRequest, csg=0)]
    assert said[1] == ["CHAP_A"] and sorted(said[2]) == ["CHAP_C", "CHAP_I", "CHAP_N", "CHAP_R"], said


@shows("RFC 7143, 12.1.3")
async def user_name_default(t):
    """The initiator's CHAP name is its iSCSI name unless another is configured."""
    await t.login_holds(**one_way(t, user=""))
    assert t.policy.chap.name == "iqn.2026-11.io.hawser.test:initiator"


@shows("RFC 7143, 12.1.3", each=[{"name": name} for name in (
    "a", "user@example.com", "\u00fc\u00f6 \u4e2d", "n" * 223)])
async def user_names(t, name):
    """The CHAP name is any text, {name}."""
    await t.login_holds(**one_way(t, user=name))
    assert t.policy.chap.name == name


@shows("RFC 7143, 9.2.1", each=[{"size": size} for size in (12, 13, 16, 17, 63, 64, 65, 128, 255)])
async def secrets(t, size):
    """A secret of {size} bytes, of any values, is used whole."""
    t.policy.chap.secret = bytes((n * 37 + size) % 256 for n in range(size))
    await t.login_holds(**one_way(t))


@shows("RFC 7143, 9.2.1", each=[{"size": size} for size in (1, 11)])
async def short_secret(t, size):
    """A secret of {size} bytes, under 96 bits, is refused before a connection is made."""
    t.policy.chap.secret = b"s" * size
    (await t.login_fails(**one_way(t))).names("96 bits")
    await t.nobody_came()


@shows("RFC 7143, 9.2.1", each=[{"size": size} for size in (1, 11)])
async def short_secret_with_ipsec(t, size):
    """A secret of {size} bytes, under 96 bits, may be used where IPsec protects the connection."""
    t.policy.chap.secret = b"s" * size
    await t.login_holds(**one_way(t, ipsec=True))


@shows("RFC 1994, 4.1; RFC 7143, 12.1.3", each=[{"identifier": value} for value in (
    "0", "1", "127", "128", "255", "0x0", "0xff", "0XA5")])
async def identifiers(t, identifier):
    """An identifier of any value in any form, CHAP_I={identifier}, is taken into the response."""
    t.policy.chap.identifier = identifier
    await t.login_holds(**one_way(t))


@shows("RFC 1994, 4.1; RFC 7143, 12.1.3", each=[{"identifier": value} for value in (
    "256", "-1", "", "x", "0x100", "1,2")])
async def bad_identifier(t, identifier):
    """CHAP_I={identifier} is no byte: the login ends and tells the key."""
    t.policy.chap.identifier = identifier
    (await t.login_fails(**one_way(t))).names("CHAP_I")


SIZES = (1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 63, 64, 127, 255, 256, 257, 511, 1000, 1023, 1024)


@shows("RFC 7143, 6.1; RFC 7143, 12.1.3", each=[{"size": size, "form": form} for size in SIZES
                                               for form in ("hexadecimal", "base64")])
async def challenges(t, size, form):
    """A challenge of {size} bytes in {form} is answered, and so is the target's answer of that form taken."""
    t.policy.chap.challenge = bytes((n * 91 + 7) % 256 for n in range(size))
    t.policy.chap.encode = hexadecimal if form == "hexadecimal" else in_base64
    assert (await t.login_holds(**mutual(t))).target_authenticated


@shows("RFC 7143, 6.1", each=[{"form": form} for form in ("0X", "upper case", "odd digits", "0B", "without padding")])
async def forms_of_challenge(t, form):
    """A binary-value may be written in every form of 6.1 ({form})."""
    chap = t.policy.chap
    chap.challenge = b"\x0a\xbc\xde\xf0" + bytes(range(13))
    chap.encode = {
        "0X": lambda data: "0X" + data.hex(),
        "upper case": lambda data: "0x" + data.hex().upper(),
        "odd digits": lambda data: "0x" + (data.hex()[1:] if data.hex().startswith("0") else data.hex()),
        "0B": lambda data: "0B" + in_base64(data)[2:],
        "without padding": lambda data: in_base64(data).rstrip("="),
    }[form]
    await t.login_holds(**mutual(t))


@shows("RFC 7143, 12.1.3", each=[{"case": case, "value": value} for case, value in (
    ("no bytes", "0x"), ("no bytes in base64", "0b"), ("1025 bytes", "0x" + "ab" * 1025),
    ("1025 bytes in base64", in_base64(b"a" * 1025)), ("no digits", "0xzz"), ("no base64", "0b!!!!"),
    ("decimal", "12345678901234567890"), ("no prefix", "abcdef"), ("nothing", ""), ("a space", "0x ab"))])
async def bad_challenge(t, case, value):
    """A challenge that is no binary-value of 1 to 1024 bytes ({case}) ends the login and tells the key."""
    t.policy.chap.encode = lambda data: value
    (await t.login_fails(**one_way(t))).names("CHAP_C")


@shows("RFC 7143, 12.1.3", each=[{"answer": answer} for answer in ("9", "0", "6,5", "", "MD5", "-5")])
async def algorithm_not_offered(t, answer):
    """CHAP_A={answer} in answer to an offer of MD5 alone ends the login and tells key and value."""
    t.policy.say = lambda pairs, _: [(key, answer if key == "CHAP_A" else value) for key, value in pairs]
    (await t.login_fails(**one_way(t, algorithms=["MD5"]))).names("CHAP_A", answer)


@shows("RFC 7143, 12.1.3", each=[{"order": "".join(order)} for order in itertools.permutations("AIC")])
async def order_of_challenge(t, order):
    """The keys of a challenge may come in any order ({order})."""
    t.policy.say = lambda pairs, _: sorted(pairs, key=lambda pair: order.find(pair[0][-1]))
    await t.login_holds(**one_way(t))


@shows("RFC 7143, 12.1.3")
async def order_of_proof(t):
    """The keys of a proof may come in any order: CHAP_R before CHAP_N."""
    t.policy.say = lambda pairs, _: sorted(pairs, reverse=True)
    assert (await t.login_holds(**mutual(t))).target_authenticated


@shows("RFC 7143, 12.1.3", each=[{"key": key} for key in ("CHAP_A", "CHAP_I", "CHAP_C")])
async def challenge_incomplete(t, key):
    """A challenge without {key} ends the login and tells the key."""
    t.policy.say = lambda pairs, _: [pair for pair in pairs if pair[0] != key]
    (await t.login_fails(**one_way(t))).names(key)


@shows("RFC 7143, 12.1.3", each=[{"key": key} for key in ("CHAP_N", "CHAP_R")])
async def proof_incomplete(t, key):
    """A target's proof without {key} ends the login and tells the key."""
    t.policy.say = lambda pairs, _: [pair for pair in pairs if pair[0] != key]
    (await t.login_fails(**mutual(t))).names(key)


@shows("RFC 7143, 12.1.3", each=[{"key": key} for key in ("CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R",
                                                          "AuthMethod")])
async def key_twice(t, key):
    """{key} that comes twice in the exchange ends the login and tells the key."""
    t.policy.say = lambda pairs, _: pairs + [pair for pair in pairs if pair[0] == key]
    (await t.login_fails(**mutual(t))).names(key)


@shows("RFC 7143, 12.1.3", each=[{"key": key, "value": value} for key, value in (
    ("CHAP_N", "name"), ("CHAP_R", "0x" + "00" * 16))])
async def key_too_early(t, key, value):
    """{key} beside the target's challenge, where it has no place yet, ends the login."""
    t.policy.say = lambda pairs, _: pairs + ([(key, value)] if dict(pairs).get("CHAP_C") else [])
    (await t.login_fails(**mutual(t))).names(key)


@shows("RFC 7143, 12.1.3")
async def chap_without_being_chosen(t):
    """A challenge of a target that chose no method, or None, ends the login."""
    t.policy.declare += [("CHAP_A", "5"), ("CHAP_I", "1"), ("CHAP_C", "0x" + "11" * 16)]
    (await t.login_fails(auth=["CHAP", "None"], chap={"secret": "61" * 16})).names("CHAP")


@shows("RFC 7143, 12.1", each=[{"method": method} for method in ("KRB5", "SRP", "None", "chap", "", "CHAP,None",
                                                                  "Z-com.example.method")])
async def method_not_offered(t, method):
    """AuthMethod={method} of a target to which CHAP alone was offered ends the login and tells key and value."""
    t.policy.say = lambda pairs, _: [(key, method if key == "AuthMethod" else value) for key, value in pairs]
    failure = await t.login_fails(**one_way(t))
    failure.names("AuthMethod", method)
    assert failure.code == AUTHENTICATION_FAILED


@shows("RFC 7143, 12.1")
async def chap_not_configured(t):
    """A target that chooses CHAP where no secret is configured, and only None was offered, is not logged in to; that
    is told."""
    t.policy.say = lambda pairs, _: [(key, "CHAP" if key == "AuthMethod" else value) for key, value in pairs]
    failure = await t.login_fails()
    failure.names("AuthMethod", "CHAP", "no CHAP secret is configured")
    assert failure.code == AUTHENTICATION_FAILED


@shows("RFC 7143, 6.3.2")
async def method_rejected(t):
    """A target that rejects every method offered ends the login; what was offered is told."""
    t.policy.say = lambda pairs, _: [(key, "Reject" if key == "AuthMethod" else value) for key, value in pairs]
    failure = await t.login_fails(**one_way(t))
    failure.names("does not offer", "CHAP", "Reject")
    assert failure.code == AUTHENTICATION_FAILED


@shows("RFC 7143, 12.1")
async def required_but_skipped(t):
    """A target that does not choose a method where CHAP is required, and wants to go on, is not logged in to."""
    t.policy.say = lambda pairs, _: [pair for pair in pairs if pair[0] != "AuthMethod"]
    failure = await t.login_fails(**one_way(t))
    assert failure.code == AUTHENTICATION_FAILED
    failure.names("CHAP")


@shows("RFC 7143, 9.2.1", each=[{"case": case} for case in ("after the offer", "after the challenge")])
async def security_cut_short(t, case):
    """A target that ends the security stage before CHAP is done ({case}) is not logged in to."""
    async def script(connection):
        chap = Chap()
        request = await connection.expect(LoginRequest)
        await connection.login.send(LoginResponse(text.encode([("AuthMethod", "CHAP")])), request)
        request = await connection.expect(LoginRequest)
        keys = dict(text.decode(request.data))
        if case == "after the challenge":
            await connection.login.send(LoginResponse(text.encode(chap.choose(keys["CHAP_A"]))), request)
            request = await connection.expect(LoginRequest)
        await connection.login.send(LoginResponse(transit=1, csg=0, nsg=1), request)
        await connection.expect_close()
    t.target.script = script
    await t.login_fails(**mutual(t))


@shows("RFC 7143, 12.1.3", each=[{"case": case} for case in ("one-way", "mutual")])
async def wrong_secret(t, case):
    """A target that does not take the initiator's response refuses the login, and that is told with its status and
    the CHAP name that was used ({case})."""
    request = one_way(t, secret="77" * 16) if case == "one-way" else mutual(t, secret="77" * 16)
    failure = await t.login_fails(**request)
    assert (failure.code, failure.status) == (AUTHENTICATION_FAILED, (2, 1)), failure
    failure.names("authentication failure", "class 2, detail 1", "initiator-user", "secret")


@shows("RFC 7143, 12.1.3")
async def wrong_proof(t):
    """A target whose own response is wrong is not logged in to, and the text says whose secret is not the configured
    one."""
    request = mutual(t)
    t.policy.chap.own_secret = b"another-secret-of-it"
    failure = await t.login_fails(**request)
    assert failure.code == AUTHENTICATION_FAILED and failure.status is None, failure
    failure.names("target's CHAP response")


@shows("RFC 7143, 12.1.3", each=[{"size": size} for size in (1, 15, 17, 1024)])
async def proof_of_wrong_size(t, size):
    """A target's response of {size} bytes is no digest: it is not logged in to."""
    t.policy.say = lambda pairs, _: [(key, "0x" + "5a" * size if key == "CHAP_R" else value) for key, value in pairs]
    assert (await t.login_fails(**mutual(t, algorithms=["MD5"]))).code == AUTHENTICATION_FAILED


@shows("RFC 7143, 12.1.3")
async def wrong_target_name(t):
    """A target that proves itself under another name than the configured one is not logged in to; both names are
    told."""
    request = mutual(t)
    t.policy.chap.own_name = "somebody-else"
    failure = await t.login_fails(**request)
    assert failure.code == AUTHENTICATION_FAILED
    failure.names("somebody-else", "target-user")


@shows("RFC 7143, 12.1.3")
async def unproved_target(t):
    """A target that should prove itself and goes on without is not logged in to."""
    t.policy.say = lambda pairs, request: [pair for pair in pairs if pair[0] not in ("CHAP_N", "CHAP_R")]
    assert (await t.login_fails(**mutual(t))).code in (AUTHENTICATION_FAILED, PROTOCOL_ERROR)


@shows("RFC 7143, 9.2.1")
async def own_response_back(t):
    """A target that proves itself with the initiator's own secret is not logged in to."""
    t.policy.chap.own_secret = t.policy.chap.secret
    request = mutual(t, target_secret=b"the-secret-configured".hex())
    failure = await t.login_fails(**request)
    assert failure.code == AUTHENTICATION_FAILED
    failure.names("own secret")


@shows("RFC 7143, 9.2.1")
async def one_secret_for_both(t):
    """One secret configured for both directions is refused before a connection is made."""
    failure = await t.login_fails(**mutual(t, target_secret=t.policy.chap.secret.hex()))
    failure.names("both directions")
    await t.nobody_came()


@shows("RFC 7143, 9.2.1")
async def own_challenge_back(t):
    """A target that sends the initiator's challenge on another connection back as its own is not logged in to."""
    stolen = asyncio.get_running_loop().create_future()

    async def rogue(connection):
        if connection.index == 0:  # keeps the initiator waiting for a proof
            for _ in range(2):
                await connection.handle(await connection.receive())
            request = await connection.expect(LoginRequest)
            stolen.set_result(binary(dict(text.decode(request.data))["CHAP_C"]))
            await connection.closed.wait()
            return
        t.policy.chap.challenge = await stolen
        await connection.serve()
    t.target.script = rogue
    first = asyncio.create_task(t.login(**mutual(t)))
    await stolen
    failure = await t.login_fails(**mutual(t), isid="800011220002")
    assert failure.code == AUTHENTICATION_FAILED
    failure.names("challenge")
    t.target.connections[0].close()
    await first


@shows("RFC 7143, 9.2.1", each=[{"logins": logins} for logins in (1, 50)])
async def old_challenge_back(t, logins):
    """A target that sends the initiator's challenge of {logins} logins ago back as its own is not logged in to."""
    await t.login_holds(**mutual(t))
    old = t.policy.chap.their_challenge
    for _ in range(logins - 1):
        await t.login_holds(**mutual(t))
    t.policy.chap.challenge = old
    failure = await t.login_fails(**mutual(t))
    assert failure.code == AUTHENTICATION_FAILED
    failure.names("challenge", "back")


@shows("RFC 7143, 9.2.1")
async def own_challenge_on_same_connection(t):
    """The initiator's challenge is not the one that the target sent on this connection."""
    await t.login_holds(**mutual(t))
    assert t.policy.chap.their_challenge != t.policy.chap.challenge


@shows("RFC 7143, 9.2.1", each=[{"algorithm": name} for name in NAMES])
async def fresh_challenges(t, algorithm):
    """The initiator's challenges are different in each login, and as long as the digest of {algorithm} at least."""
    seen = []
    for _ in range(8):
        await t.login_holds(**mutual(t, algorithms=[algorithm]))
        seen.append(t.policy.chap.their_challenge)
    assert len(set(seen)) == len(seen)
    assert all(16 <= len(one) <= 1024 for one in seen), seen
    assert all(len(one) >= ALGORITHMS[NAMES[algorithm]]().digest_size for one in seen)


@shows("RFC 7143, 9.2.1")
async def replayed_proof(t):
    """A target that answers with the response of an earlier login is not logged in to."""
    await t.login_holds(**mutual(t))
    chap = t.policy.chap
    old = hexadecimal(response(chap.algorithm, chap.their_identifier, chap.own_secret, chap.their_challenge))
    t.policy.say = lambda pairs, _: [(key, old if key == "CHAP_R" else value) for key, value in pairs]
    assert (await t.login_fails(**mutual(t))).code == AUTHENTICATION_FAILED


@shows("RFC 7143, 9.2.1")
async def secrets_not_told(t):
    """Neither secret is in the text of any failure, nor anywhere in what is sent."""
    request = mutual(t)
    t.policy.chap.own_secret = b"another-secret-of-it"
    failure = await t.login_fails(**request)
    wire = b"".join(pdu.data for pdu in t.target.received(LoginRequest))
    for secret in (t.policy.chap.secret, b"target-secret-1"):
        assert secret.decode() not in failure.text and secret.hex() not in failure.text
        assert secret not in wire and secret.hex().encode() not in wire


@shows("RFC 7143, 12.1.3")
async def chap_over_pieces(t):
    """The exchange may be cut at any byte: a challenge of 1024 bytes in pieces of 100 is answered."""
    t.policy.piece = 100
    t.policy.chap.challenge = bytes(n % 256 for n in range(1024))
    assert (await t.login_holds(**mutual(t), max_exchanges=200)).target_authenticated


@shows("RFC 7143, 12.1.3")
async def steps_in_separate_pdus(t):
    """A target may answer AuthMethod first and challenge in the next exchange only."""
    await t.login_holds(**one_way(t))
    replies = [text.decode(entry.pdu.data) for entry in t.target.log if isinstance(entry.pdu, LoginResponse)]
    assert ("AuthMethod", "CHAP") in replies[0] and not any(key == "CHAP_C" for key, _ in replies[0])


@shows("RFC 7143, 12.1.3")
async def silent_about_chap(t):
    """A target that chose CHAP and leaves CHAP_A unanswered is given up."""
    t.policy.say = lambda pairs, _: [pair for pair in pairs if not pair[0].startswith("CHAP_")]
    (await t.login_fails(**one_way(t))).names("CHAP")


@shows("RFC 7143, 12.1.3")
async def discovery_chap(t):
    """A discovery session is authenticated in the same way, one-way and mutual."""
    await t.discovery_holds(**one_way(t))
    found = await t.discovery_holds(**mutual(t))
    assert found.login.target_authenticated


@shows("RFC 7143, 12.1.3")
async def second_connection_chap(t):
    """A connection that joins a session is authenticated like the first one."""
    session = t.target.new_session("iqn.2026-11.io.hawser.test:initiator", 0x800011220001)
    assert (await t.login_holds(cid=1, tsih=session.tsih, **mutual(t))).target_authenticated


@shows("RFC 7143, 12.1")
async def chap_without_secret(t):
    """CHAP without a secret is refused before a connection is made."""
    (await t.login_fails(auth=["CHAP"], chap={})).names("secret")
    await t.nobody_came()
