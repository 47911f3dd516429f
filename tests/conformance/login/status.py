# SPDX-License-Identifier: GPL-2.0-or-later
"""Login status: each class and detail in words."""
from harness import shows

ORDER = 20

# RFC 7143, 11.13.5: class, detail, words that tell it, Hawser's exit status, whether it may be tried again.
STATUSES = (
    (2, 0, "initiator error", 19, False),
    (2, 1, "authentication failure", 24, False),
    (2, 2, "not allowed", 24, False),
    (2, 3, "not found", 19, False),
    (2, 4, "removed", 19, False),
    (2, 5, "unsupported", 19, False),
    (2, 6, "too many connections", 19, False),
    (2, 7, "missing parameter", 19, False),
    (2, 8, "cannot include", 19, False),
    (2, 9, "session type", 19, False),
    (2, 10, "session does not exist", 19, False),
    (2, 11, "invalid request", 19, False),
    (3, 0, "target error", 29, True),
    (3, 1, "service unavailable", 29, True),
    (3, 2, "out of resources", 29, True),
    # Details and classes that the RFC does not define: the class alone decides.
    (2, 12, "initiator error", 19, False),
    (2, 255, "initiator error", 19, False),
    (3, 3, "target error", 29, True),
    (3, 255, "target error", 29, True),
)


@shows("RFC 7143, 11.13.5", each=[
    {"class_": c, "detail": d, "words": w, "code": code, "again": again} for c, d, w, code, again in STATUSES])
async def refusal(t, class_, detail, words, code, again):
    """A refusal of class {class_}, detail {detail}, is told as "{words}" with both numbers, and whether to try
    again."""
    t.policy.status = (class_, detail)
    failure = await t.login_fails()
    failure.names(words, f"class {class_}", f"detail {detail}", "for now" if again else "for good")
    assert (failure.status, failure.code, failure.retryable) == ((class_, detail), code, again), failure


@shows("RFC 7143, 11.13.5", each=[{"class_": class_} for class_ in (4, 5, 127, 255)])
async def unknown_class(t, class_):
    """A status class that does not exist, {class_}, ends the login for good."""
    t.policy.status = (class_, 0)
    failure = await t.login_fails()
    assert (failure.code, failure.retryable) == (19, False), failure
    failure.names(f"class {class_}")


@shows("RFC 7143, 11.13.5", each=[{"detail": detail} for detail in (1, 255)])
async def success_with_detail(t, detail):
    """Success has detail 0 and no other: a response of class 0 with detail {detail} ends the login."""
    t.policy.edit = lambda response, _: setattr(response, "status_detail", detail)
    (await t.login_fails()).names("detail", str(detail))


@shows("RFC 7143, 11.13.5", each=[{"class_": class_, "detail": detail} for class_, detail in ((2, 3), (3, 1))])
async def refusal_in_operational(t, class_, detail):
    """A refusal (class {class_}) that comes in the operational stage is told like one at the start."""
    def refuse(response, request):
        if request.csg == 1:
            response.status_class, response.status_detail = class_, detail
            response.transit = response.nsg = 0
    t.policy.edit = refuse
    assert (await t.login_fails()).status == (class_, detail)


@shows("RFC 7143, 11.13.5")
async def closes_after_refusal(t):
    """The initiator closes the connection of a login that was refused and sends nothing more on it."""
    async def script(connection):
        await connection.handle(await connection.receive())
        await connection.expect_close()
    t.policy.status = (2, 3)
    t.target.script = script
    await t.login_fails()


@shows("RFC 7143, 11.13.5")
async def discovery_refused(t):
    """A discovery session that is refused is told in the same words."""
    t.policy.status = (2, 9)
    failure = await t.discovery_fails()
    failure.names("session type", "class 2", "detail 9")
    assert failure.status == (2, 9), failure


@shows("RFC 7143, 6.3.1")
async def chap_wanted(t):
    """An authentication failure without an offer of CHAP says that CHAP may be what is missing."""
    t.policy.auth = ("CHAP",)
    failure = await t.login_fails()
    assert failure.status == (2, 1), failure
    failure.names("CHAP", "not configured")
