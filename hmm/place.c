// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places that every machine has: anonymous and file memory, small and huge
 * pages, and addresses without memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backing.h"
#include "hmm_device.h"
#include "place.h"
#include "report.h"

#define FEW 8

unsigned char *place_reserve(const struct place *place, u64 size)
{
	u64 whole = size + 2 * place->huge;
	unsigned char *map = mmap(NULL, whole, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				  -1, 0);

	CHECK(map != MAP_FAILED, "cannot reserve %llu bytes of addresses: %s",
	      whole, errno_name(errno));
	return (unsigned char *)(((uintptr_t)map + place->huge) &
				 ~(place->huge - 1));
}

void place_map(void *address, u64 size, int protection, int flags, int fd)
{
	void *map = mmap(address, size, protection, flags | MAP_FIXED, fd, 0);

	CHECK(map == address, "cannot map %llu bytes at %p: %s", size, address,
	      errno_name(errno));
}

void place_advise(void *address, u64 size, int advice, const char *name)
{
	CHECK(!madvise(address, size, advice), "madvise(%s) failed: %s", name,
	      errno_name(errno));
}

static void map_small(struct place *place, u64 pages, int protection, int flags,
		      int fd)
{
	place->start = place_reserve(place, place->huge);
	place->pages = pages;
	place_map(place->start, pages * place->page, protection, flags, fd);
	place_advise(place->start, pages * place->page, MADV_NOHUGEPAGE,
		     "MADV_NOHUGEPAGE");
}

