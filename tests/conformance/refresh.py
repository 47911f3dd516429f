#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SendTargets through the service: hawserd on records of its own, a target that speaks from a script.

    refresh.py HAWSERD HAWSERADM [--scale]

Needs root, since hawserd does, and no kernel module. With --scale only the measurement is run: a
portal with 10,000 targets at 4 portals each, from the socket into the records.
"""
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from iscsi.pdu import LoginRequest, TextRequest  # noqa: E402
from iscsi.target import Portal, Target  # noqa: E402

BASE = "iqn.2026-11.io.hawser.test"
HAWSERD, HAWSERADM = "", ""  # set by main
LIMIT = 600.0  # seconds: as long as a busy machine may need
CPU_SECONDS, MEMORY_KIB = 2.0, 64 * 1024


class Service(unittest.IsolatedAsyncioTestCase):
    """A folder of its own, a target, and a hawserd that is started when a test wants it."""

    where: str | None = None  # the folder is made; as tempfile says it

    async def asyncSetUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="hawser-refresh-", dir=self.where)
        self.environment = dict(os.environ, HAWSER_RUN_DIR=f"{self.folder.name}/run",
                                HAWSER_CONFIG_DIR=f"{self.folder.name}/etc", HAWSER_STATE_DIR=f"{self.folder.name}/var")
        for name in ("run", "etc", "var"):
            os.mkdir(f"{self.folder.name}/{name}")
        self.conf()
        self.target = Target(name=f"{BASE}:a")
        self.target.portals = [Portal(f"{BASE}:a", ["192.0.2.1:3260,1"])]
        await self.target.listen()
        self.daemon: subprocess.Popen[bytes] | None = None
        self.log = open(f"{self.folder.name}/log", "w+b")

    async def asyncTearDown(self) -> None:
        if self.daemon:
            self.daemon.terminate()
            self.assertEqual(await asyncio.to_thread(self.daemon.wait, 60), 0)
        await self.target.stop()
        if self.outcome_is_bad():
            sys.stderr.write(self.text_of_log())
        self.log.close()
        self.folder.cleanup()
        self.target.judge()

    def outcome_is_bad(self) -> bool:
        result = self._outcome.result  # type: ignore[attr-defined]
        return any(test is self for test, _ in result.failures + result.errors)

    def text_of_log(self) -> str:
        with open(f"{self.folder.name}/log", encoding="utf-8") as log:
            return log.read()

    def conf(self, **keys: str) -> None:
        with open(f"{self.folder.name}/etc/hawserd.conf", "w", encoding="utf-8") as conf:
            conf.writelines(f"{key.replace('__', '.')} = {value}\n" for key, value in keys.items())

    async def start(self) -> None:
        self.daemon = subprocess.Popen([HAWSERD, "-f"], env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=self.log, stderr=self.log)
        await self.wait("hawserd is ready", lambda: "is ready" in self.text_of_log())

    async def adm(self, *words: str, status: int = 0) -> str:
        """The records, which need no service."""
        done = await asyncio.to_thread(subprocess.run, [HAWSERADM, *words], env=self.environment, capture_output=True,
                                       text=True, check=False, timeout=LIMIT)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    async def record(self, *words: str) -> None:
        """The portal's record: made, or with keys set."""
        await self.adm("-m", "discoverydb", "-t", "st", "-p", self.target.address, *words)

    async def nodes(self) -> set[str]:
        done = await asyncio.to_thread(subprocess.run, [HAWSERADM, "-m", "node"], env=self.environment,
                                       capture_output=True, text=True, check=False)
        return set(done.stdout.split()[1::2])

    async def wait(self, what: str, condition, limit: float = LIMIT) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + limit
        while not (await value if asyncio.iscoroutine(value := condition()) else value):
            self.assertLess(time.monotonic(), end, f"{what}: not within {limit:.0f} s")
            assert self.daemon is None or self.daemon.poll() is None, f"hawserd ended with {self.daemon.returncode}"
            await asyncio.sleep(0.1)

    async def call(self, method: str, **parameters: object) -> dict:  # type: ignore[type-arg]
        """A call of io.hawser."""
        reader, writer = await asyncio.open_unix_connection(f"{self.folder.name}/run/io.hawser", limit=1 << 27)
        writer.write(json.dumps({"method": f"io.hawser.{method}", "parameters": parameters}).encode() + b"\0")
        answer = json.loads((await asyncio.wait_for(reader.readuntil(b"\0"), LIMIT))[:-1])
        writer.close()
        return answer

    async def discover(self, **parameters: object) -> dict:  # type: ignore[type-arg]
        host, port = self.target.host, self.target.port
        return await self.call("Discover", **{"address": host, "port": port, "ifaces": ["default"], "settings": {},
                                              "changes": ["new", "update", "delete"], "keep_portal": True,
                                              **parameters})

    def questions(self) -> int:
        return len(self.target.received(TextRequest))

    def hold(self) -> asyncio.Event:
        """Questions are answered when this is set."""
        held = asyncio.Event()

        async def answer(connection, request) -> None:  # type: ignore[no-untyped-def]
            await held.wait()
            await connection.default(request)
        self.target.on(TextRequest, answer)
        return held


