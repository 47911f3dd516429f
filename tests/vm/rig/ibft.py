#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The iSCSI Boot Firmware Table of the scenarios fw: one network interface and two targets.

    ibft.py FILE

writes what follows the ACPI header, for QEMU's `-acpitable sig=iBFT,data=FILE`, which makes the header.
"""
import ipaddress
import struct
import sys

INITIATOR = "iqn.2026-11.io.hawser.test:firmware"
TARGETS = ("iqn.2026-11.io.hawser.test:boot", "iqn.2026-11.io.hawser.test:second")
PORTAL = ("127.0.0.1", 3260)
USER, SECRET = "firmware", "secret-of-firmware"
TARGET_USER, TARGET_SECRET = "target", "secret-of-target"

ACPI_HEADER = 36  # bytes, which QEMU makes
CONTROL, START_INITIATOR, NIC, TARGET = range(1, 5)  # identifiers of blocks
VALID, BOOT = 1, 2  # flags of a block
MUTUAL_CHAP = 2


def address(text):
    """16 bytes, IPv4 mapped."""
    return b"\0" * 10 + b"\xff\xff" + ipaddress.IPv4Address(text).packed if text else bytes(16)


class Strings:
    """The heap behind the blocks; each string is found by its length and its place in the table."""

    def __init__(self, start):
        self.start = start
        self.data = b""

    def add(self, text):
        place = self.start + len(self.data)
        self.data += text.encode() + b"\0"
        return struct.pack("<HH", len(text), place)


def block(kind, index, flags, body):
    return struct.pack("<BBHBB", kind, 1, 6 + len(body), index, flags) + body


def table():
    sizes = (18, 74, 102, 54, 54)  # control, initiator, interface, two targets
    places = [ACPI_HEADER + 12 + sum(sizes[:n]) for n in range(len(sizes))]
    strings = Strings(ACPI_HEADER + 12 + sum(sizes))
    control = block(CONTROL, 0, 0, struct.pack("<HHHHHH", 0, places[1], places[2], places[3], 0, places[4]))
    initiator = block(START_INITIATOR, 0, VALID | BOOT, bytes(64) + strings.add(INITIATOR))
    nic = block(NIC, 0, VALID | BOOT, address("192.0.2.10") + bytes([24, 3]) + address("192.0.2.1")
                + address("192.0.2.2") + address("") + address("192.0.2.3") + struct.pack("<H", 0)
                + bytes.fromhex("525400123456") + struct.pack("<HHH", 0xFFFF, 0, 0))
    targets = []
    for index, name in enumerate(TARGETS):
        chap = [bytes(4)] * 4
        if index == 0:
            chap = [strings.add(text) for text in (USER, SECRET, TARGET_USER, TARGET_SECRET)]
        targets.append(block(TARGET, index, VALID | (BOOT if index == 0 else 0),
                             address(PORTAL[0]) + struct.pack("<H", PORTAL[1]) + bytes([0, 1]) + bytes(6)
                             + bytes([MUTUAL_CHAP if index == 0 else 0, 0]) + strings.add(name) + b"".join(chap)))
    blocks = (control, initiator, nic, *targets)
    assert tuple(map(len, blocks)) == sizes, [len(one) for one in blocks]
    return bytes(12) + b"".join(blocks) + strings.data


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as f:
        f.write(table())
