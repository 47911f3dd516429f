# SPDX-License-Identifier: GPL-2.0-or-later
"""key=value text (RFC 7143, 6.1)."""
Pairs = list[tuple[str, str]]


def encode(pairs: Pairs) -> bytes:
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in pairs)


def decode(data: bytes) -> Pairs:
    """The pairs of a whole logical text data segment; AssertionError when it is none."""
    if not data:
        return []
    assert data.endswith(b"\0"), f"the last pair has no delimiter: {data[-64:]!r}"
    pairs = []
    for pair in data[:-1].split(b"\0"):
        key, equals, value = pair.partition(b"=")
        assert equals and 0 < len(key) <= 63, f"no key=value pair: {pair[:80]!r}"
        pairs.append((key.decode("ascii"), value.decode()))
    return pairs


def pieces(data: bytes, size: int) -> list[bytes]:
    """data in parts of at most size bytes; no data is one part without any."""
    return [data[at:at + size] for at in range(0, len(data), size)] or [b""]
