/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/bytes.h"

#include "base/err.h"

static const char hex_digits[] = "0123456789abcdef";

void
hex_encode(char *out, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		*out++ = hex_digits[p[i] >> 4];
		*out++ = hex_digits[p[i] & 15];
	}
	*out = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_decode(void *out, size_t n, const char *text, size_t text_len)
{
	unsigned char *p = out;

	if (text_len / 2 != n || text_len % 2 != 0)
		return CFS_EINVAL;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return CFS_EINVAL;
		p[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char *const alphabets[] = {
    [BASE64_STD] = ALPHABET "+/",
    [BASE64_URL] = ALPHABET "-_",
};

size_t
base64_encode(char *out, enum base64_kind kind, const void *data, size_t n)
{
	const char *digits = alphabets[kind];
	const unsigned char *p = data;
	char *o = out;

	for (; n >= 3; n -= 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = digits[v >> 6 & 63];
		*o++ = digits[v & 63];
	}
	if (n > 0) {
		uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		if (n == 2)
			*o++ = digits[v >> 6 & 63];
		for (size_t i = n; kind == BASE64_STD && i < 3; i++)
			*o++ = '=';
	}
	*o = '\0';
	return (size_t)(o - out);
}

static int
base64_value(char c, enum base64_kind kind)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabets[kind][62])
		return 62;
	if (c == alphabets[kind][63])
		return 63;
	return -1;
}

ssize_t
base64_decode(void *out, size_t out_size, enum base64_kind kind, const char *text, size_t text_len)
{
	unsigned char *o = out;
	size_t digits = text_len;
	size_t bytes;
	uint32_t acc = 0;
	unsigned bits = 0;

	if (kind == BASE64_STD) {
		if (text_len % 4 != 0)
			return CFS_EINVAL;
		for (int i = 0; i < 2 && digits > 0 && text[digits - 1] == '='; i++)
			digits--;
	}
	if (digits % 4 == 1)
		return CFS_EINVAL;
	bytes = digits / 4 * 3 + digits % 4 * 3 / 4;
	if (bytes > out_size)
		return CFS_ETOOBIG;
	for (size_t i = 0; i < digits; i++) {
		int v = base64_value(text[i], kind);

		if (v < 0)
			return CFS_EINVAL;
		acc = (acc << 6 | (uint32_t)v) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*o++ = (unsigned char)(acc >> bits);
		}
	}
	if ((acc & ((1U << bits) - 1)) != 0)
		return CFS_EINVAL;
	return (ssize_t)bytes;
}
