# SPDX-License-Identifier: GPL-2.0-or-later
"""Administration while the disk is busy."""
import os

from rig.checks import Fio, expect, fio, run, wait_for


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


def holds_queues(rig):
    """Each processor submits through a hardware queue of its own, with one set of tags for all."""
    disk = rig.attach()
    queues = f"/sys/class/block/{disk[5:]}/mq"
    found = {queue: open(f"{queues}/{queue}/cpu_list", encoding="ascii").read().strip()
             for queue in os.listdir(queues)}
    expect(sorted(found.values()) == [str(cpu) for cpu in range(os.cpu_count())],
           f"processors by hardware queue: {found}")
    jobs = [Fio(disk, size="4M", offset=f"{8 * cpu}M", cpus_allowed=cpu, iodepth=32).start()
            for cpu in range(os.cpu_count())]
    for job in jobs:
        job.finish()
