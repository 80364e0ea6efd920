#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""stale.py READ WRITE SECONDS SEED: the same file by two paths, perhaps of two mounts. Threads read blocks here and there through READ
all the time, and one writes through WRITE, sessions of a few blocks each. Each block holds a number that only grows, so a reader
knows between which two it must be: the last one whose write had ended before he began, and the last one that was begun when he was
answered. Anything older is stale."""
import os
import random
import struct
import sys
import threading
import time

BLOCK = 4096
BLOCKS = 1024
READERS = 3


class Model:
    def __init__(self, same):
        self.begun = [0] * BLOCKS
        self.done = [0] * BLOCKS
        self.cuts = [0] * BLOCKS
        self.last = 0
        self.recent = [0]
        self.reads = self.sessions = 0
        self.wrong = None
        self.same = same  # what was written is seen at once, without fsync
        self.ending = False


def content(number):
    return struct.pack("<Q", number) * (BLOCK // 8)


def look(m, fd, block):
    """What is wrong with the block, or None."""
    cuts, least = m.cuts[block], m.done[block]
    data = os.pread(fd, BLOCK, block * BLOCK)
    most = m.begun[block]
    if m.cuts[block] != cuts:
        return None
    for at in range(0, len(data) - 7, 8 * 64):
        number = struct.unpack_from("<Q", data, at)[0]
        if number < least or number > most:
            return f"block {block} byte {at}: {number}, not in {least} to {most}"
    if len(data) < BLOCK and least > 0:
        return f"block {block}: {len(data)} bytes where {least} was written"
    return None


def read_on(m, path, seed):
    rnd = random.Random(seed)
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    while not m.ending:
        block = rnd.choice(m.recent) if rnd.random() < 0.3 else rnd.randrange(BLOCKS)
        wrong = look(m, fd, block)
        m.reads += 1
        # A READ may overtake a WRITE of the same mount, before the kernel forgets the page: that is over in a moment.
        if wrong and m.same:
            time.sleep(0.02)
            wrong = look(m, fd, block)
        if wrong:
            m.wrong = wrong
            m.ending = True
    os.close(fd)


def write_some(m, path, rnd, pause):
    how = rnd.randrange(8)
    fd = os.open(path, os.O_RDWR)
    # One in each of the parts that go to the kernel at a time, or a few.
    blocks = range(rnd.randrange(16), BLOCKS, 16) if how < 5 else rnd.sample(range(BLOCKS), 4)
    if how == 0:
        cut = rnd.randrange(BLOCKS // 2, BLOCKS)
        blocks = range(cut, BLOCKS)
        # What is cut has no least number until it is written again.
        for block in blocks:
            m.cuts[block] += 1
            m.done[block] = 0
        os.truncate(path, cut * BLOCK) if rnd.random() < 0.5 else os.ftruncate(fd, cut * BLOCK)
    m.recent = blocks
    for block in blocks:
        m.last += 1
        m.begun[block] = m.last
        os.pwrite(fd, content(m.last), block * BLOCK)
        if m.same:
            m.done[block] = m.last
    os.fsync(fd)
    for block in blocks:
        m.done[block] = m.begun[block]
    os.close(fd)
    m.sessions += 1
    time.sleep(rnd.random() * pause)


def main():
    read, write, seconds, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    m = Model(read == write)
    rnd = random.Random(seed)
    with open(write, "wb") as f:
        f.write(content(0) * BLOCKS)
    readers = [threading.Thread(target=read_on, args=(m, read, seed + n)) for n in range(READERS)]
    for thread in readers:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not m.ending:
        write_some(m, write, rnd, 0.1 if m.same else 0.03)
    m.ending = True
    for thread in readers:
        thread.join()
    print(f"{m.reads} reads, {m.sessions} sessions, seed {seed}")
    if m.wrong:
        sys.exit(f"stale: {m.wrong} (seed {seed})")


main()
