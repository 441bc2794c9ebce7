/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host does to memory under whoever follows its page tables: everything
 * that makes MMU notifiers fire, each by one name.
 *
 * A disturbance is one call, over when it returns; or a thread of the kernel's that
 * is set going and works by itself, and a call only passes some time. What else a
 * caller has to know of it is in its flags.
 */
#ifndef SECMMU_DISTURB_H
#define SECMMU_DISTURB_H

#include <stdbool.h>

#include "backing.h"
#include "cases.h"
#include "random.h"
#include "types.h"

/**
 * enum disturbance - what can be done
 * @DISTURB_DISCARD: MADV_DONTNEED, of shared memory MADV_REMOVE
 * @DISTURB_ZERO: no notifier: the host's own stores of zero (pages get equal)
 * @DISTURB_PAGE_OUT: MADV_PAGEOUT
 * @DISTURB_RECLAIM: the kernel reclaims, in a memory cgroup
 * @DISTURB_PROTECT: mprotect() read-only and back
 * @DISTURB_REMAP: mremap() away and back
 * @DISTURB_REPLACE: munmap() and mmap(), or mmap() over it
 * @DISTURB_FORK: fork(), parent and child write
 * @DISTURB_CLEAR_REFS: /proc/self/clear_refs: soft-dirty
 * @DISTURB_MERGE: KSM merges equal pages
 * @DISTURB_UNMERGE: MADV_UNMERGEABLE, and MADV_MERGEABLE again
 * @DISTURB_COLLAPSE: MADV_COLLAPSE
 * @DISTURB_KHUGEPAGED: khugepaged collapses
 * @DISTURB_SPLIT: debugfs split_huge_pages
 * @DISTURB_NO_HUGE: MADV_NOHUGEPAGE, and MADV_HUGEPAGE again
 * @DISTURB_BIND: mbind(MPOL_MF_MOVE)
 * @DISTURB_MOVE_PAGES: move_pages()
 * @DISTURB_MIGRATE: migrate_pages()
 * @DISTURB_BALANCE: NUMA balancing
 * @DISTURB_COMPACT: the kernel compacts all memory
 * @DISTURB_MISSING: userfaultfd: discarded, and given back at the next access
 * @DISTURB_MINOR: userfaultfd: unmapped, and mapped again at the next access
 * @DISTURB_WRITE_PROTECT: userfaultfd: write-protected, and back
 * @DISTURB_OFFLINE: MADV_SOFT_OFFLINE: the page is lost to the machine
 * @DISTURBANCES: number of them
 */
enum disturbance {
	DISTURB_DISCARD,
	DISTURB_ZERO,
	DISTURB_PAGE_OUT,
	DISTURB_RECLAIM,
	DISTURB_PROTECT,
	DISTURB_REMAP,
	DISTURB_REPLACE,
	DISTURB_FORK,
	DISTURB_CLEAR_REFS,
	DISTURB_MERGE,
	DISTURB_UNMERGE,
	DISTURB_COLLAPSE,
	DISTURB_KHUGEPAGED,
	DISTURB_SPLIT,
	DISTURB_NO_HUGE,
	DISTURB_BIND,
	DISTURB_MOVE_PAGES,
	DISTURB_MIGRATE,
	DISTURB_BALANCE,
	DISTURB_COMPACT,
	DISTURB_MISSING,
	DISTURB_MINOR,
	DISTURB_WRITE_PROTECT,
	DISTURB_OFFLINE,
	DISTURBANCES,
};

/* A set of disturbances, by bits. */
#define DISTURB_BIT(disturbance) (1U << (disturbance))

/* Flags of struct disturbance_info. */
/* An access may fail meanwhile: EFAULT of a system call, SIGSEGV. */
#define DISTURB_AWAY (1U << 0)
/* Even a read. */
#define DISTURB_UNREADABLE (1U << 1)
/* The memory is zero afterwards: see disturbance_changes(). */
#define DISTURB_CHANGES (1U << 2)
/* By a userfaultfd of the memory; and what that does not survive. */
#define DISTURB_BY_UFFD	   (1U << 3)
#define DISTURB_LOSES_UFFD (1U << 4)
/* It may take a second: to be done now and then. */
#define DISTURB_HEAVY (1U << 5)

