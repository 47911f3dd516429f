# SPDX-License-Identifier: GPL-2.0-or-later
"""A target with the known deviations of Windows Server 2012's iSCSI Target Server.

Microsoft's "iSCSI Target Implementation Notes" list them; what is said about each here names the
heading that it has there. The rest is the sane target: what only an initiator meets that is wrong itself
(unsolicited data taken though it is too much, keys negotiated twice) or that has vendor's keys needs
nothing here, for the sane target complains of such an initiator.
"""
from iscsi import text
from iscsi.full_feature import SNACK_REJECTED
from iscsi.login import SECURITY
from iscsi.pdu import (LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, Numbered, Pdu, Reject, ScsiCommand,
                       ScsiResponse, SnackRequest, TaskManagementRequest, TaskManagementResponse, TextRequest,
                       TextResponse)
from iscsi.target import Connection, Session, Target

EARLY_TSIH = 0x2012


class Windows2012:
    """Installs itself in a target; policies and rules that are set later come before its own."""

    def __init__(self, target: Target):
        self.target = target
        self.ignored: list[Pdu] = []  # for their CmdSN
        # It has one connection a session, and rejects SNACK.
        target.policy.support.update(MaxConnections="1", ErrorRecoveryLevel="0")
        target.policy.edit = self.tell_tsih_early
        target.on(LogoutRequest, self.log_out)
        target.on(SnackRequest, self.reject_snack)
        target.on(TaskManagementRequest, self.complete_function)
        target.on(TextRequest, self.answer_text)
        target.on(Numbered, self.arrive, raw=True)

    def tell_tsih_early(self, response: LoginResponse, request: LoginRequest) -> None:
        """Standard Login Key Negotiation."""
        if request.csg == SECURITY and not response.status_class:
            response.tsih = request.tsih or EARLY_TSIH

    async def arrive(self, connection: Connection, pdu: Numbered) -> None:
        session = connection.session
        if isinstance(pdu, TextRequest) and session and disconnects_at(pdu, session):
            connection.close()
            return
        # Duplicate or Out of Order CmdSN.
        if session and not pdu.immediate and pdu.cmd_sn != session.exp_cmd_sn:
            self.ignored.append(pdu)
            return
        await connection.take(pdu)

    async def answer_text(self, connection: Connection, request: TextRequest) -> None:
        """Handling Text Response Text Field in Discovery Session."""
        if request.final:
            await connection.default(request)
        else:
            await connection.send(TextResponse(itt=request.itt))

    async def log_out(self, connection: Connection, request: LogoutRequest) -> None:
        """Incorrect Logout Reason Code Being Accepted During Discovery; Logout Response Non-existent Connection."""
        await connection.send(LogoutResponse(itt=request.itt))
        if connection.session:
            self.target.end_session(connection.session)

    async def complete_function(self, connection: Connection, request: TaskManagementRequest) -> None:
        """Task Management Response for Non-Existent Task."""
        session = connection.session
        if request.function == request.ABORT_TASK and session and request.referenced_task_tag not in session.tasks:
            await connection.send(TaskManagementResponse(itt=request.itt, response=TaskManagementResponse.COMPLETE))
        else:
            await connection.default(request)

    async def reject_snack(self, connection: Connection, request: SnackRequest) -> None:
        """Reject SNACK."""
        await connection.send(rejected(connection, request))


def disconnects_at(request: TextRequest, session: Session) -> bool:
    """Handling Text Request with C bit; with SendTargets=; with SendTargets=All during Normal Session; During Normal
    Session; During Discovery Session; Text Response Negotiation Failure."""
    if request.more:
        return True
    pairs = text.decode(request.data)
    if any(key == "SendTargets" and (not value or not session.discovery) for key, value in pairs):
        return True
    declares = any(key == "MaxRecvDataSegmentLength" for key, _ in pairs)
    return declares and (session.discovery or not request.final)


def rejected(connection: Connection, request: Pdu) -> Reject:
    """Reject SNACK: the StatSN is that of the last status once more."""
    last = connection.stat_sn - 1 & 0xFFFFFFFF
    return Reject(request.header.to_bytes(48, "big"), reason=SNACK_REJECTED, stat_sn=last)


def good_too_early(command: ScsiCommand) -> ScsiResponse:
    """SCSI Response to Incorrect Amount of Data Condition: good status for a write whose data is not all there."""
    return ScsiResponse(itt=command.itt)
