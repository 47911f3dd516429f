# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults by seed at a target that can recover from all of them (tests/target): at error recovery level 2 whatever
happens between the two, over one connection or several, costs no command, no session and no byte."""
import collections
import contextlib
import random
import re
import time

from rig.checks import Failure, Fio, expect, wait_for, write
from rig.programs import Proxy, Recovering
from rig.targets import IQN
from rig.trace import TRACING
from scenarios.errors import counter
from scenarios.faults import ENDS, PORTAL, RECORDS

# What at each level nothing costs.
NEVER = {0: ("failed_by_loss",), 1: ("failed_by_loss", "timeout_err"),
         2: ("failed_by_loss", "timeout_err", "recoveries", "requeued")}
TRACED = re.compile(r"\s(\d+\.\d+): (\w+): (.*)")
FIELD = re.compile(r"(\w+)=(\S+)")
COUNTERS = ("connection_losses", "recoveries", "requeued", "failed_by_loss", "reassigned", "connections_recovered",
            "reinstated", "data_snacks", "status_snacks", "repaired", "retried", "recovery_r2ts", "rjt_pdus",
            "digest_err", "timeout_err")
# One of these moves for each fault that was met, whatever the level.
REACTIONS = ("connection_losses", "data_snacks", "status_snacks", "retried", "recovery_r2ts")


def log_in(rig, connections, portal=PORTAL, records=()):
    """A session with so many connections, of level 2 unless the records have another; gives the disk."""
    words = ("-m", "node", "-T", IQN + "t", "-p", portal)
    values = {**RECORDS, "node.session.iscsi.ERL": 2, "node.session.nr_connections": connections,
              "node.session.policy": "round-robin", "node.session.iscsi.DefaultTime2Wait": 0,
              "node.session.iscsi.DefaultTime2Retain": 60, **dict(records)}
    rig.initiator.adm(*words, "-o", "new")
    rig.initiator.adm(*words, "-o", "update", *(word for key, value in values.items()
                                                for word in ("-n", key, "-v", str(value))))
    rig.initiator.adm(*words, "--login")
    disk = rig.initiator.disk("t")
    up(rig, connections)
    return disk


@contextlib.contextmanager
def session(rig, connections, proxy_options, target_options=(), records=()):
    """A session with so many connections through the proxy (log_in); gives target, proxy and the disk."""
    target = Recovering("-s", rig.seed, *target_options)
    proxy = Proxy("-s", rig.seed, *proxy_options, at=PORTAL, to=f"127.0.0.1:{Recovering.PORT}")
    try:
        yield target, proxy, log_in(rig, connections, PORTAL, records)
        rig.initiator.logout_all()
    except Failure as failure:
        raise Failure(f"{failure}\nseed {rig.seed}, the last faults:\n" +
                      "\n".join(proxy.text().splitlines()[-8:])) from failure
    finally:
        proxy.stop()
        target.stop()


def up(rig, connections):
    wait_for("all connections are up", lambda: len(rig.initiator.connected("t")) == connections, 120)


def judge(rig, level=2):
    """Says what was counted, and that nothing was which at this level nothing costs."""
    counts = {name: counter(rig, name) for name in COUNTERS}
    (rig.tell if rig.full else rig.say)(", ".join(f"{name} {count}" for name, count in counts.items()))
    for name in NEVER[level]:
        expect(counts[name] == 0, f"{name} is {counts[name]}")


def verify(disk):
    # Of a range, fio would take rate_iops for so many of the smallest.
    return Fio.endless(disk, size="24M", bsrange="512-1m", bs=None, fsync=32, rate_iops=None, rate="16m")


def under(rig, connections, level=2, target_options=(), records=(), meanwhile=lambda: None):
    """fio verify under faults of each kind in each direction, or under thousands of them, and afterwards all is as it
    was. At level 2 nothing is issued again; from level 1 on nothing waits for the midlayer's time-out."""
    limit, every = (4600, 40) if rig.full else (24, 100)
    with session(rig, connections, ("-l", limit, "-e", every), ("-t", 2000, *target_options),
                 {"node.session.iscsi.ERL": level, **dict(records)}) as (target, proxy, disk):
        write(60 if level else 5, "/sys/class/block", disk[5:], "device/timeout")
        load = verify(disk)

        def over():
            meanwhile()
            return target.lives() and (not load.running() or len(proxy.faults()) == limit)
        wait_for(f"{limit} faults (seed {rig.seed})", over, 600 + 10 * limit)
        up(rig, connections)
        wait_for("I/O", load.moves, 120)
        load.stop(600)
        done = collections.Counter(proxy.faults())
        rig.tell(f"faults with seed {rig.seed}, level {level}, connections {connections}: {dict(sorted(done.items()))}")
        judge(rig, level)
        # One that moves no counter was none to us.
        met, surely = sum(counter(rig, name) for name in REACTIONS), sum(done[kind] for kind in ENDS)
        expect(met >= surely, f"{met} reactions; of these faults each is one: {surely}")
        expect(not target.complaints(), f"the target: {target.complaints()[:5]}")


