// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages move to a bank, from it, and from one to another: because they are told to
 * (SECMMU_HMM_MIGRATE), or because a CPU wants to use one (migrate_to_ram()).
 *
 * Mirrors need not know: the kernel invalidates what moves (MMU_NOTIFY_MIGRATE),
 * and the next access finds it by hmm_range_fault() where it is then.
 */
#include <linux/highmem.h>
#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "hmm_devmem.h"
#include "hmm_compat.h"

#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
/* What one call of migrate_vma_setup() is for: a page table. */
#define PART_PAGES (PMD_SIZE / PAGE_SIZE)

/**
 * struct transfer - a part of a range, on its way
 * @migration: the kernel's
 * @from: the bank where the pages are; NULL: the system's memory
 * @to: where they are to go
 * @pages: that were moved
 * @whole: of them, in huge pages
 * @refused: for which there was no room
 */
struct transfer {
	struct migrate_vma migration;
	struct hmm_devmem *from, *to;
	u64 pages, whole, refused;
};

static struct page *system_page(struct transfer *transfer, unsigned int order,
				unsigned long address)
{
	struct vm_area_struct *vma = transfer->migration.vma;
	struct page *page = NULL;

	if (hmm_devmem_fails(transfer->from,
			     order ? SECMMU_HMM_FAIL_SYSTEM_HUGE :
				     SECMMU_HMM_FAIL_SYSTEM))
		return NULL;
	if (!order) {
		page = alloc_page_vma(GFP_HIGHUSER_MOVABLE, vma, address);
	} else {
#if HMM_HUGE
		struct folio *folio = vma_alloc_folio(GFP_TRANSHUGE, order, vma,
						      address);

		page = folio ? folio_page(folio, 0) : NULL;
#endif
	}
	if (page)
		lock_page(page);
	return page;
}

/* A new page, locked, as an entry of migration.dst; or 0. */
static unsigned long destination(struct transfer *transfer, unsigned long index,
				 unsigned int order)
{
	unsigned long address = transfer->migration.start + index * PAGE_SIZE;
	struct page *page = transfer->to ?
				    hmm_devmem_take(transfer->to, order) :
				    system_page(transfer, order, address);

	if (!page)
		return 0;
	return migrate_pfn(page_to_pfn(page)) | (order ? HMM_PFN_HUGE : 0);
}

/* A function of its own so that prove/ can break it. @from NULL: zeros. */
static noinline void hmm_transfer_copy(struct page *to, struct page *from)
{
	void *target = hmm_page_map(to), *source;

	if (from) {
		source = hmm_page_map(from);
		memcpy(target, source, PAGE_SIZE);
		hmm_page_unmap(from, source);
	} else {
		memset(target, 0, PAGE_SIZE);
	}
	hmm_page_unmap(to, target);
}

static void copy(unsigned long destination, struct page *from,
		 unsigned long first, unsigned long pages)
{
	struct page *to = migrate_pfn_to_page(destination);
	unsigned long i;

	for (i = 0; i < pages; i++)
		hmm_transfer_copy(to + i, from ? from + first + i : NULL);
}

static void give_back(unsigned long *destinations, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++) {
		struct page *page = migrate_pfn_to_page(destinations[i]);

		unlock_page(page);
		put_page(page);
		destinations[i] = 0;
	}
}

/*
 * A huge page in small ones, if there is no huge one for it: all of it or nothing.
 * The kernel splits it then. For a hole it must be so: __migrate_device_pages()
 * takes it for granted that there is a destination for each page.
 */
static void scatter(struct transfer *transfer, unsigned long index,
		    struct page *page, unsigned long pages)
{
	unsigned long *destinations = transfer->migration.dst + index, i;

	for (i = 0; i < pages; i++) {
		destinations[i] = destination(transfer, index + i, 0);
		if (!destinations[i]) {
			give_back(destinations, i);
			transfer->refused += pages;
			return;
		}
		copy(destinations[i], page, i, 1);
	}
}

