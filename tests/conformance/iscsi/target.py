# SPDX-License-Identifier: GPL-2.0-or-later
"""A target that speaks from a script.

Left alone, a Target is a sane iSCSI target: it logs initiators in (login.py), answers every
request of the full feature phase (full_feature.py) and has disks (disk.py). A script changes
that at the level it needs:

- a member of target.policy: what is negotiated, declared, withheld;
- target.on(ScsiCommand, action, lun=1): the action gets the PDUs that match, when their CmdSN's
  turn has come, instead of the default behaviour, which it may still call: `await
  connection.default(pdu)`. With raw=True it gets them as they arrive, and their CmdSN does not
  count unless it calls `await connection.take(pdu)`. With over=1 it gets those alone that come
  over the connection of CID 1;
- target.script = coroutine function: it gets each new connection and says everything itself,
  with `await connection.expect(LoginRequest, csg=0)` and `await connection.send(...)`.

A session may have several connections, `target.member(1)` is the one of CID 1. Each may be
answered in another way, or go: close(), half_close(), abort(), or silent = True, as if the
network between had been cut.

Every PDU either way is in target.log. Whatever the initiator does that no script may change
the meaning of (a reserved bit, padding, a number out of order) is a violation, and a test
fails on it when the target is closed.
"""
import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, TypeVar

from iscsi.disk import Disk
from iscsi.full_feature import FullFeature, Task
from iscsi.keys import KEYS, number
from iscsi.login import LoginPhase, LoginPolicy
from iscsi.order import Issues, serial_before
from iscsi.pdu import (RESERVED_TAG, DataIn, Digests, FromTarget, LoginRequest, LogoutRequest, NopIn, Numbered, Pdu,
                       R2t, ScsiResponse, UnknownPdu, read_pdu)

NAME = "iqn.2026-11.io.hawser.test:target"
PduT = TypeVar("PduT", bound=Pdu)
Action = Callable[["Connection", Any], Awaitable[None]]


def fits(pdu: Pdu, wanted: dict[str, Any]) -> bool:
    """Whether each field has its value, or satisfies its predicate."""
    return all(value(getattr(pdu, name)) if callable(value) else getattr(pdu, name) == value
               for name, value in wanted.items())


class Session:
    """An I_T nexus: what its connections share."""

    def __init__(self, target: "Target", initiator: str, isid: int, tsih: int):
        self.target = target
        self.initiator = initiator
        self.isid = isid
        self.tsih = tsih
        self.discovery = False
        self.keys = {name: key.default for name, key in KEYS.items()}  # as negotiated
        self.exp_cmd_sn = 0
        self.window = target.window
        self.told_max: int | None = None  # the highest MaxCmdSN that the initiator was told
        self.connections: dict[int, "Connection"] = {}  # by CID; a lost one stays until it is logged out
        self.reinstated = False  # true: one of them was replaced, and what was sent over it may be missing
        self.tasks: dict[int, Task] = {}
        # Commands that wait for an earlier CmdSN; None in the place of one that was aborted.
        self.early: dict[int, tuple["Connection", Pdu | None]] = {}
        self.issues = Issues(target.complain)
        self.next_ttt = 1

    @property
    def max_cmd_sn(self) -> int:
        """It never goes back: a window that became smaller closes as ExpCmdSN goes on (4.2.2.1)."""
        edge = self.exp_cmd_sn - 1 + self.window & 0xFFFFFFFF
        return self.told_max if self.told_max is not None and serial_before(edge, self.told_max) else edge

    @property
    def live(self) -> list["Connection"]:
        return [connection for connection in self.connections.values() if not connection.closed.is_set()]

    def drop(self, cid: int, keep: bool) -> None:
        """A connection is logged out: what came over it and was not delivered is discarded (11.14), its tasks end,
        or wait to be reassigned."""
        connection = self.connections.pop(cid)
        for cmd_sn in [cmd_sn for cmd_sn, (other, pdu) in self.early.items() if pdu and other is connection]:
            del self.early[cmd_sn]
        for itt in [itt for itt, task in self.tasks.items() if task.connection is connection]:
            if keep:
                self.tasks[itt].connection = None
            else:
                del self.tasks[itt]
        self.issues.logged_out(connection)

    def yes(self, key: str) -> bool:
        return self.keys[key] == "Yes"

    def number(self, key: str) -> int:
        return number(self.keys[key])

    def new_ttt(self) -> int:
        self.next_ttt += 1
        return self.next_ttt


