# SPDX-License-Identifier: GPL-2.0-or-later
"""Real targets in the guest: LIO over configfs, tgt over tgtadm, istgt over its configuration file.

All are set up through the same calls. Logical units are numbered from 1 (tgt's LUN 0 is
its controller). What one of them cannot do ends in Skip with the reason.
"""
import contextlib
import os
import shutil
import signal
import socket
import subprocess

from rig import wire
from rig.checks import Failure, Skip, expect, read, run, wait_for, write

IQN = "iqn.2026-11.io.hawser.test:"
STORE = "/srv/hawser"
# The targets negotiate in favour of the initiator's offer with these.
GENEROUS = {"InitialR2T": "No", "ImmediateData": "Yes", "FirstBurstLength": 16777215,
            "MaxBurstLength": 16777215, "MaxRecvDataSegmentLength": 262144,
            "MaxOutstandingR2T": 8, "HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None"}


def size_bytes(size):
    units = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    return int(size[:-1]) * units[size[-1]] if size[-1] in units else int(size)


def sparse(path, size):
    """A file of that size without a block; returns its path."""
    with open(path, "wb") as f:
        f.truncate(size_bytes(size))
    return path


class Target:
    """What differs from what the scenarios take for granted."""

    portal = "127.0.0.1:3260"
    own_luns = ()  # disks that it has beside those that were asked for
    fixed = {}  # text keys whose outcome it decides alone
    unmaps = True

    def declared(self, own, ours):  # MaxRecvDataSegmentLength: what it is set to, and what we declare
        return own


