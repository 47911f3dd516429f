# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults by seed between initiator and target, under fio verify. At error recovery level 0 what breaks the
rules of a connection ends it, and the session comes back and loses nothing; at level 1 damaged data does not."""
import collections

from rig.checks import Failure, Fio, expect, wait_for, write
from rig.programs import Proxy
from rig.targets import IQN
from scenarios.errors import counter

PORTAL = "127.0.0.1:3261"
RECORDS = {"node.conn[0].iscsi.HeaderDigest": "CRC32C", "node.conn[0].iscsi.DataDigest": "CRC32C",
           "node.conn[0].timeo.noop_out_interval": 2, "node.conn[0].timeo.noop_out_timeout": 2,
           "node.conn[0].timeo.login_timeout": 5}
REPAIRED = ("flip-data", "flip-data-digest")  # without an end of the connection, at error recovery level 1
# LIO frees a command too early when data of it was damaged, and sends no Reject again (targets.rst).
SPARED = ("-d", "to-initiator", "-x", "0x3f")
# What ends a connection at level 0 in any case: each of these is one loss that the session has counted.
ENDS = {"flip-header", "flip-header-digest", "flip-data", "flip-data-digest", "truncate", "half-close", "reset"}


def under(rig, limit, every, timeout, erl=0):
    """fio verify while so many faults happen, and after the last of them all is well."""
    rig.target.add("t", **({"ErrorRecoveryLevel": erl} if erl else {}))
    rig.target.add_lun("t", 1, "64M")
    spared = ("-k", ",".join(REPAIRED), *SPARED) if erl else ()
    proxy = Proxy("-s", rig.seed, "-l", limit, "-e", every, *spared, at=PORTAL, to="127.0.0.1:3260")
    words = ("-m", "node", "-T", IQN + "t", "-p", PORTAL)
    try:
        rig.initiator.adm(*words, "-o", "new")
        for key, value in {**RECORDS, "node.session.iscsi.ERL": erl}.items():
            rig.initiator.adm(*words, "-o", "update", "-n", key, "-v", str(value))
        rig.initiator.adm(*words, "--login")
        disk = rig.initiator.disk("t")
        write(5, "/sys/class/block", disk[5:], "device/timeout")  # how soon a command that was dropped is missed
        # Of a range, fio would take rate_iops for so many of the smallest.
        load = Fio.endless(disk, size="24M", bsrange="512-1m", bs=None, fsync=32, rate_iops=None, rate="16m")
        wait_for(f"{limit} faults (seed {rig.seed})",
                 lambda: not load.running() or len(proxy.faults()) == limit, timeout)
        wait_for("the session is back", lambda: rig.initiator.state("t") == "LOGGED_IN", 120)
        wait_for("I/O", load.moves, 120)
        load.stop(600)
        done = collections.Counter(proxy.faults())
        losses, back = counter(rig, "connection_losses"), counter(rig, "recoveries")
        rig.say(f"seed {rig.seed}: {losses} losses, {back} recoveries of {dict(sorted(done.items()))}")
        expect(back == losses, f"{losses} losses and {back} recoveries")
        if erl:
            judge_repairs(rig, losses)
        else:
            surely = sum(done[kind] for kind in ENDS)
            expect(losses >= surely, f"{losses} losses; of these faults each is one: {surely}")
        rig.initiator.logout_all()
    except Failure as failure:
        raise Failure(f"{failure}\nseed {rig.seed}, the last faults:\n" +
                      "\n".join(proxy.text().splitlines()[-8:])) from failure
    finally:
        proxy.stop()


def judge_repairs(rig, losses):
    """Damage was repaired, and cost no connection."""
    counts = {name: counter(rig, name) for name in ("digest_err", "data_snacks", "status_snacks", "repaired")}
    rig.say(", ".join(f"{name} {count}" for name, count in counts.items()))
    expect(losses == 0, f"{losses} connections were lost")
    for name in ("digest_err", "data_snacks", "repaired"):
        expect(counts[name], f"nothing was damaged: {name} is 0")


def holds_repaired(rig):
    """At error recovery level 1 data or digests that are damaged on the way from the target cost no connection."""
    under(rig, 3000 if rig.full else 40, 60, 7200, erl=1)


def holds_some(rig):
    """Each kind of fault in each direction once."""
    under(rig, 24, 150, 3000)


def holds_many(rig):
    """A thousand faults."""
    under(rig, 1000, 150, 36000)
