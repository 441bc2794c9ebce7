/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host memory of every kind that can back a memslot, at a chosen alignment or
 * misalignment.
 *
 * Files have no name, so the end of the process frees everything.
 */
#ifndef SECMMU_BACKING_H
#define SECMMU_BACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/report.h"
#include "core/types.h"

/**
 * enum backing_kind - the kinds of memory
 * @BACKING_ANONYMOUS: private anonymous, small pages only (MADV_NOHUGEPAGE)
 * @BACKING_ANONYMOUS_THP: private anonymous, MADV_HUGEPAGE
 * @BACKING_HUGETLB_64K: private anonymous MAP_HUGETLB, pages of 64 KiB
 * @BACKING_HUGETLB_2M: the same, pages of 2 MiB
 * @BACKING_HUGETLB_32M: the same, pages of 32 MiB
 * @BACKING_HUGETLB_512M: the same, pages of 512 MiB
 * @BACKING_HUGETLB_1G: the same, pages of 1 GiB
 * @BACKING_HUGETLB_16G: the same, pages of 16 GiB
 * @BACKING_SHMEM: shared anonymous, small pages only
 * @BACKING_SHMEM_THP: shared anonymous, MADV_HUGEPAGE
 * @BACKING_MEMFD: memfd_create(), shared, small pages only
 * @BACKING_MEMFD_HUGETLB: memfd_create(MFD_HUGETLB), shared, pages of 2 MiB
 * @BACKING_TMPFS_PRIVATE: a file in a tmpfs, MAP_PRIVATE
 * @BACKING_TMPFS_SHARED: a file in a tmpfs, MAP_SHARED
 * @BACKING_GUEST_MEMFD: KVM_CREATE_GUEST_MEMFD, mapped; the caller, which has the
 *	VM, provides the file
 * @BACKING_KINDS: number of kinds
 */
enum backing_kind {
	BACKING_ANONYMOUS,
	BACKING_ANONYMOUS_THP,
	BACKING_HUGETLB_64K,
	BACKING_HUGETLB_2M,
	BACKING_HUGETLB_32M,
	BACKING_HUGETLB_512M,
	BACKING_HUGETLB_1G,
	BACKING_HUGETLB_16G,
	BACKING_SHMEM,
	BACKING_SHMEM_THP,
	BACKING_MEMFD,
	BACKING_MEMFD_HUGETLB,
	BACKING_TMPFS_PRIVATE,
	BACKING_TMPFS_SHARED,
	BACKING_GUEST_MEMFD,
	BACKING_KINDS,
};

/* Flags of struct backing_request. */
#define BACKING_POPULATE (1U << 0) /* call backing_populate() */
#define BACKING_NO_FORK	 (1U << 1) /* MADV_DONTFORK */
#define BACKING_SPARSE	 (1U << 2) /* MAP_NORESERVE: may exceed the free memory */

/**
 * struct backing_request - memory to create
 * @kind: its kind
 * @size: bytes, a multiple of the system's page size
 * @alignment: a power of two, in bytes; 0: the kind's page size (2 MiB for the THP
 *	kinds)
 * @misalignment: distance of the memory's start from an address aligned to
 *	@alignment, in bytes; a multiple of the system's page size
 * @flags: BACKING_POPULATE and the like
 * @fd: BACKING_GUEST_MEMFD only: the file, which the caller closes
 * @fd_size: BACKING_GUEST_MEMFD only: the file's size, at least @size +
 *	@misalignment
 */
struct backing_request {
	enum backing_kind kind;
	u64 size;
	u64 alignment;
	u64 misalignment;
	unsigned int flags;
	int fd;
	u64 fd_size;
};

/**
 * struct backing - memory for a memslot
 * @hva: start address
 * @size: in bytes
 * @kind: its kind
 * @page_size: size of its pages, in bytes: the system's page size, the hugetlb size,
 *	or, for the THP kinds, the size that a PMD maps, which the kernel need not
 *	grant: see backing_host_huge_bytes()
 * @huge: huge mappings are expected: @page_size is not the system's
 * @fd: the mapped file, or -1
 * @offset: offset of @hva in the file, in bytes
 * @map: start of the mapping that contains the memory
 * @map_size: its size, in bytes; larger than @size if the memory is misaligned
 * @reserved: start of the reserved addresses, with a guard area on either side
 * @reserved_size: their size, in bytes
 * @own_fd: whether backing_destroy() closes @fd
 */
struct backing {
	void *hva;
	u64 size;
	enum backing_kind kind;
	u64 page_size;
	bool huge;
	int fd;
	off_t offset;
	void *map;
	u64 map_size;
	void *reserved;
	u64 reserved_size;
	bool own_fd;
};

