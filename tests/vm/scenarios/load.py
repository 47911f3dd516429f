# SPDX-License-Identifier: GPL-2.0-or-later
"""Administration while the disk is busy."""
import collections
import os
import re

from rig.checks import Fio, expect, fio, read, run, wait_for, write
from rig.trace import TRACING

EVENTS = [f"scsi_dispatch_cmd_{event}" for event in ("start", "done", "error")]


def holds_module_refuses_removal(rig):
    """rmmod is refused while a session lives, and does no harm."""
    disk = rig.attach()
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    refused = run("rmmod", rig.initiator.module, check=False)
    expect(refused.returncode != 0 and "in use" in refused.stderr,
           f"rmmod ended with {refused.returncode}: {refused.stderr}")
    wait_for("I/O", load.moves)
    load.stop()


def holds_rescan(rig):
    """Rescans under load change nothing."""
    disk = rig.attach(units=4)
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    for _ in range(10):
        rig.initiator.rescan("t")
    wait_for("I/O", load.moves)
    load.stop()
    expect(sorted(rig.initiator.disks("t")) == [1, 2, 3, 4], "the set of disks changed")


def holds_logout(rig):
    """A logout under load ends: the I/O fails, the disk is gone, and a new login works."""
    disk = rig.attach()
    load = Fio.endless(disk, rw="randrw", verify=None, do_verify=None, verify_fatal=None)
    wait_for("I/O", load.moves)
    rig.initiator.logout("t", timeout=120)
    load.fail(60)
    expect(not rig.initiator.sessions(), "a session is left")
    expect(not os.path.exists("/sys/class/block/" + disk[5:]), "the disk is left")
    rig.initiator.login("t")
    fio(rig.initiator.disk("t"), size="2M")


COMMAND = re.compile(r" \[(\d+)\] .*(?:scsi_dispatch_cmd_(start|done|error)): host_no=(\d+) .*driver_tag=(\d+)")


def submissions(lines, host):
    """How many commands each processor submitted to the host, and how many were under way at most; a tag that is two
    commands' at once fails."""
    count, under_way, most = collections.Counter(), set(), 0
    for line in lines:
        found = COMMAND.search(line)
        if not found or found[3] != host:
            continue
        processor, event, tag = int(found[1]), found[2], found[4]
        if event == "start":
            expect(tag not in under_way, f"tag {tag} is two commands': {line}")
            under_way.add(tag)
            count[processor] += 1
            most = max(most, len(under_way))
        else:
            under_way.discard(tag)
    return count, most


def holds_queues(rig):
    """Each processor submits through a hardware queue of its own, with one set of tags for all: commands are seen from
    each at once, and no tag is two commands'."""
    # Which queue a command goes through follows from its processor; a queue's own counter of runs does not see those
    # that are issued directly.
    disk = rig.attach()
    name = disk[5:]
    processors = range(os.cpu_count())
    queues = f"/sys/class/block/{name}/mq"
    found = {queue: read(queues, queue, "cpu_list") for queue in os.listdir(queues)}
    expect(sorted(found.values()) == [str(cpu) for cpu in processors], f"processors by hardware queue: {found}")
    host = os.path.basename(os.path.realpath(f"/sys/class/block/{name}/device")).split(":")[0]
    write(40000, TRACING, "buffer_size_kb")
    write("", TRACING, "trace")
    for event in EVENTS:
        write(1, TRACING, "events/scsi", event, "enable")
    jobs = [Fio(disk, size="4M", offset=f"{8 * cpu}M", cpus_allowed=cpu, iodepth=32).start() for cpu in processors]
    for job in jobs:
        job.finish()
    for event in EVENTS:
        write(0, TRACING, "events/scsi", event, "enable")
    with open(f"{TRACING}/trace", encoding="ascii", errors="replace") as lines:
        count, most = submissions(lines, host)
    write("", TRACING, "trace")
    rig.say(f"commands by processor: {dict(count)}, {most} under way at once")
    expect(all(count[cpu] >= 1024 for cpu in processors) and most >= 16, f"commands by processor: {count}, at once: {most}")
