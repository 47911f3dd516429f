# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults by seed at a target that can recover from all of them (tests/target): at error recovery level 2 whatever
happens between the two, over one connection or several, costs no command, no session and no byte."""
import collections
import os
import subprocess

from rig.checks import Failure, Fio, expect, wait_for, write
from rig.targets import IQN
from scenarios.errors import counter
from scenarios.faults import PORTAL, RECORDS, TOP, Proxy

TARGET = os.path.join(TOP, "build/tests/target/recovering_target")
BEHIND = 3262  # the target's port; the proxy has PORTAL's
COUNTERS = ("connection_losses", "recoveries", "requeued", "failed_by_loss", "reassigned", "connections_recovered",
            "reinstated", "data_snacks", "status_snacks", "repaired", "retried", "recovery_r2ts", "rjt_pdus",
            "digest_err", "timeout_err")


class Recovering:
    """The target, and what it complains of."""

    def __init__(self, *options):
        self.log = open("/out/recovering.log", "w+", encoding="ascii")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen([TARGET, "-p", str(BEHIND), *map(str, options)], stdout=self.log)
        wait_for("the target listens", lambda: "listening" in self.text())

    def text(self):
        if self.process.poll() is not None:
            raise Failure(f"the target ended with {self.process.returncode}")
        with open(self.log.name, encoding="ascii") as log:
            return log.read()

    def complaints(self):
        return [line for line in self.text().splitlines() if line.startswith("complaint")]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def under(rig, limit, every, timeout, connections, records=()):
    """fio verify while so many faults happen at error recovery level 2; afterwards all is as it was."""
    target = Recovering("-s", rig.seed, "-t", 2000)
    proxy = Proxy("-s", rig.seed, "-l", limit, "-e", every, to=f"127.0.0.1:{BEHIND}")
    words = ("-m", "node", "-T", IQN + "t", "-p", PORTAL)
    values = {**RECORDS, "node.session.iscsi.ERL": 2, "node.session.nr_connections": connections,
              "node.session.policy": "round-robin", "node.session.iscsi.DefaultTime2Wait": 0,
              "node.session.iscsi.DefaultTime2Retain": 60, **dict(records)}
    try:
        rig.initiator.adm(*words, "-o", "new")
        rig.initiator.adm(*words, "-o", "update", *(word for key, value in values.items()
                                                    for word in ("-n", key, "-v", str(value))))
        rig.initiator.adm(*words, "--login")
        disk = rig.initiator.disk("t")
        wait_for("all connections are up", lambda: len(rig.initiator.connected("t")) == connections, 60)
        write(60, "/sys/class/block", disk[5:], "device/timeout")  # the protocol is to repair all before that
        load = Fio.endless(disk, size="24M", bsrange="512-1m", bs=None, fsync=32, rate_iops=None, rate="16m")
        wait_for(f"{limit} faults (seed {rig.seed})",
                 lambda: not load.running() or len(proxy.faults()) == limit, timeout)
        wait_for("all connections are back",
                 lambda: len(rig.initiator.connected("t")) == connections, 120)
        wait_for("I/O", load.moves, 120)
        load.stop(600)
        done = collections.Counter(proxy.faults())
        rig.say(f"seed {rig.seed}, {connections} connections: {dict(sorted(done.items()))}")
        counts = {name: counter(rig, name) for name in COUNTERS}
        rig.say(", ".join(f"{name} {count}" for name, count in counts.items()))
        for name in ("recoveries", "requeued", "failed_by_loss", "timeout_err"):
            expect(counts[name] == 0, f"{name} is {counts[name]}")
        expect(not target.complaints(), f"the target: {target.complaints()[:5]}")
        rig.initiator.logout_all()
    except Failure as failure:
        raise Failure(f"{failure}\nseed {rig.seed}, the last faults:\n" +
                      "\n".join(proxy.text().splitlines()[-8:])) from failure
    finally:
        proxy.stop()
        target.stop()


def holds_one(rig):
    """Over one connection."""
    under(rig, 1500 if rig.full else 36, 100, 20000 if rig.full else 900, 1)


def holds_two(rig):
    """Over two."""
    under(rig, 1500 if rig.full else 36, 100, 20000 if rig.full else 900, 2)


def holds_four(rig):
    """Over four."""
    under(rig, 1500 if rig.full else 36, 100, 20000 if rig.full else 900, 4)
