# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel module that is there and cannot be used. The last scenario leaves a kernel that takes no module any more."""
import contextlib

from rig.checks import expect, run, write
from rig.initiators import PORTAL
from rig.targets import IQN
from scenarios.refusals import refused

NO_MODULE = 12
LOCKDOWN = "/sys/kernel/security/lockdown"


@contextlib.contextmanager
def without_module(rig):
    """A record, no module loaded, and no daemon."""
    rig.target.add("t")
    rig.initiator.discover()
    rig.initiator.stop_daemon()
    run("rmmod", rig.initiator.module)
    yield "-m", "node", "-T", IQN + "t", "-p", PORTAL, "--login"


def holds_other_abi(rig):
    """A module of another release is told of with both numbers, and is not asked for sessions; the right one in its
    place serves."""
    with without_module(rig) as login:
        run("modprobe", "other_abi")
        rig.initiator.start_daemon()
        refused(rig, NO_MODULE, ["ABI 4711", "module 9.9"], *login)
        run("rmmod", "other_abi")
        run("modprobe", rig.initiator.module)
        rig.initiator.adm(*login)
        rig.initiator.logout_all()


def holds_locked_down(rig):
    """A kernel that Secure Boot has locked down refuses a module without a signature, which is said with what to do."""
    with without_module(rig) as login:
        run("mount", "-t", "securityfs", "securityfs", "/sys/kernel/security")
        write("integrity", LOCKDOWN)
        rig.initiator.start_daemon()
        refused(rig, NO_MODULE, ["Secure Boot", "mokutil"], *login)
        expect("lockdown" in run("dmesg").stdout.lower(), "the kernel was not locked down")
