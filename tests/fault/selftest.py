#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The fault proxy between two sockets: what each kind of fault does to the bytes that pass.

    selftest.py FAULT_PROXY
"""
import contextlib
import re
import socket
import subprocess
import sys
import time

LIMIT = 30  # seconds for each step
DIGESTS = b"HeaderDigest=CRC32C\0DataDigest=CRC32C\0"


def pdu(opcode, data=b"", digests=True, flags=0x80):
    """The bytes of a PDU; digests that nobody checks are 0xd1… and 0xd2…"""
    header = bytes([opcode, flags, 0, 0, 0]) + len(data).to_bytes(3, "big") + bytes(40)
    padded = data + bytes(-len(data) % 4)
    return header + b"\xd1" * 4 * digests + padded + b"\xd2" * 4 * (digests and bool(data))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Ends:
    """A proxy with one connection through it that is in full feature phase."""

    def __init__(self, program, *options):
        self.server = socket.create_server(("127.0.0.1", 0))
        port = free_port()
        self.proxy = subprocess.Popen([program, *options, f"127.0.0.1:{port}",
                                       f"127.0.0.1:{self.server.getsockname()[1]}"],
                                      stdout=subprocess.PIPE, text=True)
        assert self.proxy.stdout.readline() == "listening\n"
        self.initiator = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.server.settimeout(LIMIT)
        self.target = self.server.accept()[0]
        self.target.settimeout(LIMIT)
        response = pdu(0x23, DIGESTS, digests=False, flags=0x87)
        self.target.sendall(response)
        assert take(self.initiator, len(response)) == response

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.kill()
        self.proxy.communicate()
        for end in (self.initiator, self.target, self.server):
            end.close()

    def told(self):
        """The fault that was done, as the proxy tells it."""
        line = self.proxy.stdout.readline()
        match = re.fullmatch(r"fault (\d+): (\S+) (\S+), connection 1, PDU \d+, opcode 0x[0-9a-f]{2}, "
                             r"ITT 0x[0-9a-f]{8}(?:, bit (\d+))?\n", line)
        assert match, line
        return match


def take(end, length):
    """So many bytes, or fewer when the stream ends; b"RST" when it is reset."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while len(got) < length:
            part = end.recv(length - len(got))
            if not part:
                return got
            got += part
        return got
    return b"RST"


def shows(program, kind, direction):
    """One fault of this kind in this direction, at the second of four PDUs."""
    options = ["-s", "9", "-e", "1", "-k", kind, "-l", "1"]
    if direction == "to-initiator":
        # The first fault goes to the target: it is spent before.
        options[-1] = "2"
    with Ends(program, *options) as ends:
        one, other = ends.initiator, ends.target
        sent = [pdu(0x00, bytes([65 + n]) * 7) for n in range(4)]
        if direction == "to-initiator":
            if kind in ("truncate", "reset", "half-close"):
                return  # the first ends the connection
            one.sendall(pdu(0x01, b"x") * 4)
            take(other, {"drop": 3, "duplicate": 5}.get(kind, 4) * len(pdu(0x01, b"x")))
            ends.told()
            one, other = other, one
        since = time.monotonic()
        for part in sent:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                one.sendall(part)
        told = ends.told()
        assert told[2] == kind and told[3] == direction, told[0]
        whole = b"".join(sent)
        if kind.startswith("flip-"):
            got = take(other, len(whole))
            differ = [n for n in range(8 * len(whole)) if (got[n // 8] ^ whole[n // 8]) >> n % 8 & 1]
            assert len(differ) == 1 and differ[0] % (8 * len(sent[0])) == int(told[4]), (kind, differ, told[4])
            return
        size = len(sent[0])
        if kind == "drop":
            got = take(other, 3 * size)
            assert got in [b"".join(sent[:n] + sent[n + 1:]) for n in range(4)], kind
        elif kind == "duplicate":
            got = take(other, 5 * size)
            assert got in [b"".join(sent[:n] + [sent[n]] + sent[n:]) for n in range(4)], kind
        elif kind in ("delay", "stall"):
            assert take(other, 4 * size) == whole
            took = time.monotonic() - since
            assert took >= (5 if kind == "stall" else 0.3), f"{kind} took {took} s"
        elif kind == "reorder":
            got = take(other, 4 * size)
            swapped = [sent[:n] + [sent[n + 1], sent[n]] + sent[n + 2:] for n in range(3)]
            assert got in [whole, *map(b"".join, swapped)], kind
            assert got != whole or sent[3] == got[-size:], kind
        elif kind == "truncate":
            got = take(other, 4 * size)
            assert len(got) % size and whole.startswith(got), (kind, len(got))
            assert take(one, 1) in (b"", b"RST")
        elif kind == "half-close":
            got = take(other, 4 * size)
            assert got and len(got) % size == 0 and whole.startswith(got), (kind, len(got))
            back = pdu(0x20)
            other.sendall(back)
            assert take(one, len(back)) == back, "the other direction does not go on"
        elif kind == "reset":
            assert take(other, 4 * size) in (b"RST", *[b"".join(sent[:n]) for n in range(4)])
            assert take(one, 1) in (b"", b"RST")


def refuses(program):
    """What is not understood is named."""
    for words, name in ((["-k", "flip"], "flip"), (["-e", "0"], "0"), (["-s", "x"], "x"), ([], "x:1")):
        done = subprocess.run([program, *words, "127.0.0.1:1", "x:1"], stderr=subprocess.PIPE, text=True, check=False,
                              timeout=LIMIT)
        assert done.returncode == 2 and f'"{name}"' in done.stderr, done.stderr


def main():
    program = sys.argv[1]
    usage = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT).stdout
    kinds = usage.rsplit("kinds: ", 1)[1].split()
    assert len(kinds) == 12, kinds
    for kind in kinds:
        for direction in ("to-target", "to-initiator"):
            shows(program, kind, direction)
        print(f"{kind}: as it should be")
    refuses(program)


main()