class Refresh(Service):
    async def test_keeps_records_current(self) -> None:
        """A portal is asked at the start and from then on; records follow; what is automatic is logged in to."""
        self.conf(node__startup="automatic", discovery__sendtargets__discoveryd_poll_inval="1")
        await self.record("-o", "new", "-n", "discovery.sendtargets.use_discoveryd", "-v", "Yes")
        await self.start()
        await self.wait("the first answer is stored", lambda: self.has({f"{BASE}:a"}))
        self.target.portals = [Portal(f"{BASE}:b", [f"{self.target.address},1"])]
        await self.wait("the new answer is stored", lambda: self.has({f"{BASE}:b"}))
        # It gets as far as to the module that is not there.
        await self.wait("what is new is logged in to", lambda: f"{BASE}:b at {self.target.address} through default: "
                        "login failed" in self.text_of_log())

        # A portal that was taken from the list is not asked any more, and what it found stays.
        await self.record("-o", "delete")
        await asyncio.sleep(1)  # one that is under way
        self.target.portals = [Portal(f"{BASE}:c", ["192.0.2.3:3260,1"])]
        await self.wait("the record is missed", self.silent)
        self.assertEqual(await self.nodes(), {f"{BASE}:b"})
        await self.adm("-m", "discoverydb", "-t", "st", "-p", self.target.address, status=21)

    async def has(self, targets: set[str]) -> bool:
        return await self.nodes() == targets

    async def silent(self) -> bool:
        before = self.questions()
        await asyncio.sleep(4)
        return self.questions() == before

    async def test_starts(self) -> None:
        """discovery.startup has a portal asked once; a record that comes to be polled is asked then; others are not."""
        await self.record("-o", "new", "-n", "discovery.startup", "-v", "automatic")
        await self.start()
        await self.wait("it is asked", lambda: self.questions() == 1)
        self.assertTrue(await self.silent())
        await self.record("-o", "update", "-n", "discovery.sendtargets.use_discoveryd", "-v", "Yes")
        await self.wait("it is asked again", lambda: self.questions() == 2)

    async def test_failures(self) -> None:
        """A target that refuses is tried reopen_max times more; one that goes on failing is told of once."""
        self.conf(discovery__sendtargets__reopen_max="2", discovery__sendtargets__discoveryd_poll_inval="1",
                  discovery__sendtargets__timeo__login_timeout="5")
        await self.record("-o", "new", "-n", "discovery.sendtargets.use_discoveryd", "-v", "Yes")

        async def hang_up(connection) -> None:  # type: ignore[no-untyped-def]
            await connection.receive()  # what is not read would make a reset of the end
            connection.close()
        self.target.script = hang_up
        await self.start()
        await self.wait("it is tried", lambda: len(self.target.connections) >= 7)
        self.assertEqual(self.text_of_log().count("refreshing "), 1, self.text_of_log())
        self.target.script = None
        await self.wait("it answers again", lambda: "answers again" in self.text_of_log())
        self.assertEqual(await self.nodes(), {f"{BASE}:a"})

    async def test_interface_is_gone(self) -> None:
        """An interface that the portal's record names and that is deleted is told of."""
        self.conf(discovery__sendtargets__discoveryd_poll_inval="1")
        await self.adm("-m", "iface", "-I", "nic0", "-o", "new")
        await self.record("-o", "new", "-n", "discovery.sendtargets.use_discoveryd", "-v", "Yes",
                          "-n", "discovery.sendtargets.iface", "-v", "nic0")
        await self.start()
        await self.wait("the answer is stored", lambda: self.has({f"{BASE}:a"}))
        await self.adm("-m", "iface", "-I", "nic0", "-o", "delete")
        await self.wait("it is told", lambda: "discovery.sendtargets.iface of" in self.text_of_log())

    async def test_overlap(self) -> None:
        """Who asks what is being asked gets that answer, and who asks for something else has to wait."""
        await self.start()
        held = self.hold()
        calls = [asyncio.create_task(self.discover()) for _ in range(3)]
        calls.append(asyncio.create_task(self.discover(changes=[])))  # asks for something else
        await self.wait("a question is there", lambda: self.questions() == 1)
        await self.call("GetInfo")  # behind the others
        self.assertEqual(len(self.target.connections), 1)
        held.set()
        for answer in await asyncio.gather(*calls):
            self.assertIn("targets", answer["parameters"], answer)
            self.assertEqual([target["target"] for target in answer["parameters"]["targets"]], [f"{BASE}:a"])
        self.assertEqual(self.questions(), 2)

    async def test_two_portals(self) -> None:
        """Two portals that are asked at a time may be one target's: their sessions have ISIDs of their own."""
        await self.start()
        held = self.hold()
        calls = [asyncio.create_task(self.discover(address=host)) for host in (self.target.host, "localhost")]
        await self.wait("both questions are there", lambda: self.questions() == 2)
        held.set()
        for answer in await asyncio.gather(*calls):
            self.assertIn("targets", answer["parameters"], answer)
        await self.discover()
        isids = {entry.connection: entry.pdu.isid for entry in self.target.log if isinstance(entry.pdu, LoginRequest)}
        first, second, after = (isid for _, isid in sorted(isids.items()))
        self.assertNotEqual(first, second)
        self.assertIn(after, (first, second))


