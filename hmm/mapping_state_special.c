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

#include "core/clock.h"
#include "devdax.h"
#include "core/hang.h"
#include "hmm_device.h"
#include "mem/pagemap.h"
#include "mapping_state.h"
#include "core/report.h"
#include "mem/swap.h"
#include "mem/uffd.h"
#include "core/thread.h"

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

static void map_device(struct mapping_state *state, enum secmmu_hmm_map kind)
{
	state->start = mapping_state_reserve(state, state->huge);
	state->pages = FEW;
	hmm_map(state->device, kind, FEW, state->start);
}

static void device_pages(struct mapping_state *state)
{
	map_device(state, SECMMU_HMM_MAP_FAULTED);
}

static void device_pages_read(struct mapping_state *state)
{
	device_pages(state);
	mapping_state_read(state, 0, FEW);
}

static void device_pfns(struct mapping_state *state)
{
	map_device(state, SECMMU_HMM_MAP_PFNS);
}

static void device_mixed(struct mapping_state *state)
{
	map_device(state, SECMMU_HMM_MAP_MIXED);
}

static void swapped(struct mapping_state *state)
{
	struct pagemap *pagemap = pagemap_open();
	struct deadline deadline = deadline_in_ms(10000);
	u64 i;

	swap_need();
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	for (i = 0; i < FEW;) {
		mapping_state_advise(state->start, FEW * state->page,
				     MADV_PAGEOUT, "MADV_PAGEOUT");
		while (i < FEW &&
		       pagemap_is_swapped(pagemap,
					  state->start + i * state->page))
			i++;
		CHECK(i == FEW || !deadline_passed(deadline),
		      "MADV_PAGEOUT swaps nothing out for 10 s");
	}
	pagemap_close(pagemap);
}

static void uffd_missing(struct mapping_state *state)
{
	int fd = uffd_open();

	mapping_state_anonymous(state, FEW);
	uffd_register(fd, state->start, FEW * state->page, UFFD_MISSING);
}

static void uffd_write_protected(struct mapping_state *state)
{
	int fd = uffd_open();

	mapping_state_anonymous(state, FEW);
	uffd_register(fd, state->start, FEW * state->page, UFFD_WRITE_PROTECT);
	mapping_state_write(state, 0, FEW);
	uffd_protect(fd, state->start, FEW * state->page);
}

/* Pages of shmem that are not there yet, and to be write-protected when they are. */
static void uffd_marker(struct mapping_state *state)
{
	int fd = uffd_open();

	state->start = mapping_state_reserve(state, state->huge);
	state->pages = FEW;
	mapping_state_map(state->start, FEW * state->page,
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1);
	uffd_register(fd, state->start, FEW * state->page, UFFD_WRITE_PROTECT);
	uffd_protect(fd, state->start, FEW * state->page);
}

