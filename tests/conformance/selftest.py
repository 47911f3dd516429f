#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the scripted target itself, with a plain initiator: what judges must itself be right."""
import asyncio
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from iscsi import text  # noqa: E402
from iscsi.crc32c import crc32c, digest  # noqa: E402
from iscsi.disk import Disk  # noqa: E402
from iscsi.initiator import Initiator, read_10, write_10  # noqa: E402
from iscsi.pdu import (Ahs, BadDigest, BytesField, DataIn, DataOut, Digests, LogoutRequest, LogoutResponse,  # noqa: E402
                       NopIn, NopOut, Pdu, R2t, Reject, RESERVED_TAG, ScsiCommand, ScsiResponse, SnackRequest,
                       TaskManagementRequest, TaskManagementResponse, TextRequest, TextResponse, Wire, read_pdu)
from iscsi.target import Target  # noqa: E402

PATTERN = bytes(n * 7 % 256 for n in range(65536))
LEVEL_2 = {"ErrorRecoveryLevel": "2", "MaxConnections": "4"}


async def parsed(data, digests=Digests()):
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await read_pdu(reader, digests)


class Pdus(unittest.IsolatedAsyncioTestCase):
    def test_crc32c(self):
        """CRC32C of the examples in RFC 7143, A.4."""
        for data, wire in ((bytes(32), "aa36918a"), (b"\xff" * 32, "43aba862"), (bytes(range(32)), "4e79dd46"),
                           (bytes(range(31, -1, -1)), "5cdb3f11")):
            self.assertEqual(digest(data).hex(), wire)
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    async def test_round_trip(self):
        """Every PDU with any values comes out of its own bytes again, with digests, an AHS and padding."""
        chance = random.Random(7143)
        for kind in Pdu.by_opcode.values():
            for digests in (Digests(), Digests(True, False), Digests(False, True), Digests(True, True)):
                values = {name: chance.randbytes(field.width // 8) if isinstance(field, BytesField)
                          else chance.getrandbits(field.width) for name, field in kind.fields.items()
                          if name not in ("opcode", "ahs_length", "data_length")}
                ahs = [Ahs(1, chance.randbytes(5)), Ahs(2, bytes(5))][:chance.randrange(3)]
                pdu = kind(chance.randbytes(chance.randrange(9)), ahs, **values)
                wire = pdu.pack(digests)
                self.assertEqual(len(wire) % 4, 0)
                again = await parsed(wire, digests)
                self.assertIs(type(again), kind)
                self.assertEqual((again.header, again.ahs, again.data), (pdu.header, ahs, pdu.data))

    def test_no_overlap(self):
        """No two fields of a PDU lie over one another."""
        for kind in Pdu.by_opcode.values():
            seen = 0
            for field in kind.fields.values():
                bits = field.mask << field.shift
                self.assertFalse(seen & bits, f"{kind.__name__}.{field.name}")
                seen |= bits

    async def test_wrong_digests(self):
        """A wrong digest is noticed, and can be sent on purpose."""
        both = Digests(True, True)
        for which in ("header", "data"):
            pdu = NopOut(b"ping", wire=Wire(**{f"{which}_digest": b"\0\0\0\0"}))
            with self.assertRaisesRegex(BadDigest, which):
                await parsed(pdu.pack(both), both)

    def test_reserved_bits(self):
        """Reserved bits that are set are named by their byte."""
        pdu = ScsiCommand()
        self.assertEqual(pdu.reserved_bits(), [])
        pdu.header |= 1 << (383 - 3 * 8)
        self.assertEqual(pdu.reserved_bits(), [3])

    def test_text(self):
        """Text is put together and taken apart; what is no text is told."""
        pairs = [("A", ""), ("B", "x=y"), ("C", "\u00fc")]
        self.assertEqual(text.decode(text.encode(pairs)), pairs)
        for wrong in (b"A=1", b"A\0", b"=1\0"):
            with self.assertRaises(AssertionError):
                text.decode(wrong)

    def test_disk(self):
        """What is written to the disk is read back; beyond its end there is nothing."""
        disk = Disk(blocks=16)
        self.assertEqual(disk.execute(write_10(3, 2), PATTERN[:1024], []).status, 0)
        self.assertEqual(disk.execute(read_10(2, 4), b"", []).data, bytes(512) + PATTERN[:1024] + bytes(512))
        self.assertEqual(disk.execute(read_10(15, 2), b"", []).status, 2)


class Sessions(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # it tells of each pause that a busy machine makes
        self.target = Target()
        await self.target.listen()
        self.initiator = self.initiator_of(self.target)

    def initiator_of(self, target):
        """An initiator whose connection ends with the test."""
        initiator = Initiator(target)
        self.addAsyncCleanup(initiator.close)
        return initiator

    async def asyncTearDown(self):
        await self.target.stop()

    async def test_data(self):
        """Data goes over R2Ts and comes back, in all lengths, with each digest."""
        for header in ("None", "CRC32C"):
            for data in ("None", "CRC32C"):
                initiator = self.initiator_of(self.target)
                await initiator.login(HeaderDigest=header, DataDigest=data, MaxBurstLength="4096",
                                      MaxRecvDataSegmentLength="1024")
                for blocks in (1, 2, 7, 8, 9, 40):
                    await initiator.write(blocks, PATTERN[:blocks * 512])
                    back, pdus = await initiator.read(blocks, blocks)
                    self.assertEqual(back, PATTERN[:blocks * 512])
                    self.assertTrue(all(len(pdu.data) <= 1024 for pdu in pdus))
                await initiator.logout()
        self.target.judge()

    async def test_bursts(self):
        """R2Ts ask for at most MaxBurstLength, and as many at once as MaxOutstandingR2T allows."""
        await self.initiator.login(MaxBurstLength="1024", MaxOutstandingR2T="2", InitialR2T="Yes")
        await self.initiator.send(self.initiator.command(write_10(0, 8), write=1, expected_length=4096))
        first, second = await self.initiator.expect(R2t, r2t_sn=0), await self.initiator.expect(R2t, r2t_sn=1)
        self.assertEqual([(r.buffer_offset, r.desired_length) for r in (first, second)], [(0, 1024), (1024, 1024)])
        for r2t in (second, first):
            await self.initiator.answer(r2t, PATTERN)
        for _ in range(2):
            await self.initiator.answer(await self.initiator.expect(R2t), PATTERN)
        await self.initiator.expect(ScsiResponse, status=0)
        self.assertEqual((await self.initiator.read(0, 8))[0], PATTERN[:4096])
        self.target.judge()

    async def test_unsolicited(self):
        """Immediate and unsolicited data are taken before anything is asked for."""
        await self.initiator.login(InitialR2T="No", ImmediateData="Yes", FirstBurstLength="2048",
                                   MaxBurstLength="2048")
        command = self.initiator.command(write_10(0, 8), write=1, expected_length=4096, final=0)
        command.data = PATTERN[:512]
        await self.initiator.send(command)
        await self.initiator.send(DataOut(PATTERN[512:2048], itt=command.itt, buffer_offset=512, final=1))
        await self.initiator.answer(await self.initiator.expect(R2t, buffer_offset=2048), PATTERN)
        await self.initiator.expect(ScsiResponse, status=0)
        self.assertEqual((await self.initiator.read(0, 8))[0], PATTERN[:4096])
        self.target.judge()

    async def test_orders(self):
        """Data-In, sequences and R2Ts come in the order that a script wants."""
        await self.initiator.login(MaxBurstLength="1024", MaxRecvDataSegmentLength="512", InitialR2T="Yes",
                                   DataPDUInOrder="No", DataSequenceInOrder="No")
        self.target.order_pdus = self.target.order_sequences = self.target.order_r2ts = \
            lambda parts: list(reversed(parts))
        await self.initiator.write(0, PATTERN[:4096])
        data, pdus = await self.initiator.read(0, 8)
        self.assertEqual(data, PATTERN[:4096])
        self.assertEqual([pdu.buffer_offset for pdu in pdus], list(range(3584, -1, -512)))
        self.assertEqual([pdu.data_sn for pdu in pdus], list(range(8)))
        self.assertEqual([pdu.final for pdu in pdus], [0, 1] * 4)
        self.assertEqual([entry.pdu.buffer_offset for entry in self.target.log if isinstance(entry.pdu, R2t)],
                         [3072, 2048, 1024, 0])
        self.target.judge()

    async def test_residuals(self):
        """A command that asks for more or less than there is gets the difference as residual."""
        await self.initiator.login()
        for length, kind, residual in ((100, "underflow", 64), (16, "overflow", 20), (36, "", 0)):
            await self.initiator.send(self.initiator.command(bytes([0x12, 0, 0, 0, 36]), read=1,
                                                             expected_length=length))
            pdu = await self.initiator.expect(DataIn, has_status=1, residual=residual)
            self.assertEqual((pdu.underflow, pdu.overflow), (kind == "underflow", kind == "overflow"))

    async def test_order_over_connections(self):
        """Commands are run in the order of CmdSN, whichever connection brings them."""
        other = self.initiator_of(self.target)
        await self.initiator.login(MaxConnections="2", InitialR2T="No", ImmediateData="Yes")
        await other.login(cid=1, tsih=self.initiator.tsih)
        second = other.command(write_10(0, 1), write=1, expected_length=512, itt=200, cmd_sn=2)
        second.data = b"B" * 512
        await other.send(second)
        first = self.initiator.command(write_10(0, 1), write=1, expected_length=512, itt=100, cmd_sn=1)
        first.data = b"A" * 512
        await self.initiator.send(first)
        await self.initiator.expect(ScsiResponse, itt=100)
        await other.expect(ScsiResponse, itt=200)
        self.assertEqual(self.target.disks[0].read(0, 1), b"B" * 512)
        self.target.judge()

    async def of_two(self, **keys):
        """A session of two connections, CIDs 0 and 1; gives the second."""
        other = self.initiator_of(self.target)
        await self.initiator.login(**{"MaxConnections": "2", "ImmediateData": "Yes", **keys})
        await other.login(cid=1, tsih=self.initiator.tsih)
        return other

    async def test_action_over_connections(self):
        """An action that another connection's command has set off still gets the PDUs of its own."""
        other = await self.of_two(InitialR2T="Yes", ImmediateData="No")

        async def ask(connection, command):
            await connection.send(R2t(itt=command.itt, ttt=7, desired_length=512))
            data = await connection.expect(DataOut, ttt=7)
            await connection.send(NopIn(data.data[:1]), ScsiResponse(itt=command.itt))
        self.target.on(ScsiCommand, ask, over=1)
        await other.send(other.command(write_10(0, 1), write=1, expected_length=512, itt=200, cmd_sn=2))
        await self.initiator.send(self.initiator.command(bytes(6), itt=100, cmd_sn=1))
        await self.initiator.expect(ScsiResponse, itt=100)
        await other.answer(await other.expect(R2t), PATTERN)
        await other.expect(NopIn, data_length=1)
        await other.expect(ScsiResponse, itt=200)
        self.target.judge()

    async def test_window_over_connections(self):
        """Connections share one window, whose edge never goes back."""
        self.target.window = 4
        other = await self.of_two()
        edges = []
        for cmd_sn, initiator in enumerate((self.initiator, other, other, self.initiator), 1):
            await initiator.send(initiator.command(bytes(6), cmd_sn=cmd_sn))
            edges.append((await initiator.expect(ScsiResponse, exp_cmd_sn=cmd_sn + 1)).max_cmd_sn)
            self.target.normal_session().window = 2
        self.assertEqual(edges, [5, 5, 5, 6])
        self.target.judge()

    async def test_close_over_another(self):
        """A connection that was lost is logged out over another: what it had ends, what was not delivered comes again,
        and its CID is free."""
        other = await self.of_two()
        lost = self.initiator.command(bytes(6), itt=100, cmd_sn=2)
        await self.initiator.send(lost)
        await self.initiator.close()
        await (await self.target.connection(0)).closed.wait()
        other.cmd_sn = 3
        await other.send(other.command(bytes(6), itt=200, cmd_sn=3))
        for response in (0, 1):
            await other.send(LogoutRequest(itt=300, immediate=1, reason=LogoutRequest.CONNECTION, cid=0, cmd_sn=4))
            await other.expect(LogoutResponse, response=response, exp_cmd_sn=1)
        await other.send(other.command(bytes(6), itt=99, cmd_sn=1))
        await other.expect(ScsiResponse, itt=99)
        again = lost.copy()
        again.exp_stat_sn = other.exp_stat_sn
        await other.send(again)
        self.assertEqual({(await other.expect(ScsiResponse)).itt for _ in range(2)}, {100, 200})
        self.target.judge()
        back = self.initiator_of(self.target)
        await back.login(cid=0, tsih=other.tsih)
        self.assertEqual(set(self.target.normal_session().connections), {0, 1})

    async def test_abort_undelivered(self):
        """ABORT TASK of a command that has not arrived, or waits for its turn, takes its number for received."""
        other = await self.of_two()
        abort = TaskManagementRequest.ABORT_TASK
        for cmd_sn in (2, 3):
            await other.send(other.command(bytes(6), itt=cmd_sn, cmd_sn=cmd_sn))
        for ref, response in ((2, 0), (1, 0), (0, 1)):
            await other.send(TaskManagementRequest(itt=10 + ref, immediate=1, function=abort, referenced_task_tag=ref,
                                                   ref_cmd_sn=ref, cmd_sn=4))
            await other.expect(TaskManagementResponse, itt=10 + ref, response=response)
            if ref == 1:
                await other.expect(ScsiResponse, itt=3, exp_cmd_sn=4)
        self.assertEqual(len(self.target.disks[0].executed), 1)
        self.target.judge()

    async def test_wrong_over_connections(self):
        """What an initiator may not do with several connections is told."""
        def complaint(text):
            self.assertEqual(len(self.target.violations), 1, self.target.violations)
            self.assertIn(text, self.target.violations.pop())
        other = await self.of_two()
        for cmd_sn in (3, 2):
            await other.send(other.command(bytes(6), itt=cmd_sn, cmd_sn=cmd_sn))
        await other.send(NopOut(itt=9, immediate=1, cmd_sn=1))
        await other.expect(NopIn, itt=9)
        complaint("on one connection")
        await self.initiator.send(self.initiator.command(bytes(6), itt=2, cmd_sn=2))
        await self.initiator.send(NopOut(itt=8, immediate=1, cmd_sn=1))
        await self.initiator.expect(NopIn, itt=8)
        complaint("is not logged out")
        await self.initiator.send(self.initiator.command(bytes([0x12, 0, 0, 0, 36, 0]), itt=2, cmd_sn=2))
        await self.initiator.send(LogoutRequest(itt=7, immediate=1, reason=LogoutRequest.RECOVERY, cid=0, cmd_sn=4))
        await self.initiator.send(NopOut(itt=8, immediate=1, cmd_sn=4))
        await self.initiator.expect(LogoutResponse, response=2)
        await self.initiator.expect(NopIn, itt=8)
        self.assertIn("no retry", self.target.violations.pop(0))
        complaint("after its Logout Request")
        await other.send(NopOut(itt=9, immediate=1, cmd_sn=200))
        await other.expect(NopIn, itt=9)
        complaint("beyond")

    async def test_join(self):
        """A login that joins: the CID that is there is reinstated, what is too much or unknown is refused, and keys of
        the session are told."""
        other = await self.of_two()
        again = self.initiator_of(self.target)
        await again.login(cid=1, tsih=self.initiator.tsih)
        with self.assertRaises(asyncio.IncompleteReadError):
            await other.expect(NopIn)
        self.assertEqual(len(self.target.normal_session().connections), 2)
        for cid, tsih, detail in ((2, self.initiator.tsih, 6), (2, self.initiator.tsih + 1, 10)):
            with self.assertRaisesRegex(AssertionError, f"status_detail={hex(detail)}"):
                await self.initiator_of(self.target).login(cid=cid, tsih=tsih)
        self.target.judge()
        await self.initiator_of(self.target).login(cid=1, tsih=self.initiator.tsih, MaxConnections="2")
        self.assertIn("MaxConnections in the login of a connection that joins", self.target.violations[0])

    async def test_snack(self):
        """Data, R2Ts and status that were lost are sent again; R-Data brings all data anew."""
        await self.initiator.login(ErrorRecoveryLevel="1", MaxRecvDataSegmentLength="512", InitialR2T="Yes")
        await self.initiator.write(0, PATTERN[:4096])
        await self.initiator.send(self.initiator.command(read_10(0, 8), read=1, expected_length=4096))
        sent = [await self.initiator.expect(DataIn) for _ in range(8)]
        itt = sent[0].itt
        await self.initiator.send(SnackRequest(type=SnackRequest.DATA, itt=itt, beg_run=2, run_length=3,
                                               exp_stat_sn=sent[-1].stat_sn))
        again = [await self.initiator.expect(DataIn) for _ in range(3)]
        self.assertEqual([(pdu.data_sn, pdu.data) for pdu in again], [(n, sent[n].data) for n in (2, 3, 4)])
        await self.initiator.send(SnackRequest(type=SnackRequest.STATUS, beg_run=sent[-1].stat_sn, run_length=1,
                                               exp_stat_sn=sent[-1].stat_sn))
        status = await self.initiator.expect(DataIn, has_status=1)
        self.assertEqual(status.stat_sn, sent[-1].stat_sn)
        await self.initiator.send(SnackRequest(type=SnackRequest.R_DATA, itt=itt, ttt=0x55,
                                               exp_stat_sn=sent[-1].stat_sn))
        anew = [await self.initiator.expect(DataIn) for _ in range(8)]
        self.assertEqual(b"".join(pdu.data for pdu in anew), PATTERN[:4096])
        await self.initiator.expect(ScsiResponse, snack_tag=0x55)

    async def test_reassign(self):
        """A task whose connection is lost goes on where it is reassigned to: the rest of a read, the R2Ts of a write."""
        other = self.initiator_of(self.target)
        await self.initiator.login(**LEVEL_2, InitialR2T="Yes", MaxRecvDataSegmentLength="1024")
        await other.login(cid=1, tsih=self.initiator.tsih)
        other.max_send = self.initiator.max_send
        self.target.disks[0].write(0, PATTERN[:4096])
        await self.initiator.send(self.initiator.command(read_10(0, 8), read=1, expected_length=4096, itt=1))
        await self.initiator.expect(DataIn, data_sn=0)
        await self.initiator.send(self.initiator.command(write_10(8, 8), write=1, expected_length=4096, itt=2))
        await self.initiator.expect(DataIn, data_sn=1)
        await self.initiator.expect(DataIn, data_sn=2)
        await self.initiator.expect(DataIn, data_sn=3)
        await self.initiator.expect(R2t)
        other.cmd_sn = self.initiator.cmd_sn
        await other.send(LogoutRequest(itt=9, immediate=1, reason=LogoutRequest.RECOVERY, cid=0))
        await other.expect(LogoutResponse, response=0)
        reassign = TaskManagementRequest.REASSIGN
        await other.send(TaskManagementRequest(itt=10, immediate=1, function=reassign, referenced_task_tag=1,
                                               exp_data_sn=2))
        await other.expect(TaskManagementResponse, response=0)
        rest = [await other.expect(DataIn, data_sn=n) for n in (2, 3)]
        self.assertEqual(b"".join(pdu.data for pdu in rest), PATTERN[2048:4096])
        await other.send(TaskManagementRequest(itt=11, immediate=1, function=reassign, referenced_task_tag=2))
        await other.expect(TaskManagementResponse, response=0)
        await other.answer(await other.expect(R2t), PATTERN)
        await other.expect(ScsiResponse, itt=2, status=0)
        self.assertEqual(self.target.disks[0].read(8, 8), PATTERN[:4096])

    async def test_script(self):
        """A rule takes the PDUs that fit it as often as it may, and can still call the default behaviour."""
        await self.initiator.login()
        taken = []

        async def late(connection, pdu):
            taken.append(pdu)
            await connection.send(NopIn())
            await connection.default(pdu)
        self.target.on(NopOut, late, times=1, lun=0)
        for number in (1, 2):
            await self.initiator.send(NopOut(b"x", itt=number, immediate=1))
        await self.initiator.expect(NopIn, itt=RESERVED_TAG)
        await self.initiator.expect(NopIn, itt=1)
        await self.initiator.expect(NopIn, itt=2)
        self.assertEqual([pdu.itt for pdu in taken], [1])
        self.assertEqual(len(self.target.received(NopOut)), 2)

    async def test_script_commands(self):
        """A command that a rule has answered counts; one that a raw rule has lost leaves a gap until it is sent again."""
        await self.initiator.login()

        async def busy(connection, pdu):
            await connection.send(ScsiResponse(itt=pdu.itt, status=ScsiResponse.BUSY))

        async def lose(connection, pdu):
            pass
        self.target.on(ScsiCommand, busy, times=1)
        await self.initiator.send(self.initiator.command(bytes(6)))
        await self.initiator.expect(ScsiResponse, itt=1, status=ScsiResponse.BUSY, exp_cmd_sn=2)
        self.target.on(ScsiCommand, lose, times=1, raw=True)
        lost = self.initiator.command(bytes(6))
        await self.initiator.send(lost)
        await self.initiator.send(self.initiator.command(bytes(6)))
        await self.initiator.send(NopOut(itt=99, immediate=1))
        await self.initiator.expect(NopIn, itt=99, exp_cmd_sn=2)
        await self.initiator.send(lost)
        await self.initiator.expect(ScsiResponse, itt=2, status=0)
        await self.initiator.expect(ScsiResponse, itt=3, status=0, exp_cmd_sn=4)

    async def test_script_asserts(self):
        """What fails in a script fails the test, and the initiator sees the connection end."""
        async def script(connection):
            await connection.expect(TextRequest)
        self.target.script = script
        with self.assertRaises(asyncio.IncompleteReadError):
            await self.initiator.login()
        with self.assertRaisesRegex(AssertionError, "expected TextRequest"):
            self.target.judge()

    async def test_violations(self):
        """What an initiator does wrong in any PDU fails the test."""
        wrong = {
            "reserved bits": lambda pdu: setattr(pdu, "header", pdu.header | 1 << 360),
            "padding": lambda pdu: setattr(pdu, "wire", Wire(padding=b"\1\1\1")),
            "acknowledges what was not sent": lambda pdu: setattr(pdu, "exp_stat_sn", 77),
            "CmdSN": lambda pdu: setattr(pdu, "cmd_sn", 99),
        }
        for words, change in wrong.items():
            target = Target()
            target.first_stat_sn = 1
            async with target:
                initiator = self.initiator_of(target)
                await initiator.login()
                pdu = NopOut(b"x", itt=1, immediate=1)
                change(pdu)
                await initiator.send(pdu)
                await initiator.expect(NopIn, itt=1)
                with self.assertRaisesRegex(AssertionError, words):
                    target.judge()
                target.lenient = True

    async def test_data_violations(self):
        """Wrong Data-Out is told: DataSN, offset, F, more than was asked for."""
        wrong = {"DataSN 5": {"data_sn": 5}, "offset 512": {"buffer_offset": 512, "final": 0}, "F is 0": {"final": 0},
                 "nobody asked": {"ttt": 0x1234}}
        for words, fields in wrong.items():
            target = Target()
            async with target:
                initiator = self.initiator_of(target)
                await initiator.login(InitialR2T="Yes")
                await initiator.send(initiator.command(write_10(0, 4), write=1, expected_length=2048))
                r2t = await initiator.expect(R2t)
                whole = PATTERN[:2048 if "buffer_offset" not in fields else 1024]
                await initiator.send(DataOut(whole, **{"itt": r2t.itt, "ttt": r2t.ttt, "final": 1, **fields}))
                await initiator.send(NopOut(itt=99, immediate=1))
                while not isinstance(await initiator.expect(Pdu), NopIn):
                    pass
                with self.assertRaisesRegex(AssertionError, words):
                    target.judge()
                target.lenient = True

    async def test_requests_refused(self):
        """What is no request of this phase, or nothing that level 0 has, is rejected with its header."""
        await self.initiator.login()
        snack = SnackRequest(itt=5)
        await self.initiator.send(snack)
        rejected = await self.initiator.expect(Reject, reason=4)
        self.assertEqual(rejected.data[:1], bytes([SnackRequest.OPCODE]))

    async def test_text_in_pieces(self):
        """A text reply that is longer than the initiator takes comes in several responses."""
        await self.initiator.login(MaxRecvDataSegmentLength="512")
        self.target.portals = None
        self.target.name = "iqn.2026-11.io.hawser.test:" + "x" * 190
        await self.initiator.send(TextRequest(text.encode([("SendTargets", ""), *((f"X-{n}", "1") for n in range(60))]),
                                              itt=1, immediate=1, final=1))
        whole = b""
        while True:
            pdu = await self.initiator.expect(TextResponse, itt=1)
            whole += pdu.data
            if pdu.final:
                break
            await self.initiator.send(TextRequest(itt=1, immediate=1, final=1, ttt=pdu.ttt))
        pairs = text.decode(whole)
        self.assertEqual(pairs[0], ("TargetName", self.target.name))
        self.assertEqual(len(pairs), 62)


if __name__ == "__main__":
    unittest.main()
