# SPDX-License-Identifier: GPL-2.0-or-later
"""Several connections in one session (MC/S, RFC 7143): they join, leave, are chosen among, and are lost."""
import os
import re

from rig.checks import Delayed, Fio, Skip, expect, fio, run, wait_for, write
from rig.initiators import PORTAL
from rig.targets import IQN
from scenarios.daemon import cut_connections
from scenarios.errors import counter
from scenarios.recovery import FAST, logged_in, lost
from scenarios.refusals import INVALID, refused

FIRST, SECOND = "127.0.0.1", "127.0.0.2"
PORTALS = (f"{FIRST}:3260", f"{SECOND}:3260")
ROOM = 8  # the target's MaxConnections
NOT_SUPPORTED, BUSY = 27, 28


def attach(rig, count, policy="round-robin", records=(), **options):
    """A session of so many connections, every other one to the second portal; returns its disk."""
    seconds = {f"node.conn[{cid}].address": SECOND for cid in range(1, count, 2)}
    disk = rig.attach(portals=PORTALS, MaxConnections=ROOM,
                      records={"node.session.nr_connections": count, "node.session.policy": policy,
                               **seconds, **dict(records)}, **options)
    up(rig, *range(count))
    return disk


def up(rig, *cids):
    """Waits until these connections, and no others, are up."""
    wait_for(f"the connections {cids} are up", lambda: rig.initiator.connected("t") == set(cids), 60)


def sockets(rig):
    """{CID: local port} of the connections that are up."""
    return {one["cid"]: one["local_port"] for one in rig.initiator.about("t")["connections"]
            if one["state"] == "logged_in"}


def cut(rig, *addresses):
    """Resets the connections to these addresses; all are up again, those with new sockets, when this returns."""
    before = sockets(rig)
    hit = {one["cid"] for one in rig.initiator.about("t")["connections"] if one["address"] in addresses}
    for address in addresses:
        cut_connections(address)

    def back():
        now = sockets(rig)
        return set(now) == set(before) and not any(now[cid] == before[cid] for cid in hit)

    expect(hit, f"no connection leads to {addresses}")
    wait_for(f"the connections {hit} are up again", back, 60)


class Sent:
    """How many commands each connection has sent since this was made."""

    def __init__(self, rig):
        self.rig = rig
        self.before = self.now()

    def now(self):
        return self.rig.initiator.counters("t", "scsicmd_pdus")

    def each(self):
        return {cid: value - self.before.get(cid, 0) for cid, value in self.now().items()}


def shares(rig, commands=300):
    """{CID: commands} of the next ones of a load, without the connections that had none."""
    # What was given to connections before a change is sent before these are counted.
    settled = Sent(rig)
    wait_for("I/O", lambda: sum(settled.each().values()) > 50)
    sent = Sent(rig)
    wait_for(f"{commands} commands", lambda: sum(sent.each().values()) >= commands, 60)
    return {cid: count for cid, count in sent.each().items() if count}


def carry(rig, *cids):
    """These connections carry the load's commands and the others none; returns each one's commands."""
    found = shares(rig)
    expect(set(found) == set(cids), f"the connections {cids} were to carry commands: {found}")
    told = {cid for cid, one in rig.initiator.connections("t").items() if one["carries"]}
    expect(told == set(cids), f"the connections {cids} were to carry commands: told of {told}")
    return found


def even(found):
    """Nobody has less than two thirds of an equal share."""
    mean = sum(found.values()) / len(found)
    expect(min(found.values()) > mean * 2 / 3, f"not even: {found}")


def holds_join(rig):
    """Four connections join at login, over two portals: one session, one disk, verified data, an even share each."""
    disk = attach(rig, 4)
    expect(len(rig.initiator.sessions()) == 1, "there are several sessions")
    peers = {one["cid"]: one["address"] for one in rig.initiator.about("t")["connections"]}
    expect(peers == {0: FIRST, 1: SECOND, 2: FIRST, 3: SECOND}, f"the connections lead to {peers}")
    sent = Sent(rig)
    fio(disk, size="8M", bsrange="512-64k", iodepth=16)
    found = sent.each()
    expect(set(found) == {0, 1, 2, 3}, f"the commands went over {found}")
    even(found)
    rig.initiator.logout("t")
    expect(not rig.initiator.disks("t"), "a disk is left after logout")