class Lio(Target):
    name = "lio"
    config = "/sys/kernel/config/target"

    def __init__(self):
        self.units = {}  # (target, lun) -> (configfs folder of the device, loop device or None)
        self.serial = 0
        self.portals = {}
        self.mapped = {}  # loop device -> device-mapper name

    def start(self):
        for module in ("target_core_mod", "target_core_file", "target_core_iblock", "iscsi_target_mod",
                       "loop"):
            run("modprobe", module)
        os.makedirs(f"{self.config}/iscsi", exist_ok=True)
        os.makedirs(STORE, exist_ok=True)

    def tpg(self, target):
        return f"{self.config}/iscsi/{IQN}{target}/tpgt_1"

    def add(self, target, portals=("127.0.0.1:3260",), window=None, **keys):
        """A target that takes any initiator. window: commands that it lets be under way;
        keys: text keys that differ from GENEROUS."""
        tpg = self.tpg(target)
        os.makedirs(tpg)
        for name, value in (("authentication", 0), ("generate_node_acls", 1), ("cache_dynamic_acls", 1),
                            ("demo_mode_write_protect", 0), ("prod_mode_write_protect", 0)):
            write(value, tpg, "attrib", name)
        self.set(target, **{**GENEROUS, **keys})
        if window:
            write(window, tpg, "attrib/default_cmdsn_depth")
        self.portals[target] = list(portals)
        for portal in portals:
            os.mkdir(f"{tpg}/np/{portal}")
        write(1, tpg, "enable")

    def set(self, target, **keys):
        """Text keys; also the attribute default_cmdsn_depth."""
        # What LIO declares of itself is its MaxXmitDataSegmentLength.
        if "MaxRecvDataSegmentLength" in keys:
            keys["MaxXmitDataSegmentLength"] = keys["MaxRecvDataSegmentLength"]
        # A node without an ACL of its own gets the attribute, whatever the parameter is.
        if "ErrorRecoveryLevel" in keys:
            keys["default_erl"] = keys["ErrorRecoveryLevel"]
        for key, value in keys.items():
            folder = "attrib" if key.startswith("default_") else "param"
            write(value, self.tpg(target), folder, key)

    def set_chap(self, target, user, password, mutual=None):
        tpg = self.tpg(target)
        write(1, tpg, "attrib/authentication")
        write("CHAP", tpg, "param/AuthMethod")
        write(user, tpg, "auth/userid")
        write(password, tpg, "auth/password")
        if mutual:
            write(mutual[0], tpg, "auth/userid_mutual")
            write(mutual[1], tpg, "auth/password_mutual")

    def add_lun(self, target, lun, size="64M", backend="ramdisk", block_size=512):
        """backend: ramdisk; file (sparse, so it may be huge, and it takes UNMAP); block, a loop
        device whose size can change; stalling, which `stalled` holds up; or a block device of that path."""
        self.serial += 1
        label = f"u{self.serial}"
        loop = None
        if backend == "ramdisk":
            device = self._device("rd_mcp", label, f"rd_pages={size_bytes(size) // 4096}")
        elif backend == "file":
            path = sparse(f"{STORE}/{label}", size)
            device = self._device("fileio", label, f"fd_dev_name={path},fd_dev_size={size_bytes(size)},"
                                  "fd_buffered_io=1", block_size)
            write(1, device, "attrib/emulate_tpu")
        elif backend.startswith("/dev/"):
            device = self._device("iblock", label, f"udev_path={backend}")
        else:
            loop = run("losetup", "--find", "--show", sparse(f"{STORE}/{label}", size)).stdout.strip()
            path = self._mapper(label, size, loop) if backend == "stalling" else loop
            device = self._device("iblock", label, f"udev_path={path}")
        write(f"hawser{self.serial:08}", device, "wwn/vpd_unit_serial")
        folder = f"{self.tpg(target)}/lun/lun_{lun}"
        os.mkdir(folder)
        os.symlink(device, f"{folder}/unit")
        self.units[target, lun] = (device, loop)

    def _mapper(self, label, size, loop):
        """A device-mapper device over the loop device: one that can be suspended."""
        run("modprobe", "dm_mod")
        run("dmsetup", "create", label, "--table", f"0 {size_bytes(size) // 512} linear {loop} 0")
        # Without udevd nobody makes the node.
        run("dmsetup", "mknodes", label)
        self.mapped[loop] = label
        return f"/dev/mapper/{label}"

    @contextlib.contextmanager
    def stalled(self):
        """The units of backend "stalling" take commands and complete none."""
        for label in self.mapped.values():
            run("dmsetup", "suspend", "--nolockfs", "--noflush", label)
        try:
            yield
        finally:
            for label in self.mapped.values():
                run("dmsetup", "resume", label)

    def store(self, target, lun):
        """The file behind a LUN of backend "file"."""
        return f"{STORE}/{os.path.basename(self.units[target, lun][0])}"

    def _device(self, plugin, label, control, block_size=512):
        device = f"{self.config}/core/{plugin}_{self.serial}/{label}"
        os.makedirs(device)
        write(control, device, "control")
        write(1, device, "enable")
        if block_size != 512:  # enabling sets the store's own
            write(block_size, device, "attrib/block_size")
        return device

    def remove_lun(self, target, lun):
        folder = f"{self.tpg(target)}/lun/lun_{lun}"
        os.unlink(f"{folder}/unit")
        os.rmdir(folder)
        device, loop = self.units.pop((target, lun))
        os.rmdir(device)
        os.rmdir(os.path.dirname(device))
        if loop in self.mapped:
            run("dmsetup", "remove", self.mapped.pop(loop))
        if loop:
            run("losetup", "-d", loop)

    def resize(self, target, lun, size):
        loop = self.units[target, lun][1]
        path = read("/sys/class/block", os.path.basename(loop), "loop/backing_file")
        run("truncate", "-s", size_bytes(size), path)
        run("losetup", "-c", loop)

    def kill(self):
        """Every session is cut and nobody listens any more."""
        for target, portals in self.portals.items():
            write(0, self.tpg(target), "enable")
            for portal in portals:
                os.rmdir(f"{self.tpg(target)}/np/{portal}")

    def restart(self):
        for target, portals in self.portals.items():
            for portal in portals:
                os.mkdir(f"{self.tpg(target)}/np/{portal}")
            write(1, self.tpg(target), "enable")

    def remove(self, target):
        for _, lun in [unit for unit in self.units if unit[0] == target]:
            self.remove_lun(target, lun)
        tpg = self.tpg(target)
        write(0, tpg, "enable")
        for portal in self.portals.pop(target):
            os.rmdir(f"{tpg}/np/{portal}")
        os.rmdir(tpg)
        os.rmdir(os.path.dirname(tpg))

    def stop(self):
        for target in list(self.portals):
            self.remove(target)
        shutil.rmtree(STORE, ignore_errors=True)


