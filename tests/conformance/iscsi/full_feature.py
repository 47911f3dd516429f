# SPDX-License-Identifier: GPL-2.0-or-later
"""The full feature phase as a sane target serves it: what happens to each request by default.

Tasks belong to the session and have an allegiance to a connection, so that a task can be
continued elsewhere (RFC 7143, 7.2). What was sent for a task is kept until it ends, so that
every SNACK can be served.
"""
import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Awaitable, Callable

from iscsi import text
from iscsi.disk import Answer, Disk, NO_LUN, lun_number, refused
from iscsi.order import serial_before
from iscsi.pdu import (RESERVED_TAG, Ahs, DataIn, DataOut, LogoutRequest, LogoutResponse, NopIn, NopOut, Numbered, Pdu,
                       R2t, Reject, ScsiCommand, ScsiResponse, SnackRequest, TaskManagementRequest,
                       TaskManagementResponse, TextRequest, TextResponse)

if TYPE_CHECKING:
    from iscsi.target import Connection, Session

SNACK_REJECTED, PROTOCOL_ERROR = 0x03, 0x04  # reasons of a Reject


@dataclass
class Burst:
    """Data that the initiator owes: what one R2T asked for, or the unsolicited data (no R2T)."""

    offset: int
    length: int
    received: int = 0
    data_sn: int = 0
    r2t: R2t | None = None


@dataclass
class Task:
    """A SCSI command under way."""

    command: ScsiCommand
    connection: "Connection | None"  # its allegiance; none while it waits to be reassigned
    disk: Disk
    wanted: int = 0  # bytes of data-out
    data: bytearray = field(default_factory=bytearray)
    bursts: dict[int, Burst] = field(default_factory=dict)  # by TTT, the unsolicited one by RESERVED_TAG
    to_ask: list[tuple[int, int]] = field(default_factory=list)  # offset and length of what is to be asked for
    r2ts: list[R2t] = field(default_factory=list)  # sent, by R2TSN
    data_ins: list[DataIn] = field(default_factory=list)  # sent, by DataSN
    response: ScsiResponse | None = None