def holds_add_and_remove(rig):
    """Under fio verify connections are added and taken out, the first one too; the last one is refused."""
    disk = attach(rig, 1, records={"node.session.iscsi.MaxConnections": ROOM})
    load = Fio.endless(disk)
    carry(rig, 0)
    for cid, portal in ((1, PORTALS[1]), (2, PORTALS[0])):
        rig.initiator.connection("t", "-o", "new", "-p", portal)
        up(rig, *range(cid + 1))
        even(carry(rig, *range(cid + 1)))
    for cid, left in ((0, (1, 2)), (1, (2,))):
        rig.initiator.connection("t", "-o", "delete", "--cid", cid)
        up(rig, *left)
        carry(rig, *left)
    refused(rig, BUSY, ["connection 2", "last"],
            "-m", "connection", "-r", rig.initiator.sid("t"), "-o", "delete", "--cid", "2")
    carry(rig, 2)
    # The lowest number that is free is the first one's.
    rig.initiator.connection("t", "-o", "new", "-p", PORTALS[0])
    up(rig, 0, 2)
    even(carry(rig, 0, 2))
    load.stop()
    expect(counter(rig, "connection_losses") == 0, "a connection was lost")


def holds_names(rig):
    """When the first connection leaves, the disk's by-path link and what -P 3 tells of portal and disk stay."""
    attach(rig, 2)
    link = f"/dev/disk/by-path/ip-{PORTAL}-iscsi-{IQN}t-lun-1"

    def names():
        # Anew, from what sysfs says now.
        run("udevadm", "trigger", "--action=change", "--subsystem-match=block", "--settle")
        told = rig.initiator.adm("-m", "session", "-r", rig.initiator.sid("t"), "-P", "3").stdout
        return os.path.realpath(link), re.findall(r"Persistent Portal: \S+|Attached scsi disk \S+", told)

    wait_for(f"{link} is there", lambda: os.path.exists(link))
    before = names()
    expect(before[0] == rig.initiator.disk("t") and len(before[1]) == 2, f"before: {before}")
    rig.initiator.connection("t", "-o", "delete", "--cid", 0)
    up(rig, 1)
    after = names()
    expect(before == after, f"it was {before} and is {after}")
    # To fio a colon parts two files.
    os.symlink(link, "/tmp/by-path")
    fio("/tmp/by-path", size="1M")
    os.unlink("/tmp/by-path")


def holds_policies(rig):
    """Each policy chooses its connections, as their counters show, and is changed under fio verify."""
    disk = attach(rig, 3, records={"node.conn[2].role": "standby", "node.conn[0].weight": 20,
                                   "node.conn[1].weight": 5, "node.conn[2].weight": 10})
    load = Fio.endless(disk)
    for policy, cids in (("failover", (0,)), ("round-robin", (0, 1, 2)), ("round-robin-subset", (0, 1)),
                         ("weighted", (1,)), ("least-queue", (0, 1)), ("cpu", (0, 1)), ("round-robin", (0, 1, 2))):
        rig.initiator.set_policy("t", policy)
        told = rig.initiator.about("t")["policy"]
        expect(told == policy, f"the policy is {told}, not {policy}")
        if policy != "cpu":
            found = carry(rig, *cids)
            rig.say(f"{policy}: {found}")
        if policy.startswith("round-robin"):
            even(found)
    refused(rig, INVALID, ["node.session.policy", "nonsense"], "-m", "connection", "-r", rig.initiator.sid("t"),
            "-o", "update", "-n", "node.session.policy", "-v", "nonsense")
    even(carry(rig, 0, 1, 2))

    # Roles and weights change as well.
    rig.initiator.set_policy("t", "round-robin-subset")
    rig.initiator.connection("t", "-o", "update", "--cid", 0, "-n", "role", "-v", "standby")
    carry(rig, 1)
    rig.initiator.connection("t", "-o", "update", "--cid", 0, "-n", "role", "-v", "active")
    carry(rig, 0, 1)
    rig.initiator.set_policy("t", "weighted")
    rig.initiator.connection("t", "-o", "update", "--cid", 1, "-n", "weight", "-v", 30)
    carry(rig, 0)
    load.stop()


def holds_stand_in(rig):
    """A standby connection carries commands while no active one is there, and none when one has returned."""
    disk = attach(rig, 2, records={"node.conn[1].role": "standby"})
    load = Fio.endless(disk)
    for policy in ("failover", "round-robin-subset", "weighted", "least-queue"):
        rig.initiator.set_policy("t", policy)
        carry(rig, 0)
        rig.initiator.connection("t", "-o", "delete", "--cid", 0)
        carry(rig, 1)
        rig.initiator.connection("t", "-o", "new", "-p", PORTALS[0])
        up(rig, 0, 1)
        carry(rig, 0)
    load.stop()


def holds_processors(rig):
    """With the policy cpu each processor's commands go over the connection that is its own."""
    count = os.cpu_count()
    disk = attach(rig, count, policy="cpu")
    # A scheduler sends what one processor gave it from another.
    write("none", "/sys/class/block", disk[5:], "queue/scheduler")
    own = {}
    for cpu in range(count):
        load = Fio.endless(disk, cpus_allowed=cpu)
        # udev looks at a disk that somebody closed, some fifty commands long, from where it likes.
        found = shares(rig, 1500)
        own[cpu] = max(found, key=found.get)
        expect(found[own[cpu]] > 0.9 * sum(found.values()), f"processor {cpu}: {found}")
        load.stop()
    expect(len(set(own.values())) == count, f"processors share connections: {own}")