/*
 * Only anonymous memory goes to devices, and of other pages (memfd_secret()) the
 * contents may be out of reach. A merged page stays: ksmd reads those.
 */
static bool may_move(struct page *page)
{
	struct folio *folio;

	if (!page)
		return true;
	folio = page_folio(page);
	return folio_test_anon(folio) && !folio_test_ksm(folio);
}

/* What was collected has copies afterwards, as far as there is room. */
static void fill(struct transfer *transfer)
{
	struct migrate_vma *migration = &transfer->migration;
	unsigned long i, pages;

	for (i = 0; i < migration->npages; i += pages) {
		struct page *page = migrate_pfn_to_page(migration->src[i]);
		unsigned int order = 0;

		if (migration->src[i] & HMM_PFN_HUGE)
			order = PMD_SHIFT - PAGE_SHIFT;
		pages = 1UL << order;
		/* Holes are collected whatever is asked for, and are in no bank. */
		if (!(migration->src[i] & MIGRATE_PFN_MIGRATE) ||
		    (!page && transfer->from) || !may_move(page))
			continue;
		migration->dst[i] = destination(transfer, i, order);
		if (migration->dst[i])
			copy(migration->dst[i], page, 0, pages);
		else if (order)
			scatter(transfer, i, page, pages);
		else
			transfer->refused++;
	}
}

static void count(struct transfer *transfer)
{
	const struct migrate_vma *migration = &transfer->migration;
	unsigned long i;

	for (i = 0; i < migration->npages; i++) {
		if (!(migration->src[i] & MIGRATE_PFN_MIGRATE) ||
		    !migrate_pfn_to_page(migration->dst[i]))
			continue;
		if (migration->dst[i] & HMM_PFN_HUGE) {
			transfer->pages += PART_PAGES;
			transfer->whole += PART_PAGES;
		} else {
			transfer->pages++;
		}
	}
}

/* With mmap_lock. @device: whose pause point is passed; NULL: none. */
static int transfer_part(struct transfer *transfer, struct hmm_device *device)
{
	int error = migrate_vma_setup(&transfer->migration);

	if (error)
		return error;
	fill(transfer);
	if (device)
		hmm_pause(device, SECMMU_HMM_AT_MIGRATION);
	migrate_vma_pages(&transfer->migration);
	count(transfer);
	migrate_vma_finalize(&transfer->migration);
	return 0;
}

static bool transfer_allocate(struct migrate_vma *migration,
			      unsigned long pages)
{
	migration->src = kvcalloc(pages, sizeof(*migration->src),
				  GFP_KERNEL_ACCOUNT);
	migration->dst = kvcalloc(pages, sizeof(*migration->dst),
				  GFP_KERNEL_ACCOUNT);
	return migration->src && migration->dst;
}

static void transfer_free(struct migrate_vma *migration)
{
	kvfree(migration->src);
	kvfree(migration->dst);
}

/**
 * hmm_transfer_fault() - a CPU wants to use a page of a bank
 * @devmem: the bank
 * @fault: the fault; its page is locked and referenced
 *
 * If the page cannot be had at the moment, which somebody else may be moving, the
 * CPU tries again. A huge page comes back as such, unless page table entries map
 * it: do_swap_page() has one, do_huge_pmd_device_private() none.
 */
vm_fault_t hmm_transfer_fault(struct hmm_devmem *devmem, struct vm_fault *fault)
{
	unsigned long pages = fault->pte ?
				      1 :
				      folio_nr_pages(page_folio(fault->page));
	struct transfer transfer = {
		.from = devmem,
		.migration = {
			.vma = fault->vma,
			.start = ALIGN_DOWN(fault->address, pages * PAGE_SIZE),
			.pgmap_owner = devmem,
			.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE |
				 (pages > 1 ? HMM_SELECT_HUGE : 0),
			.fault_page = fault->page,
		},
	};
	vm_fault_t result = VM_FAULT_OOM;

	transfer.migration.end = transfer.migration.start + pages * PAGE_SIZE;
	if (transfer_allocate(&transfer.migration, pages)) {
		result = 0;
		if (transfer_part(&transfer, NULL))
			result = VM_FAULT_SIGBUS;
		else if (transfer.refused)
			result = VM_FAULT_OOM;
	}
	transfer_free(&transfer.migration);
	return result;
}

