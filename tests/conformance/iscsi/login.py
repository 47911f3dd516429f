# SPDX-License-Identifier: GPL-2.0-or-later
"""The login phase as a target answers it (RFC 7143, 6.3), and what a script may change in it."""
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

from iscsi import text
from iscsi.chap import Chap
from iscsi.full_feature import FullFeature
from iscsi.keys import ANY_STAGE, GENEROUS, INITIATOR_DECLARES, KEYS, LEADING_ONLY, OBSOLETE
from iscsi.pdu import Digests, LoginRequest, LoginResponse, Pdu
from iscsi.text import Pairs

if TYPE_CHECKING:
    from iscsi.target import Connection, Session

SECURITY, OPERATIONAL, FULL_FEATURE = LoginRequest.SECURITY, LoginRequest.OPERATIONAL, LoginRequest.FULL_FEATURE
INITIATOR_ERROR, AUTHENTICATION_FAILURE, NOT_FOUND = (2, 0), (2, 1), (2, 3)
NO_SESSION, INVALID_REQUEST, TOO_MANY_CONNECTIONS = (2, 10), (2, 11), (2, 6)


@dataclass
class LoginPolicy:
    """What a target does in a login. Scripts set members; the defaults make a login succeed."""

    auth: tuple[str, ...] = ("None",)  # methods, any of which is taken
    chap: Chap = field(default_factory=Chap)
    support: dict[str, str] = field(default_factory=lambda: dict(GENEROUS))  # what it would choose by itself
    answers: dict[str, str | None] = field(default_factory=dict)  # in the place of the right ones; None: none
    declare: Pairs = field(default_factory=lambda: [("TargetPortalGroupTag", "1")])  # with the first response
    propose: Pairs = field(default_factory=list)  # with the first response of the operational stage
    piece: int = 8192  # bytes of text in a response, more goes with the C bit
    status: tuple[int, int] | None = None  # refuse the first request with it
    join_status: tuple[int, int] | None = None  # the same for a connection that joins a session
    redirect: list[str] = field(default_factory=list)  # TargetAddress values that go with the status
    withhold: int = 0  # times that T is answered with its absence in the operational stage
    # The last word on what is said: the keys of each response before they are cut into pieces, and
    # each response as it is sent.
    say: Callable[[Pairs, LoginRequest], Pairs] | None = None
    edit: Callable[[LoginResponse, LoginRequest], None] | None = None


