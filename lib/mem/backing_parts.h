/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How each kind of memory is made: private to backing*.c.
 */
#ifndef SECMMU_BACKING_PARTS_H
#define SECMMU_BACKING_PARTS_H

#include <stdbool.h>
#include <unistd.h>

#include "mem/backing.h"
#include "core/report.h"
#include "core/types.h"

/**
 * struct backing_kind_parts - how a kind of memory is made
 * @name: its name
 * @hugetlb: size of its hugetlb pages, in bytes; 0: not hugetlb
 * @thp: MADV_HUGEPAGE; other kinds that are not hugetlb get MADV_NOHUGEPAGE, so that
 *	their pages are small whatever the machine's settings are
 * @file: the call that creates its file; NO_FILE: it has none
 * @shared: MAP_SHARED
 */
struct backing_kind_parts {
	const char *name;
	u64 hugetlb;
	bool thp;
	enum {
		NO_FILE,
		MEMFD_FILE,
		TMPFS_FILE,
		GIVEN_FILE,
	} file;
	bool shared;
};

extern const struct backing_kind_parts backing_kinds[BACKING_KINDS];

static inline u64 backing_small_page(void)
{
	return (u64)sysconf(_SC_PAGESIZE);
}

/* Are @size bytes of hugetlb pages of this size free? */
bool backing_hugetlb_available(u64 page_size, u64 size,
			       struct shortage *shortage);

/* A file without a name in a tmpfs with @size free bytes; -1: no such tmpfs. */
int backing_tmpfs_file(u64 size, struct shortage *shortage);

#endif /* SECMMU_BACKING_PARTS_H */
