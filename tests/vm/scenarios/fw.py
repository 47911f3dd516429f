# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets of the boot firmware: the table that the machine was given (rig/ibft.py) holds two."""
from rig import ibft
from rig.checks import expect, fio, read, run, wait_for
from rig.targets import IQN

BOOT, SECOND = (name[len(IQN):] for name in ibft.TARGETS)


def entries(rig):
    """What `-m fw` shows, a dictionary for each record."""
    run("modprobe", "iscsi_ibft")
    found = []
    for line in rig.initiator.adm("-m", "fw").stdout.splitlines():
        key, equals, value = line.partition(" = ")
        if line.startswith("# BEGIN RECORD"):
            found.append({})
        elif equals:
            found[-1][key] = value
    return found


def holds_shown(rig):
    """What the firmware says is shown entry by entry, the target that it booted from first, and no secret."""
    boot, second = entries(rig)
    expected = {"iface.initiatorname": ibft.INITIATOR, "iface.transport_name": "tcp", "iface.bootproto": "DHCP",
                "iface.hwaddress": "52:54:00:12:34:56", "iface.ipaddress": "192.0.2.10",
                "iface.subnet_mask": "255.255.255.0", "iface.gateway": "192.0.2.1",
                "node.name": ibft.TARGETS[0], "node.conn[0].address": ibft.PORTAL[0],
                "node.conn[0].port": str(ibft.PORTAL[1]), "node.session.auth.username": ibft.USER,
                "node.session.auth.password": "********", "node.session.auth.username_in": ibft.TARGET_USER,
                "node.session.auth.password_in": "********"}
    wrong = {key: (boot.get(key), value) for key, value in expected.items() if boot.get(key) != value}
    expect(not wrong, f"shown and expected: {wrong}")
    expect(second["node.name"] == ibft.TARGETS[1] and "node.session.auth.username" not in second, f"{second}")
    expect(not rig.initiator.sessions(), "looking made a session")


def holds_login(rig):
    """A login to the firmware's targets uses its initiator name and its CHAP secrets, both ways; the disks work."""
    run("modprobe", "iscsi_ibft")
    for target in (BOOT, SECOND):
        rig.target.add(target)
        rig.target.add_lun(target, 1)
    rig.target.set_chap(BOOT, ibft.USER, ibft.SECRET, (ibft.TARGET_USER, ibft.TARGET_SECRET))
    rig.initiator.adm("-m", "fw", "-l")
    for target in (BOOT, SECOND):
        wait_for(f"{target} is logged in", lambda name=target: rig.initiator.state(name) == "LOGGED_IN")
        name = read(rig.initiator.session(target), "initiatorname")
        expect(name == ibft.INITIATOR, f"the initiator's name is {name}")
        fio(rig.initiator.disk(target), size="1M")
    tree = rig.initiator.adm("-m", "discovery", "-P", "1").stdout
    expect(ibft.TARGETS[0] in tree.partition("FIRMWARE:")[2], f"not among the firmware's: {tree}")
    rig.initiator.adm("-m", "node", "-U", "onboot")  # which "all" leaves alone
    rig.initiator.adm("-m", "iface", "-I", "ibft", "-o", "delete")


def holds_discovery(rig):
    """Discovery of type fw prints the portals, and -o nonpersistent stores nothing."""
    run("modprobe", "iscsi_ibft")
    lines = rig.initiator.adm("-m", "discovery", "-t", "fw", "-o", "nonpersistent").stdout.splitlines()
    expect([line.split()[1] for line in lines] == list(ibft.TARGETS), f"{lines}")
    left = rig.initiator.adm("-m", "node", check=False)
    expect(left.returncode == 21, f"records are left: {left.stdout}")
