# SPDX-License-Identifier: GPL-2.0-or-later
"""Text keys: every pair of settings and every boundary, or their whole product."""
import itertools
import random

from rig.checks import expect, fio, read

LENGTHS = (512, 4096, 8192, 65536, 262144, 16777215)
AXES = {
    "InitialR2T": ("Yes", "No"),
    "ImmediateData": ("Yes", "No"),
    "FirstBurstLength": LENGTHS,
    "MaxBurstLength": LENGTHS,
    "MaxRecvDataSegmentLength": LENGTHS,  # the initiator's
    "target's": LENGTHS,  # the target's MaxRecvDataSegmentLength
    "Digests": (("None", "None"), ("CRC32C", "None"), ("None", "CRC32C"), ("CRC32C", "CRC32C")),
    "MaxOutstandingR2T": (1, 4, 8),
}
RECORD = {
    "InitialR2T": "node.session.iscsi.InitialR2T",
    "ImmediateData": "node.session.iscsi.ImmediateData",
    "FirstBurstLength": "node.session.iscsi.FirstBurstLength",
    "MaxBurstLength": "node.session.iscsi.MaxBurstLength",
    "MaxRecvDataSegmentLength": "node.conn[0].iscsi.MaxRecvDataSegmentLength",
    "MaxOutstandingR2T": "node.session.iscsi.MaxOutstandingR2T",
}


def legal(row):
    """RFC 7143, 13.14: FirstBurstLength does not exceed MaxBurstLength."""
    return row.get("FirstBurstLength", 0) <= row.get("MaxBurstLength", 1 << 24)


def axes_of(target):
    """The settings to try; of what the target has but one of, that one."""
    own = target.fixed.get("MaxRecvDataSegmentLength")
    return {**AXES, "target's": (own,)} if own else AXES


def product(axes):
    names = list(axes)
    for values in itertools.product(*axes.values()):
        row = dict(zip(names, values))
        if legal(row):
            yield row


def pairs(axes, seed):
    """Rows that together hold every legal pair of two axes' values, picked greedily."""
    names = list(axes)
    open_pairs = {(a, x, b, y) for a, b in itertools.combinations(names, 2)
                  for x in axes[a] for y in axes[b] if legal({a: x, b: y})}
    dice = random.Random(seed)
    while open_pairs:
        best, best_new = None, set()
        for _ in range(30):
            # Starts from a pair that is still open, so each row gains something.
            a, x, b, y = dice.choice(sorted(open_pairs, key=repr))
            row = {a: x, b: y}
            for name in dice.sample(names, len(names)):
                if name not in row:
                    choices = [v for v in axes[name] if legal({**row, name: v})]
                    row[name] = max(choices, key=lambda v: (gain(row, name, v, open_pairs), dice.random()))
            new = {(a, row[a], b, row[b]) for a, b in itertools.combinations(names, 2)} & open_pairs
            if len(new) > len(best_new):
                best, best_new = row, new
        open_pairs -= best_new
        yield {name: best[name] for name in names}


def gain(row, name, value, open_pairs):
    """How many open pairs the row would close by this value."""
    return sum((a, {**row, name: value}[a], b, {**row, name: value}[b]) in open_pairs
               for a, b in ((min(n, name, key=list(AXES).index), max(n, name, key=list(AXES).index))
                            for n in row))


def holds_pairs(rig):
    """Each pair of text key settings (or, in the long run, their product) is agreed on and carries data."""
    names = {}
    axes = axes_of(rig.target)
    for number, length in enumerate(axes["target's"]):
        names[length] = f"m{number}"
        rig.target.add(names[length], MaxRecvDataSegmentLength=length)
        rig.target.add_lun(names[length], 1, size="16M")
    rig.initiator.discover()
    rows = list(product(axes) if rig.full else pairs(axes, rig.seed))
    rig.say(f"{len(rows)} rows")
    for row in rows:
        try_row(rig, names[row["target's"]], row)


def try_row(rig, target, row):
    keys = {key: row[axis] for axis, key in RECORD.items()}
    for kind, wanted in zip(("HeaderDigest", "DataDigest"), row["Digests"]):
        keys[f"node.conn[0].iscsi.{kind}"] = wanted
    rig.initiator.set_keys(target, keys)
    rig.initiator.login(target)
    disk = rig.initiator.disk(target)
    agreed = {"InitialR2T": rig.target.fixed.get("InitialR2T", row["InitialR2T"]),
              "target's": rig.target.declared(row["target's"], row["MaxRecvDataSegmentLength"])}
    check_agreed(rig.initiator.session(target), {**row, **agreed})
    small = min(row["MaxRecvDataSegmentLength"], row["target's"]) == 512
    fio(disk, size="1M" if small else "4M", bsrange="512-384k", iodepth=4)
    rig.initiator.logout(target)


def check_agreed(session, row):
    """What sysfs shows is the outcome of these offers to a target that accepts the most."""
    connection = session.replace("/iscsi_session/session", "/iscsi_connection/connection") + ":0"
    unsolicited = row["InitialR2T"] == "No" or row["ImmediateData"] == "Yes"
    agreed = {
        "initial_r2t": (session, int(row["InitialR2T"] == "Yes")),
        "immediate_data": (session, int(row["ImmediateData"] == "Yes")),
        "max_burst_len": (session, row["MaxBurstLength"]),
        "max_outstanding_r2t": (session, row["MaxOutstandingR2T"]),
        "max_recv_dlength": (connection, row["MaxRecvDataSegmentLength"]),
        "max_xmit_dlength": (connection, row["target's"]),
        "header_digest": (connection, int(row["Digests"][0] == "CRC32C")),
        "data_digest": (connection, int(row["Digests"][1] == "CRC32C")),
    }
    if unsolicited:  # else the key is irrelevant
        agreed["first_burst_len"] = (session, row["FirstBurstLength"])
    for name, (folder, value) in agreed.items():
        shown = read(folder, name)
        expect(shown == str(value), f"{name} is {shown}, not {value}, in the row {row}")