class LoginPhase:
    """One connection's login. `heard` is every pair that the initiator sent, in order."""

    def __init__(self, connection: "Connection"):
        self.connection = connection
        self.first: LoginRequest | None = None
        self.joins: "Session | None" = None  # whose numbers the answers to a joining login carry
        self.exp_cmd_sn = 0
        self.received = b""  # of the logical text data segment under way
        self.to_send: list[bytes] = []  # pieces that wait for the initiator's empty requests
        self.reply: LoginResponse | None = None  # the one that they end in
        self.heard: Pairs = []
        self.authenticated = False
        self.method = ""
        self.keys: dict[str, str] = {}  # results
        self.declared = False
        self.proposed = False

    @property
    def policy(self) -> LoginPolicy:
        return self.connection.target.policy

    def said(self, key: str) -> str | None:
        """The initiator's value of key, if there was one."""
        return dict(self.heard).get(key)

    async def take(self, request: Pdu) -> None:
        if not isinstance(request, LoginRequest):
            await self.refuse(INVALID_REQUEST)
            return
        self.check(request)
        status = self.policy.join_status if request.tsih else self.policy.status
        if status:
            await self.refuse(status, request)
            return
        if self.to_send:
            if request.data:
                self.connection.target.complain(f"text in answer to C: {request!r} (RFC 7143, 6.2)")
            await self.send_piece(request)
            return
        self.received += request.data
        if request.more:
            await self.send(LoginResponse(csg=request.csg), request)
            return
        pairs = text.decode(self.received)
        self.received = b""
        self.check_pairs(request, pairs)
        self.heard += pairs
        if request.csg == SECURITY:
            await self.in_security(request, dict(pairs))
        else:
            await self.in_operational(request, pairs)

    def check(self, request: LoginRequest) -> None:
        """The rules for the header of every Login Request (11.12)."""
        complain = self.connection.target.complain
        first = self.first or request
        if not self.first:
            self.first = request
            self.exp_cmd_sn = request.cmd_sn
            self.connection.cid = request.cid
            self.joins = self.connection.target.sessions.get(request.tsih)
        elif request.exp_stat_sn != self.connection.stat_sn:
            complain(f"ExpStatSN does not acknowledge the last Login Response: {request!r} (RFC 7143, 11.12.9)")
        for name in ("itt", "isid", "tsih", "cid", "version_max", "version_min"):
            if getattr(request, name) != getattr(first, name):
                complain(f"{name} changed within the login: {request!r} (RFC 7143, 11.12)")
        if not request.tsih and request.cmd_sn != first.cmd_sn:
            complain(f"CmdSN changed within the leading login: {request!r} (RFC 7143, 11.12.8)")
        for wrong, rule in ((not request.immediate, "not immediate (11.12)"),
                            (request.transit and request.more, "both T and C (11.12.2)"),
                            (request.csg not in (SECURITY, OPERATIONAL), "no login stage (11.12.3)"),
                            (request.transit and request.nsg <= request.csg, "a stage that does not follow (6.3)"),
                            (not request.transit and request.nsg, "NSG without T (11.12.3)"),
                            (request.version_max or request.version_min, "another version (11.12.4)"),
                            (request.isid >> 46 == 3, "the reserved ISID format (11.12.5)"),
                            (request.itt == 0xFFFFFFFF, "the reserved task tag (11.2.1.8)"),
                            (bool(request.ahs), "an AHS (11.12)")):
            if wrong:
                complain(f"{rule}: {request!r}")

    def check_pairs(self, request: LoginRequest, pairs: Pairs) -> None:
        """Which keys may stand where (6.3, 12)."""
        complain = self.connection.target.complain
        names = [key for key, _ in self.heard + pairs]
        if not self.heard:
            session_type = dict(pairs).get("SessionType", "Normal")
            if "InitiatorName" not in names:
                complain("no InitiatorName in the first request (RFC 7143, 6.3)")
            if session_type == "Normal" and "TargetName" not in names:
                complain("no TargetName in the first request of a normal session (RFC 7143, 6.3)")
        for key in {name for name in names if names.count(name) > 1}:
            complain(f"{key} more than once (RFC 7143, 6.3)")
        if request.tsih:
            for key in LEADING_ONLY.intersection(key for key, _ in pairs):
                complain(f"{key} in the login of a connection that joins (RFC 7143, 13)")
        if request.csg == SECURITY:
            for key, value in pairs:
                allowed = key in ANY_STAGE or key == "AuthMethod" or key.startswith("CHAP_")
                if not allowed and value != "NotUnderstood":
                    complain(f"{key} in the security stage (RFC 7143, 12)")

    async def in_security(self, request: LoginRequest, keys: dict[str, str]) -> None:
        replies: Pairs = []
        chap = self.policy.chap
        if "AuthMethod" in keys:
            offered = keys["AuthMethod"].split(",")
            self.method = next((method for method in offered if method in self.policy.auth), "")
            if not self.method:
                await self.refuse(AUTHENTICATION_FAILURE, request)
                return
            replies.append(("AuthMethod", self.method))
            self.authenticated = self.method == "None"
        if "CHAP_A" in keys:
            challenge = chap.choose(keys["CHAP_A"])
            if challenge is None:
                await self.refuse(AUTHENTICATION_FAILURE, request)
                return
            replies += challenge
        if "CHAP_R" in keys:
            proof = chap.check(keys)
            if proof is None:
                await self.refuse(AUTHENTICATION_FAILURE, request)
                return
            replies += proof
            self.authenticated = True
        if not self.method and "None" in self.policy.auth:
            self.authenticated = True
        if request.transit and not self.authenticated and self.method != "CHAP":
            await self.refuse(AUTHENTICATION_FAILURE, request)
            return
        transit = bool(request.transit and self.authenticated)
        await self.respond(request, replies, transit)

    async def in_operational(self, request: LoginRequest, pairs: Pairs) -> None:
        if not self.authenticated and "None" not in self.policy.auth:
            await self.refuse(AUTHENTICATION_FAILURE, request)
            return
        replies = [(key, answer) for key, value in pairs if (answer := self.answer(key, value)) is not None]
        if not self.proposed:
            self.proposed = True
            replies += self.declare_operational() + self.policy.propose
            waits = [key for key, _ in self.policy.propose if key not in ("TargetAlias", "MaxRecvDataSegmentLength")]
        else:
            waits = []
        if request.transit and self.policy.withhold > 0 and not waits:
            self.policy.withhold -= 1
            waits = ["withheld"]
        await self.respond(request, replies, bool(request.transit and not waits))

    def declare_operational(self) -> Pairs:
        if "MaxRecvDataSegmentLength" in self.policy.answers:
            value = self.policy.answers["MaxRecvDataSegmentLength"]
        else:
            value = self.policy.support["MaxRecvDataSegmentLength"]
        if value is None:
            return []
        if value.isdigit():
            self.connection.max_receive = int(value)
        return [("MaxRecvDataSegmentLength", value)]

    def answer(self, name: str, value: str) -> str | None:
        """What is said to the initiator's name=value; None: nothing."""
        key = KEYS.get(name)
        proposals = dict(self.policy.propose)
        if name in proposals:  # an answer to what the target proposed
            if key and value not in ("Reject", "Irrelevant", "NotUnderstood"):
                self.keys[name] = value
            return None
        if key and key.function == "declared":
            self.connection.max_send = int(value)
            return None
        if name in self.policy.answers:
            answer = self.policy.answers[name]
            if key and answer not in (None, "Reject", "Irrelevant", "NotUnderstood"):
                self.keys[name] = answer
            return answer
        if name in INITIATOR_DECLARES:
            return None
        if name in OBSOLETE:
            return "Reject"
        if not key:
            return "NotUnderstood"
        if self.said("SessionType") == "Discovery" and not key.in_discovery:
            return "Irrelevant"
        answer = key.result(value, self.policy.support[name])
        if answer != "Reject":
            self.keys[name] = answer
        return answer

    async def respond(self, request: LoginRequest, pairs: Pairs, transit: bool) -> None:
        """Sends pairs, in pieces if need be, and goes on to the next stage with the last of them."""
        if not self.declared:
            self.declared = True
            pairs = pairs + self.policy.declare
        if self.policy.say:
            pairs = self.policy.say(pairs, request)
        self.to_send = text.pieces(text.encode(pairs), self.policy.piece)
        self.reply = LoginResponse(transit=transit, csg=request.csg, nsg=request.nsg if transit else 0)
        await self.send_piece(request)

    async def send_piece(self, request: LoginRequest) -> None:
        piece = self.to_send.pop(0)
        if self.to_send:
            await self.send(LoginResponse(piece, more=1, csg=request.csg), request)
            return
        reply = self.reply
        assert reply
        reply.data = piece
        if reply.transit and not request.transit:  # the request for the last piece may have T or not
            reply.transit, reply.nsg = 0, 0
        if reply.transit and reply.nsg == FULL_FEATURE:
            await self.finish(reply, request)
        else:
            await self.send(reply, request)

    async def send(self, response: LoginResponse, request: LoginRequest) -> None:
        response.itt, response.isid = request.itt, request.isid
        if "tsih" not in response.given:
            response.tsih = request.tsih
        if self.policy.edit:
            self.policy.edit(response, request)
        await self.connection.send(response)

    async def refuse(self, status: tuple[int, int], request: LoginRequest | None = None) -> None:
        data = text.encode([("TargetAddress", address) for address in self.policy.redirect])
        response = LoginResponse(data, status_class=status[0], status_detail=status[1])
        if request:
            await self.send(response, request)
        else:
            await self.connection.send(response)
        self.connection.close()

    async def finish(self, response: LoginResponse, request: LoginRequest) -> None:
        """The table of 6.3.1: a new session, a reinstated one, or one more connection of one."""
        target, connection = self.connection.target, self.connection
        initiator = self.said("InitiatorName") or ""
        old = next((session for session in target.sessions.values()
                    if (session.initiator, session.isid) == (initiator, request.isid)), None)
        if request.tsih:
            session = target.sessions.get(request.tsih)
            if session is None or session is not old:
                await self.refuse(NO_SESSION, request)
                return
            replaced = session.connections.get(request.cid)
            if replaced:  # connection reinstatement (6.3.4): an implicit logout of the old one
                session.drop(request.cid, keep=session.number("ErrorRecoveryLevel") == 2)
                replaced.close()
                session.reinstated = True
            elif len(session.connections) >= session.number("MaxConnections"):
                await self.refuse(TOO_MANY_CONNECTIONS, request)
                return
        else:
            if old:
                target.end_session(old)
            session = target.new_session(initiator, request.isid)
            session.exp_cmd_sn = self.exp_cmd_sn
            session.discovery = self.said("SessionType") == "Discovery"
            session.keys.update(self.keys)
        session.connections[request.cid] = connection
        connection.session = session
        response.tsih = session.tsih
        await self.send(response, request)
        connection.digests = Digests(self.keys.get("HeaderDigest") == "CRC32C",
                                     self.keys.get("DataDigest") == "CRC32C")
        connection.full_feature = FullFeature(connection)
        connection.acknowledged = None