/**
 * backing_name() - name of a kind
 * @kind: the kind
 *
 * Return: "anonymous", "anonymous_thp", "hugetlb_2m" (and so on for the other
 * sizes), "shmem", "shmem_thp", "memfd", "memfd_hugetlb", "tmpfs_private",
 * "tmpfs_shared" or "guest_memfd".
 */
const char *backing_name(enum backing_kind kind);

/**
 * backing_from_name() - find a kind by its name
 * @name: as backing_name() gives it
 * @kind: the result
 *
 * Return: whether machines of this architecture and page size can have the kind.
 */
bool backing_from_name(const char *name, enum backing_kind *kind);

struct choices;

/* For the dimensions of variants, without guest_memfd: all kinds ... */
extern const struct choices backings;
/* ... those with huge pages, and those with small pages. */
extern const struct choices huge_backings, small_backings;

/**
 * backing_page_size() - page size of a kind
 * @kind: the kind
 *
 * Return: bytes: the system's page size, the hugetlb size, or for the THP kinds
 * backing_thp_size().
 */
u64 backing_page_size(enum backing_kind kind);

/**
 * backing_is_hugetlb() - does memory of a kind come from a hugetlb pool?
 * @kind: the kind
 *
 * Return: whether it is.
 */
bool backing_is_hugetlb(enum backing_kind kind);

/**
 * arch_hugetlb_sizes() - hugetlb page sizes of this architecture
 * @count: number of sizes
 *
 * Each architecture implements it in lib/mem/ARCH.
 *
 * Return: bytes, ascending; for the page size of the running kernel.
 */
const u64 *arch_hugetlb_sizes(size_t *count);

/**
 * backing_exists() - can machines like this one have memory of a kind?
 * @kind: the kind
 *
 * The sizes of hugetlb pages follow from the architecture and its page size
 * (arch_hugetlb_sizes()). A kind that a machine cannot have is no case of its tests;
 * a kind of which it has no free memory is a skipped case.
 *
 * Return: whether they can.
 */
bool backing_exists(enum backing_kind kind);

/**
 * backing_wanted() - is memory of a kind to be tested?
 * @kind: the kind
 *
 * Return: whether it exists, and --backing names it or there is no --backing.
 */
bool backing_wanted(enum backing_kind kind);

/**
 * backing_available() - has this machine enough free memory of a kind?
 * @kind: the kind
 * @size: amount, in bytes
 * @shortage: set to what is missing, if anything; may be NULL
 *
 * Reads settings and numbers of free pages only; another process may take the pages
 * before backing_create(), which then skips with the same text.
 *
 * Return: whether it has.
 */
bool backing_available(enum backing_kind kind, u64 size,
		       struct shortage *shortage);

/**
 * backing_try_create() - create memory, or say what is missing
 * @backing: filled in
 * @request: the memory to create
 * @shortage: set to what the machine lacks for it; may be NULL
 *
 * Fails the case if the request is invalid, or on an error that is not a shortage.
 *
 * Return: whether @backing can be used.
 */
bool backing_try_create(struct backing *backing,
			const struct backing_request *request,
			struct shortage *shortage);

/**
 * backing_create() - create memory; skip the case if the machine lacks it
 * @backing: filled in
 * @request: the memory to create
 */
void backing_create(struct backing *backing,
		    const struct backing_request *request);

/**
 * backing_destroy() - free memory
 * @backing: created by backing_create(); zeroed
 */
void backing_destroy(struct backing *backing);

/**
 * backing_populate() - map every page, writable
 * @backing: the memory
 *
 * By MADV_POPULATE_WRITE (Linux 5.14), which reports missing memory as an error
 * where a plain store would get SIGBUS. The contents do not change. For the THP
 * kinds, the kernel decides here whether it uses huge pages.
 */
void backing_populate(struct backing *backing);

/**
 * backing_host_huge_bytes() - amount of memory that this process maps huge
 * @backing: the memory
 *
 * From /proc/self/smaps: AnonHugePages, ShmemPmdMapped, FilePmdMapped, and
 * Private_Hugetlb and Shared_Hugetlb. KVM maps no page larger than the host
 * does (host_pfn_mapping_level() on x86, get_user_mapping_size() on arm64), so
 * this limits what can be expected of the guest's mappings.
 *
 * Return: number of bytes in the whole mapping that contains the memory.
 */
u64 backing_host_huge_bytes(const struct backing *backing);

/**
 * backing_thp_size() - size of a transparent huge page that a PMD maps
 *
 * Return: bytes: 2 MiB with pages of 4 KiB, 32 MiB with 16 KiB.
 */
u64 backing_thp_size(void);

/**
 * backing_nodes() - number of NUMA nodes with memory
 *
 * Return: their number; 1 without NUMA.
 */
unsigned int backing_nodes(void);