void place_anonymous(struct place *place, u64 pages)
{
	map_small(place, pages, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

void place_write(struct place *place, u64 first, u64 count)
{
	for (; count--; first++)
		*(volatile u64 *)(place->start + first * place->page) = first +
									1;
}

void place_read(struct place *place, u64 first, u64 count)
{
	for (; count--; first++)
		(void)*(volatile u64 *)(place->start + first * place->page);
}

static void protect(struct place *place, int protection)
{
	CHECK(!mprotect(place->start, place->pages * place->page, protection),
	      "mprotect failed: %s", errno_name(errno));
}

/* ---- addresses without memory ---- */

static void no_vma(struct place *place)
{
	place->start = place_reserve(place, place->huge);
	place->pages = FEW;
	CHECK(!munmap(place->start, FEW * place->page), "munmap failed: %s",
	      errno_name(errno));
}

/* No process of any architecture has memory there. */
static void above_all(struct place *place)
{
	place->start = (unsigned char *)(1ULL << 60);
	place->pages = FEW;
	place->no_pagemap = true;
}

static void protected_none(struct place *place)
{
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	protect(place, PROT_NONE);
}

static void write_only(struct place *place)
{
	map_small(place, FEW, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	place_write(place, 0, FEW);
}

/* ---- anonymous memory, small pages ---- */

static void hole_pmd(struct place *place)
{
	place_anonymous(place, FEW);
}

/* The page behind those that are walked makes the kernel have a page table. */
static void hole_pte(struct place *place)
{
	place_anonymous(place, FEW + 1);
	place_write(place, FEW, 1);
	place->pages = FEW;
}

static void read_only_hole(struct place *place)
{
	hole_pte(place);
	protect(place, PROT_READ);
}

static void read_only(struct place *place)
{
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	protect(place, PROT_READ);
}

static void zero_page(struct place *place)
{
	place_anonymous(place, FEW);
	place_read(place, 0, FEW);
}

static void written(struct place *place)
{
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
}

static void one_page(struct place *place)
{
	written(place);
	place->start += 3 * place->page;
	place->pages = 1;
}

void place_share(void)
{
	pid_t child = fork();

	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	while (!child)
		pause();
}

static void after_fork(struct place *place)
{
	written(place);
	place_share();
}

static void locked(struct place *place)
{
	place_anonymous(place, FEW);
	CHECK(!mlock(place->start, FEW * place->page), "mlock failed: %s",
	      errno_name(errno));
}

/* Two written pages, nothing for two pages, two read-only pages. */
static void across_vmas(struct place *place)
{
	written(place);
	CHECK(!munmap(place->start + 2 * place->page, 2 * place->page) &&
		      !mprotect(place->start + 4 * place->page, 2 * place->page,
				PROT_READ),
	      "cannot make three mappings of one: %s", errno_name(errno));
	place->pages = 6;
}

static void ends_in_nothing(struct place *place)
{
	across_vmas(place);
	place->pages = 4;
}

/* Nothing populated. */
static void gigabyte(struct place *place)
{
	place->start = place_reserve(place, 1ULL << 30);
	place->pages = (1ULL << 30) / place->page;
	place_map(place->start, 1ULL << 30, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* ---- files ---- */

/* A file with a page of text for each page; the mapping has none yet. */
static void map_file(struct place *place, int flags)
{
	int fd = memfd_create("secmmu-place", MFD_CLOEXEC);
	u64 i;

	CHECK(fd >= 0, "memfd_create failed: %s", errno_name(errno));
	for (i = 0; i < FEW; i++)
		CHECK(pwrite(fd, &i, sizeof(i), (off_t)(i * place->page)) ==
			      sizeof(i),
		      "cannot write to a memfd: %s", errno_name(errno));
	CHECK(!ftruncate(fd, (off_t)(FEW * place->page)),
	      "cannot size a memfd: %s", errno_name(errno));
	map_small(place, FEW, PROT_READ | PROT_WRITE, flags, fd);
	close(fd);
}

static void private_file(struct place *place)
{
	map_file(place, MAP_PRIVATE);
}

static void private_file_read(struct place *place)
{
	map_file(place, MAP_PRIVATE);
	place_read(place, 0, FEW);
}

static void private_file_written(struct place *place)
{
	map_file(place, MAP_PRIVATE);
	place_write(place, 0, FEW);
}

static void shared_file(struct place *place)
{
	map_file(place, MAP_SHARED);
}

static void shared_file_read_only(struct place *place)
{
	map_file(place, MAP_SHARED);
	protect(place, PROT_READ);
}

static void shmem_hole(struct place *place)
{
	map_small(place, FEW, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1);
}

static void shmem_clean(struct place *place)
{
	shmem_hole(place);
	place_read(place, 0, FEW);
}

static void shmem_dirty(struct place *place)
{
	shmem_hole(place);
	place_write(place, 0, FEW);
}

/* ---- huge pages ---- */

static void map_huge(struct place *place, u64 count, bool populate)
{
	struct backing backing;
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS_THP,
		.size = count * place->huge,
		.flags = populate ? BACKING_POPULATE : 0,
	};

	backing_create(&backing, &request);
	if (populate && backing_host_huge_bytes(&backing) < request.size)
		skip("free memory in huge pieces",
		     "give the target more memory, or stop other programs");
	place->start = backing.hva;
	place->pages = count * place->huge / place->page;
}

static void thp(struct place *place)
{
	map_huge(place, 1, true);
}

static void thp_part(struct place *place)
{
	map_huge(place, 1, true);
	place->start += 100 * place->page;
	place->pages = 40;
}

static void thp_seam(struct place *place)
{
	map_huge(place, 2, true);
	place->start += place->huge - 4 * place->page;
	place->pages = 8;
}

/* The last two pages of a huge page, and two that are not there. */
static void thp_then_hole(struct place *place)
{
	map_huge(place, 1, true);
	place->start += place->huge - 2 * place->page;
	place->pages = 4;
	/* What backing_create() keeps free behind it. */
	place_map(place->start + 2 * place->page, 2 * place->page,
		  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	place_advise(place->start + 2 * place->page, 2 * place->page,
		     MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE");
}

static void thp_after_fork(struct place *place)
{
	thp(place);
	place_share();
}

/* Part of it is gone, so page table entries map what is left. */
static void thp_by_ptes(struct place *place)
{
	thp(place);
	place->pages -= 8;
	place_advise(place->start + place->pages * place->page, place->page,
		     MADV_DONTNEED, "MADV_DONTNEED");
}

static void huge_zero_page(struct place *place)
{
	map_huge(place, 1, false);
	place_read(place, 0, 1);
}

static void map_hugetlb(struct place *place, enum backing_kind kind, u64 count)
{
	struct backing backing;
	struct backing_request request = { .kind = kind };

	request.size = count *
		       (kind == BACKING_HUGETLB_1G ? 1ULL << 30 : 2ULL << 20);
	/* All in one table of the level that maps them. */
	request.alignment = request.size;
	backing_create(&backing, &request);
	place->start = backing.hva;
	place->huge = request.size / count;
	place->pages = place->huge / place->page;
}

static void hugetlb(struct place *place)
{
	map_hugetlb(place, BACKING_HUGETLB_2M, 1);
	place_write(place, 0, 1);
}

static void hugetlb_middle(struct place *place)
{
	hugetlb(place);
	place->start += place->pages / 2 * place->page;
	place->pages = FEW;
}

static void hugetlb_end(struct place *place)
{
	hugetlb(place);
	place->start += (place->pages - FEW) * place->page;
	place->pages = FEW;
}

/* With a neighbour, so that the kernel has a table with an empty entry. */
static void hugetlb_hole(struct place *place)
{
	map_hugetlb(place, BACKING_HUGETLB_2M, 2);
	place_write(place, 0, 1);
	place->start += place->pages * place->page;
	place->pages = FEW;
}

static void part_of_gigabyte(struct place *place, u64 first)
{
	map_hugetlb(place, BACKING_HUGETLB_1G, 1);
	place_write(place, 0, 1);
	place->start += first * place->page;
	place->pages = FEW;
}

static void hugetlb_gigabyte(struct place *place)
{
	part_of_gigabyte(place, 0);
}

static void hugetlb_gigabyte_middle(struct place *place)
{
	part_of_gigabyte(place, (512ULL << 20) / place->page - FEW / 2);
}

static void hugetlb_gigabyte_offset(struct place *place)
{
	part_of_gigabyte(place, 12345);
}

const struct place_kind place_kinds[] = {
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
const size_t place_kind_count = ARRAY_SIZE(place_kinds);

static const struct place_kind *find_kind(const struct place_kind *kinds,
					  size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

const struct place_kind *place_kind_of(const char *name)
{
	const struct place_kind *kind;

	kind = find_kind(place_kinds, place_kind_count, name);
	if (!kind)
		kind = find_kind(place_special_kinds, place_special_kind_count,
				 name);
	if (!kind)
		kind = find_kind(place_memory_kinds, place_memory_kind_count,
				 name);
	if (!kind)
		kind = find_kind(place_daemon_kinds, place_daemon_kind_count,
				 name);
	if (!kind)
		fail("the table of expectations names a place that there is not: %s",
		     name);
	return kind;
}

void place_prepare(struct place *place, const struct place_kind *kind)
{
	*place = (struct place){
		.device = hmm_open(),
		.walker = gettid(),
		.page = (u64)getpagesize(),
		.huge = backing_thp_size(),
	};
	/* Its hinting faults would be invalidations. */
	backing_keep_mapped();
	if (kind->prepare)
		kind->prepare(place);
}
