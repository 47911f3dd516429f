# SPDX-License-Identifier: GPL-2.0-or-later
"""Running commands, waiting with a limit, and fio with its result looked at."""
import collections
import json
import os
import shlex
import subprocess
import time


class Failure(Exception):
    """The scenario does not hold."""


class Skip(Exception):
    """This target cannot do the case; the text is the target's own refusal."""


# Where a run's time goes: seconds and calls by program.
spent = collections.defaultdict(lambda: [0.0, 0])


def spend(program, started):
    entry = spent[os.path.basename(program)]
    entry[0] += time.monotonic() - started
    entry[1] += 1


def run(*command, check=True, timeout=120, **keywords):
    """Runs a command; its failure, or its not ending, is a Failure with all that it said."""
    command = [str(word) for word in command]
    started = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout, check=False, stdin=subprocess.DEVNULL, **keywords)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"`{shlex.join(command)}` did not end in {timeout} s") from late
    finally:
        spend(command[0], started)
    if check and done.returncode:
        raise Failure(f"`{shlex.join(command)}` ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def expect(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(what, condition, limit=120):
    """Waits until the condition gives something true, and returns that. The limit leaves room for a debug kernel on a
    machine that does other things besides."""
    deadline = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"not within {limit} s: {what}")
        time.sleep(0.05)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read().strip()


def write(value, *path):
    """Writes an attribute of sysfs, configfs or debugfs; the kernel's refusal names the file."""
    name = os.path.join(*path)
    try:
        with open(name, "w", encoding="utf-8") as f:
            f.write(str(value))
    except OSError as error:
        raise Failure(f"writing '{value}' to {name}: {error.strerror}") from error


class Fio:
    """One fio job on one device. The result counts only when fio ended well, met no error,
    and moved bytes in each direction that the job has."""

    started = []

    def __init__(self, device, **options):
        self.device = device
        job = {"ioengine": "libaio", "direct": 1, "rw": "randwrite", "bs": "4k", "iodepth": 8,
               "size": "16M", "verify": "crc32c", "do_verify": 1, "verify_fatal": 1,
               "randseed": 20261121, **options}
        job = {name: value for name, value in job.items() if value is not None}
        self.command = ["fio", "--name=job", f"--filename={device}", "--output-format=json",
                        "--thread", *(f"--{name}={value}" for name, value in job.items())]
        # What fio must have moved: a verified write is also read, unless it is only written.
        rw = str(job["rw"])
        verifies = "verify" in job and job["do_verify"]
        self.directions = [d for d, has in (("write", rw != "read" and rw != "randread"),
                                            ("read", verifies or rw not in ("write", "randwrite"))) if has]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, stdin=subprocess.DEVNULL)
        Fio.started.append(self.process)
        return self

    @classmethod
    def kill_all(cls):
        """What a scenario that failed left running must not hold up the clean-up."""
        for process in cls.started:
            if process.poll() is None:
                process.kill()
        cls.started.clear()

    def running(self):
        return self.process.poll() is None

    def moves(self):
        """True when I/O completed on the device within two seconds."""
        before = self.completed()
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            if self.completed() != before:
                return True
            time.sleep(0.05)
        return False

    def completed(self):
        fields = read("/sys/class/block", os.path.basename(self.device), "stat").split()
        return int(fields[0]) + int(fields[4])

    def reads(self):
        return int(read("/sys/class/block", os.path.basename(self.device), "stat").split()[0])

    @classmethod
    def endless(cls, device, **options):
        """Writes and verifies the same few MiB, at a pace that leaves the processor to others,
        until `stop`."""
        return cls(device, time_based=1, runtime=36000, **{"size": "2M", "rate_iops": 200, **options}).start()

    def stop(self, timeout=120):
        """Ends an endless job, which must have met no error; returns its report."""
        if not self.running():
            raise Failure(f"fio on {self.device} ended by itself: {self.process.communicate()}")
        # A pass of writes comes first: the job shows something once it has read some back.
        if "read" in self.directions:
            start = self.reads()
            wait_for("what was written to be read back", lambda: self.reads() > start + 64)
        self.process.terminate()
        return self._judge(128, timeout)  # 128: it ended on a signal

    def outcome(self, timeout):
        """fio's exit status and the first job of its report (None when it wrote none)."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as late:
            self.process.kill()
            raise Failure(f"fio on {self.device} did not end in {timeout} s") from late
        start = out.find("{")
        job = None
        if start >= 0:
            try:
                job = json.loads(out[start:])["jobs"][0]
            except (ValueError, LookupError):
                pass  # a report cut short; the texts below still say what happened
        return self.process.returncode, job, out[:start if start >= 0 else None] + err

    def finish(self, timeout=300):
        """Waits for the end, which must be a good one; returns the job's report."""
        return self._judge(0, timeout)

    def _judge(self, wanted, timeout):
        status, job, text = self.outcome(timeout)
        expect(status == wanted and job, f"fio on {self.device} ended with {status}:\n{text}")
        expect(job["error"] == 0, f"fio on {self.device}: error {job['error']}:\n{text}")
        for direction in self.directions:
            expect(job[direction]["io_bytes"] > 0, f"fio on {self.device}: no byte of {direction}")
        return job

    def fail(self, timeout):
        """Waits for the end, which must be an I/O error."""
        status, job, text = self.outcome(timeout)
        expect(status != 0 or (job and job["error"]), f"fio on {self.device} met no error:\n{text}")


def fio(device, timeout=300, **options):
    return Fio(device, **options).start().finish(timeout)


def on_debug_kernel():
    """Only that one looks for leaks."""
    return os.path.exists("/sys/kernel/debug/kmemleak")


def drop_cache():
    os.sync()
    write(3, "/proc/sys/vm/drop_caches")


class Dropped:
    """With this, packets to a target's port vanish without an answer, both ways."""

    def __init__(self, port=3260):
        self.port = port

    def __enter__(self):
        run("nft", "add table inet hawser_test")
        for chain in ("input", "output"):
            run("nft", f"add chain inet hawser_test {chain} {{ type filter hook {chain} priority 0; }}")
            for side in ("sport", "dport"):
                run("nft", f"add rule inet hawser_test {chain} tcp {side} {self.port} drop")
        return self

    def __exit__(self, *error):
        run("nft", "delete table inet hawser_test")


class Delayed:
    """With this, packets to an address of this machine arrive so many milliseconds late; with side
    "src", those from it."""

    def __init__(self, address, milliseconds=20, side="dst"):
        self.address = address
        self.milliseconds = milliseconds
        self.side = side

    def __enter__(self):
        # Two bands: all goes through the first, what the filter finds through the second.
        run("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "prio", "bands", 2, "priomap", *[0] * 16)
        run("tc", "qdisc", "add", "dev", "lo", "parent", "1:2", "netem", "delay", f"{self.milliseconds}ms")
        run("tc", "filter", "add", "dev", "lo", "parent", "1:", "protocol", "ip", "u32",
            "match", "ip", self.side, f"{self.address}/32", "flowid", "1:2")
        return self

    def __exit__(self, *error):
        run("tc", "qdisc", "del", "dev", "lo", "root")
