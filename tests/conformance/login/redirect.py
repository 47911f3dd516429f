# SPDX-License-Identifier: GPL-2.0-or-later
"""Redirection."""
from harness import shows
from iscsi.pdu import LoginRequest

ORDER = 30
TEMPORARY, PERMANENT = (1, 1), (1, 2)
KINDS = [{"kind": "temporary", "status": TEMPORARY}, {"kind": "permanent", "status": PERMANENT}]


def point(target, status, *addresses):
    """From now on target redirects every login there."""
    target.policy.status, target.policy.redirect = status, list(addresses)


@shows("RFC 7143, 11.13.5", each=KINDS)
async def followed(t, kind, status):
    """A {kind} redirection is followed, and only a permanent one moves the target for later logins."""
    there = await t.another_target()
    point(t.target, status, there.address)
    result = await t.login_holds()
    assert result.address == there.address
    assert result.moved_to == (there.address if status == PERMANENT else None)


@shows("RFC 7143, 11.13.5")
async def new_login(t):
    """The login at the new address is one of its own: numbers and stages begin anew."""
    there = await t.another_target()
    there.first_stat_sn = 1000
    point(t.target, TEMPORARY, there.address)
    await t.login_holds()
    first = there.received(LoginRequest)[0]
    assert (first.csg, first.tsih, first.exp_stat_sn) == (0, 0, 0), first


@shows("RFC 7143, 11.13.5", each=KINDS)
async def before_security(t, kind, status):
    """A {kind} redirection before the security negotiation is over is followed."""
    there = await t.another_target()
    point(t.target, status, there.address)
    for target in (t.target, there):
        target.policy.auth = ("CHAP",)
    result = await t.login_holds(auth=["CHAP"], chap={"secret": there.policy.chap.secret.hex()})
    assert result.keys["AuthMethod"] == "CHAP"


@shows("RFC 7143, 11.13.5", each=KINDS)
async def after_security(t, kind, status):
    """A {kind} redirection after CHAP is done is followed, and CHAP is done again at the new address."""
    there = await t.another_target()
    for target in (t.target, there):
        target.policy.auth = ("CHAP",)

    async def move(connection, request):
        point(t.target, status, there.address)
        await connection.default(request)
    t.target.on(LoginRequest, move, csg=1)
    result = await t.login_holds(auth=["CHAP"], chap={"secret": there.policy.chap.secret.hex()})
    assert result.address == there.address and there.policy.chap.name


@shows("RFC 7143, 11.13.5")
async def without_address(t):
    """A redirection without a TargetAddress ends the login."""
    point(t.target, TEMPORARY)
    (await t.login_fails()).names("TargetAddress")


@shows("RFC 7143, 13.8", each=[{"address": address} for address in (
    "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:port", "[::1:3260", "::1:3260", "300.1.1.1:3260", "", "a b:3260",
    "127.0.0.1:3260,1,2", "-x-:3260")])
async def bad_address(t, address):
    """A redirection to what is no address ({address}) ends the login and names key and value."""
    point(t.target, TEMPORARY, address)
    (await t.login_fails()).names("TargetAddress", address)


@shows("RFC 7143, 13.8")
async def ipv6_address(t):
    """A redirection to a bracketed IPv6 address is followed."""
    there = await t.another_target(host="::1")
    point(t.target, TEMPORARY, there.address)
    assert (await t.login_holds()).address == there.address


@shows("RFC 7143, 13.8")
async def dns_name(t):
    """A redirection to a host name is followed: the name is resolved."""
    there = await t.another_target()
    point(t.target, TEMPORARY, f"localhost:{there.port}")
    assert (await t.login_holds()).address == f"localhost:{there.port}"


@shows("RFC 7143, 13.8")
async def hexadecimal_port(t):
    """A port may be written as any number may: in hexadecimal, too."""
    there = await t.another_target()
    point(t.target, TEMPORARY, f"127.0.0.1:{there.port:#x}")
    assert (await t.login_holds()).address == there.address


@shows("RFC 7143, 11.13.5")
async def several_addresses(t):
    """Of several addresses that a redirection names, one that can be reached is used."""
    there = await t.another_target()
    with t.nobody() as gone:
        point(t.target, TEMPORARY, gone, there.address)
        assert (await t.login_holds()).address == there.address


@shows("RFC 7143, 11.13.5")
async def several_with_its_own(t):
    """Of several addresses that a redirection names, the target's own is passed over."""
    there = await t.another_target()
    point(t.target, PERMANENT, t.target.address, there.address)
    assert (await t.login_holds()).moved_to == there.address


@shows("RFC 7143, 6.3.1; RFC 7143, 11.13.5")
async def other_portal_group(t):
    """The portal group that was expected is the one of the first address: a redirection may lead into another."""
    there = await t.another_target()
    there.policy.declare = [("TargetPortalGroupTag", "7")]
    point(t.target, TEMPORARY, there.address)
    assert (await t.login_holds(tpgt=1)).tpgt == 7


