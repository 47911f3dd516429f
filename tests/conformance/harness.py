# SPDX-License-Identifier: GPL-2.0-or-later
"""What a conformance test is, and what it is given.

    @shows("RFC 7143, 13.13")
    async def answer_above(t):
        '''An answer above the offered MaxBurstLength ends the login.'''
        t.policy.answers["MaxBurstLength"] = "16777215"
        failure = await t.login_fails(offer={"MaxBurstLength": "65536"})
        failure.names("MaxBurstLength", "16777215")

With each=, a test is run once for every dictionary of it; the sentence and the section
may have the dictionary's members in braces.
"""
import asyncio
import contextlib
import inspect
import itertools
import json
import os
import socket
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Iterable, Iterator

from iscsi.target import Target

TIMEOUT = 600.0  # seconds for one test; a hang of either side ends it
# Seconds that Hawser waits, unless a test is about that: as long as a busy machine may need.
PATIENCE = {"response_timeout": 500, "total_timeout": 500}


@dataclass
class Case:
    """One test with one set of values."""

    name: str
    section: str
    sentence: str
    function: Callable[..., Awaitable[None]]
    values: dict[str, Any]
    own_driver: bool


@dataclass
class Test:
    """A function of a module and all its cases."""

    name: str
    section: str
    sentence: str
    cases: list[Case]


def shows(section: str, each: Iterable[dict[str, Any]] = ({},), own_driver: bool = False) -> Callable[..., Any]:
    """Makes a test of a function. own_driver: for it alone, so that its memory can be measured."""

    def register(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        sentence = " ".join((inspect.getdoc(function) or "").split())
        assert sentence, f"{function.__name__} has no sentence"
        cases = []
        for values in each:
            words = "/".join(str(value) for name, value in values.items()
                             if name != "section" and not isinstance(value, (bytes, tuple)))
            cases.append(Case(function.__name__ + (f"[{words}]" if values else ""), section.format(**values),
                              sentence.format(**values), function, values, own_driver))
        assert cases, f"{function.__name__} has no case"
        assert len({case.name for case in cases}) == len(cases), f"{function.__name__}: two cases of one name"
        function.test = Test(function.__name__, section, sentence, cases)  # type: ignore[attr-defined]
        return function

    return register


def tests_of(module: Any) -> list[Test]:
    """The module's own tests in the order in which they stand there."""
    return [member.test for member in vars(module).values()
            if hasattr(member, "test") and member.__module__ == module.__name__]


@dataclass
class Failure:
    """A login or discovery that did not succeed, as Hawser tells it."""

    code: int  # usr/base/error.h
    text: str
    retryable: bool
    status: tuple[int, int] | None

    def names(self, *words: str) -> None:
        """The text has each of these words in it."""
        for word in words:
            assert word in self.text, f"{word!r} is not in {self.text!r}"


@dataclass
class Success:
    """keys: the negotiated values by their text key; other members as login_driver.cc has them."""

    keys: dict[str, str]
    tsih: int = 0
    tpgt: int | None = None
    alias: str = ""
    target_authenticated: bool = False
    cmd_sn: int = 0
    exp_cmd_sn: int = 0
    max_cmd_sn: int = 0
    exp_stat_sn: int = 0
    address: str = ""
    moved_to: str | None = None
    left: str = ""


@dataclass
class Found:
    targets: Any  # [{"name", "portals"}], or their number
    portals: int
    skipped: list[str]
    login: Success
    usage: dict[str, int]  # when the whole reply was in


class Driver:
    """The process that has Hawser's login code in it. hosts: a file that it sees as /etc/hosts."""

    def __init__(self, program: str, hosts: str | None = None):
        self.program = program
        self.command = [program] if hosts is None else [
            "unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$1" /etc/hosts && exec "$2"', "sh",
            hosts, program]
        self.process: asyncio.subprocess.Process | None = None
        self.waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.ids = itertools.count(1)
        self.reader: asyncio.Task[None] | None = None
        self.starting = asyncio.Lock()

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26)
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        assert self.process and self.process.stdout
        async for line in self.process.stdout:
            outcome = json.loads(line)
            future = self.waiting.pop(outcome["id"])
            if not future.done():  # a test that has run out of time waits no more
                future.set_result(outcome)
        status = await self.process.wait()
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(AssertionError(f"the driver ended with {status}"))
        self.waiting.clear()

    async def ask(self, **request: Any) -> dict[str, Any]:
        async with self.starting:
            if self.process is None or self.process.returncode is not None:
                await self.start()
        assert self.process and self.process.stdin
        number = next(self.ids)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"id": number, **request}).encode() + b"\n")
        outcome = await self.waiting[number]
        assert "bad_request" not in outcome, outcome["bad_request"]
        return outcome

    async def stop(self) -> None:
        if self.process and self.process.returncode is None:
            assert self.process.stdin and self.reader
            self.process.stdin.close()
            await self.reader
            assert self.process.returncode == 0, f"the driver ended with {self.process.returncode}"


