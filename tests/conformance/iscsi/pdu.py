# SPDX-License-Identifier: GPL-2.0-or-later
"""Every PDU of RFC 7143, chapter 11 (and what RFC 7144 adds to two of them), as data.

A PDU is a class whose fields say where they are in the 48 bytes of the basic header segment;
getting, setting, printing and the check for reserved bits are made from that. Any field can
be set to any value that fits, sensible or not, and what a sane sender derives (lengths,
padding, digests) can be overridden in Wire.
"""
import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Iterator

from iscsi.crc32c import digest

BHS_LENGTH = 48
RESERVED_TAG = 0xFFFFFFFF


class Field:
    """Some bits of the header, numbered as the RFC does: bit 0 is a byte's most significant."""

    def __init__(self, byte: int, width: int, bit: int = 0, default: int = 0):
        self.width = width
        self.shift = BHS_LENGTH * 8 - (byte * 8 + bit) - width
        self.mask = (1 << width) - 1
        self.default = default
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, pdu: "Pdu | None", owner: type) -> Any:
        if pdu is None:
            return self
        return pdu.header >> self.shift & self.mask

    def __set__(self, pdu: "Pdu", value: int) -> None:
        if not 0 <= value <= self.mask:
            raise ValueError(f"{self.name} = {value} does not fit into {self.width} bits")
        pdu.header = pdu.header & ~(self.mask << self.shift) | value << self.shift
        pdu.given.add(self.name)