class Tgt(Target):
    name = "tgt"
    may_refuse = ("MaxConnections", "ErrorRecoveryLevel")

    def __init__(self):
        self.daemon = None
        self.targets = {}  # name -> {"tid", "portals", "keys", "chap", "luns": {lun: (path, options)}}
        self.tid = 0

    def start(self):
        os.makedirs(STORE, exist_ok=True)
        log = open("/out/tgtd.log", "a", encoding="utf-8")
        # -f stays in the foreground; the portals come with the targets.
        self.daemon = subprocess.Popen(["tgtd", "-f", "--iscsi", "portal=127.0.0.1:3260"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("tgtd answers", lambda: self.admin("system", "show", check=False).returncode == 0)

    @staticmethod
    def admin(mode, operation, *words, **keywords):
        return run("tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation, *words, **keywords)

    def add(self, target, portals=("127.0.0.1:3260",), window=None, **keys):
        self.tid += 1
        if window:
            keys["MaxQueueCmd"] = window
        self.targets[target] = {"tid": self.tid, "portals": portals, "keys": {**GENEROUS, **keys},
                                "chap": None, "luns": {}}
        self._create(target)

    def _create(self, target):
        about = self.targets[target]
        tid = about["tid"]
        self.admin("target", "new", "--tid", tid, "--targetname", IQN + target)
        for portal in about["portals"]:
            if portal != "127.0.0.1:3260" and portal not in self.admin("portal", "show").stdout:
                self.admin("portal", "new", "--param", f"portal={portal}")
        self._update(tid, about["keys"])
        if about["chap"]:
            self._account(tid, *about["chap"])
        for lun, (path, options) in about["luns"].items():
            self._create_lun(tid, lun, path, options)
        self.admin("target", "bind", "--tid", tid, "--initiator-address", "ALL")

    def _update(self, tid, keys):
        for key, value in keys.items():
            if key.startswith("default_"):
                raise Skip(f"tgt has no {key}")
            done = self.admin("target", "update", "--tid", tid, "--name", key, "--value", value,
                              check=key not in self.may_refuse)
            if done.returncode:
                raise Skip(f"{key}={value}: {done.stderr.strip()}")

    def set(self, target, **keys):
        self._update(self.targets[target]["tid"], keys)
        self.targets[target]["keys"].update(keys)

    def set_chap(self, target, user, password, mutual=None):
        self.targets[target]["chap"] = (user, password, mutual)
        self._account(self.targets[target]["tid"], user, password, mutual)

    def _account(self, tid, user, password, mutual):
        self.admin("account", "new", "--user", user, "--password", password)
        self.admin("account", "bind", "--tid", tid, "--user", user)
        if mutual:
            self.admin("account", "new", "--user", mutual[0], "--password", mutual[1])
            self.admin("account", "bind", "--tid", tid, "--user", mutual[0], "--outgoing")

    def add_lun(self, target, lun, size="64M", backend="ramdisk", block_size=512):
        if backend == "block":
            raise Skip("tgt takes a unit's size once, when it is made")
        about = self.targets[target]
        path = sparse(f"{STORE}/{target}-{lun}", size)
        about["luns"][lun] = (path, {"blocksize": block_size, "thin": backend == "file"})
        self._create_lun(about["tid"], lun, *about["luns"][lun])

    def _create_lun(self, tid, lun, path, options):
        self.admin("logicalunit", "new", "--tid", tid, "--lun", lun, "--backing-store", path,
                   "--blocksize", options["blocksize"])
        if options["thin"]:
            self.admin("logicalunit", "update", "--tid", tid, "--lun", lun, "--params", "thin_provisioning=1")

    def store(self, target, lun):
        return self.targets[target]["luns"][lun][0]

    @contextlib.contextmanager
    def stalled(self):
        """The whole daemon stands still: nothing is read, nothing is answered."""
        self.daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.daemon.send_signal(signal.SIGCONT)

    def remove_lun(self, target, lun):
        about = self.targets[target]
        self.admin("logicalunit", "delete", "--tid", about["tid"], "--lun", lun)
        os.unlink(about["luns"].pop(lun)[0])

    def resize(self, target, lun, size):
        raise Skip("tgt takes a unit's size once, when it is made")

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait(10)

    def restart(self):
        self.start()
        for target in self.targets:
            self._create(target)

    def remove(self, target):
        self.admin("target", "delete", "--force", "--tid", self.targets.pop(target)["tid"])

    def has_sessions(self):
        return "I_T nexus:" in self.admin("target", "show").stdout

    def stop(self):
        if self.daemon.poll() is None:
            # It aborts when a target is taken from it that has a session, which may outlast its
            # connections when commands of it got stuck (targets.rst).
            with contextlib.suppress(Failure):
                wait_for("tgtd to let go of its sessions", lambda: not self.has_sessions(), 10)
            if self.has_sessions():
                self.kill()
            else:
                for target in list(self.targets):
                    self.remove(target)
                self.admin("system", "delete")
                expect(self.daemon.wait(30) == 0, "tgtd ended badly")
            self.targets.clear()
        shutil.rmtree(STORE, ignore_errors=True)


class Istgt(Target):
    """It reads its configuration once, when it starts: every change starts it anew, which a session would notice."""

    name = "istgt"
    config = "/run/hawser-istgt"
    ONCE = "istgt reads its configuration once, when it starts"
    LAST_LUN = 15
    own_luns = (0,)  # no target without LUN 0: a small disk that nobody asked for
    # InitialR2T: "not supported value No"; the other is one for all targets, and a target's own is not looked at.
    fixed = {"InitialR2T": "Yes", "MaxRecvDataSegmentLength": 262144}
    unmaps = False

    def declared(self, own, ours):
        return min(own, ours)  # it negotiates what is declared (RFC 7143, 13.12)

    def __init__(self):
        self.daemon = None
        self.targets = {}  # name -> {"portals", "window", "keys", "chap", "luns": {lun: path}}

    def start(self):
        for folder in (STORE, self.config):
            os.makedirs(folder, exist_ok=True)

    def add(self, target, portals=("127.0.0.1:3260",), window=None, **keys):
        self.targets[target] = {"portals": list(portals), "window": window, "keys": {**GENEROUS, **self.fixed, **keys},
                                "chap": None, "luns": {}}
        self._check(keys)
        self._change()

    def set(self, target, **keys):
        self._check(keys)
        self.targets[target]["keys"].update(keys)
        self._change()

    def set_chap(self, target, user, password, mutual=None):
        self.targets[target]["chap"] = (user, password, *(mutual or ()))
        self._change()

    def add_lun(self, target, lun, size="64M", backend="ramdisk", block_size=512):
        if backend == "block":
            raise Skip(self.ONCE)
        if lun > self.LAST_LUN:
            raise Skip(f"istgt's README: maximum LUN is {self.LAST_LUN}")
        if block_size != 512:
            raise Skip("istgt has blocks of 512 bytes for disks")
        self.targets[target]["luns"][lun] = sparse(f"{STORE}/{target}-{lun}", size)
        self._change()

    def store(self, target, lun):
        return self.targets[target]["luns"][lun]

    def remove_lun(self, target, lun):
        path = self.targets[target]["luns"].pop(lun)
        self._change()
        os.unlink(path)

    def resize(self, target, lun, size):
        raise Skip(self.ONCE)

    @contextlib.contextmanager
    def stalled(self):
        """The whole daemon stands still: nothing is read, nothing is answered."""
        self.daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.daemon.send_signal(signal.SIGCONT)

    def kill(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGKILL)
            self.daemon.wait(10)

    def restart(self):
        """Runs when there is something to serve: a target without units is an error to istgt."""
        self.kill()
        if not any(about["luns"] for about in self.targets.values()):
            return
        self._write()
        log = open("/out/istgt.log", "a", encoding="utf-8")
        self.daemon = subprocess.Popen(["istgt", "-D", "-c", f"{self.config}/istgt.conf"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for host, _, port in {portal.rpartition(":") for about in self.targets.values() for portal in about["portals"]}:
            wait_for("istgt listens", lambda address=(host.strip("[]"), int(port)): listens(*address, self.daemon))

    def remove(self, target):
        for path in self.targets.pop(target)["luns"].values():
            os.unlink(path)
        self._change()

    def stop(self):
        self.targets.clear()
        self.kill()
        for folder in (STORE, self.config):
            shutil.rmtree(folder, ignore_errors=True)

    def _check(self, keys):
        for key, value in keys.items():
            if key.startswith("default_"):
                raise Skip(f"istgt has no {key}")
            if key in ("MaxConnections", "ErrorRecoveryLevel"):
                raise Skip(f"istgt has one {key} for all its targets")
            if key in self.fixed and value != self.fixed[key]:
                raise Skip(f"istgt has {key} {self.fixed[key]} alone")

    def _change(self):
        """A new start with what is said now, unless a session would notice."""
        if run("ss", "-Htn", "state", "established", "sport = :3260").stdout.strip():
            raise Skip(self.ONCE)
        self.restart()

    def _write(self):
        lines = ["[Global]", f"  NodeBase {IQN.rstrip(':')}", f"  PidFile {self.config}/pid",
                 f"  AuthFile {self.config}/auth.conf", "  Timeout 60", "  NopInInterval 0",
                 "  DiscoveryAuthMethod Auto", "  MaxSessions 128", "  MaxConnections 4", "  MaxR2T 32",
                 f"  MaxRecvDataSegmentLength {self.fixed['MaxRecvDataSegmentLength']}",
                 "[UnitControl]", "  AuthMethod Auto", "  AuthGroup None", "  Portal UC1 127.0.0.1:3261",
                 "  Netmask 127.0.0.1",
                 "[InitiatorGroup1]", "  InitiatorName ALL", "  Netmask ALL"]
        accounts, groups = [], {}
        for number, (target, about) in enumerate(self.targets.items(), 1):
            if not about["luns"]:
                continue
            # A portal listens once, however many targets are behind it.
            portals = tuple(about["portals"])
            if portals not in groups:
                groups[portals] = len(groups) + 1
                lines += [f"[PortalGroup{groups[portals]}]", *(f"  Portal DA{n} {p}" for n, p in enumerate(portals))]
            lines += [f"[LogicalUnit{number}]", f"  TargetName {IQN}{target}",
                      f"  Mapping PortalGroup{groups[portals]} InitiatorGroup1", "  UnitType Disk", "  UseDigest Auto"]
            lines += [f"  {key} {value}" for key, value in about["keys"].items()
                      if not key.endswith("Digest") and key != "MaxRecvDataSegmentLength"]
            if about["window"]:
                lines.append(f"  QueueDepth {about['window']}")
            chap = about["chap"]
            lines += [f"  AuthMethod {'CHAP Mutual' if len(chap) > 2 else 'CHAP'}", f"  AuthGroup AuthGroup{number}"] \
                if chap else ["  AuthMethod Auto", "  AuthGroup None"]
            if chap:
                accounts += [f"[AuthGroup{number}]", "  Auth " + " ".join(f'"{word}"' for word in chap)]
            lines.append(f"  LUN0 Storage {sparse(f'{STORE}/{target}-0', '1M')} Auto")
            lines += [f"  LUN{lun} Storage {path} Auto" for lun, path in sorted(about["luns"].items())]
        for name, words in (("istgt.conf", lines), ("auth.conf", accounts)):
            with open(f"{self.config}/{name}", "w", encoding="utf-8") as f:
                f.write("\n".join(words) + "\n")
        os.chmod(f"{self.config}/auth.conf", 0o600)


def listens(host, port, daemon):
    """True once somebody accepts connections there; a daemon that has ended never will."""
    expect(daemon.poll() is None, f"the target's daemon ended with {daemon.returncode}: see its log in /out")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        return client.connect_ex((host, port)) == 0


class Remote(Target):
    """LIO on the other machine of a pair (tests/vm/pair), which sets it up: the target "t" with one LUN."""

    name = "remote"
    portal = f"{wire.TARGET}:3260"

    def __init__(self):
        wire.up(wire.INITIATOR)

    def start(self):
        pass

    def stop(self):
        pass


KINDS = {"lio": Lio, "tgt": Tgt, "istgt": Istgt, "remote": Remote}
