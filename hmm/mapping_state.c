// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places that every machine has: anonymous and file memory, small and huge
 * pages, and addresses without memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/backing.h"
#include "hmm_device.h"
#include "mapping_state.h"
#include "core/io.h"
#include "core/report.h"

#define FEW 8

unsigned char *mapping_state_reserve(const struct mapping_state *state,
				     u64 size)
{
	u64 whole = size + 2 * state->huge;
	unsigned char *map = mmap(NULL, whole, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				  -1, 0);

	CHECK(map != MAP_FAILED, "cannot reserve %llu bytes of addresses: %s",
	      whole, errno_name(errno));
	return (unsigned char *)(((uintptr_t)map + state->huge) &
				 ~(state->huge - 1));
}

void mapping_state_map(void *address, u64 size, int protection, int flags,
		       int fd)
{
	void *map = mmap(address, size, protection, flags | MAP_FIXED, fd, 0);

	CHECK(map == address, "cannot map %llu bytes at %p: %s", size, address,
	      errno_name(errno));
}

void mapping_state_advise(void *address, u64 size, int advice, const char *name)
{
	CHECK(!madvise(address, size, advice), "madvise(%s) failed: %s", name,
	      errno_name(errno));
}

static void map_small(struct mapping_state *state, u64 pages, int protection,
		      int flags, int fd)
{
	state->start = mapping_state_reserve(state, state->huge);
	state->pages = pages;
	mapping_state_map(state->start, pages * state->page, protection, flags,
			  fd);
	mapping_state_advise(state->start, pages * state->page, MADV_NOHUGEPAGE,
			     "MADV_NOHUGEPAGE");
}

void mapping_state_anonymous(struct mapping_state *state, u64 pages)
{
	map_small(state, pages, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

void mapping_state_write(struct mapping_state *state, u64 first, u64 count)
{
	for (; count--; first++)
		*(volatile u64 *)(state->start + first * state->page) = first +
									1;
}

void mapping_state_read(struct mapping_state *state, u64 first, u64 count)
{
	for (; count--; first++)
		(void)*(volatile u64 *)(state->start + first * state->page);
}

static void protect(struct mapping_state *state, int protection)
{
	CHECK(!mprotect(state->start, state->pages * state->page, protection),
	      "mprotect failed: %s", errno_name(errno));
}

/* ---- addresses without memory ---- */

static void no_vma(struct mapping_state *state)
{
	state->start = mapping_state_reserve(state, state->huge);
	state->pages = FEW;
	CHECK(!munmap(state->start, FEW * state->page), "munmap failed: %s",
	      errno_name(errno));
}

/* No process of any architecture has memory there. */
static void above_all(struct mapping_state *state)
{
	state->start = (unsigned char *)(1ULL << 60);
	state->pages = FEW;
	state->no_pagemap = true;
}

static void protected_none(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	protect(state, PROT_NONE);
}

static void write_only(struct mapping_state *state)
{
	map_small(state, FEW, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	mapping_state_write(state, 0, FEW);
}

/* ---- anonymous memory, small pages ---- */

static void hole_pmd(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW);
}

/* The page behind those that are walked makes the kernel have a page table. */
static void hole_pte(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW + 1);
	mapping_state_write(state, FEW, 1);
	state->pages = FEW;
}

static void read_only_hole(struct mapping_state *state)
{
	hole_pte(state);
	protect(state, PROT_READ);
}

static void read_only(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	protect(state, PROT_READ);
}

static void zero_page(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW);
	mapping_state_read(state, 0, FEW);
}

static void written(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
}

static void one_page(struct mapping_state *state)
{
	written(state);
	state->start += 3 * state->page;
	state->pages = 1;
}

void mapping_state_share(void)
{
	pid_t child = fork();

	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	while (!child)
		pause();
}

static void after_fork(struct mapping_state *state)
{
	written(state);
	mapping_state_share();
}

static void locked(struct mapping_state *state)
{
	mapping_state_anonymous(state, FEW);
	CHECK(!mlock(state->start, FEW * state->page), "mlock failed: %s",
	      errno_name(errno));
}

/* Two written pages, nothing for two pages, two read-only pages. */
static void across_vmas(struct mapping_state *state)
{
	written(state);
	CHECK(!munmap(state->start + 2 * state->page, 2 * state->page) &&
		      !mprotect(state->start + 4 * state->page, 2 * state->page,
				PROT_READ),
	      "cannot make three mappings of one: %s", errno_name(errno));
	state->pages = 6;
}

static void ends_in_nothing(struct mapping_state *state)
{
	across_vmas(state);
	state->pages = 4;
}

