# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk of a few SCSI commands (SPC-4, SBC-3), its blocks in a sparse table."""
from dataclasses import dataclass, field

GOOD, CHECK_CONDITION = 0x00, 0x02
ILLEGAL_REQUEST, MISCOMPARE = 0x05, 0x0E
INVALID_OPCODE, LBA_OUT_OF_RANGE, INVALID_FIELD, NO_LUN = (0x20, 0), (0x21, 0), (0x24, 0), (0x25, 0)

TEST_UNIT_READY, REQUEST_SENSE, INQUIRY, MODE_SENSE_6, START_STOP = 0x00, 0x03, 0x12, 0x1A, 0x1B
READ_CAPACITY_10, READ_10, WRITE_10, VERIFY_10, SYNCHRONIZE_CACHE_10 = 0x25, 0x28, 0x2A, 0x2F, 0x35
MODE_SENSE_10, READ_16, WRITE_16, SYNCHRONIZE_CACHE_16, SERVICE_ACTION_IN_16 = 0x5A, 0x88, 0x8A, 0x91, 0x9E
WRITE_6, WRITE_SAME_10, UNMAP, PERSISTENT_RESERVE_OUT = 0x0A, 0x41, 0x42, 0x5F
COMPARE_AND_WRITE, WRITE_SAME_16 = 0x89, 0x93
REPORT_LUNS = 0xA0
VARIABLE_LENGTH = 0x7F
READ_CAPACITY_16 = 0x10  # a service action
READ_32, WRITE_32 = 0x0009, 0x000B  # of VARIABLE_LENGTH
DIRECT_ACCESS, SEQUENTIAL_ACCESS = 0, 1  # device types
FLAT, LAST_FLAT_LUN = 0b01, 0x3FFF  # an addressing method


def sense(key: int, code: tuple[int, int]) -> bytes:
    """Fixed format sense data."""
    return bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code[0], code[1], 0, 0, 0, 0])


def service_action(cdb: bytes) -> int | None:
    """Of a variable length CDB that has all its 32 bytes (SBC-3)."""
    return int.from_bytes(cdb[8:10], "big") if cdb[0] == VARIABLE_LENGTH and len(cdb) == 32 else None


@dataclass
class Answer:
    """What a command comes to: data for the initiator, or sense data with CHECK CONDITION."""

    data: bytes = b""
    status: int = GOOD
    sense: bytes = b""


def refused(code: tuple[int, int], key: int = ILLEGAL_REQUEST) -> Answer:
    return Answer(status=CHECK_CONDITION, sense=sense(key, code))


