# SPDX-License-Identifier: GPL-2.0-or-later
"""The rig: two virtual machines on tap devices of one bridge, in namespaces of its own.

    +--------- network namespace of this run ---------+
    |  target VM --- tap-t --- bridge --- tap-i --- initiator VM (counted)
    +--------------------------------------------------+

The devices keep their offloads (TSO, GRO), as real NICs have them. Both VMs have one vCPU. The
whole run lives in network and process namespaces that end with it: however it ends, no device,
no address and no QEMU is left behind.
"""

import os
import shutil
import subprocess
import sys
import time

PERF = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
TOP = os.path.dirname(os.path.dirname(PERF))
INSIDE = "HAWSER_BENCH_INSIDE"
READY_LIMIT = 300
NICE = -19

# crc32c and carry-less multiplication by instruction, as on any machine in use. No "enhanced
# rep movsb": with it a copy would count eight times as much where the kernel's memcpy() does it
# (rep movsb, which QEMU executes a byte at a time) as where the compiler does (rep movsq). No
# AVX: nothing that is measured uses it, and QEMU is slow at it.
CPU = "max,la57=off,-erms,-avx,-avx2"

# One vCPU has one time stamp counter, so reading the clock needs no device. Memory is cleared when
# it is allocated, as Debian's kernel does by itself; mitigations are off, as a CPU that needs no
# thunks for indirect calls would have it.
KERNEL = "clocksource=tsc tsc=reliable init_on_alloc=1 mitigations=off"


class RigError(Exception):
    """The rig failed; the text says where and what to read."""


def inside():
    return os.environ.get(INSIDE) == "1"


def build_module():
    """Before the rig has the machine for itself; scripts/vm then finds it built."""
    if subprocess.run([os.path.join(TOP, "scripts/build-module"), "6.1", "kernel"],
                      stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit("bench: the module was not built")


def enter_namespaces():
    """Runs this program again in network and process namespaces of its own and ends with its
    status; returns in there. Each process of the chain dies with the one above it, and the last
    takes the namespaces and all that runs in them along."""
    if inside():
        return
    if os.geteuid() != 0:
        sys.exit("bench: needs root, for tap devices and namespaces")
    os.environ[INSIDE] = "1"
    command = ["setpriv", "--pdeathsig", "KILL",
               "unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child",
               sys.executable, *sys.argv]
    try:
        sys.exit(subprocess.call(command))
    except KeyboardInterrupt:
        sys.exit(130)


def take_precedence():
    """Puts this process into a session of its own, and that ahead of the others: where the kernel
    groups processes by session to share the CPU out, nice alone counts only within a session."""
    os.setsid()
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as f:
            f.write(str(NICE))
    except OSError:
        pass  # A kernel that does not group.


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def make_network():
    ip("link", "set", "lo", "up")
    ip("link", "add", "bridge", "type", "bridge")
    ip("link", "set", "bridge", "up")
    for tap in ("tap-t", "tap-i"):
        ip("tuntap", "add", tap, "mode", "tap", "vnet_hdr")
        ip("link", "set", tap, "master", "bridge")
        ip("link", "set", tap, "up")


def build_tools(folder):
    subprocess.run(["make", "-s", "-C", PERF, f"O={folder}"], check=True)


def host_share(name):
    """What a VM gets of this machine: a CPU of its own, ahead of whatever else runs. How many
    packets and completions one interrupt finds depends on how the VMs take turns, and with it what
    an I/O costs: on a loaded machine this brings the figures' range from 10 % down to 2 or 3 %."""
    command = ["nice", "-n", str(NICE)]
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 1:
        command += ["taskset", "-c", str(cpus[0] if name == "initiator" else cpus[1])]
    return command


class Vm:
    """One VM, run by scripts/vm. Its share is the guest's /out."""

    def __init__(self, out, name, tap, mac, timeout, guest_script, extra):
        self.out = os.path.join(out, name)
        self.share = os.path.join(self.out, "share")
        self.log = os.path.join(out, f"{name}.log")
        shutil.rmtree(self.out, ignore_errors=True)
        command = [
            *host_share(name), os.path.join(TOP, "scripts/vm"), "--smp", "1", "--cpu", CPU, "--memory", "1024",
            "--timeout", str(timeout), "--out", self.out,
            "--nic", f"tap,ifname={tap},script=no,downscript=no,mac={mac}",
            "--append", KERNEL, *extra, "--", os.path.join(PERF, guest_script), "/out",
        ]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    def has(self, name):
        return os.path.exists(os.path.join(self.share, name))

    def touch(self, name):
        with open(os.path.join(self.share, name), "w", encoding="utf-8"):
            pass

    def failure(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()[-8:]
        return "\n".join([f"{self.log}:", *lines])


def start_when_ready(target, initiator, plan):
    """Waits until the target listens and gives the initiator its plan."""
    deadline = time.monotonic() + READY_LIMIT
    while not (target.has("ready") and os.path.isdir(initiator.share)):
        for vm in (target, initiator):
            if vm.process.poll() is not None:
                raise RigError(f"a VM ended early. {vm.failure()}")
        if time.monotonic() > deadline:
            raise RigError(f"the target VM is not ready after {READY_LIMIT} s. {target.failure()}")
        time.sleep(0.2)
    # Whole or not at all: the guest looks for the name.
    path = os.path.join(initiator.share, "plan")
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("\n".join(plan) + "\n")
    os.rename(path + ".new", path)


def measure(out, plan, timeout, profile=False, initiator_arguments=(), progress=None):
    """Boots both VMs, has the initiator carry out the plan (guest-initiator says its form), and
    returns the initiator's share, where the results lie, and the file of the plugin's marks."""
    tools = os.path.join(out, "tools")
    build_tools(tools)
    take_precedence()
    make_network()
    marks = os.path.join(out, "marks")
    plugin = f"{tools}/libinsncount.so,out={marks}" + (",profile=on" if profile else "")
    target = Vm(out, "target", "tap-t", "52:54:00:48:57:01", timeout, "guest-target", ())
    initiator = Vm(out, "initiator", "tap-i", "52:54:00:48:57:02", timeout, "guest-initiator",
                   ("--qemu", f"-plugin {plugin}", "--env", f"TOOLS={tools}",
                    *initiator_arguments))
    try:
        start_when_ready(target, initiator, plan)
        while initiator.process.poll() is None:
            time.sleep(0.5)
            if target.process.poll() is not None:
                raise RigError(f"the target VM ended under load. {target.failure()}")
            if progress:
                progress(initiator.share)
        if initiator.process.returncode != 0 or not initiator.has("done"):
            raise RigError(f"the initiator VM failed. {initiator.failure()}")
        target.touch("stop")
        target.process.wait(timeout=60)
    finally:
        for vm in (initiator, target):
            if vm.process.poll() is None:
                vm.process.terminate()
                vm.process.wait(timeout=30)
    return initiator.share, marks
