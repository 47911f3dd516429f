# SPDX-License-Identifier: GPL-2.0-or-later
"""hawserd as systemd runs it. The guest has to boot systemd (scripts/vm --systemd)."""
import contextlib
import os

from rig.checks import Fio, expect, fio, read, run, wait_for

UNIT = "hawserd.service"
# Bits of a process' flags in /proc/PID/stat (include/linux/sched.h) that PR_SET_IO_FLUSHER sets.
PF_MEMALLOC_NOIO, PF_LOCAL_THROTTLE = 0x00080000, 0x00100000


def show(key):
    return run("systemctl", "show", "-P", key, UNIT).stdout.strip()


@contextlib.contextmanager
def under_systemd(rig):
    """hawserd is systemd's, not the rig's; each gives it back."""
    rig.initiator.stop_daemon()
    run("systemctl", "start", UNIT)
    try:
        yield
    finally:
        run("systemctl", "stop", UNIT)
        rig.initiator.start_daemon()


def sid(rig):
    return os.path.basename(rig.initiator.session("t"))


def holds_ready(rig):
    """systemctl start returns when the daemon is ready; it is locked in memory and a flusher of I/O."""
    with under_systemd(rig):
        expect(show("ActiveState") == "active", f"the unit is {show('ActiveState')}")
        # Ready means that it answers now, with no wait: 21 says that it looked and found no session.
        listed = rig.initiator.adm("-m", "session", check=False)
        expect(listed.returncode == 21, f"right after the start: {listed.returncode} {listed.stderr}")
        expect("sessions" in show("StatusText"), f"its status is '{show('StatusText')}'")
        pid = show("MainPID")
        status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines())
        expect(int(status["VmLck"].split()[0]) > 1024, f"locked memory: {status['VmLck']}")
        expect(read(f"/proc/{pid}/oom_score_adj") == "-1000", "the OOM killer may take it")
        flags = int(read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[6])
        expect(flags & PF_MEMALLOC_NOIO and flags & PF_LOCAL_THROTTLE, f"process flags are {flags:#x}")


def holds_disk_stays(rig):
    """Restarting, stopping and crashing the service leave the session, the I/O and the mount alone."""
    with under_systemd(rig):
        disk = rig.attach(units=2, size="128M")
        run("mkfs.ext4", "-q", "-F", disk)
        os.makedirs("/mnt/hawser", exist_ok=True)
        run("mount", disk, "/mnt/hawser")
        try:
            load = Fio.endless(rig.initiator.disk("t", 2))
            wait_for("I/O", load.moves)
            before = sid(rig)
            run("systemctl", "restart", UNIT)
            touch("restarted")
            run("systemctl", "kill", "-s", "KILL", UNIT)
            wait_for("systemd starts it again", rig.initiator.adm_answers, 30)
            touch("crashed")
            run("systemctl", "stop", UNIT)
            touch("stopped")
            expect(load.running(), "fio ended")
            wait_for("I/O", load.moves)
            run("systemctl", "start", UNIT)
            expect(sid(rig) == before, f"the session was {before} and is {sid(rig)}")
            load.stop()
        finally:
            run("umount", "/mnt/hawser", check=False)
        run("e2fsck", "-f", "-n", disk)
        rig.initiator.logout("t")


def touch(name):
    """A file that reached the disk."""
    path = f"/mnt/hawser/{name}"
    with open(path, "w", encoding="ascii") as f:
        f.write(name)
        f.flush()
        os.fsync(f.fileno())
    expect(read(path) == name, f"{path} says {read(path)}")


def holds_automatic(rig):
    """A start of the service logs in to what is automatic, and holds nothing up for what does not answer."""
    with under_systemd(rig):
        rig.target.add("t")
        rig.target.add_lun("t", 1)
        rig.initiator.discover()
        rig.initiator.set_key("t", "node.startup", "automatic")
        # 192.0.2.0/24 is for documentation: nothing answers there, and nothing here has a route.
        rig.initiator.adm("-m", "node", "-o", "new", "-T", "iqn.2026-11.io.hawser.test:gone", "-p", "192.0.2.1")
        rig.initiator.adm("-m", "node", "-T", "iqn.2026-11.io.hawser.test:gone", "-p", "192.0.2.1",
                          "-o", "update", "-n", "node.startup", "-v", "automatic")
        run("systemctl", "restart", UNIT, timeout=30)
        fio(rig.initiator.disk("t"), size="2M")
        log = run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout
        expect("192.0.2.1" in log, f"the journal does not tell of the one that is not there:\n{log}")


def holds_credential(rig):
    """With a systemd credential no key file is left, logins with CHAP hold, and without the service no secret is set."""
    credential, dropin = "/etc/hawser/hawser.key.cred", "/etc/systemd/system/hawserd.service.d"
    key = "/etc/hawser/secret.key"
    rig.target.add("locked")
    rig.target.add_lun("locked", 1)
    rig.target.set_chap("locked", "user", "a-good-secret-1")
    rig.initiator.discover()
    for name, value in (("authmethod", "CHAP"), ("username", "user"), ("password", "a-good-secret-1")):
        rig.initiator.set_key("locked", f"node.session.auth.{name}", value)
    expect(os.path.exists(key), "there is no key file")
    os.makedirs(dropin, exist_ok=True)
    with open("/run/key", "wb") as f:
        f.write(os.urandom(32))
    run("systemd-creds", "encrypt", "--with-key=host", "--name=hawser.key", "/run/key", credential)
    os.unlink("/run/key")
    with open(f"{dropin}/key.conf", "w", encoding="ascii") as f:
        f.write(f"[Service]\nLoadCredentialEncrypted=hawser.key:{credential}\n")
    run("systemctl", "daemon-reload")
    try:
        with under_systemd(rig):
            rig.initiator.adm("--new-key")
            expect(not os.path.exists(key), "the key file is still there")
            rig.initiator.login("locked")
            before = os.path.basename(rig.initiator.session("locked"))
            run("systemctl", "restart", UNIT)
            expect(os.path.basename(rig.initiator.session("locked")) == before, "another session")
            log = run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout
            expect("will not be connected again" not in log, f"the session was not taken over:\n{log}")
            rig.initiator.logout("locked")
        refused = rig.initiator.node("locked", "-o", "update", "-n", "node.session.auth.password", "-v",
                                     "another-secret-2", check=False)
        expect(refused.returncode == 6, f"without the service: {refused.returncode} {refused.stderr}")
        expect("start hawserd.service" in refused.stderr, f"what is missing is not told: {refused.stderr}")
        expect(not os.path.exists(key), "a key file was made beside the credential")
    finally:
        os.unlink(f"{dropin}/key.conf")
        run("systemctl", "daemon-reload")
        rig.initiator.adm("-m", "node", "-o", "delete", check=False)
        run("rm", "-f", "/etc/hawser/secret.credential")