class Connection:
    """One TCP connection, from accept to close."""

    def __init__(self, target: "Target", reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.target = target
        self.reader = reader
        self.writer = writer
        self.index = len(target.connections)
        self.session: Session | None = None
        self.cid = 0
        self.login = LoginPhase(self)
        self.full_feature: FullFeature | None = None
        self.digests = Digests()
        self.max_send = 8192  # the initiator's MaxRecvDataSegmentLength
        self.max_receive = 8192  # what this target declared
        self.stat_sn = target.first_stat_sn
        self.acknowledged: int | None = None  # the last ExpStatSN
        self.statuses: dict[int, Pdu] = {}  # sent with a StatSN and not acknowledged yet
        self.chunk: int | None = None  # bytes given to TCP at a time; None: all that there are
        self.silent = False  # true: what comes is not looked at, and nothing is sent
        self.ended = False  # true: our direction was closed, and nothing is sent any more
        self.left = False  # a Logout Request for it came over it
        self.closed = asyncio.Event()
        self.reading = False
        self.takers: list[asyncio.Future[Pdu]] = []  # actions beside serve() that wait for the next PDU

    # What the script calls.

    async def receive(self) -> Pdu:
        """The initiator's next PDU, whatever it is; EOFError when it closed."""
        if self.reading:  # serve() does, while the action runs that another connection has set off
            taker: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
            self.takers.append(taker)
            return await taker
        self.reading = True
        try:
            pdu = await read_pdu(self.reader, self.digests)
        except (asyncio.IncompleteReadError, ConnectionError) as end:
            for taker in self.takers:
                taker.set_exception(EOFError("the initiator closed the connection"))
            self.takers.clear()
            raise EOFError("the initiator closed the connection") from end
        finally:
            self.reading = False
        if not self.silent:
            self.target.note(self, pdu)
            self.check_received(pdu)
        return pdu

    async def expect(self, kind: type[PduT], **fields: Any) -> PduT:
        """The initiator's next PDU, which is of this kind and has these values."""
        pdu = await self.receive()
        assert isinstance(pdu, kind), f"expected {kind.__name__}, got {pdu!r}"
        assert fits(pdu, fields), f"expected {fields}, got {pdu!r}"
        return pdu

    async def expect_close(self) -> None:
        """The initiator closes, and sends nothing before."""
        try:
            pdu = await self.receive()
        except EOFError:
            return
        raise AssertionError(f"expected the end of the connection, got {pdu!r}")

    async def send(self, *pdus: Pdu) -> None:
        """Sends PDUs in one piece; numbers that the script did not give are filled in."""
        out = b""
        for pdu in pdus:
            self.number(pdu)
            out += self.wire(pdu)
        await self.send_raw(out)

    async def send_again(self, pdu: Pdu) -> None:
        """An exact replica of a PDU that was sent before, with its numbers (11.16)."""
        await self.send_raw(self.wire(pdu))

    def wire(self, pdu: Pdu) -> bytes:
        """What of the PDU reaches the initiator: a loss may be due."""
        self.target.note(self, pdu)
        loss = self.target.loss_for(self, pdu)
        if loss is None:
            return pdu.pack(self.digests)
        if not loss.damage:
            return b""
        assert self.digests.data and pdu.data, f"{pdu!r} has no data digest to be wrong"
        packed = pdu.pack(self.digests)
        return packed[:-1] + bytes([packed[-1] ^ 1])

    async def send_raw(self, data: bytes) -> None:
        if self.silent or self.ended:
            return
        size = self.chunk or max(len(data), 1)
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(data), size):
                if self.ended:  # while it waited for room
                    return
                self.writer.write(data[at:at + size])
                await self.writer.drain()

    async def default(self, pdu: Pdu) -> None:
        """What a sane target does about pdu."""
        if self.full_feature:
            await self.full_feature.default(pdu)
        else:
            await self.login.take(pdu)

    async def take(self, pdu: Pdu) -> None:
        """Has pdu served in the order of CmdSN, by the rule that wants it or by the default behaviour."""
        if self.full_feature:
            await self.full_feature.take(pdu)
        else:
            await self.serve_one(pdu)

    async def serve(self) -> None:
        """Answers until either side closes; a script that has said its part may end with it."""
        with contextlib.suppress(EOFError):
            while not self.closed.is_set():
                pdu = await self.receive()
                if self.takers:
                    self.takers.pop(0).set_result(pdu)
                    await asyncio.sleep(0)  # whoever waited for it may want the next one, too
                else:
                    await self.handle(pdu)

    def close(self) -> None:
        self.closed.set()
        self.writer.close()

    def half_close(self) -> None:
        """Sends FIN, and takes what still comes."""
        self.ended = True
        self.writer.write_eof()

    def abort(self) -> None:
        """Closes with a reset."""
        self.closed.set()
        self.writer.transport.abort()

    # The machinery.

    async def handle(self, pdu: Pdu) -> None:
        """What becomes of a PDU that arrives."""
        if self.silent:
            return
        action = self.target.rule_for(pdu, self, raw=True)
        await (action(self, pdu) if action else self.take(pdu))

    async def serve_one(self, pdu: Pdu) -> None:
        """Gives pdu to the rule that wants it, or to the default behaviour."""
        action = self.target.rule_for(pdu, self, raw=False)
        await (action(self, pdu) if action else self.default(pdu))

    def number(self, pdu: Pdu) -> None:
        """StatSN, ExpCmdSN and MaxCmdSN, by the kind of the PDU (RFC 7143, 4.2.2.2)."""
        if not isinstance(pdu, FromTarget):
            return
        given = set(pdu.given)
        session = self.session or self.login.joins
        exp_cmd_sn = session.exp_cmd_sn if session else self.login.exp_cmd_sn
        max_cmd_sn = session.max_cmd_sn if session else exp_cmd_sn
        if "exp_cmd_sn" not in given:
            pdu.exp_cmd_sn = exp_cmd_sn
        if "max_cmd_sn" not in given:
            pdu.max_cmd_sn = max_cmd_sn
            if session:
                session.told_max = max_cmd_sn
        takes_number = not (isinstance(pdu, R2t) or isinstance(pdu, NopIn) and pdu.itt == RESERVED_TAG
                            or isinstance(pdu, DataIn) and not pdu.has_status)
        if "stat_sn" not in given and not (isinstance(pdu, DataIn) and not pdu.has_status):
            pdu.stat_sn = self.stat_sn
            if takes_number:
                self.statuses[self.stat_sn] = pdu
                self.stat_sn = self.stat_sn + 1 & 0xFFFFFFFF
        pdu.given = given

    def check_received(self, pdu: Pdu) -> None:
        """What holds of every PDU that an initiator sends."""
        complain = self.target.complain
        if pdu.reserved_bits():
            complain(f"reserved bits in bytes {pdu.reserved_bits()} of {pdu!r} (RFC 7143, 11)")
        if any(pdu.padding):
            complain(f"padding {pdu.padding.hex()} in {pdu!r} (RFC 7143, 11.1)")
        if isinstance(pdu, (FromTarget, UnknownPdu)):
            complain(f"no PDU of an initiator: {pdu!r}")
            return
        limit = self.max_receive if self.full_feature else 8192
        if len(pdu.data) > limit:
            complain(f"{len(pdu.data)} bytes of data where {limit} are taken: {pdu!r} (RFC 7143, 13.12)")
        if isinstance(pdu, LoginRequest) and not self.full_feature:
            return  # login.py knows which numbers hold there
        if self.left and isinstance(pdu, Numbered):
            complain(f"a request on a connection after its Logout Request: {pdu!r} (RFC 7143, 11.14)")
        if isinstance(pdu, LogoutRequest) and (pdu.reason == LogoutRequest.SESSION or pdu.cid == self.cid):
            self.left = True
        if self.session and isinstance(pdu, Numbered) and not pdu.immediate:
            self.session.issues.note(self, pdu, self.session.exp_cmd_sn)
        about = self
        if self.session and isinstance(pdu, LogoutRequest) and pdu.reason != LogoutRequest.SESSION and \
                pdu.cid != self.cid:
            about = self.session.connections.get(pdu.cid)  # the one that it closes (RFC 7143, 11.14.4)
        if about:
            about.acknowledge(pdu)

    def acknowledge(self, pdu: Pdu) -> None:
        """Statuses of this connection up to the PDU's ExpStatSN have arrived."""
        complain = self.target.complain
        if serial_before(self.stat_sn, pdu.exp_stat_sn):
            complain(f"ExpStatSN {pdu.exp_stat_sn:#x} acknowledges what was not sent, {self.stat_sn:#x}: {pdu!r}")
        if self.acknowledged is not None and serial_before(pdu.exp_stat_sn, self.acknowledged):
            complain(f"ExpStatSN went back from {self.acknowledged:#x}: {pdu!r} (RFC 7143, 4.2.2.2)")
        self.acknowledged = pdu.exp_stat_sn
        for stat_sn in [sn for sn in self.statuses if serial_before(sn, pdu.exp_stat_sn)]:
            done = self.statuses.pop(stat_sn)
            if self.session and isinstance(done, (DataIn, ScsiResponse)):
                self.session.tasks.pop(done.itt, None)  # its status has arrived: nothing is sent again for it


