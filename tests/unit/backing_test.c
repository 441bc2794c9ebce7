// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of every kind: where it is, what it is made of, that nothing is left,
 * and what is said where a machine does not have it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/backing.h"
#include "core/cases.h"
#include "inner.h"

#define MIB (1ULL << 20)

static u64 page_size(void)
{
	return (u64)sysconf(_SC_PAGESIZE);
}

static unsigned int open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	CHECK(folder, "/proc/self/fd: %s", errno_name(errno));
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* How many bytes of the address range are mapped, and are files named. */
static void look_at_map(const void *from, u64 size, u64 *mapped, bool *named)
{
	u64 begin = (u64)(uintptr_t)from, end = begin + size;
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];

	CHECK(file, "/proc/self/maps: %s", errno_name(errno));
	*mapped = 0;
	*named = false;
	while (fgets(line, sizeof(line), file)) {
		unsigned long long a, b;

		CHECK(sscanf(line, "%llx-%llx", &a, &b) == 2, "a line of maps");
		a = a > begin ? a : begin;
		b = b < end ? b : end;
		if (a >= b)
			continue;
		*mapped += b - a;
		if (strchr(line, '/') && !strstr(line, "(deleted)") &&
		    !strstr(line, "anon_hugepage"))
			*named = true;
	}
	fclose(file);
}

static enum backing_kind kind_of(const struct test_case *test)
{
	return (enum backing_kind)test->number[0];
}

/* Memory of the case's kind; guest_memfd has a memfd in its place. */
static void create(struct backing *backing, const struct test_case *test,
		   u64 size, u64 alignment, u64 misalignment)
{
	struct backing_request request = {
		.kind = kind_of(test),
		.size = size,
		.alignment = alignment,
		.misalignment = misalignment,
		.fd = -1,
	};

	if (request.size < backing_page_size(request.kind))
		request.size = backing_page_size(request.kind);
	if (request.kind == BACKING_GUEST_MEMFD) {
		request.fd = memfd_create("guest", MFD_CLOEXEC);
		request.fd_size = size + misalignment;
		CHECK(request.fd >= 0 &&
			      !ftruncate(request.fd, (off_t)request.fd_size),
		      "memfd: %s", errno_name(errno));
	}
	backing_create(backing, &request);
}

static void whole_life(const struct test_case *test)
{
	unsigned int files = open_files();
	u64 mapped, before, at;
	struct backing backing;
	void *reserved;
	bool named;

	create(&backing, test, 6 * MIB, 0, 0);
	CHECK(backing.size >= 6 * MIB && backing.size % backing.page_size == 0,
	      "%llu bytes in pages of %llu", backing.size, backing.page_size);
	CHECK((uintptr_t)backing.hva % backing.page_size == 0,
	      "memory at %p in pages of %llu", backing.hva, backing.page_size);
	CHECK(backing.huge == (backing.page_size != page_size()),
	      "huge is %d, but pages are of %llu", backing.huge,
	      backing.page_size);

	/* Fresh memory is zero, keeps what is written, all of it. */
	for (at = 0; at < backing.size; at += page_size()) {
		u64 *word = (u64 *)((char *)backing.hva + at);

		CHECK(!*word, "fresh memory has 0x%llx at 0x%llx", *word, at);
		*word = at + 1;
	}
	backing_populate(&backing);
	for (at = 0; at < backing.size; at += page_size())
		CHECK(*(u64 *)((char *)backing.hva + at) == at + 1,
		      "memory at 0x%llx has changed", at);

	look_at_map(backing.hva, backing.size, &mapped, &named);
	CHECK(mapped == backing.size, "%llu of %llu bytes are mapped", mapped,
	      backing.size);
	CHECK(!named, "the file has a name that could be left behind");

	reserved = backing.reserved;
	before = backing.reserved_size;
	if (kind_of(test) == BACKING_GUEST_MEMFD)
		files++; /* stays ours */
	backing_destroy(&backing);
	look_at_map(reserved, before, &mapped, &named);
	CHECK(!mapped, "%llu bytes stay mapped", mapped);
	CHECK(open_files() == files, "%u files are open instead of %u",
	      open_files(), files);
	CHECK(!backing.hva && backing.fd == -1, "something is left in it");
}

