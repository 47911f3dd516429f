# SPDX-License-Identifier: GPL-2.0-or-later
"""The scripted target of tests/conformance in the guest, beside a scenario that is not asynchronous."""
import asyncio
import os
import sys
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../conformance"))

from iscsi.target import Target  # noqa: E402

from rig.checks import Failure  # noqa: E402


class Scripted:
    """`with Scripted() as s`: s.target listens on the usual port; what the initiator did wrong fails at the end.

    Rules and policies may be set from the scenario's thread as long as no session needs them
    at that moment; whatever waits or sends goes through call().
    """

    def __init__(self):
        self.target = Target(port=3260)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def call(self, coroutine, limit=60):
        """Runs a coroutine in the target's loop and gives what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(limit)

    def __enter__(self):
        self.thread.start()
        self.call(self.target.listen())
        return self

    def __exit__(self, kind, error, trace):
        self.call(self.target.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        if kind:
            print("  the last PDUs:", *(f"    {entry}" for entry in self.target.log[-16:]), sep="\n", flush=True)
            return
        try:
            self.target.judge()
        except Exception as wrong:
            raise Failure(f"on the wire: {wrong}") from wrong
