# SPDX-License-Identifier: GPL-2.0-or-later
"""Portal hopping: a lost session comes back over whichever portal of its portal group answers."""
import time

from rig.checks import Dropped, Fio, expect, wait_for
from scenarios.daemon import cut_connections
from scenarios.recovery import FAST, logged_in, lost

OWN, OTHER = "127.0.0.1", "127.0.0.2"
PORTALS = (f"{OWN}:3260", f"{OTHER}:3262")
HOPPING = "node.session.portal_hopping"


def attach(rig, records=()):
    return rig.attach(portals=PORTALS, records={**FAST, **dict(records)})


def at(rig):
    """The address that the session is connected to, and the one that names its disks."""
    (connection,) = rig.initiator.about("t")["connections"]
    return connection["address"], connection["persistent_address"]


def holds_silent(rig):
    """While its own portal says nothing, a session comes back over the other one under fio verify, with the same
    disk; when it is lost there, it is looked for at its own portal first."""
    disk = attach(rig, {HOPPING: "Yes"})
    load = Fio.endless(disk)
    wait_for("I/O", load.moves)
    expect(at(rig) == (OWN, OWN), f"{at(rig)}")
    with Dropped(3260):
        wait_for("the silence is noticed", lambda: lost(rig), 30)
        wait_for("the session is back", lambda: logged_in(rig), 30)
        expect(at(rig) == (OTHER, OWN), f"{at(rig)}")
        wait_for("I/O", load.moves)
    cut_connections(OTHER, 3262)
    wait_for("the session is at its own portal", lambda: logged_in(rig) and at(rig) == (OWN, OWN), 60)
    wait_for("I/O", load.moves)
    load.stop()


def holds_named(rig):
    """A session whose portal was named at its login waits for that one, and its login can be told otherwise."""
    attach(rig)
    with Dropped(3260):
        wait_for("the silence is noticed", lambda: lost(rig), 30)
        time.sleep(6)  # longer than both portals take
        expect(lost(rig), f"it is back over {at(rig)}")
    wait_for("the session is back", lambda: logged_in(rig), 60)
    expect(at(rig) == (OWN, OWN), f"{at(rig)}")


def holds_taken_over(rig):
    """A session that a daemon has taken over still knows the other portals, without its records."""
    disk = attach(rig, {HOPPING: "Yes"})
    load = Fio.endless(disk)
    rig.initiator.kill_daemon()
    with Dropped(3260):
        wait_for("the silence is noticed", lambda: lost(rig), 30)
        rig.initiator.start_daemon()
        wait_for("the session is back", lambda: logged_in(rig), 60)
        expect(at(rig) == (OTHER, OWN), f"{at(rig)}")
        wait_for("I/O", load.moves)
    load.stop()