/* Nothing populated. */
static void gigabyte(struct mapping_state *state)
{
	state->start = mapping_state_reserve(state, 1ULL << 30);
	state->pages = (1ULL << 30) / state->page;
	mapping_state_map(state->start, 1ULL << 30, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* ---- files ---- */

/* A file with a page of text for each page; the mapping has none yet. */
static void map_file(struct mapping_state *state, int flags)
{
	int fd = memfd_create("secmmu-place", MFD_CLOEXEC);
	u64 i;

	CHECK(fd >= 0, "memfd_create failed: %s", errno_name(errno));
	for (i = 0; i < FEW; i++)
		io_must_write(fd, &i, sizeof(i), (off_t)(i * state->page),
			      "a memfd");
	CHECK(!ftruncate(fd, (off_t)(FEW * state->page)),
	      "cannot size a memfd: %s", errno_name(errno));
	map_small(state, FEW, PROT_READ | PROT_WRITE, flags, fd);
	close(fd);
}

static void private_file(struct mapping_state *state)
{
	map_file(state, MAP_PRIVATE);
}

static void private_file_read(struct mapping_state *state)
{
	map_file(state, MAP_PRIVATE);
	mapping_state_read(state, 0, FEW);
}

static void private_file_written(struct mapping_state *state)
{
	map_file(state, MAP_PRIVATE);
	mapping_state_write(state, 0, FEW);
}

static void shared_file(struct mapping_state *state)
{
	map_file(state, MAP_SHARED);
}

static void shared_file_read_only(struct mapping_state *state)
{
	map_file(state, MAP_SHARED);
	protect(state, PROT_READ);
}

static void shmem_hole(struct mapping_state *state)
{
	map_small(state, FEW, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1);
}

static void shmem_clean(struct mapping_state *state)
{
	shmem_hole(state);
	mapping_state_read(state, 0, FEW);
}

static void shmem_dirty(struct mapping_state *state)
{
	shmem_hole(state);
	mapping_state_write(state, 0, FEW);
}

/* ---- huge pages ---- */

static void map_huge(struct mapping_state *state, u64 count, bool populate)
{
	struct backing backing;
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS_THP,
		.size = count * state->huge,
		.flags = populate ? BACKING_POPULATE : 0,
	};

	backing_create(&backing, &request);
	if (populate && backing_host_huge_bytes(&backing) < request.size)
		skip("free memory in huge pieces",
		     "give the target more memory, or stop other programs");
	state->start = backing.hva;
	state->pages = count * state->huge / state->page;
}

static void thp(struct mapping_state *state)
{
	map_huge(state, 1, true);
}

static void thp_part(struct mapping_state *state)
{
	map_huge(state, 1, true);
	state->start += 100 * state->page;
	state->pages = 40;
}

static void thp_seam(struct mapping_state *state)
{
	map_huge(state, 2, true);
	state->start += state->huge - 4 * state->page;
	state->pages = 8;
}

/* The last two pages of a huge page, and two that are not there. */
static void thp_then_hole(struct mapping_state *state)
{
	map_huge(state, 1, true);
	state->start += state->huge - 2 * state->page;
	state->pages = 4;
	/* What backing_create() keeps free behind it. */
	mapping_state_map(state->start + 2 * state->page, 2 * state->page,
			  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1);
	mapping_state_advise(state->start + 2 * state->page, 2 * state->page,
			     MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE");
}

static void thp_after_fork(struct mapping_state *state)
{
	thp(state);
	mapping_state_share();
}

/* Part of it is gone, so page table entries map what is left. */
static void thp_by_ptes(struct mapping_state *state)
{
	thp(state);
	state->pages -= 8;
	mapping_state_advise(state->start + state->pages * state->page,
			     state->page, MADV_DONTNEED, "MADV_DONTNEED");
}

static void huge_zero_page(struct mapping_state *state)
{
	map_huge(state, 1, false);
	mapping_state_read(state, 0, 1);
}

static void map_hugetlb(struct mapping_state *state, enum backing_kind kind,
			u64 count)
{
	struct backing backing;
	struct backing_request request = { .kind = kind };

	request.size = count *
		       (kind == BACKING_HUGETLB_1G ? 1ULL << 30 : 2ULL << 20);
	/* All in one table of the level that maps them. */
	request.alignment = request.size;
	backing_create(&backing, &request);
	state->start = backing.hva;
	state->huge = request.size / count;
	state->pages = state->huge / state->page;
}

static void hugetlb(struct mapping_state *state)
{
	map_hugetlb(state, BACKING_HUGETLB_2M, 1);
	mapping_state_write(state, 0, 1);
}

static void hugetlb_middle(struct mapping_state *state)
{
	hugetlb(state);
	state->start += state->pages / 2 * state->page;
	state->pages = FEW;
}

static void hugetlb_end(struct mapping_state *state)
{
	hugetlb(state);
	state->start += (state->pages - FEW) * state->page;
	state->pages = FEW;
}

/* With a neighbour, so that the kernel has a table with an empty entry. */
static void hugetlb_hole(struct mapping_state *state)
{
	map_hugetlb(state, BACKING_HUGETLB_2M, 2);
	mapping_state_write(state, 0, 1);
	state->start += state->pages * state->page;
	state->pages = FEW;
}

static void part_of_gigabyte(struct mapping_state *state, u64 first)
{
	map_hugetlb(state, BACKING_HUGETLB_1G, 1);
	mapping_state_write(state, 0, 1);
	state->start += first * state->page;
	state->pages = FEW;
}

static void hugetlb_gigabyte(struct mapping_state *state)
{
	part_of_gigabyte(state, 0);
}

static void hugetlb_gigabyte_middle(struct mapping_state *state)
{
	part_of_gigabyte(state, (512ULL << 20) / state->page - FEW / 2);
}

static void hugetlb_gigabyte_offset(struct mapping_state *state)
{
	part_of_gigabyte(state, 12345);
}

const struct mapping_state_kind mapping_state_kinds[] = {
	{ .name = "no_vma", .prepare = no_vma },
	{ .name = "above_all", .prepare = above_all },
	{ .name = "protected_none", .prepare = protected_none },
	{ .name = "write_only", .prepare = write_only },
	{ .name = "hole_pmd", .prepare = hole_pmd },
	{ .name = "hole_pte", .prepare = hole_pte },
	{ .name = "read_only_hole", .prepare = read_only_hole },
	{ .name = "read_only", .prepare = read_only },
	{ .name = "zero_page", .prepare = zero_page },
	{ .name = "written", .prepare = written },
	{ .name = "one_page", .prepare = one_page },
	{ .name = "after_fork", .prepare = after_fork },
	{ .name = "locked", .prepare = locked },
	{ .name = "across_vmas", .prepare = across_vmas },
	{ .name = "ends_in_nothing", .prepare = ends_in_nothing },
	{ .name = "gigabyte", .prepare = gigabyte },
	{ .name = "private_file", .prepare = private_file },
	{ .name = "private_file_read", .prepare = private_file_read },
	{ .name = "private_file_written", .prepare = private_file_written },
	{ .name = "shared_file", .prepare = shared_file },
	{ .name = "shared_file_read_only", .prepare = shared_file_read_only },
	{ .name = "shmem_hole", .prepare = shmem_hole },
	{ .name = "shmem_clean", .prepare = shmem_clean },
	{ .name = "shmem_dirty", .prepare = shmem_dirty },
	{ .name = "thp", .prepare = thp },
	{ .name = "thp_part", .prepare = thp_part },
	{ .name = "thp_seam", .prepare = thp_seam },
	{ .name = "thp_then_hole", .prepare = thp_then_hole },
	{ .name = "thp_after_fork", .prepare = thp_after_fork },
	{ .name = "thp_by_ptes", .prepare = thp_by_ptes },
	{ .name = "huge_zero_page", .prepare = huge_zero_page },
	{ .name = "hugetlb", .prepare = hugetlb },
	{ .name = "hugetlb_middle", .prepare = hugetlb_middle },
	{ .name = "hugetlb_end", .prepare = hugetlb_end },
	{ .name = "hugetlb_hole", .prepare = hugetlb_hole },
	{ .name = "hugetlb_gigabyte", .prepare = hugetlb_gigabyte },
	{ .name = "hugetlb_gigabyte_middle",
	  .prepare = hugetlb_gigabyte_middle },
	{ .name = "hugetlb_gigabyte_offset",
	  .prepare = hugetlb_gigabyte_offset },
};
const size_t mapping_state_kind_count = ARRAY_SIZE(mapping_state_kinds);

static const struct mapping_state_kind *
find_kind(const struct mapping_state_kind *kinds, size_t count,
	  const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

const struct mapping_state_kind *mapping_state_kind_of(const char *name)
{
	const struct mapping_state_kind *kind;

	kind = find_kind(mapping_state_kinds, mapping_state_kind_count, name);
	if (!kind)
		kind = find_kind(mapping_state_special_kinds,
				 mapping_state_special_kind_count, name);
	if (!kind)
		kind = find_kind(mapping_state_memory_kinds,
				 mapping_state_memory_kind_count, name);
	if (!kind)
		kind = find_kind(mapping_state_daemon_kinds,
				 mapping_state_daemon_kind_count, name);
	if (!kind)
		fail("the table of expectations names a place that there is not: %s",
		     name);
	return kind;
}

void mapping_state_prepare(struct mapping_state *state,
			   const struct mapping_state_kind *kind)
{
	*state = (struct mapping_state){
		.device = hmm_open(),
		.walker = gettid(),
		.page = (u64)getpagesize(),
		.huge = backing_thp_size(),
	};
	/* Its hinting faults would be invalidations. */
	backing_keep_mapped();
	if (kind->prepare)
		kind->prepare(state);
}
