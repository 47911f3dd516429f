#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What hawserd keeps of secrets in memory that a core dump would hold: nothing.

    memory.py HAWSERD HAWSERADM

A real hawserd, with folders of its own, does a discovery with mutual CHAP against the scripted
target, with secrets out of the request, out of a record and out of hawserd.conf. During it, while the
target keeps it waiting, and after it, every page of the daemon that is not left out of core dumps is
searched. Needs root; ends with 77 (skipped) without.
"""
import asyncio
import os
import re
import subprocess
import sys
import tempfile

from iscsi.target import Target

# Long, and searched for by their ends: the allocator itself overwrites the beginning of what is given back.
SECRETS = {whose: f"{whose}-{os.urandom(60).hex()}" for whose in ("request", "proof", "record", "configuration")}
END = 32
LIMIT = 120  # seconds for each step


def dumped(pid):
    """The bytes of each mapping that a core dump would have, with its name."""
    mappings = []
    with open(f"/proc/{pid}/smaps", encoding="ascii") as smaps:
        for line in smaps:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \S+ *(.*)$", line):
                mappings.append([int(match[1], 16), int(match[2], 16), match[3], match[4], ""])
            elif line.startswith("VmFlags:"):
                mappings[-1][4] = line
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, mode, name, flags in mappings:
            if "r" not in mode or name in ("[vvar]", "[vsyscall]") or "dd" in flags.split():
                continue
            memory.seek(start)
            try:
                yield name or hex(start), memory.read(end - start)
            except OSError:
                continue  # pages without anything behind them


def search(pid, when):
    """Fails when a secret is in memory; the search itself must find what is there."""
    found = control = False
    for name, content in dumped(pid):
        control = control or b"HAWSER_STATE_DIR=" in content
        for whose, secret in SECRETS.items():
            at = content.find(secret[-END:].encode())
            if at >= 0:
                found = True
                around = content[max(0, at - 100):at + END + 20]
                print(f"{when}: the secret of the {whose} is in {name}: {around!r}", file=sys.stderr)
    assert control, f"{when}: the search does not find what is there"
    assert not found, f"{when}: there are secrets in memory"


async def until(condition, what):
    """Waits for something that comes by itself."""
    for _ in range(LIMIT * 20):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what} did not come")


async def adm(program, environment, *arguments, secrets=()):
    """Runs hawseradm; gives it the secrets on a descriptor, a line each."""
    read, write = os.pipe()
    os.write(write, "".join(f"{secret}\n" for secret in secrets).encode())
    os.close(write)
    process = await asyncio.create_subprocess_exec(
        program, *(word.replace("FD", str(read)) for word in arguments), env=environment, pass_fds=(read,),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(read)
    return process


async def ended(process):
    out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    assert process.returncode == 0, f"ended with {process.returncode}: {err.decode()}{out.decode()}"
    return out.decode() + err.decode()


async def run(hawserd, hawseradm, folder):
    environment = {"PATH": os.environ["PATH"]}
    for name in ("CONFIG", "STATE", "RUN"):
        environment[f"HAWSER_{name}_DIR"] = f"{folder}/{name.lower()}"
        os.mkdir(f"{folder}/{name.lower()}")
    with open(f"{folder}/config/hawserd.conf", "w", encoding="ascii") as conf:
        os.chmod(conf.fileno(), 0o600)
        conf.write(f"node.session.auth.password = {SECRETS['configuration']}\n")
    with open(f"{folder}/log", "w", encoding="utf-8") as log:
        daemon = await asyncio.create_subprocess_exec(hawserd, "-f", env=environment, stderr=log)
    try:
        socket = f"{folder}/run/io.hawser"
        await until(lambda: os.path.exists(socket), "the daemon's socket")
        async with Target() as target:
            held = asyncio.Event()
            target.policy.auth = ("CHAP",)
            target.policy.chap.secret = SECRETS["request"].encode()
            target.policy.chap.own_secret = SECRETS["proof"].encode()
            record = ("-m", "discoverydb", "-t", "st", "-p", target.address)
            prefix = "discovery.sendtargets.auth."
            said = await ended(await adm(hawseradm, environment, *record, "-o", "new"))
            said += await ended(await adm(
                hawseradm, environment, *record, "-o", "update", "-n", prefix + "authmethod", "-v", "CHAP",
                "-n", prefix + "username", "-v", "me", "-n", prefix + "password", "--secret-fd", "FD",
                "-n", prefix + "username_in", "-v", target.policy.chap.own_name,
                "-n", prefix + "password_in", "--secret-fd", "FD",
                secrets=(SECRETS["record"], SECRETS["proof"])))
            choose = target.policy.chap.choose

            def chosen(value):
                search(daemon.pid, "during a login")
                held.set()
                return choose(value)

            target.policy.chap.choose = chosen
            said += await ended(await adm(
                hawseradm, environment, *record, "-D", "-n", prefix + "password", "--secret-fd", "FD",
                secrets=(SECRETS["request"],)))
            assert held.is_set() and target.name in said, f"no discovery with CHAP: {said}"
        search(daemon.pid, "after a discovery")
        said += await ended(await adm(hawseradm, environment, "-m", "node", "-o", "show"))
        said += await ended(await adm(hawseradm, environment, *record, "--json"))
        said += await ended(await adm(hawseradm, environment, "--new-key"))
        daemon.terminate()
        assert await asyncio.wait_for(daemon.wait(), LIMIT) == 0
        for root, _, files in os.walk(folder):
            for name in files:
                with open(os.path.join(root, name), encoding="latin-1") as file:
                    if name != "hawserd.conf":
                        said += file.read()
        for whose, secret in SECRETS.items():
            assert secret[-END:] not in said, f"the secret of the {whose} was printed, logged or stored in the clear"
    except BaseException:
        with open(f"{folder}/log", encoding="utf-8") as log:
            print(log.read(), file=sys.stderr)
        raise
    finally:
        if daemon.returncode is None:
            daemon.kill()
            await daemon.wait()


def main():
    if os.geteuid() != 0:
        print("only root can run the daemon")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="hawser-memory-") as folder:
        asyncio.run(run(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder))


main()
