/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notifier operations: what a host does to memory that invalidates the mappings of
 * secondary MMUs through MMU notifiers.
 *
 * An operation is one call, complete when it returns; or a kernel thread that is
 * started and works by itself, in which case a call only waits for a while. Flags
 * say what else a caller has to know.
 */
#ifndef SECMMU_NOTIFIER_OP_H
#define SECMMU_NOTIFIER_OP_H

#include <stdbool.h>

#include "mem/backing.h"
#include "core/cases.h"
#include "core/random.h"
#include "core/types.h"

/**
 * enum notifier_op - the operations
 * @NOTIFIER_DISCARD: MADV_DONTNEED, of shared memory MADV_REMOVE
 * @NOTIFIER_ZERO: no notifier: the host stores zeroes (pages become equal)
 * @NOTIFIER_PAGE_OUT: MADV_PAGEOUT
 * @NOTIFIER_RECLAIM: memory.reclaim of a cgroup
 * @NOTIFIER_PROTECT: mprotect() read-only and back
 * @NOTIFIER_REMAP: mremap() away and back
 * @NOTIFIER_REPLACE: munmap() and mmap(), or mmap() over it
 * @NOTIFIER_FORK: fork(), parent and child write
 * @NOTIFIER_CLEAR_REFS: /proc/self/clear_refs: soft-dirty
 * @NOTIFIER_MERGE: KSM merges equal pages
 * @NOTIFIER_UNMERGE: MADV_UNMERGEABLE, and MADV_MERGEABLE again
 * @NOTIFIER_COLLAPSE: MADV_COLLAPSE
 * @NOTIFIER_KHUGEPAGED: khugepaged collapses
 * @NOTIFIER_SPLIT: debugfs split_huge_pages
 * @NOTIFIER_NO_HUGE: MADV_NOHUGEPAGE, and MADV_HUGEPAGE again
 * @NOTIFIER_BIND: mbind(MPOL_MF_MOVE)
 * @NOTIFIER_MOVE_PAGES: move_pages()
 * @NOTIFIER_MIGRATE: migrate_pages()
 * @NOTIFIER_BALANCE: NUMA balancing
 * @NOTIFIER_COMPACT: the kernel compacts all memory
 * @NOTIFIER_MISSING: userfaultfd: discard; the next access gets a page of zeroes
 * @NOTIFIER_MINOR: userfaultfd: unmap; the next access maps the page again
 * @NOTIFIER_WRITE_PROTECT: userfaultfd: write-protect, and remove the protection
 * @NOTIFIER_OFFLINE: MADV_SOFT_OFFLINE: the machine loses the page
 * @NOTIFIER_OPS: number of operations
 */
enum notifier_op {
	NOTIFIER_DISCARD,
	NOTIFIER_ZERO,
	NOTIFIER_PAGE_OUT,
	NOTIFIER_RECLAIM,
	NOTIFIER_PROTECT,
	NOTIFIER_REMAP,
	NOTIFIER_REPLACE,
	NOTIFIER_FORK,
	NOTIFIER_CLEAR_REFS,
	NOTIFIER_MERGE,
	NOTIFIER_UNMERGE,
	NOTIFIER_COLLAPSE,
	NOTIFIER_KHUGEPAGED,
	NOTIFIER_SPLIT,
	NOTIFIER_NO_HUGE,
	NOTIFIER_BIND,
	NOTIFIER_MOVE_PAGES,
	NOTIFIER_MIGRATE,
	NOTIFIER_BALANCE,
	NOTIFIER_COMPACT,
	NOTIFIER_MISSING,
	NOTIFIER_MINOR,
	NOTIFIER_WRITE_PROTECT,
	NOTIFIER_OFFLINE,
	NOTIFIER_OPS,
};

/* A set of notifier operations, as bits. */
#define NOTIFIER_BIT(op) (1U << (op))

/* Flags of struct notifier_op_info. */
/* An access may fail meanwhile: system calls return EFAULT, a store gets SIGSEGV. */
#define NOTIFIER_AWAY (1U << 0)
/* Reads fail, too. */
#define NOTIFIER_UNREADABLE (1U << 1)
/* The memory is zero afterwards: see notifier_op_changes(). */
#define NOTIFIER_CHANGES (1U << 2)
/* Uses a userfaultfd of the memory; removes one. */
#define NOTIFIER_BY_UFFD    (1U << 3)
#define NOTIFIER_LOSES_UFFD (1U << 4)
/* May take a second, so tests do it rarely. */
#define NOTIFIER_HEAVY (1U << 5)

