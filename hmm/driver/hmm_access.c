// SPDX-License-Identifier: GPL-2.0-only
/*
 * SECMMU_HMM_ACCESS: the device reads or writes memory, through its own page
 * table only, and fills that by the documented protocol:
 *
 *   mmu_interval_read_begin(), hmm_range_fault(), lock the table,
 *   mmu_interval_read_retry(), install
 *
 * No page is referenced for longer than it is touched. What keeps it in place is
 * the table's lock: who wants to take the page away must first pass the notifier.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/magic.h>
#include <linux/memremap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "hmm_compat.h"
#include "hmm_device.h"

/* Pages of one hmm_range_fault(). */
#define FAULT_PAGES 512
/* Between user memory and the mirrored: none can be touched with a page locked. */
#define BOUNCE_BYTES (64 * 1024)

/**
 * struct access_state - of one call
 * @mirror: through which page table
 * @access: what is wanted, and what came of it
 * @entries: for hmm_range_fault(), FAULT_PAGES of them; NULL until needed
 * @batch: pages to fault in at a time
 * @end: of the whole access: what may be faulted in beforehand
 * @owner: whose device-private pages may stay where they are
 * @piece: bytes that are done with the table's lock held once
 * @stale: an entry of the table was for a page that is free
 */
struct access_state {
	struct hmm_mirror *mirror;
	struct secmmu_hmm_access *access;
	unsigned long *entries;
	unsigned long batch;
	unsigned long end;
	void *owner;
	size_t piece;
	bool stale;
};

static bool writes(const struct secmmu_hmm_access *access)
{
	return access->operation != SECMMU_HMM_READ;
}

static unsigned long *entry_of(struct hmm_mirror *mirror, unsigned long address)
{
	return &mirror->table[(address - mirror->start) >> PAGE_SHIFT];
}

/* hmm_range_fault() with the mirrored address space. */
static int fault_range(struct access_state *state, struct hmm_range *range)
{
	struct hmm_mirror *mirror = state->mirror;
	struct mm_struct *mm = mirror->device->mm;
	int error;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	hmm_pause(mirror->device, SECMMU_HMM_AT_BEGIN);
	range->notifier_seq = mmu_interval_read_begin(&mirror->notifier);
	hmm_pause(mirror->device, SECMMU_HMM_AT_WALK);
	error = mmap_read_lock_killable(mm);
	if (!error) {
		error = hmm_range_fault(range);
		mmap_read_unlock(mm);
		atomic64_inc(&mirror->faults);
		state->access->faults++;
	}
	mmput(mm);
	return error;
}

/*
 * The kernel has taken secret memory out of its own map: to touch it there would
 * be an oops. hmm_range_fault() does not tell it from other memory. Nor is there
 * a struct page for anything that a walk which was broken on purpose may name.
 */
static bool has_kernel_address(unsigned long entry)
{
	struct address_space *mapping;
	struct folio *folio;

	if (!(entry & HMM_PFN_VALID))
		return true;
	if (!pfn_valid(entry & ~HMM_PFN_FLAGS))
		return false;
	folio = page_folio(hmm_pfn_to_page(entry));
	mapping = folio->mapping;
	return folio_test_anon(folio) || !mapping || !mapping->host ||
	       mapping->host->i_sb->s_magic != SECRETMEM_MAGIC;
}

/* With the table's lock, and nothing invalidated since the walk. */
static int install(struct access_state *state, unsigned long address,
		   unsigned long pages)
{
	unsigned long *entry = entry_of(state->mirror, address), i;

	for (i = 0; i < pages; i++)
		if (!has_kernel_address(state->entries[i]))
			return -EACCES;
	for (i = 0; i < pages; i++) {
		unsigned long found = hmm_mend_entry(state->entries[i],
						     address + i * PAGE_SIZE);

		entry[i] = (found & ~HMM_PFN_FLAGS) |
			   (found & (HMM_PFN_VALID | HMM_PFN_WRITE));
	}
	atomic64_add(pages, &state->mirror->installed);
	return 0;
}

/*
 * A page of the device's own memory is reported as it is, whatever was asked for
 * (hmm_vma_handle_pte()). To write to one that is shared since a fork, it must
 * come back, as it would for another device, so that it is copied.
 */
static bool must_come_back(struct access_state *state, unsigned long entry)
{
	return writes(state->access) && (entry & HMM_PFN_VALID) &&
	       !(entry & HMM_PFN_WRITE) && pfn_valid(entry & ~HMM_PFN_FLAGS) &&
	       is_device_private_page(hmm_pfn_to_page(entry));
}