def failure_of(error: dict[str, Any]) -> Failure:
    status = (error["class"], error["detail"]) if "class" in error else None
    return Failure(error["code"], error["text"], error["retryable"], status)


@dataclass
class Bench:
    """What a test gets as t: a target that listens, and logins to it."""

    driver: Driver
    target: Target
    others: list[Target] = field(default_factory=list)

    @property
    def policy(self):  # type: ignore[no-untyped-def]
        return self.target.policy

    async def another_target(self, **arguments: Any) -> Target:
        """One more target that listens, until the test is over."""
        target = Target(**arguments)
        await target.listen()
        self.others.append(target)
        return target

    @contextlib.contextmanager
    def nobody(self) -> Iterator[str]:
        """An address where nobody listens: its port is kept, or another test's target would be given it."""
        with socket.socket() as held:
            held.bind((self.target.host, 0))
            yield f"{self.target.host}:{held.getsockname()[1]}"

    async def ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return await self.driver.ask(**{"operation": operation, "address": self.target.address, **PATIENCE, **request})

    async def nobody_came(self) -> None:
        """No connection was made: the first that the listener has is one that is made now."""
        reader, writer = await asyncio.open_connection(self.target.host, self.target.port)
        first = await self.target.connection(0)
        assert first.writer.get_extra_info("peername") == writer.get_extra_info("sockname"), "a connection was made"
        writer.close()

    async def login(self, **request: Any) -> Success | Failure:
        """Logs in; the members are those of a request to login_driver.cc."""
        outcome = await self.ask("login", request)
        if "error" in outcome:
            return failure_of(outcome["error"])
        return Success(**outcome["result"])

    async def login_holds(self, **request: Any) -> Success:
        outcome = await self.login(**request)
        assert isinstance(outcome, Success), f"the login failed: {outcome}"
        return outcome

    async def login_fails(self, **request: Any) -> Failure:
        outcome = await self.login(**request)
        assert isinstance(outcome, Failure), f"the login succeeded: {outcome}"
        return outcome

    async def discover(self, **request: Any) -> Found | Failure:
        outcome = await self.ask("discover", request)
        if "error" in outcome:
            return failure_of(outcome["error"])
        return Found(outcome["targets"], outcome.get("portals", 0), outcome["skipped"], Success(**outcome["result"]),
                     outcome["usage"])

    async def discovery_holds(self, **request: Any) -> Found:
        outcome = await self.discover(**request)
        assert isinstance(outcome, Found), f"the discovery failed: {outcome}"
        return outcome

    async def discovery_fails(self, **request: Any) -> Failure:
        outcome = await self.discover(**request)
        assert isinstance(outcome, Failure), f"the discovery succeeded: {outcome}"
        return outcome


async def run_case(case: Case, driver: Driver) -> str | None:
    """None when it holds, or why not, with what went over the wire."""
    own = Driver(driver.program) if case.own_driver else None
    bench = Bench(own or driver, Target())
    targets = [bench.target]
    try:
        await bench.target.listen()
        try:
            await asyncio.wait_for(case.function(bench, **case.values), TIMEOUT)
        finally:
            targets = [bench.target, *bench.others]
            for target in targets:
                await target.stop()
        for target in targets:
            target.judge()
        if own:
            await own.stop()
    except Exception as error:  # whatever it is, this test does not hold and the others still run
        # A script's assert says more than what the initiator made of the broken connection.
        first = next((e for target in targets for e in target.errors), error)
        wire = [f"    {entry}" for target in targets for entry in target.log[-12:]]
        return "\n".join([f"  {type(first).__name__}: {first}", f"    at {place(first)}", *wire])
    return None


def place(error: BaseException) -> str:
    """Where in the tests it was raised."""
    at = ""
    trace = error.__traceback__
    while trace:
        name = trace.tb_frame.f_code.co_filename
        if os.path.dirname(os.path.abspath(__file__)) in os.path.abspath(name):
            at = f"{os.path.basename(name)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return at