static void alignment(const struct test_case *test)
{
	static const struct {
		u64 alignment, misalignment;
	} wishes[] = {
		{ 2 * MIB, 0 },	       { 2 * MIB, 4096 * 16 }, { 64 * MIB, 0 },
		{ 64 * MIB, 2 * MIB }, { 1024 * MIB, 65536 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		struct backing backing;

		create(&backing, test, 2 * MIB, wishes[i].alignment,
		       wishes[i].misalignment);
		CHECK((uintptr_t)backing.hva % wishes[i].alignment ==
			      wishes[i].misalignment,
		      "memory at %p instead of 0x%llx behind 0x%llx",
		      backing.hva, wishes[i].misalignment, wishes[i].alignment);
		CHECK((u64)backing.offset == wishes[i].misalignment,
		      "offset 0x%lx in the file", backing.offset);
		/* Its first and last byte are there. */
		((volatile char *)backing.hva)[0] = 1;
		((volatile char *)backing.hva)[backing.size - 1] = 1;
		if (backing.fd >= 0 && kind_of(test) == BACKING_MEMFD) {
			char byte = 0;

			CHECK(pread(backing.fd, &byte, 1, backing.offset) ==
					      1 &&
				      byte == 1,
			      "the file has another byte at the offset");
		}
		backing_destroy(&backing);
	}
}

/*
 * Whether the host maps it huge is told right: never for the small kinds,
 * always for hugetlb; THP only if there are free huge pages, so it is enough
 * that both answers agree with the kind.
 */
static void huge_in_host(const struct test_case *test)
{
	struct backing backing;
	u64 huge;

	create(&backing, test, 8 * MIB, 0, 0);
	huge = backing_host_huge_bytes(&backing);
	CHECK(!huge, "untouched memory has %llu bytes mapped huge", huge);
	backing_populate(&backing);
	huge = backing_host_huge_bytes(&backing);
	report_info("%llu of %llu KiB are mapped huge", huge >> 10,
		    backing.size >> 10);
	if (!backing.huge)
		CHECK(!huge, "%llu bytes of a small kind are mapped huge",
		      huge);
	else if (kind_of(test) == BACKING_ANONYMOUS_THP ||
		 kind_of(test) == BACKING_SHMEM_THP)
		CHECK(huge <= backing.size,
		      "more is mapped huge than is there");
	else
		CHECK(huge == backing.size, "only %llu bytes are mapped huge",
		      huge);

	/* Broken up by hand: the answer must follow. */
	if (kind_of(test) == BACKING_ANONYMOUS_THP && huge == backing.size) {
		CHECK(!mprotect((char *)backing.hva + 4 * MIB, page_size(),
				PROT_READ),
		      "mprotect: %s", errno_name(errno));
		CHECK(backing_host_huge_bytes(&backing) ==
			      huge - backing.page_size,
		      "a huge page was broken, but %llu of %llu bytes are mapped huge",
		      backing_host_huge_bytes(&backing), huge);
	}
	backing_destroy(&backing);
}

/* Two of a kind side by side: what is said of one is not of the other. */
static void neighbours(const struct test_case *test)
{
	struct backing one, other;

	create(&one, test, 4 * MIB, 0, 0);
	create(&other, test, 4 * MIB, 0, 0);
	backing_populate(&one);
	CHECK(!backing_host_huge_bytes(&other),
	      "huge pages of one memory count for its neighbour");
	memset(one.hva, 1, one.size);
	CHECK(!*(char *)other.hva && !((char *)other.hva)[other.size - 1],
	      "a store to one memory is seen in the other");
	backing_destroy(&one);
	memset(other.hva, 2, other.size);
	backing_destroy(&other);
}

static void discard(const struct test_case *test)
{
	struct backing backing;
	u64 half;
	int error;

	create(&backing, test, 4 * MIB, 0, 0);
	half = backing.size / 2 / backing.page_size * backing.page_size;
	memset(backing.hva, 0x55, backing.size);
	error = backing_discard(&backing, half, backing.size - half);
	CHECK(!error, "discard: %s", errno_name(error));
	CHECK(!((char *)backing.hva)[half] &&
		      !((char *)backing.hva)[backing.size - 1],
	      "discarded memory keeps its contents");
	CHECK(!half || ((char *)backing.hva)[half - 1] == 0x55,
	      "memory before what was discarded has changed");
	backing_destroy(&backing);
}

static void nodes(const struct test_case *test)
{
	struct backing backing;
	unsigned int node, count = backing_nodes();

	create(&backing, test, 4 * MIB, 0, 0);
	CHECK(count, "there are no nodes");
	if (backing_bind(&backing, 0) == -ENOSYS) {
		CHECK(count == 1, "%u nodes without NUMA", count);
		CHECK(backing_interleave(&backing) == -ENOSYS &&
			      backing_move(&backing, 0) == -ENOSYS &&
			      backing_node_of(&backing, 0) == -ENOSYS,
		      "some calls work without NUMA");
		return;
	}
	CHECK(backing_bind(&backing, count) == -EINVAL,
	      "a node that is not there is taken");
	CHECK(backing_node_of(&backing, 0) == -ENOENT,
	      "memory without a page is on node %d",
	      backing_node_of(&backing, 0));
	CHECK(!backing_interleave(&backing), "cannot interleave");
	for (node = 0; node < count; node++) {
		int error = backing_bind(&backing, node);

		CHECK(!error, "cannot bind to node %u: %s", node,
		      errno_name(error));
		backing_populate(&backing);
		error = backing_move(&backing, node);
		CHECK(!error, "cannot move to node %u: %s", node,
		      errno_name(error));
		CHECK(backing_node_of(&backing, 0) == (int)node &&
			      backing_node_of(&backing, backing.size - 1) ==
				      (int)node,
		      "moved to node %u, but is on %d", node,
		      backing_node_of(&backing, 0));
	}
	backing_destroy(&backing);
}

static void names(const struct test_case *test)
{
	enum backing_kind kind;
	unsigned int i;

	for (i = 0; i < BACKING_KINDS; i++) {
		const char *name = backing_name((enum backing_kind)i);

		if (!backing_exists((enum backing_kind)i))
			CHECK(!backing_from_name(name, &kind),
			      "%s is found, but no machine like this has it",
			      name);
		else
			CHECK(backing_from_name(name, &kind) &&
				      kind == (enum backing_kind)i,
			      "%s is another kind", name);
	}
	CHECK(!backing_from_name("paper", &kind), "there is a kind 'paper'");
	CHECK(!backing_from_name("", &kind), "there is a kind ''");
}

/* More than any machine has: refused with a text that helps. */
static void shortages(const struct test_case *test)
{
	struct shortage shortage;

	CHECK(!backing_available(BACKING_HUGETLB_2M, 1ULL << 50, &shortage),
	      "there is a pebibyte of huge pages");
	if (strstr(shortage.what, "free")) {
		CHECK(strstr(shortage.what,
			     "536870912 free hugetlb pages of 2048 KiB (there are "),
		      "what is missing: %s", shortage.what);
		CHECK(strstr(shortage.remedy, "hugepages-2048kB/nr_hugepages"),
		      "the remedy: %s", shortage.remedy);
	} else {
		CHECK(strstr(shortage.what, "hugetlb pages of 2048 KiB"),
		      "what is missing: %s", shortage.what);
	}
	CHECK(!backing_available(BACKING_TMPFS_SHARED, 1ULL << 60, &shortage),
	      "there is a tmpfs with an exbibyte of room");
	CHECK(strstr(shortage.what, "tmpfs") &&
		      strstr(shortage.remedy, "mount"),
	      "needs %s: %s", shortage.what, shortage.remedy);
	CHECK(backing_available(BACKING_ANONYMOUS, MIB, NULL),
	      "there is no anonymous memory");
	CHECK(!backing_available(BACKING_MEMFD_HUGETLB, 1ULL << 50, NULL),
	      "there is a pebibyte of huge pages");
}

static void inner_wrong(const struct test_case *test)
{
	const struct backing_request *request = test->data;
	struct backing backing;

	backing_create(&backing, request);
}

static void inner_huge(const struct test_case *test)
{
	struct backing_request request = { .kind = BACKING_HUGETLB_2M,
					   .size = 1ULL << 45 };
	struct backing backing;

	backing_create(&backing, &request);
}

static const struct backing_request wrong[] = {
	{ .kind = BACKING_ANONYMOUS, .size = 100 },
	{ .kind = BACKING_ANONYMOUS, .size = 0 },
	{ .kind = BACKING_ANONYMOUS, .size = 65536, .alignment = 3 },
	{ .kind = BACKING_ANONYMOUS, .size = 65536, .misalignment = 5 },
	{ .kind = BACKING_KINDS, .size = 65536 },
	{ .kind = BACKING_GUEST_MEMFD, .size = 65536, .fd_size = 4096 },
};

static const struct test_case inner_table[] = {
	{ .name = "size", .run = inner_wrong, .data = &wrong[0] },
	{ .name = "nothing", .run = inner_wrong, .data = &wrong[1] },
	{ .name = "alignment", .run = inner_wrong, .data = &wrong[2] },
	{ .name = "misalignment", .run = inner_wrong, .data = &wrong[3] },
	{ .name = "kind", .run = inner_wrong, .data = &wrong[4] },
	{ .name = "file", .run = inner_wrong, .data = &wrong[5] },
	{ .name = "skipped", .run = inner_huge },
};

/* Wrong requests are failures of the test; shortages are skips. */
static void refusals(const struct test_case *test)
{
	struct inner inner;

	inner_run(&inner, NULL, NULL);
	inner_expect_code(&inner, 1);
	inner_expect(&inner, "pass:0 fail:6 xfail:0 xpass:0 skip:1");
	inner_expect(&inner,
		     "reason: a backing of 0x64 bytes is not a multiple");
	inner_expect(&inner,
		     "reason: a backing of 0x0 bytes is not a multiple");
	inner_expect(&inner,
		     "reason: an alignment of 0x3 bytes is not a power");
	inner_expect(&inner, "reason: a misalignment of 0x5 bytes is no");
	inner_expect(&inner, "reason: unknown kind of backing 15");
	inner_expect(&inner,
		     "reason: a guest_memfd of 0x1000 bytes is too small");
	inner_expect(&inner, "ok 7 skipped # SKIP needs ");
}

/* What is mapped while a part of the memory is away goes elsewhere. */
static void room(const struct test_case *test)
{
	static const u64 sizes[] = { 4096,    132 << 10, 1 << 20,
				     2 << 20, 8 << 20,	 64 << 20 };
	const struct backing_request request = { .size = 16 * MIB };
	struct backing backing;
	unsigned int i, round;
	unsigned char *hole;

	(void)test;
	backing_create(&backing, &request);
	hole = (unsigned char *)backing.hva + 4 * MIB;
	backing_leave_room();
	CHECK(!munmap(hole, 8 * MIB), "munmap: %s", errno_name(errno));
	for (round = 0; round < 4; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			unsigned char *got = mmap(NULL, sizes[i], PROT_NONE,
						  MAP_PRIVATE | MAP_ANONYMOUS |
							  MAP_NORESERVE,
						  -1, 0);

			CHECK(got != MAP_FAILED, "mmap: %s", errno_name(errno));
			CHECK(got + sizes[i] <= hole || got >= hole + 8 * MIB,
			      "%llu bytes were mapped into a hole in the memory",
			      sizes[i]);
		}
	}
	CHECK(backing_map_again(&backing, 4 * MIB, 8 * MIB) == 0,
	      "the part cannot be mapped again");
	backing_destroy(&backing);
}

