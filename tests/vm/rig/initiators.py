# SPDX-License-Identifier: GPL-2.0-or-later
"""The initiator under test, driven by iscsiadm's grammar: Hawser, or open-iscsi with iscsi_tcp,
which proves that a scenario itself is sound."""
import glob
import json
import os
import signal
import socket
import subprocess

from rig.checks import Failure, expect, read, run, wait_for, write
from rig.targets import IQN

PORTAL = "127.0.0.1:3260"
CLASS = "/sys/class/iscsi_session"


def opens(path):
    """sd makes a disk's node, and sets its capacity, before the disk is live: until then, ENXIO."""
    try:
        os.close(os.open(path, os.O_RDONLY))
        return True
    except OSError:
        return False


class Initiator:
    """program: the CLI; module: the kernel module, also the transport's name in sysfs."""

    def __init__(self):
        self.daemon = None
        self.portal = PORTAL  # where the target is
        self.start_limit = 30  # seconds that the daemon has until it answers

    def adm(self, *words, **keywords):
        return run(self.program, *words, **keywords)

    def discover(self, portal=None, **keywords):
        """Discovers, which makes the records; returns the target names without our prefix."""
        done = self.adm("-m", "discovery", "-t", "sendtargets", "-p", portal or self.portal, **keywords)
        names = {line.split()[1] for line in done.stdout.splitlines()}
        return {name[len(IQN):] for name in names if name.startswith(IQN)}

    def node(self, target, *words, **keywords):
        return self.adm("-m", "node", "-T", IQN + target, "-p", self.portal, *words, **keywords)

    def set(self, target, **keys):
        """Record keys with '.' written '__' and '[0]' written '_0'."""
        for key, value in keys.items():
            self.set_key(target, key.replace("__", ".").replace("_0.", "[0]."), value)

    def set_key(self, target, key, value):
        self.set_keys(target, {key: value})

    def set_keys(self, target, keys):
        """Sets them all or none, by one command."""
        words = [word for key, value in keys.items() for word in ("-n", key, "-v", str(value))]
        self.node(target, "-o", "update", *words)

    def login(self, target, **keywords):
        return self.node(target, "--login", **keywords)

    def logout(self, target, **keywords):
        return self.node(target, "--logout", **keywords)

    def logged(self, since=0):
        """The lines that the daemon has logged, as far as they can be had, but for those of before."""
        return []

    def logout_all(self):
        """No session of this initiator is left when this returns."""
        if self.sessions():
            # iscsiadm also tries sessions that are not its own, and fails at those.
            self.adm("-m", "node", "-U", "all", timeout=180, check=self.module == "hawser")
        wait_for("no session left", lambda: not self.sessions(), 60)

    def sessions(self):
        """Session folders in sysfs that this module's hosts own."""
        found = []
        for folder in sorted(glob.glob(f"{CLASS}/session*")):
            try:
                host = os.path.realpath(folder).split("/host", 1)[1].split("/", 1)[0]
                if read(f"/sys/class/scsi_host/host{host}/proc_name") == self.proc_name:
                    found.append(folder)
            except (OSError, IndexError):
                pass  # gone in the meantime
        return found

    def session(self, target):
        for folder in self.sessions():
            try:
                if read(folder, "targetname") == IQN + target:
                    return folder
            except OSError:
                pass
        return None

    def sid(self, target):
        return self.session(target).rsplit("session", 1)[1]

    def state(self, target):
        folder = self.session(target)
        try:
            return read(folder, "state") if folder else None
        except OSError:
            return None

    def disks(self, target):
        """{lun: "/dev/sdX"} of the target's session, the number without its addressing method: LUNs
        from 256 have the flat one at tgt and the peripheral one, with a bus, at LIO (SAM-5, 4.7)."""
        folder = self.session(target)
        found = {}
        for block in glob.glob(f"{folder}/device/target*/*/block/sd*") if folder else ():
            lun = block.split("/")[-3].rsplit(":", 1)[1]
            found[int(lun) & 0x3FFF] = "/dev/" + os.path.basename(block)
        return found

    def disk(self, target, lun=1, limit=60):
        """The disk's node, once it is there, its capacity is known, and it can be opened."""
        def ready():
            path = self.disks(target).get(lun)
            return path and opens(path) and read("/sys/class/block", path[5:], "size") != "0" and path
        return wait_for(f"disk of {target} LUN {lun}", ready, limit)

    def rescan(self, target):
        self.node(target, "--rescan")

    def clean(self):
        """Back to no session and no record."""
        self.logout_all()
        self.adm("-m", "node", "-o", "delete", check=False)
        for folder in glob.glob("/sys/class/iscsi_connection/connection*"):
            session = os.path.basename(folder).replace("connection", "session").split(":")[0]
            expect(os.path.exists(f"{CLASS}/{session}"), f"{folder} is left without its session")


