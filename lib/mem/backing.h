/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host memory of every kind that can stand behind a memslot, at an address
 * that is aligned, or misaligned, on purpose.
 *
 * Nothing is left behind: files have no name, and all goes with the process.
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
 * @BACKING_GUEST_MEMFD: KVM_CREATE_GUEST_MEMFD, mapped; the caller has the VM
 *	and so brings the file
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
#define BACKING_POPULATE (1U << 0) /* backing_populate() at once */
#define BACKING_NO_FORK	 (1U << 1) /* MADV_DONTFORK */
#define BACKING_SPARSE	 (1U << 2) /* MAP_NORESERVE: more than there is */

/**
 * struct backing_request - the memory that is wanted
 * @kind: its kind
 * @size: bytes, a multiple of the system's page size
 * @alignment: power of two that @misalignment is counted from; 0: the kind's
 *	page size (2 MiB for the THP kinds)
 * @misalignment: how many bytes behind such an address the memory begins, a
 *	multiple of the system's page size
 * @flags: BACKING_POPULATE and so on
 * @fd: BACKING_GUEST_MEMFD only: the file, which stays the caller's
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
 * @hva: where it begins
 * @size: bytes
 * @kind: its kind
 * @page_size: bytes of the pages that the kernel gives: the system's page
 *	size, the hugetlb size, or, for the THP kinds, the PMD's, which is a
 *	wish there: see backing_host_huge_bytes()
 * @huge: whether huge mappings are expected, so page_size is not the system's
 * @fd: the file behind it, or -1
 * @offset: where in the file the memory begins
 * @map: where the mapping begins that the memory is in
 * @map_size: its size; larger than @size if the memory is misaligned
 * @reserved: the whole range of addresses, with a guard on either side
 * @reserved_size: its size
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
 * backing_name() - a kind by name
 * @kind: the kind
 *
 * Return: "anonymous", "anonymous_thp", "hugetlb_2m" (and so on for the other
 * sizes), "shmem", "shmem_thp", "memfd", "memfd_hugetlb", "tmpfs_private",
 * "tmpfs_shared" or "guest_memfd".
 */
const char *backing_name(enum backing_kind kind);

/**
 * backing_from_name() - a name's kind
 * @name: as backing_name() gives it
 * @kind: the result
 *
 * Return: whether there is such a kind on machines like this one.
 */
bool backing_from_name(const char *name, enum backing_kind *kind);

struct choices;

/* For variants' dimensions, without guest_memfd: all kinds ... */
extern const struct choices backings;
/* ... those of huge pages, and those of small pages. */
extern const struct choices huge_backings, small_backings;

/**
 * backing_page_size() - of which pages memory of a kind is
 * @kind: the kind
 *
 * Return: bytes: the system's page size, the hugetlb size, or for the THP kinds
 * backing_thp_size().
 */
u64 backing_page_size(enum backing_kind kind);

/**
 * backing_is_hugetlb() - is memory of a kind out of a pool of huge pages
 * @kind: the kind
 *
 * Return: whether it is.
 */
bool backing_is_hugetlb(enum backing_kind kind);

/**
 * arch_hugetlb_sizes() - sizes of hugetlb pages that this architecture has
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
 * (arch_hugetlb_sizes()). What a machine cannot have is no case of its tests;
 * what it merely has none of is a skipped one.
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
 * backing_available() - can this machine give memory of a kind?
 * @kind: the kind
 * @size: so many bytes of it
 * @shortage: what is missing, if something is; may be NULL
 *
 * Looks at settings and free pages only; another process may take them before
 * backing_create(), which then skips with the same text.
 *
 * Return: whether it can.
 */
bool backing_available(enum backing_kind kind, u64 size,
		       struct shortage *shortage);

/**
 * backing_try_create() - memory as requested, or why not
 * @backing: to be filled
 * @request: what is wanted
 * @shortage: what is missing, if the machine cannot give it; may be NULL
 *
 * A wrong request, or an error that has nothing to do with what the machine
 * has, fails the case.
 *
 * Return: whether @backing can be used.
 */
bool backing_try_create(struct backing *backing,
			const struct backing_request *request,
			struct shortage *shortage);

/**
 * backing_create() - memory as requested; skips the case if there is none
 * @backing: to be filled
 * @request: what is wanted
 */
void backing_create(struct backing *backing,
		    const struct backing_request *request);

/**
 * backing_destroy() - give the memory back
 * @backing: made by backing_create(); zeroed
 */
void backing_destroy(struct backing *backing);

/**
 * backing_populate() - have a page everywhere, writable
 * @backing: the memory
 *
 * By MADV_POPULATE_WRITE (Linux 5.14), which tells of missing memory by an
 * error where a plain store would get SIGBUS. Contents stay as they are. For
 * the THP kinds, this is where the kernel decides on huge pages.
 */
void backing_populate(struct backing *backing);

/**
 * backing_host_huge_bytes() - how much is mapped huge in this process
 * @backing: the memory
 *
 * From /proc/self/smaps: AnonHugePages, ShmemPmdMapped, FilePmdMapped, and
 * Private_Hugetlb and Shared_Hugetlb. KVM maps no page larger than the host
 * does (host_pfn_mapping_level() on x86, get_user_mapping_size() on arm64), so
 * what is expected of the guest's mappings must be judged by this.
 *
 * Return: bytes, of the whole mapping that the memory is in.
 */
