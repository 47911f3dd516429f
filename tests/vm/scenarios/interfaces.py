# SPDX-License-Identifier: GPL-2.0-or-later
"""Logical interfaces: several sessions to one target, each with its own source, name and ISID."""
import json
import os

from rig.checks import expect, read, run
from rig.initiators import PORTAL
from rig.targets import IQN

OTHER = "iqn.2026-11.io.hawser.test:other"
ISID = "0x4000000a0001"
EXISTS = 15
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def interface(rig, name, **values):
    words = [word for key, value in values.items() for word in ("-n", f"iface.{key}", "-v", value)]
    rig.initiator.adm("-m", "iface", "-I", name, "-o", "new", *words)


def nodes(rig, *names):
    rig.target.add("t")
    rig.target.add_lun("t", 1)
    for name in names:
        rig.initiator.adm("-m", "node", "-o", "new", "-T", IQN + "t", "-p", PORTAL, "-I", name)


def sessions(rig):
    return {one["iface"]: one for one in json.loads(rig.initiator.adm("-m", "session", "--json").stdout)}


def netdev(rig, name):
    return read(f"/sys/class/iscsi_host/host{sessions(rig)[name]['host']}", "netdev")


def clean(rig, *names):
    rig.initiator.logout_all()
    for name in names:
        rig.initiator.adm("-m", "iface", "-I", name, "-o", "delete")


def holds_several(rig):
    """Through three interfaces there are three sessions to one target, from three addresses, with two names."""
    interface(rig, "one", ipaddress="127.0.0.11")
    interface(rig, "two", ipaddress="127.0.0.12", net_ifacename="lo", isid=ISID)
    interface(rig, "three", ipaddress="127.0.0.13", initiatorname=OTHER)
    names = ("one", "two", "three")
    nodes(rig, *names)
    try:
        rig.initiator.adm("-m", "node", "-T", IQN + "t", "-p", PORTAL, "--login")
        live = sessions(rig)
        expect(set(live) == set(names), f"sessions through {sorted(live)}")
        addresses = [live[name]["connections"][0]["local_address"] for name in names]
        expect(addresses == ["127.0.0.11", "127.0.0.12", "127.0.0.13"], f"sessions from {addresses}")
        expect(live["two"]["isid"] == ISID, f"the ISID is {live['two']['isid']}")
        expect(netdev(rig, "two") == "lo" and netdev(rig, "one") == "", "sysfs does not show what \"two\" is bound to")
        expect(len({one["isid"] for one in live.values()}) == 3, "two sessions have one ISID")
        expect([live[name]["initiator"] == OTHER for name in names] == [False, False, True],
               f"initiator names: {[live[name]['initiator'] for name in names]}")
        before = {name: one["sid"] for name, one in live.items()}
        # A daemon that starts anew knows which session went through what.
        rig.initiator.stop_daemon()
        rig.initiator.start_daemon()
        after = {name: one["sid"] for name, one in sessions(rig).items()}
        expect(before == after, f"the sessions were {before} and are {after}")
    finally:
        clean(rig, *names)


def holds_alone(rig):
    """With node.session.multiple = No a second session is refused, and the refusal names the first and the key."""
    interface(rig, "one", ipaddress="127.0.0.11")
    nodes(rig, "default", "one")
    try:
        rig.initiator.adm("-m", "node", "-T", IQN + "t", "-I", "one", "-o", "update",
                          "-n", "node.session.multiple", "-v", "No")
        rig.initiator.adm("-m", "node", "-T", IQN + "t", "-I", "default", "--login")
        done = rig.initiator.adm("-m", "node", "-T", IQN + "t", "-I", "one", "--login", check=False)
        expect(done.returncode == EXISTS, f"ended with {done.returncode}: {done.stderr}")
        for word in ("node.session.multiple", "session", "through default"):
            expect(word in done.stderr, f"'{word}' is not in: {done.stderr}")
        expect(len(sessions(rig)) == 1, "there are two sessions")
    finally:
        clean(rig, "one")


def holds_vrf(rig):  # pylint: disable=unused-argument
    """A connection through a VRF uses the VRF's routes: the unit test, where the kernel has VRFs."""
    program = os.path.join(TOP, "build/tests/unit/daemon/unit_daemon")
    run(program, "A connection *", env={**os.environ, "HAWSER_NEED_WIRES": "1"}, timeout=120)
