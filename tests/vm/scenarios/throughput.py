# SPDX-License-Identifier: GPL-2.0-or-later
"""What a second connection brings: 4 KiB random reads from each processor, beside what two sessions of iscsi_tcp and
two jobs on null_blk come to on the same machine, in turn."""
import contextlib
import json
import os
import statistics

from rig.checks import expect, run, wait_for, write
from rig.initiators import OpenIscsi

ROUNDS, SECONDS = 5, 8


def reads(*disks, processors=os.cpu_count()):
    """Reads a second of one job a processor, each on its disk (the last has the rest)."""
    jobs = [word for cpu in range(processors)
            for word in (f"--name=cpu{cpu}", f"--filename={disks[min(cpu, len(disks) - 1)]}", f"--cpus_allowed={cpu}")]
    done = run("fio", "--ioengine=libaio", "--direct=1", "--rw=randread", "--bs=4k", "--iodepth=16", "--time_based",
               f"--runtime={SECONDS}", "--ramp_time=1", "--group_reporting", "--output-format=json", *jobs,
               timeout=SECONDS * 20)
    job, = json.loads(done.stdout)["jobs"]
    expect(job["error"] == 0, f"fio met error {job['error']}")
    return job["read"]["iops"]


def plain(disk):
    """No scheduler that sends what one processor gave it from another."""
    write("none", "/sys/class/block", disk[5:], "queue/scheduler")
    return disk


def threads():
    """Of LIO's receiving threads the processors that each is bound to, by PID."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            if comm.read().startswith("iscsi_trx"):
                found[int(pid)] = os.sched_getaffinity(int(pid))
    return found


def bound(before):
    """Those of the threads that came since, in order."""
    after = threads()
    return [after[pid] for pid in sorted(after) if pid not in before]


def log_in_bound(rig, name, wanted, other):
    """LIO binds the threads of a connection to a processor, in turn, whatever that connection carries, and with two
    processors it makes a sixth whether that is the one that the commands come from. So the connections are to be
    bound as those that they are compared with; the login of the other changes whose turn it is."""
    def log_in():
        before = threads()
        rig.initiator.login(name)
        wait_for("all connections", lambda: len(rig.initiator.connected(name)) == len(wanted), 30)
        return bound(before)
    found = log_in()
    if found != wanted:
        rig.initiator.logout(name)
    rig.initiator.login(other)
    if found != wanted:
        found = log_in()
    expect(found == wanted, f"LIO's threads are bound to {found}, not to {wanted}")


def holds_second_connection(rig):
    """Two connections with the policy cpu carry at least 1.6 times what one carries, or as much more as two sessions
    of iscsi_tcp do, and two jobs on null_blk, which is what this machine can give."""
    other = OpenIscsi()
    other.start()
    run("modprobe", "null_blk", "nr_devices=1", "queue_mode=2", "gb=1", f"submit_queues={os.cpu_count()}")
    try:
        for name in ("one", "two", "a", "b"):
            rig.target.add(name, MaxConnections=2)
            rig.target.add_lun(name, 1, "64M")
        other.discover()
        before = threads()
        for name in ("a", "b"):
            other.login(name)
        processors = bound(before)
        theirs = [plain(other.disk(name)) for name in ("a", "b")]
        rig.initiator.discover()
        rig.initiator.set_keys("two", {"node.session.nr_connections": 2, "node.session.policy": "cpu"})
        log_in_bound(rig, "two", processors, "one")
        one, two = (plain(rig.initiator.disk(name)) for name in ("one", "two"))
        found = {"a connection": [], "two connections": [], "a session of iscsi_tcp": [],
                 "two sessions of iscsi_tcp": [], "a job on null_blk": [], "two jobs on null_blk": []}
        for _ in range(ROUNDS):
            found["a connection"].append(reads(one))
            found["two connections"].append(reads(two))
            found["a session of iscsi_tcp"].append(reads(theirs[0]))
            found["two sessions of iscsi_tcp"].append(reads(*theirs))
            found["a job on null_blk"].append(reads("/dev/nullb0", processors=1))
            found["two jobs on null_blk"].append(reads("/dev/nullb0"))
        middle = {name: statistics.median(values) for name, values in found.items()}
        rig.say(", ".join(f"{name} {value:.0f}/s" for name, value in middle.items()))
        gain = middle["two connections"] / middle["a connection"]
        theirs_gain = middle["two sessions of iscsi_tcp"] / middle["a session of iscsi_tcp"]
        rig.say(f"the second connection: {gain:.2f} times; the second session of iscsi_tcp: {theirs_gain:.2f} times; "
                f"null_blk: {middle['two jobs on null_blk'] / middle['a job on null_blk']:.2f} times; "
                f"a connection is {middle['a connection'] / middle['a session of iscsi_tcp']:.2f} times theirs")
        expect(gain >= 1.6 or gain >= 0.95 * theirs_gain, f"{gain:.2f} times, iscsi_tcp {theirs_gain:.2f}")
    finally:
        rig.initiator.logout_all()
        other.stop()
        run("modprobe", "-r", "null_blk")