/* Returns -EAGAIN if there was an invalidation, and nothing was installed. */
static int fault_in(struct access_state *state, unsigned long address)
{
	struct hmm_mirror *mirror = state->mirror;
	struct hmm_range range = {
		.notifier = &mirror->notifier,
		.start = address & PAGE_MASK,
		.hmm_pfns = state->entries,
		.default_flags = HMM_PFN_REQ_FAULT,
		.dev_private_owner = state->owner,
	};
	unsigned long pages;
	int error;

	pages = min((PAGE_ALIGN(state->end) - range.start) >> PAGE_SHIFT,
		    state->batch);
	range.end = range.start + (pages << PAGE_SHIFT);
	if (writes(state->access))
		range.default_flags |= HMM_PFN_REQ_WRITE;

	error = fault_range(state, &range);
	if (error == -EBUSY) {
		atomic64_inc(&mirror->busy);
		state->access->busy++;
		return -EAGAIN;
	}
	if (error)
		return error;

	hmm_pause(mirror->device, SECMMU_HMM_AT_LOCK);
	mutex_lock(&mirror->lock);
	hmm_pause(mirror->device, SECMMU_HMM_AT_RETRY);
	if (hmm_mirror_retry(mirror, range.notifier_seq)) {
		mutex_unlock(&mirror->lock);
		atomic64_inc(&mirror->retries);
		state->access->retries++;
		return -EAGAIN;
	}
	error = install(state, range.start, pages);
	/* The first is what the access cannot do without. */
	state->owner = must_come_back(state, state->entries[0]) ?
			       NULL :
			       READ_ONCE(mirror->device->own);
	hmm_pause(mirror->device, SECMMU_HMM_AT_INSTALLED);
	mutex_unlock(&mirror->lock);
	return error;
}

/*
 * First an ordinary fault for writing. make_device_exclusive() makes the page
 * present itself, but what that changes (a huge page is split, another's or an
 * earlier exclusive access ends) is an invalidation that comes after
 * mmu_interval_read_begin(). The try is refused then, with an exclusive entry
 * left in the CPUs' page table, which the next try would have to end first, and
 * so on for ever.
 */
static int exclusive_fault(struct access_state *state, unsigned long address)
{
	int error = fault_in(state, address);

	if (error)
		return error;
	error = hmm_exclusive_fault(state->mirror, address);
	state->access->faults++;
	if (error == -EAGAIN) {
		atomic64_inc(&state->mirror->retries);
		state->access->retries++;
	}
	return error;
}

/* What only somebody who is alone with the memory may do. */
static u64 add_exclusive(struct hmm_device *device, u64 *memory, u64 value)
{
	u64 old = READ_ONCE(*memory);

	hmm_pause(device, SECMMU_HMM_AT_EXCLUSIVE);
	WRITE_ONCE(*memory, old + value);
	return old;
}

/* Each word at once, as a CPU would: other threads are at the same words. */
static void do_words(struct hmm_device *device,
		     enum secmmu_hmm_operation operation, u64 *memory,
		     u64 *buffer, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++) {
		switch (operation) {
		case SECMMU_HMM_READ:
			buffer[i] = READ_ONCE(memory[i]);
			break;
		case SECMMU_HMM_STORE:
			WRITE_ONCE(memory[i], buffer[i]);
			break;
		case SECMMU_HMM_ADD:
			buffer[i] = atomic64_fetch_add(buffer[i],
						       (atomic64_t *)&memory[i]);
			break;
		case SECMMU_HMM_ADD_EXCLUSIVE:
			buffer[i] = add_exclusive(device, &memory[i],
						  buffer[i]);
			break;
		default:
			buffer[i] = xchg(&memory[i], buffer[i]);
			break;
		}
	}
}

/*
 * With the table's lock. The reference is for a device whose protocol was broken
 * on purpose (prove/): then the page may be free, and is not touched.
 * Return: whether the page could be used.
 */
static bool do_page(struct access_state *state, struct page *page,
		    size_t offset, u64 *buffer, size_t bytes)
{
	struct folio *folio = page_folio(page);
	void *memory;

	if (!folio_try_get(folio))
		return false;
	memory = hmm_page_map(page);
	do_words(state->mirror->device, state->access->operation,
		 memory + offset, buffer, bytes / sizeof(*buffer));
	hmm_page_unmap(page, memory);
	/*
	 * The CPU's page table may call the page clean, and once the lock is
	 * given back reclaim may believe it.
	 */
	if (writes(state->access) && !folio_test_dirty(folio))
		folio_mark_dirty(folio);
	folio_put(folio);
	return true;
}

/*
 * One piece, as far as the table has entries for it. Invalidations wait meanwhile.
 * Return: bytes done.
 */
static size_t do_piece(struct access_state *state, unsigned long address,
		       u64 *buffer, size_t bytes)
{
	struct hmm_mirror *mirror = state->mirror;
	unsigned long needed = HMM_PFN_VALID;
	size_t done = 0;

	if (writes(state->access))
		needed |= HMM_PFN_WRITE;
	if (state->access->operation == SECMMU_HMM_ADD_EXCLUSIVE)
		needed |= HMM_TABLE_EXCLUSIVE;
	mutex_lock(&mirror->lock);
	while (done < bytes) {
		unsigned long entry = *entry_of(mirror, address + done);
		size_t offset = offset_in_page(address + done);
		size_t part = min_t(size_t, bytes - done, PAGE_SIZE - offset);

		if ((entry & needed) != needed)
			break;
		if (!do_page(state, hmm_pfn_to_page(entry), offset,
			     buffer + done / sizeof(*buffer), part)) {
			state->stale = true;
			break;
		}
		done += part;
	}
	mutex_unlock(&mirror->lock);
	return done;
}

