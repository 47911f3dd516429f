# SPDX-License-Identifier: GPL-2.0-or-later
"""The target's side of CHAP (RFC 7143, 12.1.3; RFC 1994)."""
import base64
import hashlib
import os
from dataclasses import dataclass, field

from iscsi.text import Pairs

ALGORITHMS = {5: hashlib.md5, 6: hashlib.sha1, 7: hashlib.sha256, 8: hashlib.sha3_256}


def response(algorithm: int, identifier: int, secret: bytes, challenge: bytes) -> bytes:
    return ALGORITHMS[algorithm](bytes([identifier]) + secret + challenge).digest()


def hexadecimal(data: bytes) -> str:
    return "0x" + data.hex()


def in_base64(data: bytes) -> str:
    return "0b" + base64.b64encode(data).decode()


def binary(value: str) -> bytes:
    """A binary-value of 6.1."""
    if value[:2].lower() == "0x":
        digits = value[2:]
        return bytes.fromhex("0" * (len(digits) % 2) + digits)
    assert value[:2].lower() == "0b", f"neither hexadecimal nor base64: {value[:40]}"
    return base64.b64decode(value[2:] + "=" * (-len(value[2:]) % 4), validate=True)


@dataclass
class Chap:
    """One target's accounts, and what it says. Every member can be set by a script.

    secret proves the initiator; own_name and own_secret prove the target, when it is asked to.
    """

    secret: bytes = b"initiator-secret"
    own_name: str = "target-user"
    own_secret: bytes = b"target-secret-1"
    algorithms: tuple[int, ...] = (5, 6, 7, 8)
    identifier: int | str = 42
    challenge: bytes = b""  # empty: 16 random bytes
    encode: object = hexadecimal
    # What was seen of the initiator, for asserts.
    offered: list[int] = field(default_factory=list)
    name: str = ""
    their_challenge: bytes = b""
    their_identifier: int = 0
    algorithm: int = 0

    def choose(self, value: str) -> Pairs | None:
        """The answer to CHAP_A; None when no algorithm is to the target's liking."""
        self.offered = [int(word) for word in value.split(",")]
        self.algorithm = next((number for number in self.offered if number in self.algorithms), 0)
        if not self.algorithm:
            return None
        self.challenge = self.challenge or os.urandom(16)
        return [("CHAP_A", str(self.algorithm)), ("CHAP_I", str(self.identifier)),
                ("CHAP_C", self.encode(self.challenge))]

    def check(self, keys: dict[str, str]) -> Pairs | None:
        """The answer to CHAP_N and CHAP_R: none, or the target's proof; None when they are wrong."""
        self.name = keys["CHAP_N"]
        expected = response(self.algorithm, int(str(self.identifier), 0), self.secret, self.challenge)
        if binary(keys["CHAP_R"]) != expected:
            return None
        if "CHAP_C" not in keys:
            return []
        self.their_identifier, self.their_challenge = int(keys["CHAP_I"], 0), binary(keys["CHAP_C"])
        proof = response(self.algorithm, self.their_identifier, self.own_secret, self.their_challenge)
        return [("CHAP_N", self.own_name), ("CHAP_R", self.encode(proof))]