@shows("RFC 7143, 6.3.1; RFC 7143, 11.13.5")
async def portal_group_of_who_redirects(t):
    """A portal that tells its group, which is not the expected one, and redirects later is followed."""
    there = await t.another_target()
    t.target.policy.declare = [("TargetPortalGroupTag", "7")]

    async def move(connection, request):
        point(t.target, TEMPORARY, there.address)
        await connection.default(request)
    t.target.on(LoginRequest, move, csg=1)
    assert (await t.login_holds(tpgt=1)).tpgt == 1


@shows("RFC 7143, 11.13.5", each=KINDS)
async def moved_to_reached(t, kind, status):
    """A {kind} redirection that names an address which cannot be reached first moves the target to none but the one
    in use."""
    there = await t.another_target()
    with t.nobody() as gone:
        point(t.target, status, gone, there.address)
        assert (await t.login_holds()).moved_to in (None, there.address)


@shows("RFC 7143, 11.13.5")
async def unreachable(t):
    """A redirection to an address where nobody listens ends in a login that may be tried again."""
    with t.nobody() as gone:
        point(t.target, TEMPORARY, gone)
        failure = await t.login_fails()
    assert failure.retryable and failure.code == 4, failure
    failure.names(gone.rpartition(":")[2])


@shows("RFC 7143, 11.13.5", each=KINDS)
async def to_itself(t, kind, status):
    """A target that redirects to itself ({kind}) is seen through: the login ends."""
    point(t.target, status, t.target.address)
    (await t.login_fails()).names("circle", t.target.address)


@shows("RFC 7143, 11.13.5", each=[{"length": length} for length in (2, 3, 5)])
async def circle(t, length):
    """Targets that redirect in a circle of {length} end the login, and the circle is told."""
    ring = [t.target] + [await t.another_target() for _ in range(length - 1)]
    for here, there in zip(ring, ring[1:] + ring[:1]):
        point(here, PERMANENT, there.address)
    (await t.login_fails()).names("circle", *(target.address for target in ring))


@shows("RFC 7143, 11.13.5")
async def circle_by_name(t):
    """A circle is seen, too, when the target names itself by a host name in the second round at the latest."""
    point(t.target, TEMPORARY, f"localhost:{t.target.port}")
    failure = await t.login_fails()
    failure.names("circle")
    assert len(t.target.connections) <= 2


@shows("RFC 7143, 11.13.5", each=[{"hops": hops, "holds": hops <= 8} for hops in (1, 8, 9, 12)])
async def chain(t, hops, holds):
    """A chain of {hops} redirections is followed up to the limit of eight (holds: {holds})."""
    row = [t.target] + [await t.another_target() for _ in range(hops)]
    for here, there in zip(row, row[1:]):
        point(here, PERMANENT, there.address)
    if holds:
        assert (await t.login_holds()).moved_to == row[-1].address
    else:
        (await t.login_fails()).names("redirects more than 8 times")


@shows("RFC 7143, 11.13.5", each=[{"first": a, "second": b} for a, b in (("temporary", "permanent"),
                                                                         ("permanent", "temporary"))])
async def mixed_chain(t, first, second):
    """A {first} redirection and then a {second} one: what moves for good is only what every step before moved for
    good."""
    middle, there = await t.another_target(), await t.another_target()
    kinds = {"temporary": TEMPORARY, "permanent": PERMANENT}
    point(t.target, kinds[first], middle.address)
    point(middle, kinds[second], there.address)
    result = await t.login_holds()
    assert result.address == there.address
    assert result.moved_to == (None if first == "temporary" else middle.address)


@shows("RFC 7143, 11.13.5")
async def refused_there(t):
    """A login that is redirected and then refused fails with the refusal's own words."""
    there = await t.another_target()
    there.policy.status = (2, 2)
    point(t.target, PERMANENT, there.address)
    assert (await t.login_fails()).status == (2, 2)


@shows("RFC 7143, 11.13.5", each=[{"detail": detail} for detail in (0, 3, 255)])
async def unknown_redirection(t, detail):
    """A redirection of a kind that does not exist (detail {detail}) does not move the target for good."""
    there = await t.another_target()
    point(t.target, (1, detail), there.address)
    outcome = await t.login()
    assert getattr(outcome, "moved_to", None) is None


@shows("RFC 7143, 11.13.5")
async def discovery_redirected(t):
    """A discovery session that is redirected is opened at the new address."""
    there = await t.another_target()
    point(t.target, TEMPORARY, there.address)
    found = await t.discovery_holds()
    assert [target["name"] for target in found.targets] == [there.name] and there.received(LoginRequest)