def holds_one(rig):
    """Over one connection, which is reinstated each time that it is lost."""
    under(rig, 1)


def holds_two(rig):
    """Over two connections, each logged out for recovery over the other."""
    under(rig, 2)


def holds_four(rig):
    """Over four connections."""
    under(rig, 4)


def holds_daemon_killed(rig):
    """Over one connection and over two, while the daemon is killed with -9 every few seconds and started again."""
    dice = random.Random(rig.seed)
    kills, due = 0, time.monotonic() + 2

    def kill():
        nonlocal kills, due
        if time.monotonic() > due:
            rig.initiator.kill_daemon()
            time.sleep(dice.uniform(0, 0.5))  # how long there is none
            rig.initiator.start_daemon()
            kills, due = kills + 1, time.monotonic() + dice.uniform(0.2, 4)
    under(rig, 1, meanwhile=kill)
    under(rig, 2, meanwhile=kill)
    rig.say(f"the daemon was killed {kills} times")
    expect(kills > 3, "the daemon was hardly killed")


def holds_level_one(rig):
    """At level 1, over one connection, two and four: what is lost or damaged comes again, and what breaks a connection
    costs its commands a second run."""
    for connections in (1, 2, 4):
        under(rig, connections, 1)


def holds_level_zero(rig):
    """At level 0, over one connection, two and four."""
    for connections in (1, 2, 4):
        under(rig, connections, 0)


def holds_whims(rig):
    """Over two connections, at a target that does what it may: data and R2Ts in any order and of any length, a command
    window that closes, pings, BUSY and TASK SET FULL."""
    under(rig, 2, 2, ("-w",),
          {"node.session.iscsi.DataPDUInOrder": "No", "node.session.iscsi.DataSequenceInOrder": "No",
           "node.session.iscsi.MaxBurstLength": 65536, "node.session.iscsi.FirstBurstLength": 8192,
           "node.session.iscsi.MaxOutstandingR2T": 4,
           "node.conn[0].iscsi.MaxRecvDataSegmentLength": 8192})


def recovery_times(lines, cleanup=5):
    """Of each loss in a trace: milliseconds until the last command that the connection had then has its status."""
    under_way, losses = {}, []  # CID by ITT; [begin, ITTs, end]
    for line in lines:
        found = TRACED.search(line)
        if not found:
            continue
        at, event, text = float(found[1]), found[2], found[3]
        fields = dict(FIELD.findall(text))
        if event == "hws_conn_state" and int(fields["to"]) == cleanup:
            losses.append([at, {itt for itt, cid in under_way.items() if cid == fields["cid"]}, at])
        elif event == "hws_pdu_sent" and "SCSI Command" in text:
            under_way[fields["itt"]] = fields["cid"]
        elif event == "hws_pdu_received" and ("SCSI Response" in text or
                                              "Data-In" in text and int(fields["flags"], 0) & 1):
            under_way.pop(fields["itt"], None)
            for loss in losses:
                if fields["itt"] in loss[1]:
                    loss[1].discard(fields["itt"])
                    loss[2] = at
    expect(not any(left for _, left, _ in losses), "commands of a lost connection have no status in the trace")
    return sorted((end - begin) * 1000 for begin, _, end in losses if end > begin)


def holds_times(rig):
    """A connection is reset while it has commands, and the last of them is done soon after: at half of the resets in
    20 ms, at 99 of 100 in 100 ms."""
    resets = 200 if rig.full else 100
    with session(rig, 2, ("-k", "reset", "-l", resets, "-e", 300)) as (_, proxy, disk):
        write(60, "/sys/class/block", disk[5:], "device/timeout")
        load = Fio.endless(disk, rw="randrw", size="24M", bsrange="4k-64k", bs=None, verify=None, do_verify=None,
                           verify_fatal=None, rate_iops=None, rate="3m")
        write(200000, TRACING, "buffer_size_kb")
        write("", TRACING, "trace")
        write(1, TRACING, "events/hawser/enable")
        wait_for(f"{resets} resets", lambda: not load.running() or len(proxy.faults()) == resets, 1800)
        up(rig, 2)
        wait_for("I/O", load.moves, 60)
        write(0, TRACING, "events/hawser/enable")
        with open(f"{TRACING}/trace", encoding="ascii") as trace, open("/out/trace", "w", encoding="ascii") as kept:
            kept.writelines(trace)
        with open("/out/trace", encoding="ascii") as trace:
            times = recovery_times(trace)
        write("", TRACING, "trace")
        load.stop(600)
        median, most = times[len(times) // 2], times[len(times) * 99 // 100]
        rig.tell(f"{len(times)} resets with commands under way: median {median:.1f} ms, 99th percentile {most:.1f} ms, "
                f"longest {times[-1]:.1f} ms")
        for name in NEVER[2]:
            expect(counter(rig, name) == 0, f"{name} is {counter(rig, name)}")
        expect(len(times) > resets / 2, f"only {len(times)} of {resets} resets met commands")
        expect(median < 20 and most < 100, f"median {median:.1f} ms, 99th percentile {most:.1f} ms")
