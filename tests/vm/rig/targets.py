# SPDX-License-Identifier: GPL-2.0-or-later
"""Real targets in the guest: LIO over configfs, and tgt over tgtadm.

Both are set up through the same calls. Logical units are numbered from 1 (tgt's LUN 0 is
its controller). What one of them cannot do ends in Skip with the reason.
"""
import contextlib
import os
import shutil
import signal
import subprocess

from rig.checks import Skip, expect, read, run, wait_for, write

IQN = "iqn.2026-11.io.hawser.test:"
STORE = "/srv/hawser"
# Both targets negotiate in favour of the initiator's offer with these.
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


class Lio:
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
        """Text keys; also the attributes default_erl and default_cmdsn_depth."""
        # What LIO declares of itself is its MaxXmitDataSegmentLength.
        if "MaxRecvDataSegmentLength" in keys:
            keys["MaxXmitDataSegmentLength"] = keys["MaxRecvDataSegmentLength"]
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
        device whose size can change; stalling, which `stalled` holds up."""
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


class Tgt:
    name = "tgt"

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
        wait_for("tgtd answers", lambda: run(
            "tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "system", check=False).returncode == 0)

    @staticmethod
    def admin(mode, operation, *words):
        return run("tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation, *words).stdout

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
            if portal != "127.0.0.1:3260" and portal not in self.admin("portal", "show"):
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
            self.admin("target", "update", "--tid", tid, "--name", key, "--value", value)

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

    def stop(self):
        if self.daemon.poll() is None:
            for target in list(self.targets):
                self.remove(target)
            self.admin("system", "delete")
            expect(self.daemon.wait(30) == 0, "tgtd ended badly")
        shutil.rmtree(STORE, ignore_errors=True)


KINDS = {"lio": Lio, "tgt": Tgt}
