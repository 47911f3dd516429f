# SPDX-License-Identifier: GPL-2.0-or-later
"""The short path through everything; runs on every kernel."""
from rig.checks import Skip, drop_cache, expect, fio, on_debug_kernel, read, run
from rig.initiators import PORTAL
from rig.targets import IQN


def holds_disk(rig):
    """A discovered target is logged in to, its disk keeps what is written, logout leaves nothing."""
    rig.target.add("t")
    rig.target.add_lun("t", 1)
    found = rig.initiator.discover()
    expect(found == {"t"}, f"discovery found {found}")
    rig.initiator.login("t")
    disk = rig.initiator.disk("t")
    fio(disk, size="16M", bsrange="512-256k")
    rig.initiator.logout("t")
    expect(not rig.initiator.disks("t"), "a disk is left after logout")


def holds_send_targets(rig):
    """A session's target tells of its own portals within the session, and of no other target's."""
    if rig.initiator.name != "hawser":
        return  # iscsiadm asks in discovery sessions alone
    if rig.target.name == "tgt":
        raise Skip("tgt ends the connection at a Text Request of a normal session")
    for name in ("t", "other"):
        rig.target.add(name)
        rig.target.add_lun(name, 1)
    rig.initiator.discover()
    rig.initiator.login("t")
    found = rig.initiator.adm("-m", "session", "-r", rig.initiator.sid("t"), "-C", "sendtargets").stdout.splitlines()
    expect(found and all(line.endswith(":t") for line in found), f"SendTargets within the session gave {found}")
    expect(any(line.startswith(PORTAL) for line in found), f"the session's own portal is not in {found}")
    rig.initiator.logout("t")


def holds_ipv6(rig):
    """Over IPv6 a target is discovered, its disk keeps what is written, and the class shows the address."""
    portal = "[::1]:3260"
    rig.target.add("t", portals=(PORTAL, portal))
    rig.target.add_lun("t", 1)
    found = rig.initiator.discover(portal)
    expect(found == {"t"}, f"discovery at {portal} found {found}")
    rig.initiator.adm("-m", "node", "-T", IQN + "t", "-p", portal, "--login")
    connection = rig.initiator.session("t").replace("/iscsi_session/session", "/iscsi_connection/connection") + ":0"
    shown = [read(connection, name) for name in ("address", "persistent_address", "port", "state")]
    expect(shown == ["::1", "::1", "3260", "up"], f"the connection is shown as {shown}")
    fio(rig.initiator.disk("t"), size="4M", bsrange="512-256k")
    rig.initiator.logout_all()


def holds_filesystem(rig):
    """ext4 and xfs are made, filled, taken away, brought back and found clean."""
    disk = rig.attach(size="512M")
    for make, check in ((["mkfs.ext4", "-q", "-F"], ["e2fsck", "-f", "-n"]),
                        (["mkfs.xfs", "-q", "-f"], ["xfs_repair", "-n"])):
        if make[0] == "mkfs.xfs" and on_debug_kernel():
            rig.skip("xfs is left out of the debug kernel")
            continue
        run(*make, disk)
        run("mkdir", "-p", "/mnt/hawser")
        run("mount", disk, "/mnt/hawser")
        try:
            # A tree of many small files that every machine here has.
            run("sh", "-c", "tar -C /usr/include/linux -cf - netfilter sched tc_act | tar -C /mnt/hawser -xf -")
            before = checksums()
            run("umount", "/mnt/hawser")
            drop_cache()
            rig.initiator.logout("t")
            rig.initiator.login("t")
            disk = rig.initiator.disk("t")
            run(*check, disk)
            run("mount", disk, "/mnt/hawser")
            expect(checksums() == before, f"{make[0]}: files differ after logout and login")
        finally:
            run("umount", "-l", "/mnt/hawser", check=False)


def checksums():
    return run("sh", "-c", "cd /mnt/hawser && find . -type f | sort | xargs cat | sha256sum").stdout


def holds_refusal(rig):
    """A target that does not exist is refused, and a wrong secret is, and neither leaves a session."""
    rig.target.add("locked")
    rig.target.add_lun("locked", 1)
    rig.target.set_chap("locked", "user", "right-secret-1")
    rig.initiator.discover()
    for key, value in (("authmethod", "CHAP"), ("username", "user"), ("password", "wrong-secret-1")):
        rig.initiator.set_key("locked", f"node.session.auth.{key}", value)
    refused = rig.initiator.login("locked", check=False)
    expect(refused.returncode == 24, f"a wrong secret ended with {refused.returncode}: {refused.stderr}")
    expect(not rig.initiator.sessions(), "a refused login left a session")
    missing = rig.initiator.login("missing", check=False)
    expect(missing.returncode == 21, f"an unknown target ended with {missing.returncode}: {missing.stderr}")
    rig.initiator.set_key("locked", "node.session.auth.password", "right-secret-1")
    rig.initiator.login("locked")
    rig.initiator.disk("locked")
