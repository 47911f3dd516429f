# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: the rows, the drivers, and the order of the runs."""

from dataclasses import dataclass

DRIVERS = ("iscsi", "nvme", "hawser")
FLOOR = "null"
BASELINE = "iscsi"
OURS = "hawser"


@dataclass(frozen=True)
class Row:
    """One line of the table: a size, a direction, a queue depth, digests or not."""

    bytes: int
    rw: str
    depth: int
    digest: bool

    @property
    def name(self):
        kib = self.bytes // 1024
        return f"{kib}k-{self.rw}-{self.depth}" + ("-digest" if self.digest else "")

    @property
    def kind(self):
        return "digest" if self.digest else "plain"

    @property
    def fio_rw(self):
        return "rand" + self.rw

    @property
    def ios(self):
        """I/Os in the window: enough that a run's figure repeats within about 2 %."""
        if self.bytes > 65536:
            return 1000 if self.depth > 1 else 500
        return 8000 if self.depth > 1 else 2000

    @property
    def skip(self):
        """I/Os before the window: the connection's congestion window and QEMU's translations."""
        return max(self.ios // 4, 4 * self.depth)


ROWS = tuple(
    Row(size, rw, depth, digest)
    for digest in (False, True)
    for size in (4096, 131072)
    for rw in ("read", "write")
    for depth in (1, 8, 32)
)


@dataclass(frozen=True)
class Run:
    """One run of fio: a driver on a row, for the nth time."""

    driver: str
    row: Row
    repeat: int

    @property
    def id(self):
        return f"{self.driver}.{self.row.name}.{self.repeat}"

    def plan_line(self):
        row = self.row
        kind = "plain" if self.driver == FLOOR else row.kind
        return (
            f"run {self.id} {self.driver} {kind} {row.fio_rw} {row.bytes} "
            f"{row.depth} {row.skip} {row.ios}"
        )


def parse_rows(text):
    """Rows by name, or by a prefix of their names ("4k", "128k-read"); "all" is every row."""
    if text == "all":
        return list(ROWS)
    chosen = []
    for word in text.split(","):
        exact = [row for row in ROWS if row.name == word]
        found = exact or [row for row in ROWS if row.name.startswith(word + "-")]
        if not found:
            raise ValueError(f"no row is named {word}; they are: {' '.join(r.name for r in ROWS)}")
        chosen += [row for row in found if row not in chosen]
    return chosen


def parse_drivers(text):
    """In the order of DRIVERS: iscsiadm refuses to log in where another driver already has."""
    named = text.split(",")
    for driver in named:
        if driver not in DRIVERS:
            raise ValueError(f"no driver is named {driver}; they are: {' '.join(DRIVERS)}")
    return [driver for driver in DRIVERS if driver in named]


def runs(drivers, rows, repeats):
    """All runs, the drivers of a row next to each other and the repeats far apart, so that what
    else goes on on the machine meets all drivers alike and shows up as spread."""
    order = []
    for repeat in range(repeats):
        for row in rows:
            order += [Run(driver, row, repeat) for driver in drivers]
            # With digests or without, the floor is the same.
            floor = Run(FLOOR, Row(row.bytes, row.rw, row.depth, False), repeat)
            if floor not in order:
                order.append(floor)
    return order
