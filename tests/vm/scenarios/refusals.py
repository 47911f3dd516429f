# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: one line on stderr that names what is refused and why, with iscsiadm's exit code."""
import errno
import glob
import os
import struct

from rig.checks import Failure, expect, run
from rig.genl import HEADERS, NESTED, Family, Refused, attribute, uapi
from rig.initiators import PORTAL
from rig.targets import IQN

INVALID, NO_DAEMON, NO_PERMISSION, NOTHING, DAMAGED, REFUSED = 7, 20, 13, 21, 6, 24


def refused(rig, code, words, *arguments):
    """The command fails with the code, in one line that holds each of the words, and prints nothing else."""
    done = rig.initiator.adm(*arguments, check=False)
    shown = f"`hawseradm {' '.join(arguments)}` ended with {done.returncode}: {done.stderr}{done.stdout}"
    expect(done.returncode == code, f"{shown}; {code} was expected")
    lines = done.stderr.splitlines()
    expect(len(lines) == 1, f"{shown}; one line on stderr was expected")
    for word in words:
        expect(word.lower() in lines[0].lower(), f"{shown}; '{word}' was expected in it")


def holds_words(rig):
    """Unknown modes, keys, names, values and addresses are refused by name."""
    rig.target.add("t")
    rig.target.add_lun("t", 1)
    rig.initiator.discover()
    node = ("-m", "node", "-T", IQN + "t", "-p", PORTAL)
    refused(rig, INVALID, ["nonsense"], "-m", "nonsense")
    refused(rig, INVALID, ["node.nonsense"], *node, "-o", "update", "-n", "node.nonsense", "-v", "1")
    refused(rig, INVALID, ["FirstBurstLength", "511"], *node, "-o", "update",
            "-n", "node.session.iscsi.FirstBurstLength", "-v", "511")
    refused(rig, INVALID, ["not-a-name"], "-m", "node", "-o", "new", "-T", "not-a-name", "-p", PORTAL)
    refused(rig, INVALID, ["300.1.1.1"], "-m", "node", "-o", "new", "-T", IQN + "x", "-p", "300.1.1.1:3260")
    refused(rig, NOTHING, ["unknown"], "-m", "node", "-T", IQN + "unknown", "-p", PORTAL, "--login")
    refused(rig, NOTHING, ["session"], "-m", "session")


def holds_secret(rig):
    """A wrong secret is refused with the target's status class and detail in words."""
    rig.target.add("locked")
    rig.target.set_chap("locked", "user", "right-secret-1")
    rig.initiator.discover()
    for key, value in (("authmethod", "CHAP"), ("username", "user"), ("password", "wrong-secret-1")):
        rig.initiator.set_key("locked", f"node.session.auth.{key}", value)
    done = rig.initiator.login("locked", check=False)
    expect(done.returncode == REFUSED, f"the login ended with {done.returncode}: {done.stderr}")
    expect("authenti" in done.stderr.lower(), f"the target's words are not in: {done.stderr}")
    expect("wrong-secret" not in done.stderr + done.stdout, "the secret is shown")


def holds_damaged_record(rig):
    """A damaged record is named and kept aside, and the others still work."""
    for name in ("good", "bad"):
        rig.target.add(name)
        rig.target.add_lun(name, 1)
    rig.initiator.discover()
    files = [f for f in glob.glob("/var/lib/hawser/nodes/*") if "bad" in os.path.basename(f)]
    expect(len(files) == 1, f"files of the record: {files}")
    with open(files[0], "r+", encoding="utf-8") as f:
        f.truncate(os.path.getsize(files[0]) // 2)
    done = rig.initiator.node("bad", check=False)
    expect(done.returncode == DAMAGED, f"a damaged record ended with {done.returncode}: {done.stderr}")
    expect("bad" in done.stderr, f"the record is not named: {done.stderr}")
    expect(len(done.stderr.splitlines()) == 1, f"not one line: {done.stderr}")
    aside = [f for f in glob.glob("/var/lib/hawser/**", recursive=True)
             if "bad" in os.path.basename(f) and f != files[0]]
    expect(aside, "the damaged record was not kept aside")
    rig.initiator.login("good")
    rig.initiator.disk("good")


def holds_no_daemon(rig):
    """Without the daemon, records are listed and edited, and discovery, login and logout refuse with 20."""
    rig.target.add("t")
    rig.initiator.discover()
    rig.initiator.stop_daemon()
    try:
        expect(IQN + "t" in rig.initiator.adm("-m", "node").stdout, "the record is not listed")
        rig.initiator.set_key("t", "node.session.cmds_max", "64")
        for command in (("-m", "discovery", "-t", "st", "-p", PORTAL),
                        ("-m", "node", "-T", IQN + "t", "-p", PORTAL, "--login")):
            refused(rig, NO_DAEMON, [], *command)
    finally:
        rig.initiator.start_daemon()


def holds_no_permission(rig):
    """Without root, a change is refused with 13."""
    done = run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
               rig.initiator.program, "-m", "node", "-o", "new", "-T", IQN + "x", "-p", PORTAL, check=False)
    expect(done.returncode == NO_PERMISSION, f"ended with {done.returncode}: {done.stderr}")
    expect(len(done.stderr.splitlines()) == 1, f"not one line: {done.stderr}")


