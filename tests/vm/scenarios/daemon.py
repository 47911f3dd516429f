# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon may die at any instant: sessions live in the kernel."""
import collections
import random
import subprocess
import time

from rig.checks import Fio, expect, fio, run, wait_for
from rig.initiators import PORTAL
from rig.targets import IQN
from rig.trace import CommandTrace

KILLS, KILLS_IN_THE_LONG_RUN = 30, 100
# What is waited for in the trace before the seeded delay, and the longest delay in seconds.
INSTANTS = (("socket_prepare", 0.02), ("socket_prepare", 0.02), ("conn_reserve", 0.02), ("conn_adopt", 0.002),
            ("session_new", 0.002), (None, 1.0))


def holds_restart(rig):
    """A daemon stopped and started again finds its sessions, keeps the disk, and logs out."""
    disk = rig.attach()
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    rig.initiator.stop_daemon()
    shown = rig.initiator.adm("-m", "session").stdout
    expect(IQN + "t" in shown, f"without the daemon the listing says: {shown}")
    refused = rig.initiator.login("t", check=False)
    expect(refused.returncode == 20, f"a login without the daemon ended with {refused.returncode}")
    rig.initiator.start_daemon()
    wait_for("I/O", load.moves)
    load.stop()
    rig.initiator.logout("t")


def holds_automatic(rig):
    """A node whose node.startup is automatic is logged in to when the daemon starts; another is not."""
    rig.target.add("auto")
    rig.target.add_lun("auto", 1)
    rig.target.add("manual")
    rig.initiator.discover()
    rig.initiator.set_key("auto", "node.startup", "automatic")
    rig.initiator.stop_daemon()
    rig.initiator.start_daemon()
    disk = rig.initiator.disk("auto")
    expect(rig.initiator.session("manual") is None, "a manual node was logged in to")
    fio(disk, size="2M")


def holds_killed(rig):
    """hawserd killed with -9 at seeded instants (30, in the long run 100) under fio verify, in the middle of logins, of
    reconnects and of hand-overs: no I/O error."""
    kills = KILLS_IN_THE_LONG_RUN if rig.full else KILLS
    dice = random.Random(rig.seed)
    rig.target.add("other")
    rig.target.add_lun("other", 1)
    disk = rig.attach()
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    caught = collections.Counter()
    with CommandTrace() as trace:
        for number in range(kills):
            caught[kill_once(rig, trace, dice, f"kill{number}")] += 1
            expect(load.running(), f"fio ended after kill {number + 1}")
    rig.tell(f"{kills} kills of hawserd, in the middle of: {dict(caught)}")
    for phase in ("login", "reconnect", "hand-over"):
        expect(caught[phase] >= kills // 20, f"only {caught[phase]} kills fell into a {phase}")
    in_the_middle = kills - caught["nothing"]
    expect(in_the_middle >= kills // 5, f"only {in_the_middle} kills fell into a login, a reconnect or a hand-over")
    wait_for("I/O", load.moves, 60)
    load.stop()


def kill_once(rig, trace, dice, mark):
    """One kill; the daemon and the session are back when this returns. Tells what was cut off."""
    trigger, longest = dice.choice(INSTANTS)
    delay = dice.uniform(0, longest)
    if rig.initiator.session("other"):
        rig.initiator.logout("other")
    trace.forget()
    login = None
    if trigger == "session_new" or (trigger == "socket_prepare" and dice.random() < 0.5):
        login = subprocess.Popen([rig.initiator.program, "-m", "node", "-T", IQN + "other", "-p", PORTAL, "-l"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    elif trigger:
        cut_connections()
    if trigger:
        expect(trace.wait(trigger, 30), f"no {trigger} within 30 s")
    spin(delay)
    trace.mark(mark)
    rig.initiator.kill_daemon()
    phase = trace.before(mark)
    if login:
        login.wait(60)  # it may have failed: its daemon died
    rig.initiator.start_daemon()
    wait_for("the session is back", lambda: rig.initiator.state("t") == "LOGGED_IN", 60)
    return phase


def cut_connections(address="127.0.0.1", port=3260):
    """Resets every connection to the target's address, as a network would."""
    run("ss", "-K", "dst", address, "dport", "=", str(port))


def spin(seconds):
    """A delay of less than a scheduler's tick is not one for sleep()."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
