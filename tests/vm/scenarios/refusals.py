# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: one line on stderr that names what is refused and why, with iscsiadm's exit code."""
import glob
import os

from rig.checks import expect, run
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
