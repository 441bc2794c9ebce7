/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host does to memory under whoever follows its page tables: everything
 * that makes MMU notifiers fire, each by one name.
 *
 * A disturbance is one call, over when it returns; or a thread of the kernel's that
 * is set going and works by itself, and a call only passes some time. What else a
 * caller has to know of it is in its flags.
 */
#ifndef SECMMU_NOTIFIER_OP_H
#define SECMMU_NOTIFIER_OP_H

#include <stdbool.h>

#include "mem/backing.h"
#include "core/cases.h"
#include "core/random.h"
#include "core/types.h"

/**
 * enum notifier_op - what can be done
 * @NOTIFIER_DISCARD: MADV_DONTNEED, of shared memory MADV_REMOVE
 * @NOTIFIER_ZERO: no notifier: the host's own stores of zero (pages get equal)
 * @NOTIFIER_PAGE_OUT: MADV_PAGEOUT
 * @NOTIFIER_RECLAIM: the kernel reclaims, in a memory cgroup
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
 * @NOTIFIER_MISSING: userfaultfd: discarded, and given back at the next access
 * @NOTIFIER_MINOR: userfaultfd: unmapped, and mapped again at the next access
 * @NOTIFIER_WRITE_PROTECT: userfaultfd: write-protected, and back
 * @NOTIFIER_OFFLINE: MADV_SOFT_OFFLINE: the page is lost to the machine
 * @NOTIFIER_OPS: number of them
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

/* A set of disturbances, by bits. */
#define NOTIFIER_BIT(op) (1U << (op))

/* Flags of struct notifier_op_info. */
/* An access may fail meanwhile: EFAULT of a system call, SIGSEGV. */
#define NOTIFIER_AWAY (1U << 0)
/* Even a read. */
#define NOTIFIER_UNREADABLE (1U << 1)
/* The memory is zero afterwards: see notifier_op_changes(). */
#define NOTIFIER_CHANGES (1U << 2)
/* By a userfaultfd of the memory; and what that does not survive. */
#define NOTIFIER_BY_UFFD    (1U << 3)
#define NOTIFIER_LOSES_UFFD (1U << 4)
/* It may take a second: to be done now and then. */
#define NOTIFIER_HEAVY (1U << 5)

/**
 * struct notifier_op_info - what is to be known of one
 * @name: as cases use it
 * @flags: NOTIFIER_AWAY and so on
 * @kinds: of which memory it can be done, bits (1 << enum backing_kind)
 * @needs: what a case with it needs
 * @evidence: line of /proc/vmstat that counts what the kernel did of it; NULL:
 *	none does
 */
struct notifier_op_info {
	const char *name;
	unsigned int flags;
	unsigned int kinds;
	struct needs needs;
	const char *evidence;
};

/**
 * notifier_op_info() - one of them
 * @op: which
 *
 * Return: what is to be known of it.
 */
const struct notifier_op_info *notifier_op_info(enum notifier_op op);

/**
 * notifier_op_fits() - can it be done to memory of a kind?
 * @op: which
 * @kind: the kind
 *
 * Return: whether it makes sense there.
 */
bool notifier_op_fits(enum notifier_op op, enum backing_kind kind);

/**
 * notifier_ops_fitting() - what of a set can be done to memory of a kind?
 * @set: NOTIFIER_BIT()s
 * @kind: the kind
 *
 * Return: those of the set for which notifier_op_fits().
 */
unsigned int notifier_ops_fitting(unsigned int set, enum backing_kind kind);

/**
 * notifier_op_changes() - does the host itself change what the memory holds?
 * @op: which
 * @kind: kind of memory
 *
 * Return: true if every word of the range is zero afterwards, as nobody else has
 * stored there since.
 */
bool notifier_op_changes(enum notifier_op op, enum backing_kind kind);

/**
 * struct notifier_trigger - who disturbs a memory
 * @set: what it can do, NOTIFIER_BIT()s
 * @backing: the memory
 * @page: bytes: ranges consist of such pages: hugetlb ones, or the system's
 * @dwell_us: how long memory that is away stays away at most, microseconds
 * @uffd: userfaultfd of the memory, or -1
 * @server: who answers its faults, or NULL
 * @spare: as many addresses as the memory has, for NOTIFIER_REMAP; each part of the
 *	memory has its own there
 * @spare_size: bytes
 * @offline: how many pages may still be taken off line
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
 * notifier_trigger_prepare() - what has to be so before there is the memory
 * @trigger: filled in
 * @set: what it is to do, NOTIFIER_BIT()s; not both of NOTIFIER_BY_UFFD and of
 *	NOTIFIER_LOSES_UFFD
 *
 * Skips the case if the machine lacks something for it.
 */
void notifier_trigger_prepare(struct notifier_trigger *trigger,
			      unsigned int set);

/**
 * notifier_trigger_begin() - now there is the memory
 * @trigger: prepared
 * @backing: the memory, populated
 *
 * Sets threads of the kernel going that work by themselves. Skips the case if the
 * kernel lacks something.
 *
 * Context: the thread that runs the case.
 */
void notifier_trigger_begin(struct notifier_trigger *trigger,
			    struct backing *backing);

/**
 * disturb() - disturb the memory once
 * @trigger: begun
 * @op: of its set
 * @random: for choices among several ways to do it
 * @offset: bytes from the memory's beginning, aligned to @trigger->page
 * @size: bytes, a multiple of @trigger->page. What is done to a process or to
 *	the machine does not look at the range
 *
 * Fails the case if something does not work that must. Does not allocate address
 * space, so memory that is away for a moment finds its place free if no other
 * thread does.
 *
 * Return: 0; or -errno if the kernel could not do it at this moment, and everything
 * is as before. Context: any thread, several at a time for ranges that have nothing
 * in common.
 */
int notifier_trigger(struct notifier_trigger *trigger, enum notifier_op op,
		     struct random_stream *random, u64 offset, u64 size);

/**
 * notifier_trigger_end() - settings are put back, threads end
 * @trigger: begun; nobody uses the memory any more
 */
void notifier_trigger_end(struct notifier_trigger *trigger);

/*
 * The rest is between disturb*.c.
 */

/* Disturbances that are settings: set them, or put them back. */
void notifier_trigger_settings_set(const struct notifier_trigger *trigger);
void notifier_trigger_settings_restore(const struct notifier_trigger *trigger);

/* A child that looks at a range, and writes there; and its parent, who waits. */
int notifier_trigger_by_fork(const struct notifier_trigger *trigger,
			     struct random_stream *random, unsigned char *start,
			     u64 size);

#endif /* SECMMU_NOTIFIER_OP_H */
