# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire between the two guests of a pair (tests/vm/pair)."""
import os

from rig.checks import run, wait_for

TARGET, INITIATOR = "10.93.0.1", "10.93.0.2"
FAULTY_PORT = 3261  # of the target that recovers, through the proxy


def up(address):
    run("modprobe", "virtio_net")
    wait_for("the NIC", lambda: os.path.exists("/sys/class/net/eth0"))
    run("ip", "address", "add", f"{address}/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
