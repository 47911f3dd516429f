# SPDX-License-Identifier: GPL-2.0-or-later
"""Error recovery level 2: a connection is lost, and its tasks go on over another, or over itself reinstated."""
from rig.checks import Fio, expect, read, wait_for
from scenarios.connections import FIRST, PORTALS, SECOND, attach, carry, cut, even, up
from scenarios.daemon import cut_connections
from scenarios.errors import counter
from scenarios.recovery import FAST, logged_in

LEVEL = {**FAST, "node.session.iscsi.ERL": 2, "node.session.iscsi.DefaultTime2Wait": 0,
         "node.session.iscsi.DefaultTime2Retain": 20}


def unharmed(rig, losses, recovered):
    """Nothing was issued anew or failed; so many losses, of which so many were recovered."""
    found = {name: counter(rig, name) for name in ("connection_losses", "connections_recovered", "reassigned", "retried",
                                                   "requeued", "failed_by_loss", "recoveries", "reinstated")}
    rig.say(f"{found}")
    expect(found["requeued"] == found["failed_by_loss"] == found["recoveries"] == 0, f"commands were issued anew: {found}")
    expect(found["connection_losses"] == losses, f"{losses} losses were to be: {found}")
    expect(found["connections_recovered"] == recovered, f"{recovered} were to be recovered: {found}")
    return found


def holds_over_another(rig):
    """One of two connections is reset under fio verify, ten times: its tasks go on over the other, none is issued anew."""
    disk = attach(rig, 2, records=LEVEL, ErrorRecoveryLevel=2)
    level = read("/sys/class/iscsi_session", f"session{rig.initiator.sid('t')}", "erl")
    expect(level == "2", f"the level is {level}")
    load = Fio.endless(disk)
    for address in (SECOND, FIRST) * 5:
        carry(rig, 0, 1)
        cut(rig, address)
        expect(load.running(), f"fio ended when the connection to {address} was lost")
    even(carry(rig, 0, 1))
    load.stop()
    expect(unharmed(rig, 10, 10)["reassigned"] > 0, "no task was reassigned")