class OpenIscsi(Initiator):
    name = "open-iscsi"
    program = "iscsiadm"
    module = "iscsi_tcp"
    proc_name = "iscsi_tcp"

    def start(self):
        run("modprobe", self.module)
        self.start_daemon()

    def start_daemon(self):
        # It ends with a signal to its whole process group.
        self.daemon = subprocess.Popen(["iscsid", "-f"], stdin=subprocess.DEVNULL, start_new_session=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # 21: it answers, and there is no session.
        wait_for("iscsid answers",
                 lambda: self.adm("-m", "session", "-P", "1", check=False).returncode in (0, 21),
                 self.start_limit)

    def stop_daemon(self):
        self.daemon.terminate()
        self.daemon.wait(20)

    def stop(self):
        self.clean()
        self.stop_daemon()
        run("modprobe", "-r", self.module)


class Hawser(Initiator):
    name = "hawser"
    program = "hawseradm"
    module = "hawser"
    proc_name = "hawser"
    log = "/out/hawserd.log"

    def start(self):
        run("modprobe", self.module)
        self.start_daemon()

    def start_daemon(self):
        log = open(self.log, "a", encoding="utf-8")
        self.daemon = subprocess.Popen(["hawserd", "-f"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("hawserd answers", self.answers, self.start_limit)

    def answers(self):
        if self.daemon.poll() is not None:
            raise Failure(f"hawserd ended with {self.daemon.returncode}: see hawserd.log")
        # A daemon that was killed leaves its socket file behind; it is nobody's then.
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex("/run/hawser/io.hawser") == 0

    def about(self, target):
        """What the CLI tells of the target's session, with its connections."""
        (session,) = json.loads(self.adm("-m", "session", "-r", self.sid(target), "--json").stdout)
        return session

    def connection(self, target, *words, **keywords):
        return self.adm("-m", "connection", "-r", self.sid(target), *words, **keywords)

    def connections(self, target):
        """{CID: what is told of it}, with those that are still to join."""
        return {one["cid"]: one for one in json.loads(self.connection(target, "--json").stdout)}

    def connected(self, target):
        """The CIDs of the connections that are up; none without a session."""
        if not self.session(target):
            return set()
        return {one["cid"] for one in self.about(target)["connections"] if one["state"] == "logged_in"}

    def set_policy(self, target, policy):
        """Of the live session."""
        self.connection(target, "-o", "update", "-n", "node.session.policy", "-v", policy)

    def counters(self, target, name):
        """{CID: value} of one of the counters that each connection has."""
        (stats,) = json.loads(self.adm("-m", "session", "-r", self.sid(target), "-s", "--json").stdout)
        return {one["cid"]: one["counters"][name] for one in stats["connections"]}

    def logged(self, since=0):
        """The lines that the daemon has logged, but for those of before; none where systemd's journal has them."""
        return read(self.log).splitlines()[since:] if os.path.exists(self.log) else []

    def adm_answers(self):
        """True when a daemon answers the CLI, whoever started it."""
        return self.adm("-m", "session", "-P", "1", check=False).returncode in (0, 21)

    def kill_daemon(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait(10)

    def stop_daemon(self):
        self.daemon.terminate()
        status = self.daemon.wait(30)
        expect(status == 0, f"hawserd ended with {status}")

    def stop(self):
        """Ends everything; the module must go, and leave nothing."""
        self.clean()
        self.stop_daemon()
        run("modprobe", "-r", self.module)
        hosts = [h for h in glob.glob("/sys/class/scsi_host/host*/proc_name") if read(h) == "hawser"]
        expect(not hosts, f"hosts are left: {hosts}")
        expect(not os.path.exists("/sys/class/iscsi_transport/tcp-hawser"), "the transport is left")


KINDS = {"hawser": Hawser, "open-iscsi": OpenIscsi}


def trace(events):
    """Turns the module's tracepoints on and empties the buffer."""
    write("", "/sys/kernel/tracing/trace")
    for event in events:
        write(1, "/sys/kernel/tracing/events", event, "enable")