def holds_no_module(rig):
    """Without the module and without a way to load it, a login is refused with 12."""
    rig.target.add("t")
    rig.initiator.discover()
    rig.initiator.stop_daemon()
    run("rmmod", rig.initiator.module)
    # Nothing can load it now; the file comes back afterwards.
    name = run("modinfo", "-n", rig.initiator.module).stdout.strip()
    os.rename(name, name + ".away")
    try:
        rig.initiator.start_daemon()
        refused(rig, 12, ["module"], "-m", "node", "-T", IQN + "t", "-p", PORTAL, "--login")
        rig.initiator.stop_daemon()
    finally:
        os.rename(name + ".away", name)
        run("modprobe", rig.initiator.module)
        if rig.initiator.daemon.poll() is not None:
            rig.initiator.start_daemon()


def u8(value):
    return struct.pack("=B", value)


def u16(value):
    return struct.pack("=H", value)


def u32(value):
    return struct.pack("=I", value)


# Each command, its attributes, and the attribute without which the rest of them is refused.
MISSING = (
    ("SOCKET_PREPARE", {}, "HWS_A_FD"),
    ("SESSION_NEW", {}, "HWS_A_SESSION"),
    ("SESSION_NEW", {"SESSION": {}}, "HWS_A_CONNECTION"),
    ("SESSION_NEW", {"SESSION": {}, "CONNECTION": {}}, "HWS_SESSION_A_INITIATOR_NAME"),
    ("SESSION_GET", {}, "HWS_A_SID"),
    ("SESSION_SET", {}, "HWS_A_SID"),
    ("SESSION_SET", {"SID": None, "CONNECTION": {}}, "HWS_CONN_A_CID"),
    ("SESSION_DEL", {}, "HWS_A_SID"),
    ("CONN_RESERVE", {}, "HWS_A_ADOPT_KIND"),
    ("CONN_RESERVE", {"ADOPT_KIND": u8(1)}, "HWS_A_CONNECTION"),
    ("CONN_RESERVE", {"ADOPT_KIND": u8(1), "CONNECTION": {}}, "HWS_CONN_A_CID"),
    ("CONN_RESERVE", {"ADOPT_KIND": u8(1), "CONNECTION": {"CID": u16(0)}}, "HWS_A_SID"),
    ("CONN_RELEASE", {}, "HWS_A_COOKIE"),
    ("CONN_RELEASE", {"COOKIE": bytes(8)}, "HWS_A_SID"),
    ("CONN_ADOPT", {}, "HWS_A_COOKIE"),
    ("CONN_ADOPT", {"COOKIE": bytes(8)}, "HWS_A_CONNECTION"),
    ("CONN_ADOPT", {"COOKIE": bytes(8), "CONNECTION": {}}, "HWS_CONN_A_CID"),
    ("CONN_ADOPT", {"COOKIE": bytes(8), "SESSION": {}, "CONNECTION": {}}, "HWS_SESSION_A_TSIH"),
    ("CONN_DROP", {}, "HWS_A_CONNECTION"),
    ("CONN_DROP", {"CONNECTION": {}}, "HWS_CONN_A_CID"),
    ("CONN_DROP", {"CONNECTION": {"CID": u16(0)}}, "HWS_A_SID"),
    ("CONN_REMOVE", {}, "HWS_A_CONNECTION"),
    ("CONN_REMOVE", {"CONNECTION": {}}, "HWS_CONN_A_CID"),
    ("CONN_REMOVE", {"CONNECTION": {"CID": u16(0)}}, "HWS_A_SID"),
    ("PING", {}, "HWS_A_PING"),
    ("PING", {"PING": {}}, "HWS_PING_A_ID"),
    ("PING", {"PING": {"ID": u32(1)}}, "HWS_PING_A_SIZE"),
    ("PING", {"PING": {"ID": u32(1), "SIZE": u32(0)}}, "HWS_A_SID"),
    ("TMF", {}, "HWS_A_TMF"),
    ("TMF", {"TMF": {}}, "HWS_TMF_A_ID"),
    ("TMF", {"TMF": {"ID": u32(1)}}, "HWS_TMF_A_FUNCTION"),
    ("TMF", {"TMF": {"ID": u32(1), "FUNCTION": u8(5)}}, "HWS_TMF_A_LUN"),
    ("TMF", {"TMF": {"ID": u32(1), "FUNCTION": u8(6)}}, "HWS_A_SID"),
    ("SCAN", {}, "HWS_A_SID"),
    ("STATS_GET", {}, "HWS_A_SID"),
    ("TEXT", {}, "HWS_A_TEXT"),
    ("TEXT", {"TEXT": {}}, "HWS_TEXT_A_ID"),
    ("TEXT", {"TEXT": {"ID": u32(1)}}, "HWS_TEXT_A_TEXT"),
    ("TEXT", {"TEXT": {"ID": u32(1), "TEXT": b""}}, "HWS_A_SID"),
)