struct body {
	const char *name;
	void (*run)(const struct test_case *test);
};

static size_t make_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct body bodies[] = {
		{ "whole_life", whole_life },	  { "alignment", alignment },
		{ "huge_in_host", huge_in_host }, { "neighbours", neighbours },
		{ "discard", discard },		  { "nodes", nodes },
	};
	static const struct test_case others[] = {
		{ .name = "names", .run = names },
		{ .name = "shortages", .run = shortages },
		{ .name = "refusals", .run = refusals },
		{ .name = "room", .run = room },
	};
	size_t count = 0, kind, body;

	for (kind = 0; kind < BACKING_KINDS; kind++) {
		if (!backing_exists((enum backing_kind)kind))
			continue;
		for (body = 0; body < ARRAY_SIZE(bodies); body++) {
			struct test_case *test = &cases[count++];

			snprintf(test->name, sizeof(test->name), "%s/%s",
				 bodies[body].name,
				 backing_name((enum backing_kind)kind));
			test->run = bodies[body].run;
			test->number[0] = kind;
		}
	}
	memcpy(cases + count, others, sizeof(others));
	return count + ARRAY_SIZE(others);
}

int main(int argc, char **argv)
{
	const struct program inner = {
		.name = "inner",
		.summary = "What backing_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "backing_test",
		.summary = "Unit test of lib/backing.h.",
		.cases = make_cases,
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