class BytesField(Field):
    """A field that reads and takes bytes; short ones are filled up with zeros."""

    def __get__(self, pdu: "Pdu | None", owner: type) -> Any:
        if pdu is None:
            return self
        return super().__get__(pdu, owner).to_bytes(self.width // 8, "big")

    def __set__(self, pdu: "Pdu", value: bytes) -> None:
        super().__set__(pdu, int.from_bytes(value.ljust(self.width // 8, b"\0"), "big"))


@dataclass
class Wire:
    """What the sender of one PDU does otherwise than the RFC says; None: as it says."""

    ahs_length: int | None = None  # in words of four bytes
    data_length: int | None = None
    padding: bytes | None = None
    header_digest: bytes | None = None
    data_digest: bytes | None = None
    after: bytes = b""  # bytes that follow the PDU at once


@dataclass(frozen=True)
class Digests:
    header: bool = False
    data: bool = False


@dataclass(frozen=True)
class Ahs:
    """An additional header segment (11.2.2); the length and the padding are derived."""

    kind: int
    specific: bytes  # from byte 3 on, the reserved byte of the two kinds that exist included

    EXTENDED_CDB: ClassVar[int] = 1
    BIDIRECTIONAL_READ_LENGTH: ClassVar[int] = 2

    def pack(self) -> bytes:
        whole = len(self.specific).to_bytes(2, "big") + bytes([self.kind]) + self.specific
        return whole + bytes(-len(whole) % 4)


def split_ahs(segment: bytes) -> list[Ahs]:
    found = []
    while segment:
        length = int.from_bytes(segment[:2], "big")
        found.append(Ahs(segment[2], segment[3:3 + length]))
        segment = segment[(3 + length + 3) // 4 * 4:]
    return found


class Pdu:
    """The fields that every PDU has; the subclasses have the rest."""

    OPCODE: ClassVar[int | None] = None
    FROM_TARGET: ClassVar[bool] = False
    by_opcode: ClassVar[dict[int, type["Pdu"]]] = {}
    fields: ClassVar[dict[str, Field]] = {}
    defined: ClassVar[int] = 0  # a mask of the header's bits that are not reserved

    immediate = Field(0, 1, bit=1)
    opcode = Field(0, 6, bit=2)
    ahs_length = Field(4, 8)
    data_length = Field(5, 24)
    itt = Field(16, 32)

    def __init_subclass__(cls) -> None:
        cls.fields = {name: member for base in reversed(cls.__mro__)
                      for name, member in vars(base).items() if isinstance(member, Field)}
        cls.defined = 0
        for field in cls.fields.values():
            if not (field.name == "immediate" and cls.FROM_TARGET):
                cls.defined |= field.mask << field.shift
        if cls.OPCODE is not None:
            Pdu.by_opcode[cls.OPCODE] = cls

    def __init__(self, data: bytes = b"", ahs: list[Ahs] | None = None, wire: Wire | None = None, **values: Any):
        self.header = 0
        self.given: set[str] = set()
        self.data = data
        self.ahs = ahs or []
        self.wire = wire or Wire()
        self.padding = b""  # as received
        for name, field in self.fields.items():
            if field.default:
                setattr(self, name, field.default)
        if self.OPCODE is not None:
            self.opcode = self.OPCODE
        self.given.clear()
        for name, value in values.items():
            if name not in self.fields:
                raise TypeError(f"{type(self).__name__} has no field {name}")
            setattr(self, name, value)

    def pack(self, digests: Digests = Digests()) -> bytes:
        ahs = b"".join(segment.pack() for segment in self.ahs)
        wire = self.wire
        given = set(self.given)
        self.ahs_length = len(ahs) // 4 if wire.ahs_length is None else wire.ahs_length
        self.data_length = len(self.data) if wire.data_length is None else wire.data_length
        self.given = given
        header = self.header.to_bytes(BHS_LENGTH, "big") + ahs
        padding = bytes(-len(self.data) % 4) if wire.padding is None else wire.padding
        out = header
        if digests.header:
            out += digest(header) if wire.header_digest is None else wire.header_digest
        out += self.data + padding
        if digests.data and self.data:
            out += digest(self.data + padding) if wire.data_digest is None else wire.data_digest
        return out + wire.after

    @staticmethod
    def of_header(header: bytes) -> "Pdu":
        """A PDU without its AHS and data yet."""
        cls = Pdu.by_opcode.get(header[0] & 0x3F, UnknownPdu)
        pdu = cls()
        pdu.header = int.from_bytes(header, "big")
        pdu.given = set(cls.fields)
        return pdu

    def reserved_bits(self) -> list[int]:
        """The bytes of the header that have a reserved bit set, by number."""
        wrong = (self.header & ~self.defined & (1 << BHS_LENGTH * 8) - 1).to_bytes(BHS_LENGTH, "big")
        return [at for at, byte in enumerate(wrong) if byte]

    def copy(self) -> "Pdu":
        other = type(self)(self.data, list(self.ahs), self.wire)
        other.header = self.header
        other.given = set(self.given)
        return other

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for name in self.fields:
            yield name, getattr(self, name)

    def __repr__(self) -> str:
        shown = [f"{name}={value.hex() if isinstance(value, bytes) else hex(value)}"
                 for name, value in self
                 if name != "opcode" and value and value != b"\0" * 16 and value != self.fields[name].default]
        if self.data:
            shown.append(f"data={self.data[:120]!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class UnknownPdu(Pdu):
    """An opcode that no RFC defines."""


class FromInitiator(Pdu):
    exp_stat_sn = Field(28, 32)


class Numbered(FromInitiator):
    cmd_sn = Field(24, 32)


class FromTarget(Pdu):
    FROM_TARGET = True
    stat_sn = Field(24, 32)
    exp_cmd_sn = Field(28, 32)
    max_cmd_sn = Field(32, 32)


class NopOut(Numbered):
    OPCODE = 0x00
    final = Field(1, 1, default=1)
    lun = Field(8, 64)
    itt = Field(16, 32, default=RESERVED_TAG)
    ttt = Field(20, 32, default=RESERVED_TAG)


class ScsiCommand(Numbered):
    OPCODE = 0x01
    final = Field(1, 1)
    read = Field(1, 1, bit=1)
    write = Field(1, 1, bit=2)
    attribute = Field(1, 3, bit=5)
    priority = Field(2, 4)  # RFC 7144, 5.1.1
    lun = Field(8, 64)
    expected_length = Field(20, 32)
    cdb = BytesField(32, 128)

    UNTAGGED, SIMPLE, ORDERED, HEAD_OF_QUEUE, ACA = range(5)

    @property
    def whole_cdb(self) -> bytes:
        """The CDB with what an additional header segment has of it (11.2.2.3)."""
        return self.cdb + b"".join(segment.specific[1:] for segment in self.ahs if segment.kind == Ahs.EXTENDED_CDB)


class TaskManagementRequest(Numbered):
    OPCODE = 0x02
    final = Field(1, 1, default=1)
    function = Field(1, 7, bit=1)
    lun = Field(8, 64)
    referenced_task_tag = Field(20, 32, default=RESERVED_TAG)
    ref_cmd_sn = Field(32, 32)
    exp_data_sn = Field(36, 32)

    ABORT_TASK, ABORT_TASK_SET, CLEAR_ACA, CLEAR_TASK_SET, LUN_RESET, WARM_RESET, COLD_RESET, REASSIGN = range(1, 9)
    # RFC 7144, 6.
    QUERY_TASK, QUERY_TASK_SET, I_T_NEXUS_RESET, QUERY_ASYNC_EVENT = range(9, 13)


class LoginRequest(Numbered):
    OPCODE = 0x03
    immediate = Field(0, 1, bit=1, default=1)
    transit = Field(1, 1)
    more = Field(1, 1, bit=1)
    csg = Field(1, 2, bit=4)
    nsg = Field(1, 2, bit=6)
    version_max = Field(2, 8)
    version_min = Field(3, 8)
    isid = Field(8, 48)
    tsih = Field(14, 16)
    cid = Field(20, 16)

    SECURITY, OPERATIONAL, FULL_FEATURE = 0, 1, 3


class TextRequest(Numbered):
    OPCODE = 0x04
    final = Field(1, 1)
    more = Field(1, 1, bit=1)
    lun = Field(8, 64)
    ttt = Field(20, 32, default=RESERVED_TAG)


class DataOut(FromInitiator):
    OPCODE = 0x05
    final = Field(1, 1)
    lun = Field(8, 64)
    ttt = Field(20, 32, default=RESERVED_TAG)
    data_sn = Field(36, 32)
    buffer_offset = Field(40, 32)


class LogoutRequest(Numbered):
    OPCODE = 0x06
    final = Field(1, 1, default=1)
    reason = Field(1, 7, bit=1)
    cid = Field(20, 16)

    SESSION, CONNECTION, RECOVERY = range(3)


class SnackRequest(FromInitiator):
    OPCODE = 0x10
    final = Field(1, 1, default=1)
    type = Field(1, 4, bit=4)
    lun = Field(8, 64)
    ttt = Field(20, 32, default=RESERVED_TAG)  # the SNACK Tag of R-Data
    beg_run = Field(40, 32)
    run_length = Field(44, 32)

    DATA, STATUS, DATA_ACK, R_DATA = range(4)


class NopIn(FromTarget):
    OPCODE = 0x20
    final = Field(1, 1, default=1)
    lun = Field(8, 64)
    itt = Field(16, 32, default=RESERVED_TAG)
    ttt = Field(20, 32, default=RESERVED_TAG)


class ScsiResponse(FromTarget):
    OPCODE = 0x21
    final = Field(1, 1, default=1)
    read_overflow = Field(1, 1, bit=3)
    read_underflow = Field(1, 1, bit=4)
    overflow = Field(1, 1, bit=5)
    underflow = Field(1, 1, bit=6)
    response = Field(2, 8)
    status = Field(3, 8)
    status_qualifier = Field(8, 16)  # RFC 7144, 5.2.1
    snack_tag = Field(20, 32)
    exp_data_sn = Field(36, 32)
    read_residual = Field(40, 32)
    residual = Field(44, 32)

    GOOD, CHECK_CONDITION, BUSY, RESERVATION_CONFLICT, TASK_SET_FULL = 0, 2, 8, 0x18, 0x28


class TaskManagementResponse(FromTarget):
    OPCODE = 0x22
    final = Field(1, 1, default=1)
    response = Field(2, 8)

    COMPLETE, NO_TASK, NO_LUN, STILL_ALLEGIANT, NO_REASSIGNMENT, NOT_SUPPORTED, NOT_AUTHORIZED = range(7)
    SUCCEEDED = 7  # RFC 7144, 6.4.2
    REJECTED = 255


class LoginResponse(FromTarget):
    OPCODE = 0x23
    transit = Field(1, 1)
    more = Field(1, 1, bit=1)
    csg = Field(1, 2, bit=4)
    nsg = Field(1, 2, bit=6)
    version_max = Field(2, 8)
    version_active = Field(3, 8)
    isid = Field(8, 48)
    tsih = Field(14, 16)
    status_class = Field(36, 8)
    status_detail = Field(37, 8)


class TextResponse(FromTarget):
    OPCODE = 0x24
    final = Field(1, 1)
    more = Field(1, 1, bit=1)
    lun = Field(8, 64)
    ttt = Field(20, 32, default=RESERVED_TAG)


class DataIn(FromTarget):
    OPCODE = 0x25
    final = Field(1, 1)
    acknowledge = Field(1, 1, bit=1)
    overflow = Field(1, 1, bit=5)
    underflow = Field(1, 1, bit=6)
    has_status = Field(1, 1, bit=7)
    status = Field(3, 8)
    lun = Field(8, 64)
    ttt = Field(20, 32, default=RESERVED_TAG)
    data_sn = Field(36, 32)
    buffer_offset = Field(40, 32)
    residual = Field(44, 32)


class LogoutResponse(FromTarget):
    OPCODE = 0x26
    final = Field(1, 1, default=1)
    response = Field(2, 8)
    time2wait = Field(40, 16)
    time2retain = Field(42, 16)


class R2t(FromTarget):
    OPCODE = 0x31
    final = Field(1, 1, default=1)
    lun = Field(8, 64)
    ttt = Field(20, 32)
    r2t_sn = Field(36, 32)
    buffer_offset = Field(40, 32)
    desired_length = Field(44, 32)


class AsyncMessage(FromTarget):
    OPCODE = 0x32
    final = Field(1, 1, default=1)
    lun = Field(8, 64)
    itt = Field(16, 32, default=RESERVED_TAG)
    event = Field(36, 8)
    vcode = Field(37, 8)
    parameter1 = Field(38, 16)
    parameter2 = Field(40, 16)
    parameter3 = Field(42, 16)

    SCSI_EVENT, LOGOUT, DROP_CONNECTION, DROP_ALL, NEGOTIATE = range(5)


class Reject(FromTarget):
    OPCODE = 0x3F
    final = Field(1, 1, default=1)
    reason = Field(2, 8)
    itt = Field(16, 32, default=RESERVED_TAG)
    data_sn = Field(36, 32)


class BadDigest(Exception):
    """A PDU came with a digest that is not its own."""

    def __init__(self, which: str, pdu: Pdu):
        super().__init__(f"wrong {which} digest: {pdu!r}")
        self.which = which
        self.pdu = pdu


async def read_pdu(reader: asyncio.StreamReader, digests: Digests = Digests()) -> Pdu:
    """The next PDU; asyncio.IncompleteReadError at the end of the connection."""
    header = await reader.readexactly(BHS_LENGTH)
    pdu = Pdu.of_header(header)
    ahs = await reader.readexactly(pdu.ahs_length * 4)
    header_digest = await reader.readexactly(4 if digests.header else 0)
    if digests.header and header_digest != digest(header + ahs):
        raise BadDigest("header", pdu)
    pdu.ahs = split_ahs(ahs)
    pdu.data = await reader.readexactly(pdu.data_length)
    pdu.padding = await reader.readexactly(-pdu.data_length % 4)
    if digests.data and pdu.data:
        data_digest = await reader.readexactly(4)
        if data_digest != digest(pdu.data + pdu.padding):
            raise BadDigest("data", pdu)
    return pdu
