# SPDX-License-Identifier: GPL-2.0-or-later
"""The module's netlink family without our userspace, for what the CLI never asks (include/uapi/hawser/hawser.h)."""
import os
import re
import socket
import struct

from rig.checks import expect

NLM_F_REQUEST, NLM_F_ACK, NLM_F_ACK_TLVS, NLMSG_ERROR, NESTED = 0x01, 0x04, 0x200, 2, 0x8000
EXT_ACK, ACK_MESSAGE, ACK_OFFSET = 11, 1, 2  # NETLINK_EXT_ACK, NLMSGERR_ATTR_MSG and _OFFS
HEADERS = 20  # of a message, before its attributes
CONTROLLER, GETFAMILY, FAMILY_ID, FAMILY_NAME, MCAST_GROUPS, GROUP_ID = 16, 3, 1, 2, 7, 2
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
CMD_TEXT, CMD_EVENT, A_SID, A_TEXT = 16, 15, 4, 18
TEXT_ID, TEXT_TEXT, TEXT_STATUS = 1, 2, 3


def attribute(kind, payload):
    return struct.pack("=HH", len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def attributes(data):
    """{type: payload}; of several of one type the last."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[length + 3 & ~3:]
    return found


def uapi():
    """What the header's enumerations say: {"HWS_A_SID": 4, …}."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    with open(os.path.join(top, "include/uapi/hawser/hawser.h"), encoding="ascii") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    values = {}
    for body in re.findall(r"enum \w+ \{(.*?)\}", text, re.S):
        number = 0
        for name, value in re.findall(r"(\w+)(?: = ([^,]+))?,", body):
            number = int(value, 0) if value else number
            values[name] = number
            number += 1
    return values


class Refused(OSError):
    """message: what the extended ack says; offset: of the attribute that it points at, in the message; or None."""

    def __init__(self, error, found):
        super().__init__(error, os.strerror(error))
        self.message = found.get(ACK_MESSAGE, b"").rstrip(b"\0").decode("ascii")
        self.offset = struct.unpack("=I", found[ACK_OFFSET])[0] if ACK_OFFSET in found else None


class Family:
    """A socket of the family that hears its events, unless told not to."""

    def __init__(self, events=True):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)  # NETLINK_GENERIC
        self.socket.bind((0, 0))
        self.socket.settimeout(90)
        self.socket.setsockopt(SOL_NETLINK, EXT_ACK, 1)
        self.sequence = 0
        self.events = []  # that came before what was waited for, oldest first
        family = self.request(CONTROLLER, GETFAMILY, attribute(FAMILY_NAME, b"hawser\0"))
        self.id = struct.unpack("=H", family[FAMILY_ID])[0]
        group = attributes(next(iter(attributes(family[MCAST_GROUPS]).values())))[GROUP_ID]
        if events:
            self.socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, struct.unpack("=I", group)[0])

    def close(self):
        self.socket.close()

    def receive(self):
        """The messages of one datagram: type, sequence, flags, payload."""
        data = self.socket.recv(1 << 18)
        while data:
            length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data)
            yield kind, sequence, flags, data[16:length]
            data = data[length + 3 & ~3:]

    def request(self, family, command, payload):
        """The attributes of the answer; Refused when it is."""
        self.sequence += 1
        message = struct.pack("=BBH", command, 1, 0) + payload
        self.socket.send(struct.pack("=IHHII", len(message) + 16, family, NLM_F_REQUEST | NLM_F_ACK, self.sequence, 0)
                         + message)
        answer = {}
        while True:
            for kind, sequence, flags, data in self.receive():
                if kind == NLMSG_ERROR and sequence == self.sequence:
                    error = -struct.unpack_from("=i", data)[0]
                    if error:
                        # After the number the request follows, whole.
                        raise Refused(error, attributes(data[4 + (len(message) + 16 + 3 & ~3):])
                                      if flags & NLM_F_ACK_TLVS else {})
                    return answer
                if kind == family and sequence == self.sequence:
                    answer = attributes(data[4:])
                elif kind == family and data[0] == CMD_EVENT:
                    self.events.append(attributes(data[4:]))

    def text(self, sid, data):
        """A Text exchange: the errno and the answer."""
        number = 1 << 31 | self.sequence
        self.request(self.id, CMD_TEXT, attribute(A_SID, struct.pack("=I", sid)) + attribute(
            A_TEXT | NESTED, attribute(TEXT_ID, struct.pack("=I", number)) + attribute(TEXT_TEXT, data)))
        while True:
            for event in self.events:
                ended = attributes(event.get(A_TEXT, b""))
                if ended and struct.unpack("=I", ended[TEXT_ID])[0] == number:
                    expect((TEXT_TEXT in ended) == (ended[TEXT_STATUS] == bytes(4)), f"an event with {list(ended)}")
                    return struct.unpack("=I", ended[TEXT_STATUS])[0], ended.get(TEXT_TEXT, b"")
            self.events = [attributes(message[4:]) for kind, _, _, message in self.receive()
                           if kind == self.id and message[0] == CMD_EVENT]
