# SPDX-License-Identifier: GPL-2.0-or-later
"""Logical units: how many, how large, of which block size, and what changes under load."""
import os

from rig.checks import Fio, Skip, drop_cache, expect, fio, read, run, wait_for
from rig.initiators import opens


def holds_many(rig):
    """1, 8 and 256 LUNs each come up as the disk of their own number, and none is left after logout."""
    for units in (1, 8, 256):
        rig.attach(units=units, size="1M")
        luns = [*rig.target.own_luns, *range(1, units + 1)]
        wait_for(f"{units} disks", lambda count=len(luns): len(rig.initiator.disks("t")) == count, 300)
        disks = rig.initiator.disks("t")
        expect(sorted(disks) == luns, f"LUNs are {sorted(disks)}")
        for lun, disk in disks.items():
            wait_for(f"node {disk}", lambda path=disk: opens(path), 30)
            with open(disk, "r+b", buffering=0) as f:
                f.write(lun.to_bytes(512, "big"))
                os.fsync(f.fileno())
        drop_cache()
        for lun, disk in disks.items():
            with open(disk, "rb", buffering=0) as f:
                found = int.from_bytes(f.read(512), "big")
            expect(found == lun, f"{disk} is LUN {lun} and holds what was written to LUN {found}")
        rig.initiator.logout("t", timeout=300)
        left = [disk for disk in disks.values() if os.path.exists("/sys/class/block/" + disk[5:])]
        expect(not left, f"disks are left after logout: {left}")
        rig.target.remove("t")


def holds_blocks_of_4096(rig):
    """A LUN of 4096-byte blocks shows that size and keeps its data."""
    disk = rig.attach(backend="file", block_size=4096)
    shown = read("/sys/class/block", disk[5:], "queue/logical_block_size")
    expect(shown == "4096", f"logical_block_size is {shown}")
    fio(disk, bsrange="4k-256k", size="8M")


def holds_over_2_tib(rig):
    """A thin LUN of 3 TiB has that size and keeps data beyond 2 TiB."""
    disk = rig.attach(backend="file", size="3T")
    sectors = int(read("/sys/class/block", disk[5:], "size"))
    expect(sectors == 3 << 31, f"{disk} has {sectors} sectors")
    fio(disk, offset="2560G", size="8M", bsrange="4k-256k")


def holds_unmap(rig):
    """What UNMAP discards is given back by the target's store."""
    if not rig.target.unmaps:
        raise Skip(f"{rig.target.name} has no UNMAP")
    disk = rig.attach(backend="file", size="256M")
    store = rig.target.store("t", 1)
    fio(disk, rw="write", bs="256k", size="32M", verify=None, do_verify=None, verify_fatal=None)
    os.sync()
    before = os.stat(store).st_blocks * 512
    expect(before >= 32 << 20, f"the store holds {before} bytes after 32 MiB were written")
    run("blkdiscard", disk)
    after = os.stat(store).st_blocks * 512
    expect(after < before // 4, f"the store holds {after} bytes after UNMAP, {before} before")


def holds_resize(rig):
    """A LUN that grew shows its new size after a rescan."""
    disk = rig.attach(backend="block", size="64M")
    rig.target.resize("t", 1, "128M")
    rig.initiator.rescan("t")
    wait_for("128 MiB", lambda: read("/sys/class/block", disk[5:], "size") == str(128 << 11))
    fio(disk, offset="64M", size="8M")


def holds_change_under_load(rig):
    """A LUN is added and another removed while a third is written; that one never notices."""
    first = rig.attach(units=2)
    doomed = rig.initiator.disk("t", 2)
    load = Fio.endless(first)
    wait_for("I/O on LUN 1", load.moves)
    rig.target.add_lun("t", 3)
    rig.initiator.rescan("t")
    added = rig.initiator.disk("t", 3)
    fio(added, size="2M")
    rig.target.remove_lun("t", 2)
    Fio(doomed, size="1M", rw="randread", verify=None, do_verify=None, verify_fatal=None).start().fail(60)
    rig.initiator.rescan("t")
    wait_for("LUN 2's disk to go", lambda: sorted(rig.initiator.disks("t")) == [1, 3])
    wait_for("I/O on LUN 1", load.moves)
    load.stop()


def holds_special_writes(rig):
    """WRITE SAME fills, COMPARE AND WRITE swaps what is as expected and refuses what is not."""
    disk = rig.attach(backend="file")
    node = "/sys/class/block/" + os.path.basename(disk)
    pattern, other = b"\xa5" * 512, b"\x5a" * 512
    with open("/tmp/pattern", "wb") as f:
        f.write(pattern)
    with open("/tmp/swap", "wb") as f:  # what is expected, and what is to be there afterwards
        f.write(pattern + other)
    done = run("sg_write_same", "--16", "--in=/tmp/pattern", "--xferlen=512", "--lba=8", "--num=16", disk, check=False)
    if rig.target.name == "tgt" and ("not supported" in done.stderr or "Illegal request" in done.stderr):
        raise Skip(f"{rig.target.name}: WRITE SAME: {done.stderr.strip()}")
    expect(done.returncode == 0, f"WRITE SAME: {done.stderr}")
    drop_cache()
    expect(blocks(disk, 8, 16) == pattern * 16, "WRITE SAME wrote something else")
    expect(blocks(disk, 24, 1) == bytes(512), "WRITE SAME wrote further than it was told")
    swap = ["sg_compare_and_write", "--in=/tmp/swap", "--lba=9", "--num=1", "--xferlen=1024", disk]
    done = run(*swap, check=False)
    if rig.target.name == "tgt" and ("not supported" in done.stderr or "Illegal request" in done.stderr):
        raise Skip(f"{rig.target.name}: COMPARE AND WRITE: {done.stderr.strip()}")
    expect(done.returncode == 0, f"COMPARE AND WRITE: {done.stderr}")
    drop_cache()
    expect(blocks(disk, 9, 1) == other, "COMPARE AND WRITE did not swap")
    # Now something else is there: MISCOMPARE, which sg3-utils tells with 14.
    again = run(*swap, check=False)
    expect(again.returncode == 14, f"a miscompare ended with {again.returncode}: {again.stderr}")
    drop_cache()
    expect(blocks(disk, 9, 1) == other, "a miscompare wrote")
    expect(os.path.exists(node), "the disk went")


def blocks(disk, first, count):
    with open(disk, "rb", buffering=0) as f:
        f.seek(first * 512)
        return f.read(count * 512)
