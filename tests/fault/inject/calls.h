/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_INJECT_CALLS_H
#define CFS_TESTS_FAULT_INJECT_CALLS_H

/* What the library's files share: calls_*.c stand in for libc's calls and make the system calls themselves, control.c decides. */

#include "inject.h"

/* enum inject_class of a file; 0: not the store's, or nothing is to be made to fail in this program. */
unsigned char inject_class_of_path(const char *path);
unsigned char inject_class_of(int fd);
void inject_set_class(int fd, unsigned char class);

/* Whether the call is the one that was ordered: what is to be done, or 0. Does not return on a dead machine. */
uint32_t inject_decide(unsigned char class, uint32_t call);
/* Sets errno as ordered; -1. */
int inject_fail(void);
/* The machine dies here. */
void inject_tear(void) __attribute__((noreturn));

/* Bytes of the database's log were written. A flush covers those that were before it began. */
void inject_note_written(uint64_t offset, uint64_t length);
struct covered {
	uint64_t ranges, last_end;
};
struct covered inject_cover(void);
void inject_note_flushed(struct covered c);

#endif