@dataclass
class Rule:
    kind: type[Pdu]
    fields: dict[str, Any]
    action: Action
    times: int | None  # None: for good
    raw: bool
    over: int | None  # CID; None: any connection


@dataclass
class Loss:
    kind: type[Pdu]
    fields: dict[str, Any]
    cdb: Callable[[bytes], bool] | None  # of the command that it belongs to
    damage: bool
    times: int | None  # None: for good


@dataclass
class Logged:
    connection: int
    pdu: Pdu

    def __str__(self) -> str:
        arrow = "T->I" if isinstance(self.pdu, FromTarget) else "I->T"
        return f"{self.connection} {arrow} {self.pdu!r}"


@dataclass
class Portal:
    """What SendTargets says of a target besides its name."""

    name: str
    addresses: list[str] = field(default_factory=list)  # TargetAddress values; none: the one in use


class Target:
    """Listens on a port of its own on loopback. Use it as `async with Target() as target`."""

    def __init__(self, name: str = NAME, host: str = "127.0.0.1", port: int = 0):
        self.name = name
        self.host = host
        self.port = port
        self.policy = LoginPolicy()
        self.first_stat_sn = 0xFFFFFFFE  # wraps in every login
        self.script: Callable[[Connection], Awaitable[None]] | None = None
        self.disks: dict[int, Disk] = {0: Disk()}
        self.portals: list[Portal] | None = None  # for SendTargets; None: this target at this address
        self.window = 64  # commands that a session may have under way; 0 closes the window
        self.collapse = True  # good status goes with the last Data-In
        self.order_sequences: Callable[[list[list[DataIn]]], list[list[DataIn]]] = list
        self.order_pdus: Callable[[list[DataIn]], list[DataIn]] = list  # within a sequence
        self.order_r2ts: Callable[[list[tuple[int, int]]], list[tuple[int, int]]] = list  # offset and length of each
        self.connections: list[Connection] = []
        self.sessions: dict[int, Session] = {}  # by TSIH
        self.next_tsih = 1
        self.log: list[Logged] = []
        self.violations: list[str] = []
        self.lenient = False  # true: violations are noted and do not fail the test
        self.rules: list[Rule] = []
        self.losses: list[Loss] = []
        self.errors: list[BaseException] = []
        self.server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.accepted = asyncio.Condition()

    async def __aenter__(self) -> "Target":
        await self.listen()
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        await self.stop()
        if error is None:
            self.judge()

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    async def listen(self) -> None:
        self.server = await asyncio.start_server(self.accept, self.host, self.port, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """No connection and no listener is left when it returns."""
        if self.server:
            self.server.close()
        for connection in self.connections:
            connection.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def judge(self) -> None:
        """Raises what went wrong in a script, or what the initiator did wrong."""
        if self.errors:
            raise self.errors[0]
        if self.violations and not self.lenient:
            raise AssertionError("the initiator broke the protocol: " + "; ".join(self.violations))

    # What the script calls.

    def on(self, kind: type[Pdu], action: Action, times: int | None = None, raw: bool = False,
           over: int | None = None, **fields: Any) -> None:
        """From now on action gets such PDUs, times times; the newest rule that fits wins."""
        self.rules.insert(0, Rule(kind, fields, action, times, raw, over))

    def lose(self, kind: type[Pdu], times: int | None = 1, damage: bool = False,
             cdb: Callable[[bytes], bool] | None = None, **fields: Any) -> None:
        """The next such PDUs that the target sends do not arrive, or arrive with a wrong data digest. cdb: only those
        of commands that it is true for."""
        self.losses.append(Loss(kind, fields, cdb, damage, times))

    def received(self, kind: type[PduT], **fields: Any) -> list[PduT]:
        """What initiators have sent of this kind with these values, oldest first."""
        return [entry.pdu for entry in self.log if isinstance(entry.pdu, kind) and fits(entry.pdu, fields)]

    async def connection(self, index: int = 0) -> Connection:
        """The connection of that number, waiting until there is one."""
        async with self.accepted:
            await self.accepted.wait_for(lambda: len(self.connections) > index)
        return self.connections[index]

    def normal_session(self) -> Session:
        """The newest session that is no discovery."""
        return [session for session in self.sessions.values() if not session.discovery][-1]

    def member(self, cid: int) -> Connection:
        """The connection of the newest normal session that has this CID."""
        return self.normal_session().connections[cid]

    def new_session(self, initiator: str, isid: int) -> Session:
        session = Session(self, initiator, isid, self.next_tsih)
        self.sessions[session.tsih] = session
        self.next_tsih = self.next_tsih % 0xFFFF + 1
        return session

    def end_session(self, session: Session) -> None:
        """Its tasks are gone and its connections are closed."""
        self.sessions.pop(session.tsih, None)
        session.tasks.clear()
        for connection in session.connections.values():
            connection.close()

    # The machinery.

    def rule_for(self, pdu: Pdu, connection: Connection, raw: bool) -> Action | None:
        for rule in self.rules:
            if rule.over is not None and (rule.over != connection.cid or not connection.full_feature):
                continue
            if rule.raw == raw and isinstance(pdu, rule.kind) and fits(pdu, rule.fields):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times == 0:
                        self.rules.remove(rule)
                return rule.action
        return None

    def loss_for(self, connection: Connection, pdu: Pdu) -> Loss | None:
        for loss in self.losses:
            task = connection.session.tasks.get(pdu.itt) if connection.session else None
            if not isinstance(pdu, loss.kind) or not fits(pdu, loss.fields) or \
                    loss.cdb and not (task and loss.cdb(task.command.cdb)):
                continue
            if loss.times is not None:
                loss.times -= 1
                if loss.times == 0:
                    self.losses.remove(loss)
            return loss
        return None

    def note(self, connection: Connection, pdu: Pdu) -> None:
        self.log.append(Logged(connection.index, pdu))

    def complain(self, text: str) -> None:
        self.violations.append(text)

    def spawn(self, action: Awaitable[None]) -> None:
        """Runs action beside everything else."""
        async def guarded() -> None:
            with contextlib.suppress(EOFError, asyncio.CancelledError):
                try:
                    await action
                except Exception as error:  # a script's assert: the test's to raise
                    self.errors.append(error)
        task = asyncio.get_running_loop().create_task(guarded())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        async with self.accepted:
            self.connections.append(connection)
            self.accepted.notify_all()
        try:
            await (self.script(connection) if self.script else connection.serve())
        except (EOFError, asyncio.CancelledError):
            pass  # the initiator left, or the test is over
        except Exception as error:  # a script's assert: the test's to raise
            self.errors.append(error)
        connection.close()
        if connection.full_feature:
            connection.full_feature.connection_lost()
