# SPDX-License-Identifier: GPL-2.0-or-later
"""Single commands to a device, each in a thread of its own, so that a scenario can have some under way at once."""
import ctypes
import fcntl
import mmap
import os
import struct
import threading

from rig.checks import Failure, expect

BLKDISCARD, SG_IO, SG_SCSI_RESET = 0x1277, 0x2285, 0x2284
RESET_DEVICE_ONLY = 0x101  # SG_SCSI_RESET_DEVICE, not to be escalated
NO_DATA, TO_DEVICE, FROM_DEVICE = -1, -2, -3


class Io(threading.Thread):
    """work(*arguments), begun at once."""

    def __init__(self, work, *arguments):
        super().__init__(daemon=True)
        self.work = work
        self.arguments = arguments
        self.value = None
        self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.work(*self.arguments)
        except Exception as error:  # whoever asks for the result gets it
            self.error = error

    def result(self, limit=60):
        """What it came to, an error being raised."""
        self.join(limit)
        if self.is_alive():
            raise Failure(f"{self.work.__name__} did not end within {limit} s")
        if self.error:
            raise Failure(f"{self.work.__name__}: {self.error}") from self.error
        return self.value

    def fails(self, limit=60):
        """It ends, and in an I/O error."""
        self.join(limit)
        expect(not self.is_alive(), f"{self.work.__name__} did not end within {limit} s")
        expect(isinstance(self.error, OSError), f"{self.work.__name__} did not fail: {self.value}, {self.error}")


def with_open(device, flags, use):
    fd = os.open(device, flags)
    try:
        return use(fd)
    finally:
        os.close(fd)


def read(device, offset, length):
    """Not by way of the page cache, in one command."""
    buffer = mmap.mmap(-1, length)
    count = with_open(device, os.O_RDONLY | os.O_DIRECT, lambda fd: os.preadv(fd, [buffer], offset))
    return buffer[:count]


def write(device, offset, data):
    buffer = mmap.mmap(-1, len(data))
    buffer[:] = data
    return with_open(device, os.O_WRONLY | os.O_DIRECT, lambda fd: os.pwritev(fd, [buffer], offset))


def discard(device, offset, length):
    """In the way that the disk's provisioning_mode says."""
    with_open(device, os.O_WRONLY, lambda fd: fcntl.ioctl(fd, BLKDISCARD, struct.pack("=QQ", offset, length)))


class SgIoHdr(ctypes.Structure):
    _fields_ = [("interface_id", ctypes.c_int), ("dxfer_direction", ctypes.c_int), ("cmd_len", ctypes.c_ubyte),
                ("mx_sb_len", ctypes.c_ubyte), ("iovec_count", ctypes.c_ushort), ("dxfer_len", ctypes.c_uint),
                ("dxferp", ctypes.c_void_p), ("cmdp", ctypes.c_void_p), ("sbp", ctypes.c_void_p),
                ("timeout", ctypes.c_uint), ("flags", ctypes.c_uint), ("pack_id", ctypes.c_int),
                ("usr_ptr", ctypes.c_void_p), ("status", ctypes.c_ubyte), ("masked_status", ctypes.c_ubyte),
                ("msg_status", ctypes.c_ubyte), ("sb_len_wr", ctypes.c_ubyte), ("host_status", ctypes.c_ushort),
                ("driver_status", ctypes.c_ushort), ("resid", ctypes.c_int), ("duration", ctypes.c_uint),
                ("info", ctypes.c_uint)]


def exchange(device, cdb, data=b"", direction=NO_DATA, seconds=60):
    """SG_IO of a disk or an sg node: the host's status, the device's, and the data as it is then."""
    command = ctypes.create_string_buffer(cdb, len(cdb))
    buffer = ctypes.create_string_buffer(data, max(len(data), 1))
    sense = ctypes.create_string_buffer(64)
    header = SgIoHdr(interface_id=ord("S"), dxfer_direction=direction, cmd_len=len(cdb), mx_sb_len=len(sense),
                     dxfer_len=len(data), dxferp=ctypes.addressof(buffer), cmdp=ctypes.addressof(command),
                     sbp=ctypes.addressof(sense), timeout=seconds * 1000)
    with_open(device, os.O_RDWR | os.O_NONBLOCK, lambda fd: fcntl.ioctl(fd, SG_IO, header))
    return header.host_status, header.status, buffer.raw[:len(data)]


def pass_through(*arguments, **keywords):
    """The statuses of an exchange."""
    return exchange(*arguments, **keywords)[:2]


def reset_device(device):
    """A logical unit reset, by hand."""
    with_open(device, os.O_RDWR | os.O_NONBLOCK,
              lambda fd: fcntl.ioctl(fd, SG_SCSI_RESET, ctypes.c_int(RESET_DEVICE_ONLY)))
