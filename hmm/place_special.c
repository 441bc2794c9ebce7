// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places that need something of the machine: swap space, userfaultfd, the
 * suite's own device, memory that is called broken.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "devdax.h"
#include "hang.h"
#include "hmm_device.h"
#include "pagemap.h"
#include "place.h"
#include "report.h"
#include "swap.h"
#include "uffd.h"
#include "worker.h"

#define FEW 8

/* The same number on all architectures. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static void map_device(struct place *place, enum secmmu_hmm_map kind)
{
	place->start = place_reserve(place, place->huge);
	place->pages = FEW;
	hmm_map(place->device, kind, FEW, place->start);
}

static void device_pages(struct place *place)
{
	map_device(place, SECMMU_HMM_MAP_FAULTED);
}

static void device_pages_read(struct place *place)
{
	device_pages(place);
	place_read(place, 0, FEW);
}

static void device_pfns(struct place *place)
{
	map_device(place, SECMMU_HMM_MAP_PFNS);
}

static void device_mixed(struct place *place)
{
	map_device(place, SECMMU_HMM_MAP_MIXED);
}

static void swapped(struct place *place)
{
	struct pagemap *pagemap = pagemap_open();
	struct deadline deadline = deadline_in_ms(10000);
	u64 i;

	swap_need();
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	for (i = 0; i < FEW;) {
		place_advise(place->start, FEW * place->page, MADV_PAGEOUT,
			     "MADV_PAGEOUT");
		while (i < FEW &&
		       pagemap_is_swapped(pagemap,
					  place->start + i * place->page))
			i++;
		CHECK(i == FEW || !deadline_passed(deadline),
		      "MADV_PAGEOUT swaps nothing out for 10 s");
	}
	pagemap_close(pagemap);
}

static void uffd_missing(struct place *place)
{
	int fd = uffd_open();

	place_anonymous(place, FEW);
	uffd_register(fd, place->start, FEW * place->page, UFFD_MISSING);
}

static void uffd_write_protected(struct place *place)
{
	int fd = uffd_open();

	place_anonymous(place, FEW);
	uffd_register(fd, place->start, FEW * place->page, UFFD_WRITE_PROTECT);
	place_write(place, 0, FEW);
	uffd_protect(fd, place->start, FEW * place->page);
}

/* Pages of shmem that are not there yet, and to be write-protected when they are. */
static void uffd_marker(struct place *place)
{
	int fd = uffd_open();

	place->start = place_reserve(place, place->huge);
	place->pages = FEW;
	place_map(place->start, FEW * place->page, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1);
	uffd_register(fd, place->start, FEW * place->page, UFFD_WRITE_PROTECT);
	uffd_protect(fd, place->start, FEW * place->page);
}

/* The last but one of every four cannot be had, the others were written. */
static void guarded(struct place *place)
{
	u64 i;

	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	for (i = 3; i < FEW; i += 4)
		/* madvise_behavior_valid(): EINVAL if it is not known. */
		if (madvise(place->start + i * place->page, place->page,
			    MADV_GUARD_INSTALL)) {
			CHECK(errno == EINVAL, "MADV_GUARD_INSTALL failed: %s",
			      errno_name(errno));
			skip("MADV_GUARD_INSTALL (Linux 6.13)",
			     "run it on a newer target kernel");
		}
}

/* Who calls memory broken is told that his is. */
static void ignore(int signal)
{
}

static void poisoned(struct place *place)
{
	struct sigaction action = { .sa_handler = ignore };
	u64 i;

	CHECK(!sigaction(SIGBUS, &action, NULL), "sigaction failed: %s",
	      errno_name(errno));
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	for (i = 3; i < FEW; i += 4)
		if (madvise(place->start + i * place->page, place->page,
			    MADV_HWPOISON)) {
			CHECK(errno == EINVAL, "MADV_HWPOISON failed: %s",
			      errno_name(errno));
			skip("CONFIG_MEMORY_FAILURE=y",
			     "run it on a kernel built with this option");
		}
}

static void secret(struct place *place)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		skip("memfd_secret()",
		     "boot a kernel that has CONFIG_SECRETMEM=y with secretmem.enable=1");
	CHECK(fd >= 0, "memfd_secret failed: %s", errno_name(errno));
	CHECK(!ftruncate(fd, (off_t)(FEW * place->page)),
	      "cannot size secret memory: %s", errno_name(errno));
	place->start = place_reserve(place, place->huge);
	place->pages = FEW;
	place_map(place->start, FEW * place->page, PROT_READ | PROT_WRITE,
		  MAP_SHARED, fd);
	close(fd);
	place_write(place, 0, FEW);
}

