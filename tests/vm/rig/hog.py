#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hog.py MIB FILE: more memory than there is, and every page of it looked at over and over.

Each page says which it is and how often it was written, all over. It is read, compared, and written again, in an
order that no read-ahead helps. FILE holds the number of passes that were done; a page that is wrong ends the
program with status 1.
"""
import mmap
import os
import random
import struct
import sys

PAGE = 4096


def pattern(page, generation):
    return struct.pack("<QQ", page, generation) * (PAGE // 16)


def main():
    pages = (int(sys.argv[1]) << 20) // PAGE
    memory = mmap.mmap(-1, pages * PAGE)
    order = list(range(0, pages, 16))  # runs of 64 KiB
    dice = random.Random(1)
    for page in range(pages):
        memory[page * PAGE:(page + 1) * PAGE] = pattern(page, 0)
    generation = 0
    while True:
        with open(sys.argv[2] + ".new", "w", encoding="ascii") as f:
            f.write(str(generation))
        os.rename(sys.argv[2] + ".new", sys.argv[2])
        dice.shuffle(order)
        for first in order:
            for page in range(first, min(first + 16, pages)):
                at = slice(page * PAGE, (page + 1) * PAGE)
                if memory[at] != pattern(page, generation):
                    sys.exit(f"page {page} of pass {generation} is wrong: {memory[at][:32]!r}")
                memory[at] = pattern(page, generation + 1)
        generation += 1


if __name__ == "__main__":
    main()
