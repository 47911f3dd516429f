# SPDX-License-Identifier: GPL-2.0-or-later
"""The order in which an initiator may send commands over the connections of a session (RFC 7143, 4.2.2.1 and 7.2.1)."""
from typing import TYPE_CHECKING, Callable

from iscsi.pdu import Numbered

if TYPE_CHECKING:
    from iscsi.target import Connection

EXP_STAT_SN = 0xFFFFFFFF << (48 - 32) * 8  # its place in the header: the one field that a retry has of its own


def serial_before(a: int, b: int) -> bool:
    """RFC 1982 with 32 bits."""
    return a != b and (b - a) & 0xFFFFFFFF < 1 << 31


class Issues:
    """What has arrived of the session's commands, over whichever connection, and was not acknowledged yet.

    Complains of a CmdSN that goes back on a connection, unless that is a retry, and of a retry that
    is not the same command, or that comes while the connection of the first issue is not logged out.
    """

    def __init__(self, complain: Callable[[str], None]):
        self.complain = complain
        self.arrived: dict[int, tuple["Connection", Numbered]] = {}  # by CmdSN
        self.last: dict["Connection", int] = {}  # the highest CmdSN of each connection
        self.highest: int | None = None  # over all of them
        self.lost_until: int | None = None  # up to here a command may have gone with a connection that is logged out
        self.gone: set["Connection"] = set()

    def note(self, connection: "Connection", pdu: Numbered, exp_cmd_sn: int) -> None:
        """Every request with a CmdSN of its own, as it arrives."""
        for cmd_sn in [cmd_sn for cmd_sn in self.arrived if serial_before(cmd_sn, exp_cmd_sn)]:
            del self.arrived[cmd_sn]
        before = self.arrived.get(pdu.cmd_sn)
        last = self.last.get(connection)
        if before:
            self.check_retry(connection, pdu, *before)
        elif last is not None and not serial_before(last, pdu.cmd_sn) and (
                self.lost_until is None or serial_before(self.lost_until, pdu.cmd_sn)):
            self.complain(f"CmdSN {pdu.cmd_sn:#x} after {last:#x} on one connection: {pdu!r} (RFC 7143, 4.2.2.1)")
        self.arrived[pdu.cmd_sn] = (connection, pdu)
        if last is None or serial_before(last, pdu.cmd_sn):
            self.last[connection] = pdu.cmd_sn
        if self.highest is None or serial_before(self.highest, pdu.cmd_sn):
            self.highest = pdu.cmd_sn

    def check_retry(self, connection: "Connection", pdu: Numbered, first: "Connection", original: Numbered) -> None:
        if (pdu.header | EXP_STAT_SN, pdu.data) != (original.header | EXP_STAT_SN, original.data):
            self.complain(f"no retry of {original!r}: {pdu!r} (RFC 7143, 7.2.1)")
        if first is not connection and first not in self.gone:
            self.complain(f"a retry on another connection while the first is not logged out: {pdu!r} (RFC 7143, 7.2.1)")

    def logged_out(self, connection: "Connection") -> None:
        """Its commands may come again over the others."""
        self.gone.add(connection)
        self.last.pop(connection, None)
        self.lost_until = self.highest
