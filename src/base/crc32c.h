/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_CRC32C_H
#define CFS_BASE_CRC32C_H

/* The constant behind crc32c_portable() (hash.h declares the functions): for crc32c.c and its test alone. */

#include <stdint.h>

extern const uint32_t crc32c_table[8][256];

#endif
