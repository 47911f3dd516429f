# SPDX-License-Identifier: GPL-2.0-or-later
"""Hawser and open-iscsi on one machine, under one initiator name."""
import contextlib
import os
import re
import shutil

from rig.checks import expect, fio, read, run, wait_for
from rig.initiators import OpenIscsi
from rig.targets import IQN

CHAP = {"node.session.auth.authmethod": "CHAP", "node.session.auth.username": "initiator",
        "node.session.auth.password": "secret-of-ours", "node.session.auth.username_in": "target",
        "node.session.auth.password_in": "secret-of-its"}
# Of the attributes that iscsi_tcp has in the class, those in which a Hawser session has nothing: the module never has
# a secret.
SECRETS = {"password", "password_in"}
# And those that are each session's own, or that iscsid does not tell its driver. A target of ours stays ALLOCATED: what
# unbinds through the class would remove the devices of one that the class thinks it has SCANNED. All others are the
# same where the records and the target are.
OWN = {"creator", "data_pdu_in_order", "data_seq_in_order", "exp_statsn", "fast_abort", "isid", "local_port",
       "statsn", "target_id", "target_state", "tsid", "uevent"}


def use_name_of_open_iscsi(rig):
    """One name for both, or their ISIDs could not clash."""
    rig.initiator.stop_daemon()
    os.makedirs("/etc/hawser", exist_ok=True)
    shutil.copy("/etc/iscsi/initiatorname.iscsi", "/etc/hawser/initiatorname.hawser")
    rig.initiator.start_daemon()


@contextlib.contextmanager
def both(rig):
    """open-iscsi beside Hawser, and a target with a unit for them."""
    other = OpenIscsi()
    other.start()
    try:
        use_name_of_open_iscsi(rig)
        rig.target.add("shared")
        rig.target.add_lun("shared", 1)
        yield other
    finally:
        other.stop()


def holds_each_keeps_its_own(rig):
    """Neither adopts, scans or ends the other's sessions, and no ISID is used by both."""
    with both(rig) as other:
        # open-iscsi goes first: it logs in to no target that has a session of anybody's.
        other.discover()
        other.login("shared")
        theirs = other.disk("shared")
        rig.initiator.discover()
        rig.initiator.login("shared")
        disk = rig.initiator.disk("shared")
        expect(disk != theirs, f"both say {disk}")
        names = {read(i.session("shared"), "initiatorname") for i in (rig.initiator, other)}
        expect(len(names) == 1, f"the initiator names differ, so the ISIDs could not clash: {names}")
        # Under one name, one ISID in both would have been a reinstatement: the target would
        # have ended the older session (RFC 7143, 6.3.5), and both_live would find it gone.
        both_live(rig, other, disk, theirs)

        # Each daemon starts again while the other's session lives.
        rig.initiator.stop_daemon()
        rig.initiator.start_daemon()
        other.stop_daemon()
        other.start_daemon()
        both_live(rig, other, disk, theirs)

        # Each logs out of all that it has.
        rig.initiator.logout_all()
        expect(other.state("shared") == "LOGGED_IN", "Hawser's logout ended open-iscsi's session")
        fio(theirs, size="1M")
        rig.initiator.login("shared")
        disk = rig.initiator.disk("shared")
        other.logout_all()
        expect(rig.initiator.state("shared") == "LOGGED_IN", "open-iscsi's logout ended Hawser's session")
        fio(disk, size="1M")


def attributes(folder):
    """{name: value} of the files in a folder of sysfs that can be read; "(null)" is what the class has for none."""
    found = {}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.stat(path).st_mode & 0o444:
            try:
                found[name] = read(path).replace("(null)", "")
            except OSError as error:
                found[name] = error.strerror
    return found


def class_folders(initiator, target):
    """The objects that the transport class has for a session with one connection."""
    session = initiator.session(target)
    sid = os.path.basename(session).removeprefix("session")
    host = os.path.realpath(session).split("/host", 1)[1].split("/", 1)[0]
    return {"session": session, "connection": f"/sys/class/iscsi_connection/connection{sid}:0",
            "host": f"/sys/class/iscsi_host/host{host}"}