def holds_latency(rig):
    """One of two connections is 20 ms late: commands pass each other on the way, and the data is verified."""
    disk = attach(rig, 2)
    with Delayed(SECOND):
        sent = Sent(rig)
        fio(disk, size="4M", bsrange="512-64k", iodepth=16)
        even(sent.each())
    expect(counter(rig, "connection_losses") == 0, "a connection was lost")


def holds_least_queue(rig):
    """A connection whose answers are late has more commands outstanding, and so gets fewer."""
    disk = attach(rig, 2, policy="least-queue")
    # The answers alone: commands that are late hold up those that follow them, on whatever connection.
    with Delayed(SECOND, milliseconds=100, side="src"):
        load = Fio.endless(disk)
        found = carry(rig, 0, 1)
        expect(found[1] < found[0] / 2, f"the late connection had {found[1]} commands, the other {found[0]}")
        load.stop()


def holds_lost(rig):
    """One of two connections is reset under fio verify, six times: no I/O error, and it joins again."""
    disk = attach(rig, 2, records=FAST)
    load = Fio.endless(disk)
    for address in (SECOND, FIRST) * 3:
        carry(rig, 0, 1)
        cut(rig, address)
        expect(load.running(), f"fio ended when the connection to {address} was lost")
    even(carry(rig, 0, 1))
    load.stop()


def holds_all_lost(rig):
    """All connections are lost at once under fio verify: I/O waits, and all come back."""
    disk = attach(rig, 3, records=FAST)
    load = Fio.endless(disk)
    for _ in range(2):
        carry(rig, 0, 1, 2)
        cut(rig, FIRST, SECOND)
    even(carry(rig, 0, 1, 2))
    load.stop()


def holds_target_killed(rig):
    """The target goes, and with it all connections, under fio verify: I/O waits, and all come back with the target."""
    if rig.target.name == "lio":
        raise Skip("LIO may take its kernel down when a portal group goes under a session of several connections")
    disk = attach(rig, 3, records=FAST, backend="file")
    load = Fio.endless(disk)
    carry(rig, 0, 1, 2)
    rig.target.kill()
    wait_for("the session is lost", lambda: lost(rig), 20)
    expect(not rig.initiator.connected("t"), "a connection is up without a target")
    expect(load.running(), "fio ended while the target was gone")
    rig.target.restart()
    wait_for("the session is back", lambda: logged_in(rig), 60)
    up(rig, 0, 1, 2)
    even(carry(rig, 0, 1, 2))
    load.stop()


def holds_mcs_refused(rig):
    """A target that allows one connection gets one, and the log says so in one line; another one is refused."""
    seen = len(rig.initiator.logged())
    disk = rig.attach(MaxConnections=1, records={"node.session.nr_connections": 4})
    fio(disk, size="2M")
    expect(rig.initiator.connected("t") == {0}, f"the connections {rig.initiator.connected('t')} are up")
    told = [line for line in rig.initiator.logged(seen) if "MaxConnections" in line]
    expect(len(told) == 1 and IQN + "t" in told[0] and "1 connection" in told[0], f"the log has {told}")
    refused(rig, NOT_SUPPORTED, ["MaxConnections", IQN + "t"],
            "-m", "connection", "-r", rig.initiator.sid("t"), "-o", "new", "-p", PORTAL)
    fio(disk, size="2M")


def holds_daemon_killed(rig):
    """hawserd killed with -9 under fio verify: the next one takes over both connections as they are."""
    disk = attach(rig, 2, records=FAST)
    load = Fio.endless(disk)

    def cared():
        return {cid for cid, one in rig.initiator.connections("t").items() if one["service_state"] == "up"}

    for address in (SECOND, FIRST):
        carry(rig, 0, 1)
        before = sockets(rig)
        rig.initiator.kill_daemon()
        rig.initiator.start_daemon()
        wait_for("both connections are looked after", lambda: cared() == {0, 1})
        expect(sockets(rig) == before, f"the connections were {before} and are {sockets(rig)}")
        even(carry(rig, 0, 1))
        cut(rig, address)
    # One that is lost without a daemon joins when there is one.
    rig.initiator.kill_daemon()
    cut_connections(SECOND)
    wait_for("the loss is noticed", lambda: rig.initiator.connected("t") != {0, 1})
    rig.initiator.start_daemon()
    up(rig, 0, 1)
    carry(rig, 0, 1)
    load.stop()
