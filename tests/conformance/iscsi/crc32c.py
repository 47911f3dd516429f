# SPDX-License-Identifier: GPL-2.0-or-later
"""CRC32C as RFC 7143, 13.1 puts it on the wire."""


def _table() -> list[int]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        rows.append(value)
    return rows


_TABLE = _table()


def crc32c(data: bytes) -> int:
    table = _TABLE
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def digest(data: bytes) -> bytes:
    """The four bytes that follow data in a PDU."""
    return crc32c(data).to_bytes(4, "little")
