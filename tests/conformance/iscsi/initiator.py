# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain initiator, to try the scripted target itself: it says what it is told to."""
import asyncio
import contextlib
from typing import Any, TypeVar

from iscsi import text
from iscsi.pdu import (DataIn, DataOut, Digests, FromInitiator, LoginRequest, LoginResponse, LogoutRequest,
                       LogoutResponse, Numbered, Pdu, R2t, ScsiCommand, ScsiResponse, read_pdu)
from iscsi.target import Target, fits

PduT = TypeVar("PduT", bound=Pdu)
NAME = "iqn.2026-11.io.hawser.test:plain"


class Initiator:
    """One connection. cmd_sn is shared by hand between the connections of a session."""

    def __init__(self, target: Target):
        self.target = target
        self.cmd_sn = 1
        self.exp_stat_sn = 0
        self.tsih = 0
        self.itt = 0
        self.digests = Digests()
        self.max_send = 8192
        self.keys: dict[str, str] = {}
        self.writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.target.host, self.target.port)

    async def login(self, cid: int = 0, tsih: int = 0, **keys: str) -> None:
        """Straight into the full feature phase, with these keys."""
        await self.connect()
        pairs = [("InitiatorName", NAME), ("TargetName", self.target.name), *keys.items()]
        await self.send(LoginRequest(text.encode(pairs), transit=1, csg=1, nsg=3, cid=cid, tsih=tsih,
                                     isid=0x800000000001))
        answer = await self.expect(LoginResponse, status_class=0, transit=1, nsg=3)
        self.keys = dict(text.decode(answer.data))
        self.tsih = answer.tsih
        self.max_send = int(self.keys["MaxRecvDataSegmentLength"])
        self.digests = Digests(self.keys.get("HeaderDigest") == "CRC32C", self.keys.get("DataDigest") == "CRC32C")

    async def send(self, pdu: Pdu) -> None:
        if isinstance(pdu, FromInitiator) and "exp_stat_sn" not in pdu.given:
            pdu.exp_stat_sn = self.exp_stat_sn
        if isinstance(pdu, Numbered) and "cmd_sn" not in pdu.given:
            pdu.cmd_sn = self.cmd_sn
            if not pdu.immediate:
                self.cmd_sn = self.cmd_sn + 1 & 0xFFFFFFFF
        assert self.writer
        self.writer.write(pdu.pack(self.digests))
        await self.writer.drain()

    async def expect(self, kind: type[PduT], **fields: Any) -> PduT:
        pdu = await asyncio.wait_for(read_pdu(self.reader, self.digests), 60)
        assert isinstance(pdu, kind) and fits(pdu, fields), f"expected {kind.__name__} {fields}, got {pdu!r}"
        if isinstance(pdu, DataIn) and not pdu.has_status or isinstance(pdu, R2t):
            return pdu
        self.exp_stat_sn = getattr(pdu, "stat_sn") + 1 & 0xFFFFFFFF
        return pdu

    def command(self, cdb: bytes, **fields: Any) -> ScsiCommand:
        self.itt += 1
        return ScsiCommand(**{"itt": self.itt, "cdb": cdb, "final": 1, "attribute": ScsiCommand.SIMPLE, **fields})

    async def read(self, block: int, count: int) -> tuple[bytes, list[DataIn]]:
        """READ(10) of blocks of 512 bytes: the data and the PDUs that brought it."""
        length = count * 512
        await self.send(self.command(read_10(block, count), read=1, expected_length=length))
        data, pdus = bytearray(length), []
        while True:
            pdu = await self.expect(DataIn)
            pdus.append(pdu)
            data[pdu.buffer_offset:pdu.buffer_offset + len(pdu.data)] = pdu.data
            if pdu.has_status:
                return bytes(data), pdus

    async def answer(self, r2t: R2t, data: bytes) -> None:
        """The Data-Out PDUs that r2t asks for."""
        end = r2t.buffer_offset + r2t.desired_length
        for data_sn, at in enumerate(range(r2t.buffer_offset, end, self.max_send)):
            part = data[at:min(at + self.max_send, end)]
            await self.send(DataOut(part, itt=r2t.itt, ttt=r2t.ttt, lun=r2t.lun, data_sn=data_sn, buffer_offset=at,
                                    final=at + len(part) == end))

    async def write(self, block: int, data: bytes) -> ScsiResponse:
        """WRITE(10) with nothing unsolicited."""
        await self.send(self.command(write_10(block, len(data) // 512), write=1, expected_length=len(data)))
        while True:
            pdu = await self.expect(Pdu)
            if isinstance(pdu, ScsiResponse):
                return pdu
            assert isinstance(pdu, R2t), pdu
            await self.answer(pdu, data)

    async def close(self) -> None:
        if not self.writer:
            return
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def logout(self) -> None:
        self.itt += 1
        await self.send(LogoutRequest(itt=self.itt, immediate=1))
        await self.expect(LogoutResponse, response=0)


def read_10(block: int, count: int) -> bytes:
    return bytes([0x28, 0]) + block.to_bytes(4, "big") + b"\0" + count.to_bytes(2, "big") + b"\0"


def write_10(block: int, count: int) -> bytes:
    return bytes([0x2A, 0]) + block.to_bytes(4, "big") + b"\0" + count.to_bytes(2, "big") + b"\0"