# Of SESSION_NEW, and what is wrong with it.
WRONG = (
    ("SESSION", "INITIATOR_NAME", b"i" * 300 + b"\0", "too long"),
    ("SESSION", "INITIATOR_NAME", b"iqn.unterminated", "without its NUL"),
    ("SESSION", "ISID", bytes(5), "too short"),
    ("SESSION", "ISID", bytes(7), "too long"),
    ("SESSION", "OWNER_KEY", bytes(4096), "too long"),
    ("SESSION", "ERL", u8(3), "out of range"),
    ("SESSION", "ERL", u32(1), "of the wrong size"),
    ("SESSION", "INITIAL_R2T", u8(2), "out of range"),
    ("SESSION", "TSIH", u16(0), "out of range"),
    ("SESSION", "FIRST_BURST_LENGTH", u32(511), "out of range"),
    ("SESSION", "MAX_BURST_LENGTH", u32(1 << 24), "out of range"),
    ("SESSION", "CMDS_MAX", u32(0), "out of range"),
    ("SESSION", "TIME2WAIT", u16(3601), "out of range"),
    ("CONNECTION", "HEADER_DIGEST", u8(2), "out of range"),
    ("CONNECTION", "MAX_RECV_DATA_SEGMENT_LENGTH", u32(0xFFFFFFFF), "out of range"),
    ("CONNECTION", "PERSISTENT_PORT", u16(0), "out of range"),
    ("CONNECTION", "PERSISTENT_ADDRESS", b"1" * 1000 + b"\0", "too long"),
    ("PING", "SIZE", u32(1 << 20), "out of range"),
    ("TMF", "FUNCTION", u8(0), "out of range"),
    ("TMF", "LUN", bytes(7), "too short"),
    ("TEXT", "TEXT", bytes(65025), "too long"),
)


class Asked:
    """A request of names and bytes; where: of each attribute its offset in the message."""

    def __init__(self, values, attributes, **fixed):
        self.values, self.where = values, {}
        self.payload = self.put("HWS_A_", attributes, HEADERS, fixed)

    def put(self, prefix, attributes, at, fixed):
        data = b""
        for name, value in attributes.items():
            kind = self.values[prefix + name] if isinstance(name, str) else name
            self.where[name] = at + len(data)
            if isinstance(value, dict):
                inner = self.put({"SESSION": "HWS_SESSION_A_", "CONNECTION": "HWS_CONN_A_"}.get(name, f"HWS_{name}_A_"),
                                 value, at + len(data) + 4, fixed)
                data += attribute(kind | NESTED, inner)
            else:
                data += attribute(kind, fixed[name] if value is None else value)
        return data


def refusal(family, values, command, asked):
    try:
        family.request(family.id, values["HWS_CMD_" + command], asked.payload)
    except Refused as refused:
        return refused
    raise Failure(f"{command} {asked.where} was not refused")


def holds_netlink(rig):
    """A message with a missing, an oversized, an out-of-range or an unknown attribute is refused with an extended ack
    that says which; one about a session that is not there, by that."""
    values = uapi()
    rig.attach()
    sid = u32(int(rig.initiator.sid("t")))
    family = Family()
    for command, attributes, missing in MISSING:
        asked = Asked(values, attributes, SID=sid)
        refused = refusal(family, values, command, asked)
        expect((refused.errno, refused.message) == (errno.EINVAL, f"{missing} is missing"),
               f"{command} {attributes}: {refused}: {refused.message}")
    for nest, name, value, what in WRONG:
        asked = Asked(values, {nest: {name: value}})
        refused = refusal(family, values, "SESSION_NEW", asked)
        expect(refused.errno in (errno.EINVAL, errno.ERANGE) and refused.message and refused.offset == asked.where[name],
               f"{name} {what}: {refused}: {refused.message}, at {refused.offset} of {asked.where}")
    for attributes, unknown in (({200: u32(1), "SID": sid}, 200), ({"SESSION": {201: u32(1)}}, 201),
                                ({"CONNECTION": {"CID": u16(0), 202: b""}}, 202)):
        asked = Asked(values, attributes)
        refused = refusal(family, values, "SESSION_GET", asked)
        expect(refused.errno == errno.EINVAL and refused.offset == asked.where[unknown],
               f"the unknown {unknown}: {refused}: {refused.message}, at {refused.offset} of {asked.where}")
    for command in ("SESSION_GET", "SESSION_SET", "SESSION_DEL", "SCAN", "STATS_GET"):
        refused = refusal(family, values, command, Asked(values, {"SID": u32(0x7FFFFFFF)}))
        expect(refused.errno == errno.ENOENT and "session" in refused.message, f"{command}: {refused}: {refused.message}")
    family.close()
    expect(rig.initiator.state("t") == "LOGGED_IN", "the session did not survive the refusals")
