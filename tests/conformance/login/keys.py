# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys: what is offered, answered and agreed on."""
from harness import Failure, shows
from iscsi import text
from iscsi.keys import KEYS, SEGMENT_MAX, number
from iscsi.pdu import LoginRequest
from login.text import heard

ORDER = 50

NUMBERS = [key for key in KEYS.values() if key.function in ("min", "max")]
BOOLEANS = [key for key in KEYS.values() if key.kind == "boolean"]
DIGESTS = ["HeaderDigest", "DataDigest"]
ALWAYS_OFFERED = [key for key in KEYS.values() if not key.later and key.function != "declared"]

# Offers that leave the result of one key alone to be looked at.
BESIDE = {"MaxOutstandingR2T": {"ErrorRecoveryLevel": "0"}, "FirstBurstLength": {"MaxBurstLength": str(SEGMENT_MAX)}}


def offer(key, value):
    return {**BESIDE.get(key.name, {}), key.name: value}


def source(key):
    """The section as the table of tests wants it."""
    return key.section if key.section.startswith("RFC") else f"RFC 7143, {key.section}"


def rows(keys, **more):
    return [{"key": key.name, "section": source(key), **more} for key in keys]


def between(key):
    """Values within the key's range: its ends, its default and one between."""
    return sorted({key.low, key.low + 1, number(key.default), (key.low + key.high) // 2, key.high})


# What is offered.

@shows("{section}", each=[{"key": key.name, "value": str(value), "section": source(key)}
                          for key in NUMBERS for value in between(key)])
async def number_offered(t, key, value, section):
    """{key}={value} is offered as configured."""
    await t.login_holds(offer=offer(KEYS[key], value))
    assert (key, value) in heard(t.target), heard(t.target)


@shows("{section}", each=[{"key": key.name, "value": value, "section": source(key)}
                          for key in BOOLEANS for value in ("Yes", "No")])
async def boolean_offered(t, key, value, section):
    """{key}={value} is offered as configured."""
    await t.login_holds(offer={key: value})
    assert (key, value) in heard(t.target)


@shows("RFC 7143, 6.2.1; RFC 7143, 13.1", each=[{"key": key, "value": value} for key in DIGESTS for value in (
    "None", "CRC32C", "CRC32C,None", "None,CRC32C")])
async def digest_offered(t, key, value):
    """{key}={value} is offered in the order in which it was configured."""
    await t.login(offer={key: value})
    assert (key, value) in heard(t.target)


@shows("RFC 7143, 6.2.2; RFC 7143, 13", each=[{"key": key.name, "value": value} for key in NUMBERS for value in (
    [str(key.low - 1)] if key.low else []) + [str(key.high + 1)] if key.high + 1 < 1 << (
        8 if key.high < 256 else 16 if key.high < 65536 else 32)])
async def bad_offer(t, key, value):
    """{key}={value}, which is not admissible, is refused before a connection is made."""
    failure = await t.login_fails(offer=offer(KEYS[key], value))
    failure.names(key, value)
    assert failure.code == 7
    await t.nobody_came()


@shows("RFC 7143, 13.23", each=[{"value": value} for value in (
    "RFC3720", "ResponseFence", "FastAbort", "FastAbort,ResponseFence", "FastAbort,RFC3720")])
async def task_reporting_incomplete(t, value):
    """TaskReporting={value}, without RFC3720 and ResponseFence both, is refused before a connection is made."""
    (await t.login_fails(offer={"TaskReporting": value})).names("TaskReporting", value, "lacks")
    await t.nobody_came()


@shows("RFC 7143, 6.3")
async def nothing_twice(t):
    """The initiator says no key twice in a login, however many exchanges it has."""
    t.policy.withhold = 3
    t.policy.propose = [("X-com.example.one", "1")]
    await t.login_holds(alias="me", offer={"TaskReporting": "RFC3720,ResponseFence", "iSCSIProtocolLevel": "2"})
    names = [key for key, _ in heard(t.target)]
    assert len(names) == len(set(names)), names


# What is agreed on: the result functions.

def number_pairs(key):
    values = between(key)
    return [(str(ours), str(theirs)) for ours in values[::2] + values[-1:] for theirs in values]


@shows("{section}", each=[{"key": key.name, "ours": ours, "theirs": theirs, "section": source(key)}
                          for key in NUMBERS for ours, theirs in dict.fromkeys(number_pairs(key))])
async def number_result(t, key, ours, theirs, section):
    """{key}: {ours} offered to a target that would choose {theirs} gives what the key's result function says."""
    t.policy.support[key] = theirs
    result = await t.login_holds(offer=offer(KEYS[key], ours))
    assert result.keys[key] == KEYS[key].result(ours, theirs), result.keys[key]


@shows("{section}", each=[{"key": key.name, "ours": ours, "theirs": theirs, "section": source(key)}
                          for key in BOOLEANS for ours in ("Yes", "No") for theirs in ("Yes", "No")])
async def boolean_result(t, key, ours, theirs, section):
    """{key}: {ours} offered to a target that would choose {theirs} gives the AND or OR that the key asks for."""
    t.policy.support[key] = theirs
    result = await t.login_holds(offer={key: ours})
    assert result.keys[key] == KEYS[key].result(ours, theirs), result.keys[key]


@shows("RFC 7143, 6.2.1; RFC 7143, 13.1", each=[
    {"key": key, "ours": ours, "theirs": theirs} for key in DIGESTS
    for ours in ("None", "CRC32C", "CRC32C,None", "None,CRC32C") for theirs in ("None", "CRC32C", "CRC32C,None")
    if KEYS[key].result(ours, theirs) != "Reject"])
async def digest_result(t, key, ours, theirs):
    """{key}: of {ours} a target that supports {theirs} takes the first, and that is in force."""
    t.policy.support[key] = theirs
    assert (await t.login_holds(offer={key: ours})).keys[key] == KEYS[key].result(ours, theirs)


@shows("RFC 7143, 13.23", each=[{"ours": ours, "theirs": theirs} for ours in (
    "RFC3720,ResponseFence", "ResponseFence,RFC3720", "FastAbort,ResponseFence,RFC3720") for theirs in (
        "RFC3720", "ResponseFence", "FastAbort,ResponseFence,RFC3720")
    if KEYS["TaskReporting"].result(ours, theirs) != "Reject"])
async def task_reporting_result(t, ours, theirs):
    """TaskReporting: of {ours} a target that supports {theirs} takes the first, and that is in force."""
    t.policy.support["TaskReporting"] = theirs
    result = await t.login_holds(offer={"TaskReporting": ours})
    assert result.keys["TaskReporting"] == KEYS["TaskReporting"].result(ours, theirs)


@shows("{section}", each=[{"key": key.name, "section": source(key)} for key in KEYS.values() if key.later])
async def later_key_not_offered(t, key, section):
    """{key} is not sent unless it is configured, and its default then holds."""
    result = await t.login_holds()
    assert key not in dict(heard(t.target)) and result.keys[key] == KEYS[key].default


@shows("RFC 7143, 6.1", each=[{"key": key.name, "value": f"{prefix}{number(key.default):{form}}"}
                              for key in NUMBERS for prefix, form in (("0x", "x"), ("0X", "X"), ("0x000", "x"))])
async def hexadecimal_answer(t, key, value):
    """A number may be answered in hexadecimal: {key}={value}."""
    t.policy.answers[key] = value
    result = await t.login_holds(offer=offer(KEYS[key], KEYS[key].default))
    assert result.keys[key] == KEYS[key].default


# Illegal answers.

@shows("{section}; RFC 7143, 6.2.2", each=[
    {"key": key.name, "ours": str(ours), "answer": str(answer), "section": source(key)}
    for key in NUMBERS for ours, answer in (
        [(key.low, key.low + 1), (key.low, key.high), (key.high - 1, key.high)] if key.function == "min" else
        [(key.high, key.high - 1), (key.high, key.low), (key.low + 1, key.low)])])
async def answer_beyond_offer(t, key, ours, answer, section):
    """{key}={answer} in answer to {ours} is no result of the key's function: the login ends and tells key and
    value."""
    t.policy.answers[key] = answer
    (await t.login_fails(offer=offer(KEYS[key], ours))).names(key, answer, ours)


NO_NUMBERS = ("", "-1024", "+1024", "1024.5", "a thousand", "0x", "0xg00", "1024,2048", "1024~2048", " 1024", "1024 ",
              "0b1024", "1k", "Yes", "18446744073709552640", "99999999999999999999999")


@shows("RFC 7143, 6.1; RFC 7143, 6.2.2", each=[
    {"key": key.name, "answer": answer} for key in NUMBERS
    for answer in (str(key.low - 1), str(key.high + 1), hex(key.high + 1)) if answer != "-1"] + [
    {"key": "MaxBurstLength", "answer": answer} for answer in NO_NUMBERS])
async def no_such_number(t, key, answer):
    """{key}={answer} is no number in the key's range: the login ends and tells the key."""
    t.policy.answers[key] = answer
    ours = str(KEYS[key].high if KEYS[key].function == "min" else KEYS[key].low)
    (await t.login_fails(offer=offer(KEYS[key], ours))).names(key)


@shows("RFC 7143, 6.1; RFC 7143, 6.2.2", each=[{"key": key.name, "answer": answer} for key in BOOLEANS
                                              for answer in ("yes", "NO", "true", "1", "", "None", "Yes,No")])
async def no_boolean(t, key, answer):
    """{key}={answer} is neither Yes nor No: the login ends and tells the key."""
    t.policy.answers[key] = answer
    (await t.login_fails(offer={key: "No" if KEYS[key].function == "or" else "Yes"})).names(key)


@shows("{section}; RFC 7143, 6.2.2", each=rows(BOOLEANS))
async def boolean_against_function(t, key, section):
    """An answer to {key} that no AND or OR with the offer can give ends the login and tells the key."""
    ours, answer = ("Yes", "No") if KEYS[key].function == "or" else ("No", "Yes")
    t.policy.answers[key] = answer
    (await t.login_fails(offer={key: ours})).names(key, answer)


@shows("RFC 7143, 6.2.1", each=[{"key": key, "ours": ours, "answer": answer} for key in DIGESTS
                               for ours, answer in (("None", "CRC32C"), ("CRC32C", "None"), ("CRC32C,None", "MD5"),
                                                    ("CRC32C,None", "CRC32C,None"), ("CRC32C,None", "crc32c"),
                                                    ("CRC32C,None", ""), ("CRC32C", "CRC32"))])
async def digest_not_offered(t, key, ours, answer):
    """{key}={answer} in answer to {ours} selects what was not offered: the login ends and tells key and value."""
    t.policy.answers[key] = answer
    (await t.login_fails(offer={key: ours})).names(key, answer)


@shows("RFC 7143, 6.2.1", each=[{"key": key} for key in DIGESTS])
async def required_digest_rejected(t, key):
    """A digest that is required, {key}=CRC32C, and that the target rejects ends the login and tells the key."""
    t.policy.answers[key] = "Reject"
    (await t.login_fails(offer={key: "CRC32C"})).names(key, "CRC32C")


# No answer, and the answers that are no values.

@shows("RFC 7143, 6.2.2", each=[{"key": key.name} for key in ALWAYS_OFFERED])
async def unanswered(t, key):
    """{key} without an answer, where the offer does not settle it by itself, ends the login and tells the key."""
    t.policy.answers[key] = None
    ours = {"boolean": "No" if KEYS[key].function == "or" else "Yes",
            "list": "CRC32C,None"}.get(KEYS[key].kind, KEYS[key].default)
    (await t.login_fails(offer=offer(KEYS[key], ours))).names(key)


@shows("RFC 7143, 6.2.2", each=[{"key": key.name, "ours": "Yes" if key.function == "or" else "No"}
                               for key in BOOLEANS])
async def answer_optional(t, key, ours):
    """{key}={ours} settles the result by itself and needs no answer."""
    t.policy.answers[key] = None
    assert (await t.login_holds(offer={key: ours})).keys[key] == ours


@shows("RFC 7143, 6.2.2", each=[{"key": key.name} for key in KEYS.values() if key.later])
async def later_key_unanswered(t, key):
    """{key} without an answer leaves the default in force, for a target may not know it."""
    t.policy.answers[key] = None
    ours = {"TaskReporting": "RFC3720,ResponseFence"}.get(key, "2")
    assert (await t.login_holds(offer={key: ours})).keys[key] == KEYS[key].default


@shows("RFC 7143, 6.2", each=[{"key": key.name} for key in ALWAYS_OFFERED])
async def not_understood(t, key):
    """{key}=NotUnderstood is a protocol error, since every target knows the key: the login ends and tells it."""
    t.policy.answers[key] = "NotUnderstood"
    (await t.login_fails(offer=offer(KEYS[key], KEYS[key].default))).names(key, "NotUnderstood")


@shows("RFC 7143, 6.2", each=[{"key": key.name} for key in KEYS.values() if key.later])
async def later_key_not_understood(t, key):
    """{key}=NotUnderstood is a fair answer, and the default holds."""
    t.policy.answers[key] = "NotUnderstood"
    ours = {"TaskReporting": "RFC3720,ResponseFence"}.get(key, "2")
    assert (await t.login_holds(offer={key: ours})).keys[key] == KEYS[key].default


@shows("RFC 7143, 6.2", each=[{"key": key.name} for key in ALWAYS_OFFERED])
async def rejected_default(t, key):
    """{key}=Reject leaves the default in force, which was what had been offered: the login goes on."""
    t.policy.answers[key] = "Reject"
    assert (await t.login_holds(offer=offer(KEYS[key], KEYS[key].default))).keys[key] == KEYS[key].default


@shows("RFC 7143, 6.2", each=[{"key": "MaxBurstLength", "ours": "65536"}, {"key": "FirstBurstLength", "ours": "4096"},
                              {"key": "DefaultTime2Wait", "ours": "30"}, {"key": "DefaultTime2Retain", "ours": "0"}])
async def rejected_without_recourse(t, key, ours):
    """{key}=Reject leaves a default in force that cannot answer the offer of {ours}: the login ends and tells the
    key."""
    t.policy.answers[key] = "Reject"
    (await t.login_fails(offer=offer(KEYS[key], ours))).names(key)


@shows("RFC 7143, 6.2; RFC 7143, 13.14")
async def first_burst_irrelevant(t):
    """FirstBurstLength=Irrelevant is right where InitialR2T=Yes and ImmediateData=No leave nothing unsolicited."""
    t.policy.answers["FirstBurstLength"] = "Irrelevant"
    result = await t.login_holds(offer={"InitialR2T": "Yes", "ImmediateData": "No"})
    assert (result.keys["InitialR2T"], result.keys["ImmediateData"]) == ("Yes", "No")


@shows("RFC 7143, 13.14", each=[{"r2t": r2t, "immediate": immediate} for r2t, immediate in (
    ("No", "No"), ("No", "Yes"), ("Yes", "Yes"))])
async def first_burst_not_irrelevant(t, r2t, immediate):
    """FirstBurstLength=Irrelevant with InitialR2T={r2t} and ImmediateData={immediate}, where it does matter, ends the
    login."""
    t.policy.answers["FirstBurstLength"] = "Irrelevant"
    (await t.login_fails(offer={"InitialR2T": r2t, "ImmediateData": immediate})).names("FirstBurstLength")


# Declarations.

@shows("RFC 7143, 13.12", each=[{"value": value} for value in ("512", "8192", "262144", str(SEGMENT_MAX), "0x200")])
async def receive_length_declared(t, value):
    """MaxRecvDataSegmentLength={value} of the target is what it may be sent, and the initiator's own is its own."""
    t.policy.answers["MaxRecvDataSegmentLength"] = value
    result = await t.login_holds(offer={"MaxRecvDataSegmentLength": "65536"})
    assert result.keys["MaxXmitDataSegmentLength"] == str(number(value))
    assert result.keys["MaxRecvDataSegmentLength"] == "65536"


@shows("RFC 7143, 13.12")
async def receive_length_default(t):
    """A target that declares no MaxRecvDataSegmentLength takes 8192 bytes."""
    t.policy.answers["MaxRecvDataSegmentLength"] = None
    assert (await t.login_holds()).keys["MaxXmitDataSegmentLength"] == "8192"


@shows("RFC 7143, 13.12", each=[{"value": value} for value in ("0", "511", str(SEGMENT_MAX + 1), "", "all", "-1")])
async def bad_receive_length(t, value):
    """MaxRecvDataSegmentLength={value} is not admissible: the login ends and tells the key."""
    t.policy.answers["MaxRecvDataSegmentLength"] = value
    (await t.login_fails()).names("MaxRecvDataSegmentLength")


@shows("RFC 7143, 13.12", each=[{"word": word} for word in ("Reject", "Irrelevant", "NotUnderstood")])
async def receive_length_refused(t, word):
    """A declaration cannot be refused: MaxRecvDataSegmentLength={word} ends the login."""
    t.policy.answers["MaxRecvDataSegmentLength"] = word
    (await t.login_fails()).names("MaxRecvDataSegmentLength", word)


@shows("RFC 7143, 13.6", each=[{"alias": alias} for alias in ("", "Bob-s Disk", "Datenbank \u00fc\u4e2d\U0001f4be")])
async def target_alias(t, alias):
    """The target's alias, {alias}, is taken as it is."""
    t.policy.declare.append(("TargetAlias", alias))
    assert (await t.login_holds()).alias == alias


@shows("RFC 7143, 13.7", each=[{"alias": alias} for alias in ("a", "Web Server 4", "\u00fcber " + "x" * 249)])
async def initiator_alias(t, alias):
    """The initiator's alias is sent as configured, {alias}."""
    await t.login_holds(alias=alias)
    assert ("InitiatorAlias", alias) in heard(t.target)


# What the target proposes by itself.

@shows("RFC 7143, 6.2; RFC 7144, 7.1.1", each=[{"proposal": proposal} for proposal in ("1", "2", "31")])
async def protocol_level_proposed(t, proposal):
    """A target that proposes iSCSIProtocolLevel={proposal} is answered with the lower of that and 1."""
    t.policy.propose = [("iSCSIProtocolLevel", proposal)]
    result = await t.login_holds()
    assert ("iSCSIProtocolLevel", "1") in heard(t.target) and result.keys["iSCSIProtocolLevel"] == "1"


@shows("RFC 7143, 6.2; RFC 7143, 13.23", each=[{"proposal": proposal} for proposal in (
    "RFC3720,ResponseFence", "FastAbort,ResponseFence,RFC3720", "X-unknown,ResponseFence,RFC3720")])
async def task_reporting_proposed(t, proposal):
    """A target that proposes TaskReporting={proposal} is answered with the one value that is supported unasked."""
    t.policy.propose = [("TaskReporting", proposal)]
    result = await t.login_holds()
    assert ("TaskReporting", "RFC3720") in heard(t.target) and result.keys["TaskReporting"] == "RFC3720"


@shows("RFC 7143, 6.2.1; RFC 7143, 13.23")
async def nothing_in_common(t):
    """A proposal of which the initiator supports nothing, TaskReporting=FastAbort, is answered with Reject or ends
    the login."""
    t.policy.propose = [("TaskReporting", "FastAbort")]
    outcome = await t.login()
    if isinstance(outcome, Failure):
        outcome.names("TaskReporting")
    else:
        assert ("TaskReporting", "Reject") in heard(t.target)


@shows("RFC 7143, 6.2.2", each=[{"value": value} for value in ("0x", "32", "two", "", "1~2")])
async def bad_proposal(t, value):
    """A proposal that is not admissible, iSCSIProtocolLevel={value}, is rejected or ends the login."""
    t.policy.propose = [("iSCSIProtocolLevel", value)]
    outcome = await t.login()
    if isinstance(outcome, Failure):
        outcome.names("iSCSIProtocolLevel")
    else:
        assert ("iSCSIProtocolLevel", "Reject") in heard(t.target)


# Rules between keys.

@shows("RFC 7143, 13.14", each=[{"first": first, "burst": burst} for first, burst in (
    (65536, 65536), (65537, 65536), (262144, 512), (1024, 512))])
async def first_burst_within_burst(t, first, burst):
    """FirstBurstLength does not exceed MaxBurstLength: {first} beside {burst} gives no more than {burst}."""
    t.policy.support.update(FirstBurstLength=str(first), MaxBurstLength=str(burst))
    result = await t.login_holds()
    assert int(result.keys["FirstBurstLength"]) == min(first, burst) <= int(result.keys["MaxBurstLength"]) == burst


@shows("RFC 7143, 13.14")
async def first_burst_offer_within_burst(t):
    """The initiator itself offers no FirstBurstLength above its MaxBurstLength."""
    await t.login_holds(offer={"FirstBurstLength": "262144", "MaxBurstLength": "8192"})
    said = dict(heard(t.target))
    assert int(said["FirstBurstLength"]) <= int(said["MaxBurstLength"]) == 8192


@shows("RFC 7143, 13.19", each=[{"level": level, "order": order, "r2ts": r2ts} for level in (0, 1, 2)
                                for order in ("Yes", "No") for r2ts in (1, 4)])
async def outstanding_r2t_rule(t, level, order, r2ts):
    """ErrorRecoveryLevel={level}, DataSequenceInOrder={order} and MaxOutstandingR2T={r2ts} are agreed on only if
    13.19 lets them be."""
    wanted = {"ErrorRecoveryLevel": str(level), "DataSequenceInOrder": order, "MaxOutstandingR2T": str(r2ts)}
    t.policy.support.update(wanted)
    if level and order == "Yes" and r2ts > 1:
        # Offered so that each key alone is right; the target's choices together are wrong.
        (await t.login_fails(offer={**wanted, "DataSequenceInOrder": "No"})).names("MaxOutstandingR2T")
        failure = await t.login_fails(offer=wanted)
        assert failure.code == 7, failure
        return
    result = await t.login_holds(offer=wanted)
    assert {key: result.keys[key] for key in wanted} == wanted


@shows("RFC 7143, 13.18; RFC 7143, 13.19", each=[{"pdus": a, "sequences": b} for a in ("Yes", "No")
                                                 for b in ("Yes", "No")])
async def orders(t, pdus, sequences):
    """DataPDUInOrder={pdus} and DataSequenceInOrder={sequences} are agreed on each for itself."""
    result = await t.login_holds(offer={"DataPDUInOrder": pdus, "DataSequenceInOrder": sequences})
    assert (result.keys["DataPDUInOrder"], result.keys["DataSequenceInOrder"]) == (pdus, sequences)


# Discovery sessions.

@shows("RFC 7143, 13", each=rows([key for key in KEYS.values() if not key.in_discovery]))
async def not_in_discovery(t, key, section):
    """{key} is irrelevant in a discovery session and is not offered there."""
    await t.discovery_holds(offer={key: {"TaskReporting": "RFC3720,ResponseFence"}.get(key, KEYS[key].default)})
    assert key not in dict(heard(t.target)), heard(t.target)


@shows("RFC 7143, 6.2", each=rows([key for key in KEYS.values() if not key.in_discovery]))
async def proposed_in_discovery(t, key, section):
    """A target that proposes {key} in a discovery session all the same is told that it is irrelevant."""
    t.policy.propose = [(key, KEYS[key].default)]
    await t.discovery_holds()
    assert (key, "Irrelevant") in heard(t.target), heard(t.target)


@shows("RFC 7143, 7.4.1", each=[{"level": level} for level in ("0", "1", "2")])
async def discovery_level(t, level):
    """A discovery session has ErrorRecoveryLevel 0, also where the configuration says {level}."""
    found = await t.discovery_holds(offer={"ErrorRecoveryLevel": level})
    assert dict(heard(t.target)).get("ErrorRecoveryLevel", "0") == "0"
    assert found.login.keys["ErrorRecoveryLevel"] == "0"


@shows("RFC 7143, 7.4.1", each=[{"level": level} for level in ("1", "2")])
async def discovery_level_proposed(t, level):
    """A target that answers ErrorRecoveryLevel={level} in a discovery session is refused, since it is 0 there."""
    t.policy.answers["ErrorRecoveryLevel"] = level
    (await t.discovery_fails()).names("ErrorRecoveryLevel")


@shows("RFC 7143, 6.2", each=[{"key": key.name} for key in KEYS.values() if key.in_discovery
                              and key.function != "declared"])
async def irrelevant_in_discovery(t, key):
    """A target that calls {key} irrelevant in a discovery session has not failed the negotiation."""
    t.policy.answers[key] = "Irrelevant"
    assert (await t.discovery_holds()).login.keys[key] == KEYS[key].default


@shows("RFC 7143, 6.3")
async def order_of_stages(t):
    """Operational keys are first said in the operational stage."""
    await t.login_holds()
    first, second = t.target.received(LoginRequest)
    assert not {key for key, _ in text.decode(first.data)} & set(KEYS)
    assert {key for key, _ in text.decode(second.data)} <= set(KEYS)