/**
 * struct disturbance_info - what is to be known of one
 * @name: as cases use it
 * @flags: DISTURB_AWAY and so on
 * @kinds: of which memory it can be done, bits (1 << enum backing_kind)
 * @needs: what a case with it needs
 * @evidence: line of /proc/vmstat that counts what the kernel did of it; NULL:
 *	none does
 */
struct disturbance_info {
	const char *name;
	unsigned int flags;
	unsigned int kinds;
	struct needs needs;
	const char *evidence;
};

/**
 * disturbance_info() - one of them
 * @disturbance: which
 *
 * Return: what is to be known of it.
 */
const struct disturbance_info *disturbance_info(enum disturbance disturbance);

/**
 * disturbance_fits() - can it be done to memory of a kind?
 * @disturbance: which
 * @kind: the kind
 *
 * Return: whether it makes sense there.
 */
bool disturbance_fits(enum disturbance disturbance, enum backing_kind kind);

/**
 * disturbances_fitting() - what of a set can be done to memory of a kind?
 * @set: DISTURB_BIT()s
 * @kind: the kind
 *
 * Return: those of the set for which disturbance_fits().
 */
unsigned int disturbances_fitting(unsigned int set, enum backing_kind kind);

/**
 * disturbance_changes() - does the host itself change what the memory holds?
 * @disturbance: which
 * @kind: kind of memory
 *
 * Return: true if every word of the range is zero afterwards, as nobody else has
 * stored there since.
 */
bool disturbance_changes(enum disturbance disturbance, enum backing_kind kind);

/**
 * struct disturber - who disturbs a memory
 * @set: what it can do, DISTURB_BIT()s
 * @backing: the memory
 * @page: bytes: ranges consist of such pages: hugetlb ones, or the system's
 * @dwell_us: how long memory that is away stays away at most, microseconds
 * @uffd: userfaultfd of the memory, or -1
 * @server: who answers its faults, or NULL
 * @spare: as many addresses as the memory has, for DISTURB_REMAP; each part of the
 *	memory has its own there
 * @spare_size: bytes
 * @offline: how many pages may still be taken off line
 */
struct disturber {
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
 * disturb_prepare() - what has to be so before there is the memory
 * @disturber: filled in
 * @set: what it is to do, DISTURB_BIT()s; not both of DISTURB_BY_UFFD and of
 *	DISTURB_LOSES_UFFD
 *
 * Skips the case if the machine lacks something for it.
 */
void disturb_prepare(struct disturber *disturber, unsigned int set);

/**
 * disturb_begin() - now there is the memory
 * @disturber: prepared
 * @backing: the memory, populated
 *
 * Sets threads of the kernel going that work by themselves. Skips the case if the
 * kernel lacks something.
 *
 * Context: the thread that runs the case.
 */
void disturb_begin(struct disturber *disturber, struct backing *backing);

/**
 * disturb() - disturb the memory once
 * @disturber: begun
 * @disturbance: of its set
 * @random: for choices among several ways to do it
 * @offset: bytes from the memory's beginning, aligned to @disturber->page
 * @size: bytes, a multiple of @disturber->page. What is done to a process or to
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
int disturb(struct disturber *disturber, enum disturbance disturbance,
	    struct random_stream *random, u64 offset, u64 size);

/**
 * disturb_end() - settings are put back, threads end
 * @disturber: begun; nobody uses the memory any more
 */
void disturb_end(struct disturber *disturber);

/*
 * The rest is between disturb*.c.
 */

/* Disturbances that are settings: set them, or put them back. */
void disturb_settings_set(const struct disturber *disturber);
void disturb_settings_restore(const struct disturber *disturber);

/* A child that looks at a range, and writes there; and its parent, who waits. */
int disturb_by_fork(const struct disturber *disturber,
		    struct random_stream *random, unsigned char *start,
		    u64 size);

#endif /* SECMMU_DISTURB_H */