def holds_same_attributes(rig):
    """The class shows of a Hawser session what it shows of one of iscsi_tcp; lsblk, lsscsi and multipath read it."""
    with both(rig) as other:
        rig.target.set_chap("shared", "initiator", "secret-of-ours", ("target", "secret-of-its"))
        for initiator in (other, rig.initiator):
            initiator.discover()
            initiator.set_keys("shared", CHAP)
            initiator.login("shared")
        disk, theirs = rig.initiator.disk("shared"), other.disk("shared")
        # lsblk and multipath know of a disk what udev has found out by then.
        run("udevadm", "settle", "--timeout=100")

        ours, iscsi_tcp = class_folders(rig.initiator, "shared"), class_folders(other, "shared")
        for kind, folder in iscsi_tcp.items():
            expected, shown = attributes(folder), attributes(ours[kind])
            expect(not (missing := set(expected) - set(shown)), f"{kind}: {missing} are missing")
            expect(not any(shown.get(name) for name in SECRETS), f"{kind} shows a secret")
            differ = {name: (expected[name], shown[name]) for name in set(expected) - SECRETS - OWN
                      if expected[name] and shown[name] != expected[name]}
            expect(not differ, f"{kind}, iscsi_tcp and Hawser: {differ}")
            rig.say(f"{kind}: {len(shown)} attributes, {len(expected)} of iscsi_tcp")
        expect(read(ours["session"], "username") == "initiator", "the name of CHAP is not shown")
        expect(read(ours["session"], "targetname") == IQN + "shared", read(ours["session"], "targetname"))

        names = {path.removeprefix("/dev/") for path in (disk, theirs)}
        listed = {line.split()[0]: line.split()[1] for line in
                  run("lsblk", "-S", "-n", "-o", "NAME,TRAN").stdout.splitlines() if len(line.split()) > 1}
        expect({listed.get(name) for name in names} == {"iscsi"}, f"lsblk -S: {listed}")
        listed = run("lsscsi", "-t").stdout
        for path in (disk, theirs):
            (line,) = [line for line in listed.splitlines() if line.split()[-1] == path]
            expect(f"{IQN}shared,t,0x1" in line, f"lsscsi -t: {line}")
        multipath(rig, names)


def multipath(rig, names):
    """Both sessions are paths to one logical unit, and multipath knows the target behind each."""
    if not os.path.exists("/sys/module/dm_multipath") and run("modprobe", "dm_multipath", check=False).returncode:
        rig.skip("this kernel has no multipath")
    for module in ("dm_round_robin", "dm_service_time"):
        run("modprobe", module)
    with open("/etc/multipath.conf", "w", encoding="ascii") as conf:
        conf.write('defaults {\n find_multipaths no\n user_friendly_names yes\n}\n')
    try:
        done = run("multipath", "-v3")
        told = re.findall(r"(\w+): tgt_node_name = (\S+)", done.stdout + done.stderr)
        expect(set(told) == {(name, IQN + "shared") for name in names}, f"multipath -v3: {done.stdout}{done.stderr}")
        listed = run("multipath", "-ll").stdout
        expect(all(f" {name} " in listed for name in names) and listed.count("active ready running") == 2,
               f"multipath -ll: {listed}")
    finally:
        # Who looks at new block devices, udev among them, may have the map open.
        wait_for("the map to go", lambda: not run("multipath", "-F", check=False).returncode
                 and not run("multipath", "-ll").stdout)


def both_live(rig, other, disk, theirs):
    for initiator in (rig.initiator, other):
        initiator.rescan("shared")
        initiator.adm("-m", "session", "--rescan")
        wait_for("logged in", lambda i=initiator: i.state("shared") == "LOGGED_IN", 10)
        expect(len(initiator.sessions()) == 1, f"{initiator.name} has {len(initiator.sessions())} sessions")
        expect(len(initiator.disks("shared")) == 1, f"{initiator.name} has {initiator.disks('shared')}")
    for path in (disk, theirs):
        fio(path, size="1M")
    listing = run(rig.initiator.program, "-m", "session").stdout.splitlines()
    expect(len(listing) == 1, f"Hawser lists {listing}")
