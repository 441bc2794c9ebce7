// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes of a known size, on files that transfer less than they are
 * asked for: pread() and pwrite() here replace those of libc.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/io.h"
#include "inner.h"
/* Its struct is private. */
#include "../../kvm/page_idle.c"

/* File descriptors that are not open: what the transfers below do to them. */
enum {
	/* Two bytes at a time, and a signal before each second transfer. */
	PARTS = 1000,
	/* Two bytes, then the end. */
	ENDS,
	/* Two bytes, then an error. */
	BREAKS,
	/* No byte, as the last word of the bitmap of idle pages. */
	TAKES_NOTHING,
};

#define PATTERN "abcdefgh"
#define BYTES	(sizeof(PATTERN) - 1)

/* The page frame of all pages. */
#define FRAME 77

static char stored[BYTES + 1];
static unsigned int calls;
/* Other files are /proc/self/pagemap. */
static bool is_pagemap;

/* How many bytes a transfer moves; -1: none, as errno says. */
static ssize_t transfer_part(int fd, size_t size, off_t at)
{
	calls++;
	/* What another call has left. */
	errno = EAGAIN;
	if (fd == TAKES_NOTHING || (fd == ENDS && at))
		return 0;
	if (fd == BREAKS && at)
		errno = EIO;
	if (fd == PARTS && !(calls % 2))
		errno = EINTR;
	return errno == EAGAIN ? (ssize_t)(size < 2 ? size : 2) : -1;
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
	u64 *entries = data;
	ssize_t part;
	size_t i;

	if (fd >= PARTS) {
		part = transfer_part(fd, size, at);
		if (part > 0)
			memcpy(data, &PATTERN[at], (size_t)part);
		return part;
	}
	if (!is_pagemap)
		return syscall(SYS_pread64, fd, data, size, at);
	for (i = 0; i < size / sizeof(*entries); i++)
		entries[i] = PAGEMAP_PRESENT | FRAME;
	return (ssize_t)size;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	ssize_t part = transfer_part(fd, size, at);

	if (part > 0)
		memcpy(stored + at, data, (size_t)part);
	return part;
}

static void test_parts(const struct test_case *test)
{
	char data[BYTES + 1] = "";
	ssize_t got = io_read(PARTS, data, BYTES, 0);

	CHECK(got == BYTES && !strcmp(data, PATTERN),
	      "a read in parts: expected %zu bytes " PATTERN ", got %zd %s",
	      BYTES, got, data);
	got = io_write(PARTS, PATTERN, BYTES, 0);
	CHECK(got == BYTES && !strcmp(stored, PATTERN),
	      "a write in parts: expected %zu bytes " PATTERN ", got %zd %s",
	      BYTES, got, stored);
	io_must_read(PARTS, data, BYTES, 0, "a file");
	io_must_write(PARTS, data, BYTES, 0, "a file");
}

static void test_short(const struct test_case *test)
{
	char data[BYTES];
	ssize_t got;

	got = io_read(ENDS, data, BYTES, 0);
	CHECK(got == 2, "a read at the end: expected 2 bytes, got %zd", got);
	got = io_write(TAKES_NOTHING, data, BYTES, 0);
	CHECK(!got, "a write of nothing: expected 0 bytes, got %zd", got);
	got = io_read(BREAKS, data, BYTES, 0);
	CHECK(got == -EIO, "a read that fails: expected %d, got %zd", -EIO,
	      got);
	got = io_write(BREAKS, data, BYTES, 0);
	CHECK(got == -EIO, "a write that fails: expected %d, got %zd", -EIO,
	      got);
}

static void test_pipe(const struct test_case *test)
{
	char data[BYTES + 1] = "";
	int ends[2], i;
	pid_t child;

	CHECK(!pipe(ends), "pipe failed: %s", errno_name(errno));
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		for (i = 0; i < (int)BYTES; i++) {
			if (write(ends[1], &PATTERN[i], 1) != 1)
				_exit(1);
			usleep(1000);
		}
		_exit(0);
	}
	close(ends[1]);
	io_must_read(ends[0], data, BYTES, IO_NEXT, "a pipe");
	CHECK(!strcmp(data, PATTERN), "expected " PATTERN ", got %s", data);
	CHECK(!io_read(ends[0], data, BYTES, IO_NEXT),
	      "a pipe without a writer has more bytes");
}

/* A page whose word the kernel neither counts nor reports is not judged. */
static void test_page_idle(const struct test_case *test)
{
	struct page_idle idle = {
		.fd = TAKES_NOTHING,
		.pagemap = pagemap_open(),
		.page = (u64)getpagesize(),
	};
	unsigned long bitmap[1] = { ~0UL };

	is_pagemap = true;
	page_idle_mark(&idle, stored, 1);
	page_idle_read(&idle, stored, 1, bitmap);
	CHECK(!bitmap_test(bitmap, 0),
	      "a page that the kernel does not report is taken for idle");
	CHECK(calls == 2, "expected 2 transfers, got %u", calls);
}

static void inner_read(const struct test_case *test)
{
	char data[BYTES];

	io_must_read(ENDS, data, BYTES, 0, "a file");
}

static void inner_write(const struct test_case *test)
{
	io_must_write(TAKES_NOTHING, PATTERN, BYTES, 0, "a file");
}

static void inner_error(const struct test_case *test)
{
	io_must_read(BREAKS, stored, BYTES, 0, "a file");
}

static void inner_call(const struct test_case *test)
{
	io_must_transfer("sendmsg", transfer_part(TAKES_NOTHING, 1, 0), 1);
}

static const struct test_case inner_table[] = {
	{ .name = "read", .run = inner_read },
	{ .name = "write", .run = inner_write },
	{ .name = "error", .run = inner_error },
	{ .name = "call", .run = inner_call },
};

/* A failure names the count, or the error of that very call. */
static void test_message(const struct test_case *test)
{
	static const char *const texts[] = {
		"a file: expected to read 8 bytes, got 2",
		"a file: expected to write 8 bytes, got 0",
		"cannot read a file: EIO",
		"sendmsg: expected 1 bytes, got 0",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *const arguments[] = { "--case", inner_table[i].name,
						  NULL };
		struct inner inner;

		inner_run(&inner, arguments, NULL);
		inner_expect_code(&inner, 1);
		CHECK(strstr(inner.out, texts[i]), "expected '%s' in:\n%s",
		      texts[i], inner.out);
		CHECK(!strstr(inner.out, "EAGAIN"), "a stale errno in:\n%s",
		      inner.out);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "parts", .run = test_parts },
		{ .name = "short", .run = test_short },
		{ .name = "pipe", .run = test_pipe },
		{ .name = "page_idle", .run = test_page_idle },
		{ .name = "message", .run = test_message },
	};
	static const struct program program = {
		.name = "io_test",
		.summary = "reads and writes that transfer a part",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};
	static const struct program inner = {
		.name = "inner",
		.summary = "what io_test runs",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