class Scale(Service):
    # Not on a disk: ext4 looks at every inode that was deleted in the last minutes before it gives one, so that it
    # would be measured what other tests have removed.
    where = "/dev/shm"

    async def test_ten_thousand(self) -> None:
        """10,000 targets at 4 portals each go into the records with less than 2 s of CPU and 64 MiB."""
        self.target.portals = [Portal(f"{BASE}:{n:05}", [f"10.{n >> 8}.{n & 255}.{m}:3260,{m}" for m in range(1, 5)])
                               for n in range(10000)]
        await self.start()
        nothing = {"changes": [], "keep_portal": False}
        for what, parameters in {"not stored": nothing, "all are new": {}, "all are known": {}}.items():
            cpu, peak = self.cpu(), self.memory("VmRSS")
            self.reset_peak()
            answer = await self.discover(**parameters)
            self.assertEqual(len(answer["parameters"]["targets"]), 10000)
            cpu, peak = self.cpu() - cpu, self.memory("VmHWM") - peak
            print(f"10,000 targets at 4 portals, {what}: {cpu:.2f} s of CPU, {peak / 1024:.1f} MiB", flush=True)
            with self.subTest(what):
                self.assertLess(cpu, CPU_SECONDS)
                self.assertLess(peak, MEMORY_KIB)

    def cpu(self) -> float:
        assert self.daemon
        with open(f"/proc/{self.daemon.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str) -> int:
        assert self.daemon
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name))

    def reset_peak(self) -> None:
        assert self.daemon
        with open(f"/proc/{self.daemon.pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")


if __name__ == "__main__":
    HAWSERD, HAWSERADM = map(os.path.abspath, sys.argv[1:3])
    which = Scale if "--scale" in sys.argv[3:] else Refresh
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(which)
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