/**
 * backing_bind() - allocate pages from one node only
 * @backing: the memory, not populated yet
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * Return: 0 or -errno; -ENOSYS without NUMA.
 */
int backing_bind(struct backing *backing, unsigned int node);

/**
 * backing_interleave() - allocate pages from all nodes in turn
 * @backing: the memory, not populated yet
 *
 * Return: 0 or -errno; -ENOSYS without NUMA.
 */
int backing_interleave(struct backing *backing);

/**
 * backing_move() - migrate the pages to one node while they are in use
 * @backing: the memory
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * mbind(MPOL_MF_MOVE): page migration under a running guest. Pages that the kernel
 * cannot migrate at the moment stay where they are.
 *
 * Return: 0 or -errno; -ENOSYS without NUMA, -EIO if pages stayed.
 */
int backing_move(struct backing *backing, unsigned int node);

/**
 * backing_node_of() - NUMA node of a page
 * @backing: the memory
 * @offset: offset in the memory, in bytes
 *
 * Return: the node, counted among those with memory; -ENOENT if the page is not
 * allocated, -ENOSYS without NUMA, or another -errno.
 */
int backing_node_of(const struct backing *backing, u64 offset);

/**
 * backing_reserve() - reserve addresses
 * @size: in bytes, a multiple of the page size
 *
 * The addresses are below a gigabyte that is kept free; see backing_leave_room().
 *
 * Return: start address, mapped without access; MAP_FAILED, with errno set by mmap().
 */
void *backing_reserve(u64 size);

/**
 * backing_leave_room() - free addresses for the mappings of other threads
 *
 * Call this before memory is unmapped or moved while other threads run. Otherwise
 * the kernel would place what they map (stacks, malloc()'s arenas) into the hole,
 * which is mapped over later. It chooses the highest free addresses that suffice
 * (arch_get_unmapped_area_topdown()): those that this frees.
 */
void backing_leave_room(void);

/**
 * backing_keep_mapped() - keep NUMA balancing from unmapping memory of this process
 *
 * Memory under a policy set by user space is not scanned (vma_policy_mof()), so it
 * is not unmapped for hinting faults. For measurements, and for tests that expect an
 * exact set of invalidations; all others run with NUMA balancing. Without NUMA this
 * does nothing.
 */
void backing_keep_mapped(void);

/**
 * backing_discard() - free pages and keep the addresses
 * @backing: the memory
 * @offset: offset in the memory, in bytes, aligned to its page size
 * @size: in bytes, a multiple of its page size
 *
 * Private memory by MADV_DONTNEED, shared by MADV_REMOVE (a hole in the file):
 * both call the MMU notifiers. Later reads return zeroes (for tmpfs_private: the
 * contents of the file).
 *
 * Return: 0 or -errno.
 */
int backing_discard(struct backing *backing, u64 offset, u64 size);

/**
 * backing_is_shared() - is memory of a kind MAP_SHARED?
 * @kind: the kind
 *
 * Return: whether a forked child sees the stores of its parent.
 */
bool backing_is_shared(enum backing_kind kind);

/**
 * backing_map_again() - map a part of the memory again
 * @backing: the memory
 * @offset: offset in the memory, in bytes, aligned to its page size
 * @size: in bytes, a multiple of its page size
 *
 * By mmap(MAP_FIXED), over the old mapping or a hole left by munmap(). Shared memory
 * of a file keeps its contents, other memory is zero. The new mapping has neither the
 * policy nor the userfaultfd of the old one.
 *
 * Return: 0 or -errno.
 */
int backing_map_again(struct backing *backing, u64 offset, u64 size);

/**
 * backing_keeps_contents() - does backing_map_again() keep the contents?
 * @kind: the kind
 *
 * Return: whether it does.
 */
bool backing_keeps_contents(enum backing_kind kind);

/**
 * backing_move_pages() - migrate some pages to one node, whatever the policy is
 * @backing: the memory
 * @offset: offset in the memory, in bytes, aligned to its page size
 * @size: in bytes, a multiple of its page size
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * move_pages(), which leaves pages that cannot be migrated at the moment.
 *
 * Return: number of pages on the node afterwards, or -errno; -ENOSYS without NUMA.
 * Context: must not allocate, so it migrates at most the first BACKING_MOVE_MAX pages.
 */
int backing_move_pages(struct backing *backing, u64 offset, u64 size,
		       unsigned int node);

#define BACKING_MOVE_MAX 128

/**
 * backing_migrate_process() - migrate all pages of this process to one node
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * migrate_pages(), which leaves pages that cannot be migrated at the moment.
 *
 * Return: 0 or -errno; -ENOSYS without NUMA.
 */
int backing_migrate_process(unsigned int node);

#endif /* SECMMU_BACKING_H */