class FullFeature:
    """One connection's default behaviour after login."""

    def __init__(self, connection: "Connection"):
        self.connection = connection
        assert connection.session
        self.session: "Session" = connection.session
        self.silent = False  # true: ExpDataSN is left 0, as some targets do
        self.acks: dict[int, asyncio.Event] = {}  # by the tag of a Data-In with the A bit
        self.text = b""  # of a Text Request under way
        self.text_to_send: list[bytes] = []
        self.text_request_before: TextRequest | None = None  # of the exchange under way
        self.text_answer: TextResponse | None = None  # the last, which asked for another request
        self.handlers: dict[type[Pdu], Callable[..., Awaitable[None]]] = {
            NopOut: self.nop_out, ScsiCommand: self.command, TaskManagementRequest: self.task_management,
            TextRequest: self.text_request, DataOut: self.data_out, LogoutRequest: self.logout,
            SnackRequest: self.snack,
        }

    @property
    def target(self):  # type: ignore[no-untyped-def]
        return self.connection.target

    async def take(self, pdu: Pdu) -> None:
        """Requests with a CmdSN are served in its order over all connections (4.2.2.1)."""
        if not isinstance(pdu, Numbered) or pdu.immediate:
            if isinstance(pdu, Numbered):
                self.check_immediate(pdu)
            await self.connection.serve_one(pdu)
            return
        distance = pdu.cmd_sn - self.session.exp_cmd_sn & 0xFFFFFFFF
        if distance > (self.session.max_cmd_sn - self.session.exp_cmd_sn & 0xFFFFFFFF):
            self.target.complain(f"CmdSN {pdu.cmd_sn:#x} outside of {self.session.exp_cmd_sn:#x} to "
                                 f"{self.session.max_cmd_sn:#x}: {pdu!r} (RFC 7143, 4.2.2.1)")
            return
        self.session.early[pdu.cmd_sn] = (self.connection, pdu)
        await self.deliver()

    async def deliver(self) -> None:
        """What is there in the order of CmdSN, whichever connection brought it."""
        while self.session.exp_cmd_sn in self.session.early:
            connection, ready = self.session.early.pop(self.session.exp_cmd_sn)
            self.session.exp_cmd_sn = self.session.exp_cmd_sn + 1 & 0xFFFFFFFF
            if ready is None or not connection.full_feature:
                continue
            if connection is self.connection:
                await connection.serve_one(ready)
            else:  # which goes on receiving meanwhile, as this one does
                self.target.spawn(connection.serve_one(ready))
                await asyncio.sleep(0)  # it begins before what follows it

    def check_immediate(self, pdu: Numbered) -> None:
        """An immediate request has the CmdSN of the next command that is not (4.2.2.1)."""
        session, complain = self.session, self.target.complain
        highest = session.issues.highest
        # ExpCmdSN stays behind when the script throws a command away.
        following = session.exp_cmd_sn if highest is None else highest + 1 & 0xFFFFFFFF
        if len(session.connections) == 1 and not session.early and not session.reinstated and pdu.cmd_sn != following:
            complain(f"CmdSN {pdu.cmd_sn:#x} of an immediate request, where {following:#x} is next: {pdu!r} "
                     "(RFC 7143, 4.2.2.1)")
        # Commands that another connection brings may be under way still, but none is outside of the window.
        if serial_before(session.max_cmd_sn + 1 & 0xFFFFFFFF, pdu.cmd_sn):
            complain(f"CmdSN {pdu.cmd_sn:#x} of an immediate request beyond {session.max_cmd_sn:#x}: {pdu!r} "
                     "(RFC 7143, 4.2.2.1)")

    async def default(self, pdu: Pdu) -> None:
        """What a sane target does about a request whose turn it is."""
        handler = self.handlers.get(type(pdu))
        if self.session.discovery and not isinstance(pdu, (TextRequest, LogoutRequest, NopOut)):
            handler = None
        await (handler(pdu) if handler else self.reject(pdu, PROTOCOL_ERROR))

    async def reject(self, pdu: Pdu, reason: int) -> None:
        header = pdu.header.to_bytes(48, "big") + b"".join(segment.pack() for segment in pdu.ahs)
        await self.connection.send(Reject(header, reason=reason))

    # Requests that are no commands.

    async def nop_out(self, pdu: NopOut) -> None:
        if pdu.itt != RESERVED_TAG:
            await self.connection.send(NopIn(pdu.data[:self.connection.max_send], itt=pdu.itt, lun=pdu.lun))

    async def logout(self, pdu: LogoutRequest) -> None:
        connections = self.session.connections
        if pdu.reason == LogoutRequest.SESSION:
            await self.connection.send(LogoutResponse(itt=pdu.itt))
            self.target.end_session(self.session)
            return
        other = connections.get(pdu.cid)
        if other is None and pdu.reason == LogoutRequest.CONNECTION:
            await self.connection.send(LogoutResponse(itt=pdu.itt, response=1))
            return
        if pdu.reason == LogoutRequest.RECOVERY and self.session.number("ErrorRecoveryLevel") < 2:
            await self.connection.send(LogoutResponse(itt=pdu.itt, response=2))
            return
        if other:  # it is done when it is answered
            self.session.drop(pdu.cid, keep=pdu.reason == LogoutRequest.RECOVERY)
            if other is not self.connection:
                other.close()
        await self.connection.send(LogoutResponse(itt=pdu.itt, time2wait=self.session.number("DefaultTime2Wait"),
                                                  time2retain=self.session.number("DefaultTime2Retain")))
        if other is self.connection:
            other.close()
            if not connections and self.session.number("ErrorRecoveryLevel") < 2:
                self.target.end_session(self.session)

    def check_text(self, pdu: TextRequest) -> None:
        """A request of an exchange, after its answer to the one before (6.2 and 11.10)."""
        complain, before, answer = self.target.complain, self.text_request_before, self.text_answer
        if pdu.more and pdu.final:
            complain(f"both F and C: {pdu!r} (RFC 7143, 11.10.2)")
        if pdu.ttt == RESERVED_TAG:
            return
        if before is None or answer is None or pdu.ttt != answer.ttt:
            complain(f"a transfer tag that was not given last: {pdu!r} (RFC 7143, 11.10.4)")
            return
        if (pdu.itt, pdu.immediate) != (before.itt, before.immediate):
            complain(f"another task tag or I bit than {before!r} in one exchange: {pdu!r} (RFC 7143, 11.10.3)")
        if pdu.lun != answer.lun:
            complain(f"LUN {pdu.lun:#x}, not the answer's {answer.lun:#x}: {pdu!r} (RFC 7143, 11.11.4)")
        if answer.more and pdu.data:
            complain(f"text in answer to text that is not complete: {pdu!r} (RFC 7143, 6.2)")

    async def text_request(self, pdu: TextRequest) -> None:
        self.check_text(pdu)
        self.text_request_before = pdu
        if pdu.ttt == RESERVED_TAG:  # a new exchange, or the old one is reset
            self.text, self.text_to_send = b"", []
        if self.text_to_send:
            await self.send_text(pdu)
            return
        self.text += pdu.data
        if pdu.more or not pdu.final:
            await self.answer_text(TextResponse(itt=pdu.itt, ttt=self.session.new_ttt(), lun=pdu.lun))
            return
        pairs = dict(text.decode(self.text))
        self.text = b""
        reply: text.Pairs = []
        for key, value in pairs.items():
            reply += self.send_targets(value) if key == "SendTargets" else [(key, "NotUnderstood")]
        self.text_to_send = text.pieces(text.encode(reply), self.connection.max_send)
        await self.send_text(pdu)

    def send_targets(self, what: str) -> text.Pairs:
        """Appendix C: a normal session hears of its own target, and may not ask for all."""
        if not self.session.discovery and what not in ("", self.target.name):
            return [("SendTargets", "Reject")]
        if self.target.portals is None:
            return [("TargetName", self.target.name), ("TargetAddress", f"{self.target.address},1")]
        what = what or self.target.name
        return [pair for portal in self.target.portals if what in ("All", portal.name)
                for pair in [("TargetName", portal.name), *(("TargetAddress", a) for a in portal.addresses)]]

    async def send_text(self, pdu: TextRequest) -> None:
        piece = self.text_to_send.pop(0)
        last = not self.text_to_send
        await self.answer_text(TextResponse(piece, itt=pdu.itt, final=last, more=not last, lun=pdu.lun,
                                            ttt=RESERVED_TAG if last else self.session.new_ttt()))

    async def answer_text(self, answer: TextResponse) -> None:
        self.text_answer = answer
        await self.connection.send(answer)

    # Commands.

    async def command(self, pdu: ScsiCommand) -> None:
        self.check_command(pdu)
        disk = self.target.disks.get(lun_number(pdu.lun))
        task = Task(pdu, self.connection, disk or Disk())
        self.session.tasks[pdu.itt] = task
        if disk is None:
            # What is no unit still tells so, and which units there are (SPC-4, 6.6).
            wanted = pdu.cdb[0] in (0x12, 0xA0)
            answer = Disk().execute(pdu.cdb, b"", sorted(self.target.disks)) if wanted else refused(NO_LUN)
            if pdu.cdb[0] == 0x12 and answer.data:
                answer.data = b"\x7f" + answer.data[1:]
            await self.finish(task, answer)
            return
        task.wanted = min(disk.wanted(pdu.whole_cdb), pdu.expected_length if pdu.write else 0)
        task.data = bytearray(task.wanted)
        self.check_unsolicited(pdu)
        task.data[:len(pdu.data)] = pdu.data[:task.wanted]
        unasked = len(pdu.data)
        if pdu.write and not pdu.final:
            unasked = min(self.session.number("FirstBurstLength"), pdu.expected_length)
            task.bursts[RESERVED_TAG] = Burst(len(pdu.data), unasked - len(pdu.data))
        burst = self.session.number("MaxBurstLength")
        task.to_ask = self.target.order_r2ts([(offset, min(burst, task.wanted - offset))
                                              for offset in range(unasked, task.wanted, burst)])
        await self.go_on(task)

    def check_command(self, pdu: ScsiCommand) -> None:
        """What stands in the header is allowed at what was negotiated."""
        if pdu.priority and self.level < 2:
            self.target.complain(f"a priority at iSCSIProtocolLevel {self.level}: {pdu!r} (RFC 7144, 5.1.1)")
        for segment in pdu.ahs:
            if segment.kind != Ahs.EXTENDED_CDB or len(segment.specific) < 2 or segment.specific[0]:
                self.target.complain(f"an AHS {segment!r} of {pdu!r} (RFC 7143, 11.2.2)")
        if len(pdu.ahs) > 1:
            self.target.complain(f"{len(pdu.ahs)} AHS: {pdu!r} (RFC 7143, 11.2.2)")

    @property
    def level(self) -> int:
        return self.session.number("iSCSIProtocolLevel")

    def check_unsolicited(self, pdu: ScsiCommand) -> None:
        """Immediate and unsolicited data within what was negotiated (13.10 to 13.14)."""
        complain, first_burst = self.target.complain, self.session.number("FirstBurstLength")
        if pdu.data and not (pdu.write and self.session.yes("ImmediateData")):
            complain(f"immediate data that was not agreed on: {pdu!r} (RFC 7143, 13.11)")
        if len(pdu.data) > min(first_burst, pdu.expected_length):
            complain(f"{len(pdu.data)} bytes of immediate data: {pdu!r} (RFC 7143, 13.14)")
        if not pdu.final and (not pdu.write or self.session.yes("InitialR2T")):
            complain(f"F is clear though no unsolicited data may follow: {pdu!r} (RFC 7143, 11.3.1)")

    async def go_on(self, task: Task) -> None:
        """Asks for data that is missing, or runs the command when all is here."""
        connection = task.connection
        assert connection
        while task.to_ask and RESERVED_TAG not in task.bursts \
                and len(task.bursts) < self.session.number("MaxOutstandingR2T"):
            await self.ask(task, *task.to_ask.pop(0))
        if not task.bursts and not task.to_ask:
            answer = task.disk.execute(task.command.whole_cdb, bytes(task.data), sorted(self.target.disks))
            await self.finish(task, answer)

    async def ask(self, task: Task, offset: int, length: int) -> None:
        """An R2T."""
        assert task.connection
        r2t = R2t(itt=task.command.itt, lun=task.command.lun, ttt=self.session.new_ttt(), r2t_sn=len(task.r2ts),
                  buffer_offset=offset, desired_length=length)
        task.r2ts.append(r2t)
        task.bursts[r2t.ttt] = Burst(offset, length, r2t=r2t)
        await task.connection.send(r2t)

    async def data_out(self, pdu: DataOut) -> None:
        task = self.session.tasks.get(pdu.itt)
        burst = task.bursts.get(pdu.ttt) if task else None
        if task is None or burst is None:
            self.target.complain(f"data that nobody asked for: {pdu!r} (RFC 7143, 11.7)")
            return
        complain = self.target.complain
        end = pdu.buffer_offset + len(pdu.data)
        if pdu.lun != (task.command.lun if burst.r2t else 0):
            complain(f"LUN {pdu.lun:#x}: {pdu!r} (RFC 7143, 11.7.4)")
        if pdu.data_sn != burst.data_sn:
            complain(f"DataSN {pdu.data_sn}, not {burst.data_sn}: {pdu!r} (RFC 7143, 11.7.5)")
        if self.session.yes("DataPDUInOrder") and pdu.buffer_offset != burst.offset + burst.received:
            complain(f"offset {pdu.buffer_offset}, not {burst.offset + burst.received}: {pdu!r} (RFC 7143, 13.18)")
        if pdu.buffer_offset < burst.offset or end > burst.offset + burst.length:
            complain(f"data outside of {burst.offset}+{burst.length}: {pdu!r} (RFC 7143, 11.7.6)")
            return
        task.data[pdu.buffer_offset:end] = pdu.data
        burst.received += len(pdu.data)
        burst.data_sn += 1
        complete = burst.received == burst.length
        if pdu.final != complete:
            complain(f"F is {pdu.final} after {burst.received} of {burst.length} bytes: {pdu!r} (RFC 7143, 11.7.1)")
        if pdu.final or complete:
            del task.bursts[pdu.ttt]
            await self.go_on(task)

    async def finish(self, task: Task, answer: Answer) -> None:
        """Sends what a command came to, with its status in the last Data-In when that may be."""
        command, connection = task.command, task.connection
        assert connection
        room = command.expected_length if command.read else 0
        data = answer.data[:room]
        moved = len(data) if command.read else task.wanted
        needed = len(answer.data) if command.read else task.disk.wanted(command.whole_cdb)
        residual = dict(overflow=1, residual=needed - moved) if needed > command.expected_length else \
            dict(underflow=1, residual=command.expected_length - moved) if moved < command.expected_length else {}
        task.response = ScsiResponse(itt=command.itt, status=answer.status, **residual)
        if answer.sense:
            task.response.data = len(answer.sense).to_bytes(2, "big") + answer.sense
        task.data_ins = self.cut(task, data)
        collapse = self.target.collapse and answer.status == 0 and bool(task.data_ins)
        if collapse:
            last = task.data_ins[-1]
            last.has_status, last.status = 1, answer.status
            for name, value in residual.items():
                setattr(last, name, value)
        task.response.exp_data_sn = len(task.data_ins) + len(task.r2ts) if not collapse and not self.silent else 0
        await connection.send(*task.data_ins, *([] if collapse else [task.response]))
        if self.session.number("ErrorRecoveryLevel") == 0:
            self.session.tasks.pop(command.itt, None)

    # For scripts that answer a command themselves.

    def begin(self, command: ScsiCommand) -> Task:
        """The command is under way, so that SNACKs for it are served from what the script puts there."""
        task = Task(command, self.connection, self.target.disks[lun_number(command.lun)])
        self.session.tasks[command.itt] = task
        return task

    async def fail(self, command: ScsiCommand, sense: bytes) -> None:
        await self.finish(self.begin(command), Answer(status=ScsiResponse.CHECK_CONDITION, sense=sense))

    async def wait_for_ack(self, tag: int) -> None:
        """Serves the connection until the DataACK with this tag has come."""
        while not self.acks.setdefault(tag, asyncio.Event()).is_set():
            await self.connection.handle(await self.connection.receive())

    def cut(self, task: Task, data: bytes) -> list[DataIn]:
        """Data-In PDUs in the order in which they are sent: `order` may turn it about.

        Sequences end at MaxBurstLength; DataSN is the order of sending (11.7.5).
        """
        assert task.connection
        burst, size = self.session.number("MaxBurstLength"), task.connection.max_send
        sequences = []
        for start in range(0, len(data), burst):
            end = min(start + burst, len(data))
            sequences.append([DataIn(data[at:min(at + size, end)], itt=task.command.itt, buffer_offset=at)
                              for at in range(start, end, size)])
        pdus = []
        for sequence in self.target.order_sequences(sequences):
            sequence = self.target.order_pdus(sequence)
            sequence[-1].final = 1
            pdus += sequence
        for data_sn, pdu in enumerate(pdus):
            pdu.data_sn = data_sn
        return pdus

    # Recovery.

    async def task_management(self, pdu: TaskManagementRequest) -> None:
        request = TaskManagementRequest
        tasks = self.session.tasks
        response = TaskManagementResponse.COMPLETE
        if pdu.function > request.REASSIGN and self.level < 2:
            self.target.complain(f"at iSCSIProtocolLevel {self.level}: {pdu!r} (RFC 7144, 6.3)")
        if pdu.function == request.ABORT_TASK:
            if tasks.pop(pdu.referenced_task_tag, None) is None:
                await self.abort_undelivered(pdu)
                return
        elif pdu.function in (request.ABORT_TASK_SET, request.CLEAR_TASK_SET, request.LUN_RESET):
            for itt in [itt for itt, task in tasks.items() if task.command.lun == pdu.lun]:
                del tasks[itt]
        elif pdu.function in (request.WARM_RESET, request.COLD_RESET):
            tasks.clear()
        elif pdu.function == request.I_T_NEXUS_RESET:
            await self.nexus_reset(pdu)
            return
        elif pdu.function == request.REASSIGN:
            await self.reassign(pdu)
            return
        elif pdu.function == request.QUERY_TASK:
            if pdu.referenced_task_tag in tasks:
                response = TaskManagementResponse.SUCCEEDED
        elif pdu.function == request.QUERY_TASK_SET:
            if any(task.command.lun == pdu.lun for task in tasks.values()):
                response = TaskManagementResponse.SUCCEEDED
        elif pdu.function == request.QUERY_ASYNC_EVENT:
            pass  # a unit of ours never has a unit attention
        else:
            response = TaskManagementResponse.NOT_SUPPORTED
        await self.connection.send(TaskManagementResponse(itt=pdu.itt, response=response))

    async def nexus_reset(self, pdu: TaskManagementRequest) -> None:
        """All tasks end, and all connections with them (RFC 7144, 6.3)."""
        self.session.tasks.clear()
        await self.connection.send(TaskManagementResponse(itt=pdu.itt, response=TaskManagementResponse.COMPLETE))
        for connection in [c for c in self.target.connections if c.session is self.session]:
            connection.abort()

    async def abort_undelivered(self, pdu: TaskManagementRequest) -> None:
        """A command that has not arrived, or not been delivered, counts as received, and is never run (11.6.1)."""
        session, ref = self.session, pdu.ref_cmd_sn
        known = not serial_before(ref, session.exp_cmd_sn) and serial_before(ref, pdu.cmd_sn)
        if known:
            session.early[ref] = (self.connection, None)
        response = TaskManagementResponse.COMPLETE if known else TaskManagementResponse.NO_TASK
        await self.connection.send(TaskManagementResponse(itt=pdu.itt, response=response))
        await self.deliver()

    async def reassign(self, pdu: TaskManagementRequest) -> None:
        """The task goes on here (7.2.2): data from ExpDataSN, or R2Ts for what is missing, or the status."""
        response = TaskManagementResponse
        task = self.session.tasks.get(pdu.referenced_task_tag)
        verdict = response.COMPLETE
        if task is None:
            verdict = response.NO_TASK
        elif task.connection:
            verdict = response.STILL_ALLEGIANT
        elif self.session.number("ErrorRecoveryLevel") < 2:
            verdict = response.NO_REASSIGNMENT
        await self.connection.send(response(itt=pdu.itt, response=verdict))
        if task is None or verdict:
            return
        task.connection = self.connection
        if task.response:
            await self.resend(task.data_ins[pdu.exp_data_sn:])
            if not task.data_ins or not task.data_ins[-1].has_status:
                await self.resend([task.response])
            return
        missing = [(burst.offset, burst.length) for burst in task.bursts.values()]
        task.bursts.clear()
        del task.r2ts[pdu.exp_data_sn:]
        for offset, length in missing:
            await self.ask(task, offset, length)
        await self.go_on(task)

    async def resend(self, pdus: list[Pdu]) -> None:
        """Once more, with numbers of this connection and this moment."""
        for pdu in pdus:
            again = pdu.copy()
            again.given -= {"stat_sn", "exp_cmd_sn", "max_cmd_sn"}
            await self.connection.send(again)

    async def snack(self, pdu: SnackRequest) -> None:
        """11.16. A run of 0 means all from the first one on."""
        if self.session.number("ErrorRecoveryLevel") < 1:
            await self.reject(pdu, PROTOCOL_ERROR)
            return
        end = pdu.beg_run + pdu.run_length if pdu.run_length else None
        task = self.session.tasks.get(pdu.itt)
        if pdu.type == SnackRequest.STATUS:
            for stat_sn, sent in list(self.connection.statuses.items()):  # in the order of sending
                if stat_sn - pdu.beg_run & 0xFFFFFFFF < (pdu.run_length or 1 << 31):
                    await self.connection.send_again(sent)
        elif pdu.type == SnackRequest.DATA_ACK:
            self.acks.setdefault(pdu.ttt, asyncio.Event()).set()  # nothing is kept any shorter for it
        elif task is None:
            await self.reject(pdu, SNACK_REJECTED)
        elif pdu.type == SnackRequest.DATA:
            for again in (task.data_ins if task.command.read else task.r2ts)[pdu.beg_run:end]:
                await self.connection.send_again(again)
        else:
            await self.resend_all(task, pdu.ttt)

    async def resend_all(self, task: Task, snack_tag: int) -> None:
        """R-Data: all data anew, in PDUs of the size that now holds, and a status with the tag (11.16.3)."""
        old, response = task.data_ins, task.response
        assert response
        data = b"".join(pdu.data for pdu in sorted(old, key=lambda pdu: pdu.buffer_offset))
        task.data_ins = self.cut(task, data)
        again = response.copy()
        again.snack_tag = snack_tag
        again.exp_data_sn = len(task.data_ins)
        again.given -= {"exp_cmd_sn", "max_cmd_sn"}
        await self.connection.send(*task.data_ins, again)

    def connection_lost(self) -> None:
        """Its CID is known until it is logged out, and with it its tasks and what waits for its turn (11.14)."""
        session = self.session
        if session.number("ErrorRecoveryLevel") == 2:
            for task in session.tasks.values():
                if task.connection is self.connection:
                    task.connection = None
        elif not session.live:
            self.target.end_session(session)