u64 backing_host_huge_bytes(const struct backing *backing);

/**
 * backing_thp_size() - the size that a PMD maps, the one that THP is about
 *
 * Return: bytes: 2 MiB with pages of 4 KiB, 32 MiB with 16 KiB.
 */
u64 backing_thp_size(void);

/**
 * backing_nodes() - how many NUMA nodes can give memory
 *
 * Return: their number; 1 without NUMA.
 */
unsigned int backing_nodes(void);

/**
 * backing_bind() - take pages from one node only, from now on
 * @backing: the memory, not populated yet
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * Return: 0 or -errno; -ENOSYS without NUMA.
 */
int backing_bind(struct backing *backing, unsigned int node);

/**
 * backing_interleave() - take pages from all nodes in turn, from now on
 * @backing: the memory, not populated yet
 *
 * Return: 0 or -errno; -ENOSYS without NUMA.
 */
int backing_interleave(struct backing *backing);

/**
 * backing_move() - bring the pages to one node, while they are in use
 * @backing: the memory
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * mbind(MPOL_MF_MOVE): page migration under the running guest. Pages that the
 * kernel cannot move at the moment stay where they are.
 *
 * Return: 0 or -errno; -ENOSYS without NUMA, -EIO if pages stayed.
 */
int backing_move(struct backing *backing, unsigned int node);

/**
 * backing_node_of() - where a page is
 * @backing: the memory
 * @offset: bytes from its beginning
 *
 * Return: the node, counted among those with memory; -ENOENT if there is no
 * page yet, -ENOSYS without NUMA, or another -errno.
 */
int backing_node_of(const struct backing *backing, u64 offset);

/**
 * backing_reserve() - addresses that nobody else gets
 * @size: bytes, of pages
 *
 * They are below a gigabyte that is kept free; see backing_leave_room().
 *
 * Return: where they are, without access; MAP_FAILED with errno as mmap() has it.
 */
void *backing_reserve(u64 size);

/**
 * backing_leave_room() - where others' mappings may go from now on
 *
 * To be called before memory is unmapped or moved while other threads run: what
 * they map (stacks, malloc()'s arenas) would come to lie in the hole, which is
 * mapped over later. The kernel takes the highest addresses that are free and
 * suffice (arch_get_unmapped_area_topdown()): the room's, which this gives up.
 */
void backing_leave_room(void);

/**
 * backing_keep_mapped() - keep NUMA balancing off the memory of this process
 *
 * Memory under a policy that user space has set is not scanned
 * (vma_policy_mof()), so no hinting fault takes its mappings away. For
 * measurements, and for tests that say exactly what invalidates: the others live
 * with NUMA balancing. Without NUMA nothing happens.
 */
void backing_keep_mapped(void);

/**
 * backing_discard() - give the pages back to the kernel, keep the addresses
 * @backing: the memory
 * @offset: bytes from its beginning, aligned to its page size
 * @size: bytes, a multiple of its page size
 *
 * Private memory by MADV_DONTNEED, shared by MADV_REMOVE (a hole in the file):
 * both call the MMU notifiers, and what is read afterwards is zero (for
 * tmpfs_private: what the file has).
 *
 * Return: 0 or -errno.
 */
int backing_discard(struct backing *backing, u64 offset, u64 size);

/**
 * backing_is_shared() - is memory of a kind MAP_SHARED?
 * @kind: the kind
 *
 * Return: whether a forked child sees what its parent writes there.
 */
bool backing_is_shared(enum backing_kind kind);

/**
 * backing_map_again() - map memory anew over a part of it
 * @backing: the memory
 * @offset: bytes from its beginning, aligned to its page size
 * @size: bytes, a multiple of its page size
 *
 * By mmap(MAP_FIXED), over what is there or where munmap() has left a hole. Shared
 * memory of a file has the contents that it had, all other is zero; a policy that
 * was set for it, and a userfaultfd, it has no more.
 *
 * Return: 0 or -errno.
 */
int backing_map_again(struct backing *backing, u64 offset, u64 size);

/**
 * backing_keeps_contents() - does a part keep its contents if it is mapped again?
 * @kind: the kind
 *
 * Return: whether backing_map_again() finds them again.
 */
bool backing_keeps_contents(enum backing_kind kind);

/**
 * backing_move_pages() - bring some pages to one node, whatever the policy is
 * @backing: the memory
 * @offset: bytes from its beginning, aligned to its page size
 * @size: bytes, a multiple of its page size
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * move_pages(). Pages that the kernel cannot move at the moment stay.
 *
 * Return: number of pages that are there now, or -errno; -ENOSYS without NUMA.
 * Context: may not allocate, so at most BACKING_MOVE_MAX pages, the first ones.
 */
int backing_move_pages(struct backing *backing, u64 offset, u64 size,
		       unsigned int node);

#define BACKING_MOVE_MAX 128

/**
 * backing_migrate_process() - bring all pages of this process to one node
 * @node: counted among the nodes with memory, below backing_nodes()
 *
 * migrate_pages(). Pages that the kernel cannot move at the moment stay.
 *
 * Return: 0 or -errno; -ENOSYS without NUMA.
 */
int backing_migrate_process(unsigned int node);

#endif /* SECMMU_BACKING_H */
