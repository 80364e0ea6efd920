#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""endless.py FILE SEED: reads blocks here and there, each of which the kernel forgets again, until that fails."""
import os
import random
import sys

BLOCK = 4096
rnd = random.Random(int(sys.argv[2]))
fd = os.open(sys.argv[1], os.O_RDONLY)
blocks = os.fstat(fd).st_size // BLOCK
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
while True:
    at = rnd.randrange(blocks) * BLOCK
    os.pread(fd, BLOCK, at)
    os.posix_fadvise(fd, at, BLOCK, os.POSIX_FADV_DONTNEED)
