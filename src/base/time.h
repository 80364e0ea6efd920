/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_TIME_H
#define CFS_BASE_TIME_H

/*
 * Clocks, deadlines, and how times, durations and sizes are written. Pure functions but for reading the clocks; any
 * thread; no time-zone files (everything is UTC), so they work in a sandbox.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* CLOCK_MONOTONIC in ns: for durations and deadlines. Never goes back; stops while the machine sleeps. */
uint64_t now_mono_ns(void);

/* CLOCK_BOOTTIME in ns: the same, but it goes on while the machine sleeps. For what others count in time of their own. */
uint64_t now_boot_ns(void);

/* CLOCK_REALTIME in ns since 1970 UTC: for times that are stored or shown. May jump. */
int64_t now_real_ns(void);

/* A deadline is a point of now_mono_ns(); this one is never reached. */
#define DEADLINE_NEVER UINT64_MAX

/* The deadline ms from now; a negative ms is DEADLINE_NEVER (as poll(2) has it). */
uint64_t deadline_from_ms(int64_t ms);

/*
 * What is left until the deadline, as poll(2)'s timeout: 0 when it has passed, -1 for DEADLINE_NEVER, else milliseconds
 * rounded up (so that a wait of this length really reaches it), at most INT_MAX.
 */
int deadline_left_ms(uint64_t deadline);

/* Whether the deadline has passed. */
bool deadline_passed(uint64_t deadline);

/* Room for time_format() with its NUL, for years 0000 to 9999: "2026-01-02T03:04:05.123456789Z". */
#define TIME_SIZE 31

/*
 * Writes ns since 1970 as RFC 3339 in UTC with this many digits (0–9) of fraction, cut, not rounded. Every int64_t of
 * ns lies in the years 1677 to 2262, so every value can be written. Returns out.
 */
char *time_format(char out[TIME_SIZE], int64_t ns, unsigned digits);

/*
 * Reads RFC 3339 as time_format() writes it, also with an offset ("+02:00") and 'T' or a space between. Returns 0 or
 * CFS_EINVAL.
 */
int time_parse(const char *text, int64_t *ns_out);

/*
 * Reads a duration: one or more of a number and a unit, "ms", "s", "m", "h", "d", "w", without spaces ("1h30m"); a bare
 * number is seconds. Not negative. Returns 0, CFS_EINVAL, or CFS_ERANGE (does not fit).
 */
int duration_parse(const char *text, int64_t *ms_out);

/*
 * Reads a size in bytes: a number, perhaps with a fraction ("1.5G"), and a unit: none or "B"; "K", "M", "G", "T", "P" or
 * "KiB"… are powers of 1024; "KB"… are powers of 1000; case does not matter. Returns 0, CFS_EINVAL or CFS_ERANGE.
 */
int size_parse(const char *text, uint64_t *bytes_out);

/* Room for size_format() with its NUL. */
#define SIZE_TEXT_SIZE 16

/* SIZE_SHORT is what `ls -lh` shows: "0", "1023", "1.5K", "10M"; SIZE_LONG is for sentences: "1.5 KiB", "17 B". */
enum size_style { SIZE_SHORT, SIZE_LONG };

/* Writes a size for people, in powers of 1024, rounded up as ls does it. Returns out. */
char *size_format(char out[SIZE_TEXT_SIZE], uint64_t bytes, enum size_style style);

#endif