/* The last but one of every four cannot be had, the others were written. */
static void guarded(struct mapping_state *state)
{
	u64 i;

	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	for (i = 3; i < FEW; i += 4)
		/* madvise_behavior_valid(): EINVAL if it is not known. */
		if (madvise(state->start + i * state->page, state->page,
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

static void poisoned(struct mapping_state *state)
{
	struct sigaction action = { .sa_handler = ignore };
	u64 i;

	CHECK(!sigaction(SIGBUS, &action, NULL), "sigaction failed: %s",
	      errno_name(errno));
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	for (i = 3; i < FEW; i += 4)
		if (madvise(state->start + i * state->page, state->page,
			    MADV_HWPOISON)) {
			CHECK(errno == EINVAL, "MADV_HWPOISON failed: %s",
			      errno_name(errno));
			skip("CONFIG_MEMORY_FAILURE=y",
			     "run it on a kernel built with this option");
		}
}

static void secret(struct mapping_state *state)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		skip("memfd_secret()",
		     "boot a kernel that has CONFIG_SECRETMEM=y with secretmem.enable=1");
	CHECK(fd >= 0, "memfd_secret failed: %s", errno_name(errno));
	CHECK(!ftruncate(fd, (off_t)(FEW * state->page)),
	      "cannot size secret memory: %s", errno_name(errno));
	state->start = mapping_state_reserve(state, state->huge);
	state->pages = FEW;
	mapping_state_map(state->start, FEW * state->page,
			  PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	close(fd);
	mapping_state_write(state, 0, FEW);
}

/* In the midst of a gigabyte of DAX, which is one entry of the page table. */
static void map_dax(struct mapping_state *state, int protection)
{
	u64 frame;
	int fd = devdax_open(&frame);

	state->huge = DEVDAX_PAGE;
	state->start = mapping_state_reserve(state, DEVDAX_PAGE);
	mapping_state_map(state->start, DEVDAX_PAGE, protection, MAP_SHARED,
			  fd);
	close(fd);
	state->start += 12345 * state->page;
	state->frame = frame + 12345;
	state->pages = FEW;
}

static void dax_hole(struct mapping_state *state)
{
	map_dax(state, PROT_READ | PROT_WRITE);
}

static void dax_written(struct mapping_state *state)
{
	dax_hole(state);
	mapping_state_write(state, 0, 1);
}

static void dax_read_only(struct mapping_state *state)
{
	map_dax(state, PROT_READ);
	mapping_state_read(state, 0, 1);
}

/* ---- under migration, for as long as the device waits ---- */

/*
 * The end of a migration restores one page after the other, beside a walk that goes
 * on. So a page that the walk does not ask for, and does not wait for, must not be
 * behind one that it waits for: of small pages, the first two are migrated.
 */
static u64 migrating_pages(const struct mapping_state *state)
{
	return state->pages > FEW ? state->pages : 2;
}

static void hold_migration(struct thread *thread, void *argument)
{
	struct mapping_state *state = argument;
	u64 pages = migrating_pages(state);
	struct secmmu_hmm_range range = {
		.start = (uintptr_t)state->start,
		.end = (uintptr_t)state->start + pages * state->page,
		.flags = state->pages > FEW ? SECMMU_HMM_HUGE : 0,
	};
	int error;

	thread_doing(thread, "holding migration entries");
	error = __hmm_call(state->device, SECMMU_HMM_HOLD_MIGRATION, &range);
	CHECK(!error, "SECMMU_HMM_HOLD_MIGRATION failed: %s",
	      errno_name(error));
	CHECK(range.pages == pages, "only %u of %llu pages could be migrated",
	      range.pages, pages);
}

static void hold(struct mapping_state *state)
{
	hmm_arm(state->device, SECMMU_HMM_AT_MIGRATION);
	state->helper = thread_group_new("migration");
	thread_group_silence_ms(state->helper, 0);
	thread_add(state->helper, "holder", hold_migration, state);
	thread_group_start(state->helper);
	hmm_await(state->device, SECMMU_HMM_AT_MIGRATION);
	/* What the kernel has in place of a page, until the end of it. */
	state->no_pagemap = true;
}

static void migrating(struct mapping_state *state)
{
	if (!(hmm_features(state->device) & SECMMU_HMM_HAS_MIGRATION))
		skip("CONFIG_DEVICE_MIGRATION=y",
		     "run it on a kernel built with this option");
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	hold(state);
}

static void thp_migrating(struct mapping_state *state)
{
	if (!(hmm_features(state->device) & SECMMU_HMM_HAS_HUGE))
		skip("migrate_vma_setup() of huge pages (Linux 6.19)",
		     "run it on a newer target kernel");
	mapping_state_kind_of("thp")->prepare(state);
	hold(state);
}

/* Once the walk waits for the migration's end: then it may end. */
static void let_migration_go(struct mapping_state *state)
{
	/*
	 * migration_entry_wait(), or for a huge page what
	 * pmd_migration_entry_wait() ends in: softleaf_entry_wait_on_locked(),
	 * migration_entry_wait_on_locked() before 7.0.
	 */
	hang_await(state->walker, "entry_wait", 5000);
	hmm_release(state->device, SECMMU_HMM_AT_MIGRATION);
}

const struct mapping_state_kind mapping_state_special_kinds[] = {
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
const size_t mapping_state_special_kind_count = ARRAY_SIZE(
	mapping_state_special_kinds);