/* In the midst of a gigabyte of DAX, which is one entry of the page table. */
static void map_dax(struct place *place, int protection)
{
	u64 frame;
	int fd = devdax_open(&frame);

	place->huge = DEVDAX_PAGE;
	place->start = place_reserve(place, DEVDAX_PAGE);
	place_map(place->start, DEVDAX_PAGE, protection, MAP_SHARED, fd);
	close(fd);
	place->start += 12345 * place->page;
	place->frame = frame + 12345;
	place->pages = FEW;
}

static void dax_hole(struct place *place)
{
	map_dax(place, PROT_READ | PROT_WRITE);
}

static void dax_written(struct place *place)
{
	dax_hole(place);
	place_write(place, 0, 1);
}

static void dax_read_only(struct place *place)
{
	map_dax(place, PROT_READ);
	place_read(place, 0, 1);
}

/* ---- under migration, for as long as the device waits ---- */

static void hold_migration(struct worker *worker, void *argument)
{
	struct place *place = argument;
	struct secmmu_hmm_range range = {
		.start = (uintptr_t)place->start,
		.end = (uintptr_t)place->start + place->pages * place->page,
		.flags = place->pages > FEW ? SECMMU_HMM_WHOLE : 0,
	};
	int error;

	worker_doing(worker, "holding migration entries");
	error = __hmm_call(place->device, SECMMU_HMM_HOLD_MIGRATION, &range);
	CHECK(!error, "SECMMU_HMM_HOLD_MIGRATION failed: %s",
	      errno_name(error));
	CHECK(range.pages == place->pages,
	      "only %u of %llu pages could be migrated", range.pages,
	      place->pages);
}

static void hold(struct place *place)
{
	hmm_arm(place->device, SECMMU_HMM_AT_MIGRATION);
	place->helper = worker_group_new("migration");
	worker_group_silence_ms(place->helper, 0);
	worker_add(place->helper, "holder", hold_migration, place);
	worker_group_start(place->helper);
	hmm_await(place->device, SECMMU_HMM_AT_MIGRATION);
	/* What the kernel has in place of a page, until the end of it. */
	place->no_pagemap = true;
}

static void migrating(struct place *place)
{
	if (!(hmm_features(place->device) & SECMMU_HMM_HAS_MIGRATION))
		skip("CONFIG_DEVICE_MIGRATION=y",
		     "run it on a kernel built with this option");
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	hold(place);
}

static void thp_migrating(struct place *place)
{
	if (!(hmm_features(place->device) & SECMMU_HMM_HAS_WHOLE))
		skip("migrate_vma_setup() of huge pages (Linux 6.19)",
		     "run it on a newer target kernel");
	place_kind_of("thp")->prepare(place);
	hold(place);
}

/* Once the walk waits for the migration's end: then it may end. */
static void let_migration_go(struct place *place)
{
	/*
	 * migration_entry_wait(), or for a huge page what
	 * pmd_migration_entry_wait() ends in: softleaf_entry_wait_on_locked(),
	 * migration_entry_wait_on_locked() before 7.0.
	 */
	hang_await(place->walker, "entry_wait", 5000);
	hmm_release(place->device, SECMMU_HMM_AT_MIGRATION);
}

const struct place_kind place_special_kinds[] = {
	{ .name = "device_pages", .prepare = device_pages },
	{ .name = "device_pages_read", .prepare = device_pages_read },
	{ .name = "device_pfns", .prepare = device_pfns },
	{ .name = "device_mixed", .prepare = device_mixed },
	{ .name = "swapped", .prepare = swapped },
	{ .name = "uffd_missing", .prepare = uffd_missing },
	{ .name = "uffd_write_protected", .prepare = uffd_write_protected },
	{ .name = "uffd_marker", .prepare = uffd_marker },
	{ .name = "guarded", .prepare = guarded },
	{ .name = "poisoned", .prepare = poisoned },
	{ .name = "secret", .prepare = secret },
	{ .name = "dax_hole", .prepare = dax_hole },
	{ .name = "dax_written", .prepare = dax_written },
	{ .name = "dax_read_only", .prepare = dax_read_only },
	{ .name = "thp_migrating",
	  .prepare = thp_migrating,
	  .let_go = let_migration_go },
	{ .name = "migrating",
	  .prepare = migrating,
	  .let_go = let_migration_go },
};
const size_t place_special_kind_count = ARRAY_SIZE(place_special_kinds);