/**
 * struct notifier_op_info - properties of a notifier operation
 * @name: in names of cases
 * @flags: NOTIFIER_AWAY and the like
 * @kinds: kinds of memory that it applies to, as bits (1 << enum backing_kind)
 * @needs: needs of a case that uses it
 * @evidence: line of /proc/vmstat that counts its effect; NULL: no line does
 */
struct notifier_op_info {
	const char *name;
	unsigned int flags;
	unsigned int kinds;
	struct needs needs;
	const char *evidence;
};

/**
 * notifier_op_info() - properties of an operation
 * @op: the operation
 *
 * Return: its properties.
 */
const struct notifier_op_info *notifier_op_info(enum notifier_op op);

/**
 * notifier_op_fits() - does an operation apply to memory of a kind?
 * @op: the operation
 * @kind: the kind
 *
 * Return: whether it does.
 */
bool notifier_op_fits(enum notifier_op op, enum backing_kind kind);

/**
 * notifier_ops_fitting() - operations of a set that apply to memory of a kind
 * @set: NOTIFIER_BIT()s
 * @kind: the kind
 *
 * Return: those of the set for which notifier_op_fits().
 */
unsigned int notifier_ops_fitting(unsigned int set, enum backing_kind kind);

/**
 * notifier_op_changes() - does an operation change the contents of memory?
 * @op: the operation
 * @kind: kind of memory
 *
 * Return: true if every word of the range is zero afterwards, until it is stored to.
 */
bool notifier_op_changes(enum notifier_op op, enum backing_kind kind);

/**
 * struct notifier_trigger - does notifier operations on memory
 * @set: its operations, NOTIFIER_BIT()s
 * @backing: the memory
 * @page: granularity of ranges, in bytes: hugetlb page size, or the system's page size
 * @dwell_us: limit of the time for which memory is missing, in microseconds
 * @uffd: userfaultfd of the memory, or -1
 * @server: thread that handles its faults, or NULL
 * @spare: reserved addresses of the memory's size, for NOTIFIER_REMAP: a part of the
 *	memory moves to the same offset there
 * @spare_size: their size, in bytes
 * @offline: number of pages that may still be offlined
 */
struct notifier_trigger {
	unsigned int set;
	struct backing *backing;
	u64 page;
	unsigned int dwell_us;
	int uffd;
	struct uffd_server *server;
	unsigned char *spare;
	u64 spare_size;
	unsigned int offline;
};

/**
 * notifier_trigger_prepare() - prepare a trigger before the memory is allocated
 * @trigger: filled in
 * @set: its operations, NOTIFIER_BIT()s, not both with NOTIFIER_BY_UFFD and with
 *	NOTIFIER_LOSES_UFFD
 *
 * Skips the case if the machine cannot do one of them.
 */
void notifier_trigger_prepare(struct notifier_trigger *trigger,
			      unsigned int set);

/**
 * notifier_trigger_begin() - start operations on memory
 * @trigger: prepared
 * @backing: the memory, populated
 *
 * Configures kernel threads that invalidate by themselves (KSM, khugepaged, NUMA
 * balancing). Skips the case if the kernel cannot do an operation.
 *
 * Context: the thread that runs the case.
 */
void notifier_trigger_begin(struct notifier_trigger *trigger,
			    struct backing *backing);

/**
 * notifier_trigger() - do one operation
 * @trigger: started
 * @op: an operation of its set
 * @random: for the choices of the operation
 * @offset: start of the range in the memory, in bytes, aligned to @trigger->page
 * @size: size of the range, in bytes, a multiple of @trigger->page. Operations on a
 *	process or on the machine ignore the range
 *
 * Fails the case on an unexpected error. Allocates no address space, so unmapped
 * memory can be mapped again at its address if no other thread maps anything.
 *
 * Return: 0; -errno if the kernel could not do it at the moment: nothing has changed.
 *
 * Context: any thread, several at a time for ranges that do not overlap.
 */
int notifier_trigger(struct notifier_trigger *trigger, enum notifier_op op,
		     struct random_stream *random, u64 offset, u64 size);

/**
 * notifier_trigger_end() - restore settings, and stop threads
 * @trigger: started; no thread accesses the memory any more
 */
void notifier_trigger_end(struct notifier_trigger *trigger);

/*
 * The rest is private to notifier_op*.c.
 */

/* Operations that are settings of the kernel: set them, or restore them. */
void notifier_trigger_settings_set(const struct notifier_trigger *trigger);
void notifier_trigger_settings_restore(const struct notifier_trigger *trigger);

/* Fork a child that reads and writes a range, and wait for it. */
int notifier_trigger_by_fork(const struct notifier_trigger *trigger,
			     struct random_stream *random, unsigned char *start,
			     u64 size);

#endif /* SECMMU_NOTIFIER_OP_H */