/*
 * As much as the table has entries for, until a fatal signal.
 * Return: bytes done.
 */
static size_t do_mapped(struct access_state *state, unsigned long address,
			u64 *buffer, size_t bytes)
{
	size_t done = 0, now;

	do {
		size_t piece = min(bytes - done, state->piece);

		now = do_piece(state, address + done,
			       buffer + done / sizeof(*buffer), piece);
		done += now;
		if (now < piece)
			break;
		cond_resched();
	} while (done < bytes && !fatal_signal_pending(current));
	return done;
}

/*
 * All of it, faulting in what is missing. Bytes done go to @done; the error is
 * for struct secmmu_hmm_access.
 */
static int do_part(struct access_state *state, unsigned long address,
		   u64 *buffer, size_t bytes, size_t *done)
{
	unsigned long give_up = jiffies + msecs_to_jiffies(SECMMU_HMM_PAUSE_MS);

	*done = 0;
	for (;;) {
		size_t now = do_mapped(state, address + *done,
				       buffer + *done / sizeof(*buffer),
				       bytes - *done);
		int error;

		*done += now;
		if (*done == bytes)
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (state->stale)
			return -ESTALE;
		if (now)
			give_up = jiffies +
				  msecs_to_jiffies(SECMMU_HMM_PAUSE_MS);
		if (state->access->operation == SECMMU_HMM_ADD_EXCLUSIVE)
			error = exclusive_fault(state, address + *done);
		else
			error = fault_in(state, address + *done);
		if (!error || error == -EAGAIN) {
			if (time_after(jiffies, give_up))
				return -EBUSY;
			cond_resched();
		} else if (state->batch > 1 && error != -ESRCH &&
			   error != -EINTR) {
			/* A later page's error must not stop an earlier one. */
			state->batch = 1;
		} else {
			return error;
		}
	}
}

static long do_access(struct access_state *state, u64 *bounce)
{
	struct secmmu_hmm_access *access = state->access;
	void __user *user = u64_to_user_ptr(access->buffer);

	while (access->done < access->length && !access->error) {
		size_t bytes = min_t(u64, access->length - access->done,
				     BOUNCE_BYTES);
		size_t done;

		if (fatal_signal_pending(current)) {
			access->error = -EINTR;
			break;
		}
		if (writes(access) &&
		    copy_from_user(bounce, user + access->done, bytes))
			return -EFAULT;
		access->error = do_part(state, access->address + access->done,
					bounce, bytes, &done);
		if (access->operation != SECMMU_HMM_STORE &&
		    copy_to_user(user + access->done, bounce, done))
			return -EFAULT;
		access->done += done;
	}
	return 0;
}

static bool access_is_sane(const struct secmmu_hmm_access *access)
{
	return !(access->address % sizeof(u64)) &&
	       !(access->length % sizeof(u64)) && access->length &&
	       access->length <= SECMMU_HMM_ACCESS_BYTES &&
	       access->operation < SECMMU_HMM_OPERATIONS;
}

/**
 * hmm_access() - SECMMU_HMM_ACCESS
 * @device: the device
 * @access: what is wanted, and what came of it
 */
long hmm_access(struct hmm_device *device, struct secmmu_hmm_access *access)
{
	struct access_state state = {
		.access = access,
		.batch = FAULT_PAGES,
		.piece = BOUNCE_BYTES,
		.owner = READ_ONCE(device->own),
	};
	u64 *bounce;
	long error;

	access->done = 0;
	access->error = 0;
	access->faults = 0;
	access->busy = 0;
	access->retries = 0;
	if (!access_is_sane(access))
		return -EINVAL;
	state.mirror = hmm_mirror_get(device, access->mirror);
	if (!state.mirror)
		return -ENOENT;
	error = -EINVAL;
	if (access->address < state.mirror->start ||
	    access->address >= state.mirror->end ||
	    access->length > state.mirror->end - access->address)
		goto out_mirror;
	/* The device may be delayed or paused amid each word. */
	if (access->operation == SECMMU_HMM_ADD_EXCLUSIVE) {
		state.batch = 1;
		state.piece = sizeof(u64);
	}
	state.end = access->address + access->length;
	error = -ENOMEM;
	bounce = kvmalloc(min_t(u64, access->length, BOUNCE_BYTES),
			  GFP_KERNEL_ACCOUNT);
	state.entries = kcalloc(FAULT_PAGES, sizeof(*state.entries),
				GFP_KERNEL_ACCOUNT);
	if (bounce && state.entries)
		error = do_access(&state, bounce);
	kfree(state.entries);
	kvfree(bounce);
out_mirror:
	hmm_mirror_put(state.mirror);
	return error;
}