@dataclass
class Disk:
    """block_size in bytes; blocks counts them. One that was not written reads as zeros.

    A tape (device_type) takes WRITE(6) in bytes, into records. executed has every CDB, in the order
    in which they were run.
    """

    block_size: int = 512
    blocks: int = 131072
    serial: str = "HAWSER0001"
    device_type: int = DIRECT_ACCESS
    stored: dict[int, bytes] = field(default_factory=dict)
    records: list[bytes] = field(default_factory=list)
    executed: list[bytes] = field(default_factory=list)

    def transfer(self, cdb: bytes) -> tuple[int, int] | None:
        """The first block and the number of them that a READ or WRITE names."""
        if cdb[0] in (READ_10, WRITE_10, VERIFY_10, WRITE_SAME_10):
            return int.from_bytes(cdb[2:6], "big"), int.from_bytes(cdb[7:9], "big")
        if cdb[0] in (READ_16, WRITE_16, WRITE_SAME_16):
            return int.from_bytes(cdb[2:10], "big"), int.from_bytes(cdb[10:14], "big")
        if cdb[0] == COMPARE_AND_WRITE:
            return int.from_bytes(cdb[2:10], "big"), cdb[13]
        if service_action(cdb) in (READ_32, WRITE_32):
            return int.from_bytes(cdb[12:20], "big"), int.from_bytes(cdb[28:32], "big")
        return None

    def wanted(self, cdb: bytes) -> int:
        """Bytes of data that the command takes from the initiator."""
        if cdb[0] in (WRITE_SAME_10, WRITE_SAME_16):
            return self.block_size
        if cdb[0] == UNMAP:
            return int.from_bytes(cdb[7:9], "big")
        if cdb[0] == PERSISTENT_RESERVE_OUT:
            return int.from_bytes(cdb[5:9], "big")
        if cdb[0] == WRITE_6:
            return int.from_bytes(cdb[2:5], "big")
        where = self.transfer(cdb)
        if service_action(cdb) == WRITE_32 and where:
            return where[1] * self.block_size
        blocks = {WRITE_10: 1, WRITE_16: 1, COMPARE_AND_WRITE: 2}.get(cdb[0], 0)
        return where[1] * self.block_size * blocks if where else 0

    def execute(self, cdb: bytes, data: bytes, luns: list[int]) -> Answer:
        """data is what the initiator sent; luns are those of the target, for REPORT LUNS."""
        operation = cdb[0]
        self.executed.append(cdb)
        if operation in (TEST_UNIT_READY, START_STOP, SYNCHRONIZE_CACHE_10, SYNCHRONIZE_CACHE_16, VERIFY_10,
                         PERSISTENT_RESERVE_OUT):
            return Answer()
        if operation == REQUEST_SENSE:
            return Answer(sense(0, (0, 0))[:cdb[4]])
        if operation == INQUIRY:
            return self.inquiry(cdb)
        if operation == REPORT_LUNS:
            return Answer(report_luns(luns)[:int.from_bytes(cdb[6:10], "big")])
        if operation == READ_CAPACITY_10:
            last = min(self.blocks - 1, 0xFFFFFFFF)
            return Answer(last.to_bytes(4, "big") + self.block_size.to_bytes(4, "big"))
        if operation == SERVICE_ACTION_IN_16 and cdb[1] & 0x1F == READ_CAPACITY_16:
            whole = (self.blocks - 1).to_bytes(8, "big") + self.block_size.to_bytes(4, "big") + bytes(20)
            return Answer(whole[:int.from_bytes(cdb[10:14], "big")])
        if operation == MODE_SENSE_6:
            return Answer(self.mode_sense(cdb[2], long=False)[:cdb[4]])
        if operation == MODE_SENSE_10:
            return Answer(self.mode_sense(cdb[2], long=True)[:int.from_bytes(cdb[7:9], "big")])
        if self.device_type == SEQUENTIAL_ACCESS:
            if operation != WRITE_6:
                return refused(INVALID_OPCODE)
            self.records.append(data)
            return Answer()
        if operation == UNMAP:
            return self.unmap(data)
        where = self.transfer(cdb)
        if where is None:
            return refused(INVALID_OPCODE)
        return self.move(operation, *where, data, reads=service_action(cdb) == READ_32)

    def move(self, operation: int, first: int, count: int, data: bytes, reads: bool = False) -> Answer:
        """What reads or writes a run of blocks."""
        if first + count > self.blocks:
            return refused(LBA_OUT_OF_RANGE)
        if operation in (READ_10, READ_16) or reads:
            return Answer(self.read(first, count))
        if operation in (WRITE_SAME_10, WRITE_SAME_16):
            data *= count
        elif operation == COMPARE_AND_WRITE:
            half = len(data) // 2
            if self.read(first, count) != data[:half]:
                return Answer(status=CHECK_CONDITION, sense=sense(MISCOMPARE, (0x1D, 0)))
            data = data[half:]
        self.write(first, data)
        return Answer()

    def unmap(self, data: bytes) -> Answer:
        """The descriptors of a parameter list (SBC-3, 5.28)."""
        for at in range(8, len(data), 16):
            first, count = int.from_bytes(data[at:at + 8], "big"), int.from_bytes(data[at + 8:at + 12], "big")
            if first + count > self.blocks:
                return refused(LBA_OUT_OF_RANGE)
            for block in range(first, first + count):
                self.stored.pop(block, None)
        return Answer()

    def read(self, first: int, count: int) -> bytes:
        empty = bytes(self.block_size)
        return b"".join(self.stored.get(block, empty) for block in range(first, first + count))

    def write(self, first: int, data: bytes) -> None:
        size = self.block_size
        for at in range(0, len(data) - len(data) % size, size):
            self.stored[first + at // size] = data[at:at + size]

    def inquiry(self, cdb: bytes) -> Answer:
        length = int.from_bytes(cdb[3:5], "big")
        if not cdb[1] & 1:
            if cdb[2]:
                return refused(INVALID_FIELD)
            standard = bytes([self.device_type, 0, 6, 2, 31, 0, 0, 2]) + b"HAWSER  " + b"SCRIPTED DISK   " + b"0001"
            return Answer(standard[:length])
        serial = self.serial.encode()
        pages = {
            0x00: bytes([0x00, 0x80, 0x83]),
            0x80: serial,
            0x83: bytes([2, 1, 0, len(serial) + 8]) + b"HAWSER  " + serial,
        }
        page = pages.get(cdb[2])
        if page is None:
            return refused(INVALID_FIELD)
        return Answer((bytes([self.device_type, cdb[2]]) + len(page).to_bytes(2, "big") + page)[:length])

    def mode_sense(self, page: int, long: bool) -> bytes:
        """The caching page, write cache off, when it is asked for."""
        pages = bytes([0x08, 18]) + bytes(18) if page & 0x3F in (0x08, 0x3F) else b""
        if long:
            return (len(pages) + 6).to_bytes(2, "big") + bytes(6) + pages
        return bytes([len(pages) + 3, 0, 0, 0]) + pages


def report_luns(luns: list[int]) -> bytes:
    entries = b"".join(lun_field(lun).to_bytes(8, "big") for lun in luns)
    return len(entries).to_bytes(4, "big") + bytes(4) + entries


def lun_field(lun: int) -> int:
    """A LUN as PDUs carry it: peripheral addressing below 256, flat above (SAM-5, 4.7). What is too large for
    those is a field itself, of any method."""
    if lun > LAST_FLAT_LUN:
        return lun
    return (lun if lun < 256 else lun | 0x4000) << 48


def lun_number(value: int) -> int:
    """The other way round."""
    short, rest = value >> 48, value & (1 << 48) - 1
    if rest == 0 and (short < 256 or short >> 14 == FLAT):
        return short & LAST_FLAT_LUN
    return value
