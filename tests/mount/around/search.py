#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""search.py FILE MODEL BLOCKS SEED: reads so many blocks of 4 KiB of FILE, none twice, in a random order, and compares each with MODEL.
The kernel is told not to read ahead."""
import os
import random
import sys

BLOCK = 4096


def main():
    path, model, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    fd, known = os.open(path, os.O_RDONLY), os.open(model, os.O_RDONLY)
    size = os.fstat(fd).st_size
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for block in random.Random(seed).sample(range((size + BLOCK - 1) // BLOCK), count):
        if os.pread(fd, BLOCK, block * BLOCK) != os.pread(known, BLOCK, block * BLOCK):
            sys.exit(f"block {block} is another than it should be (seed {seed})")


main()
