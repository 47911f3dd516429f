# SPDX-License-Identifier: GPL-2.0-or-later
"""CHAP both ways and digests, together."""
from rig.checks import expect, fio, read

RECORDS = {"node.session.auth.authmethod": "CHAP", "node.session.auth.username": "initiator",
           "node.session.auth.password": "secret-of-ours", "node.session.auth.username_in": "target",
           "node.session.auth.password_in": "secret-of-its", "node.conn[0].iscsi.HeaderDigest": "CRC32C",
           "node.conn[0].iscsi.DataDigest": "CRC32C"}
HAS = {"tgt": ("MD5",), "istgt": ("MD5",)}  # LIO has all


def holds_algorithms(rig):
    """Each algorithm of CHAP, offered alone, is agreed on with a target that has it, and proves the secret."""
    rig.target.add("t")
    rig.target.add_lun("t", 1)
    rig.target.set_chap("t", "initiator", "secret-of-ours", ("target", "secret-of-its"))
    rig.initiator.discover()
    rig.initiator.set_keys("t", RECORDS)
    for algorithm in ("MD5", "SHA1", "SHA256", "SHA3-256"):
        if algorithm not in HAS.get(rig.target.name, (algorithm,)):
            rig.skip(f"{rig.target.name} has no {algorithm} for CHAP")
            continue
        rig.initiator.set_key("t", "node.session.auth.chap_algs", algorithm)
        rig.initiator.login("t")
        rig.initiator.logout("t")


def holds_mutual(rig):
    """Both sides prove their secrets, header and data digests are agreed on, and the disk keeps what is written; a
    target that does not know its secret is left."""
    rig.target.add("t")
    rig.target.add_lun("t", 1)
    rig.target.set_chap("t", "initiator", "secret-of-ours", ("target", "secret-of-its"))
    rig.initiator.discover()
    for key, value in {**RECORDS, "node.session.auth.password_in": "another-secret"}.items():
        rig.initiator.set_key("t", key, value)
    refused = rig.initiator.login("t", check=False)
    expect(refused.returncode == 24, f"a target with a wrong secret: {refused.returncode}: {refused.stderr}")
    expect(not rig.initiator.sessions(), "a refused login left a session")
    rig.initiator.set_key("t", "node.session.auth.password_in", RECORDS["node.session.auth.password_in"])
    rig.initiator.login("t")
    connection = rig.initiator.session("t").replace("/iscsi_session/session", "/iscsi_connection/connection") + ":0"
    for digest in ("header_digest", "data_digest"):
        expect(read(connection, digest) == "1", f"no {digest}")
    fio(rig.initiator.disk("t"), size="4M", bsrange="512-256k")