/* From @start to the end of the page table, the mapping or the range. */
static int transfer_next(struct transfer *transfer, struct hmm_device *device,
			 unsigned long start, unsigned long end)
{
	struct migrate_vma *migration = &transfer->migration;
	int error = -EFAULT;

	if (mmap_read_lock_killable(device->mm))
		return -EINTR;
	migration->start = start;
	migration->vma = vma_lookup(device->mm, start);
	if (migration->vma) {
		migration->end = min3(end, migration->vma->vm_end,
				      ALIGN_DOWN(start, PMD_SIZE) + PMD_SIZE);
		memset(migration->dst, 0, PART_PAGES * sizeof(*migration->dst));
		error = transfer_part(transfer, device);
	}
	mmap_read_unlock(device->mm);
	return error;
}

static int transfer_range(struct transfer *transfer, struct hmm_device *device,
			  unsigned long start, unsigned long end)
{
	int error = 0;

	while (start < end && !error) {
		error = transfer_next(transfer, device, start, end);
		/* migrate_vma_setup() has set it to what it looked at. */
		if (!error)
			start = transfer->migration.end;
		if (!error && fatal_signal_pending(current))
			error = -EINTR;
		cond_resched();
	}
	return error;
}

static int begin(struct transfer *transfer,
		 const struct secmmu_hmm_migrate *migrate)
{
	if (migrate->from == migrate->to ||
	    migrate->from > SECMMU_HMM_DEVMEMS ||
	    migrate->to > SECMMU_HMM_DEVMEMS)
		return -EINVAL;
	/* SECMMU_HMM_SYSTEM less 1 is no bank's number. */
	transfer->from = hmm_devmem(migrate->from - 1);
	transfer->to = hmm_devmem(migrate->to - 1);
	transfer->migration.pgmap_owner = transfer->from ? transfer->from :
							   transfer->to;
	transfer->migration.flags = transfer->from ?
					    MIGRATE_VMA_SELECT_DEVICE_PRIVATE :
					    MIGRATE_VMA_SELECT_SYSTEM;
	if (migrate->flags & SECMMU_HMM_HUGE)
		transfer->migration.flags |= HMM_SELECT_HUGE;
	return transfer->to ? hmm_devmem_make(transfer->to) : 0;
}
#endif

/**
 * hmm_transfer() - SECMMU_HMM_MIGRATE
 * @device: whose address space
 * @migrate: what is to go where, and what became of it
 */
long hmm_transfer(struct hmm_device *device, struct secmmu_hmm_migrate *migrate)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	struct transfer transfer = {};
	long error;

	migrate->pages = 0;
	migrate->whole = 0;
	migrate->refused = 0;
	if (migrate->reserved || migrate->flags & ~SECMMU_HMM_HUGE ||
	    !hmm_range_is_sane(migrate->start, migrate->end,
			       SECMMU_HMM_MIRROR_PAGES))
		return -EINVAL;
	error = begin(&transfer, migrate);
	if (error)
		return error;
	error = -ENOMEM;
	if (!transfer_allocate(&transfer.migration, PART_PAGES))
		goto out;
	error = -ESRCH;
	if (!mmget_not_zero(device->mm))
		goto out;
	error = transfer_range(&transfer, device, migrate->start, migrate->end);
	mmput(device->mm);
	migrate->pages = transfer.pages;
	migrate->whole = transfer.whole;
	migrate->refused = transfer.refused;
out:
	transfer_free(&transfer.migration);
	return error;
#else
	return -EOPNOTSUPP;
#endif
}
