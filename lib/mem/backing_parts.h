/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kinds of memory are made of. Between backing*.c only.
 */
#ifndef SECMMU_BACKING_PARTS_H
#define SECMMU_BACKING_PARTS_H

#include <stdbool.h>
#include <unistd.h>

#include "mem/backing.h"
#include "core/report.h"
#include "core/types.h"

/**
 * struct backing_kind_parts - what a kind of memory is made of
 * @name: its name
 * @hugetlb: size of its hugetlb pages; 0: not hugetlb
 * @thp: MADV_HUGEPAGE; all others that are not hugetlb have MADV_NOHUGEPAGE,
 *	so that small means small whatever the machine's settings are
 * @file: from which call its file comes; NO_FILE: none
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

/* Are so many bytes of hugetlb pages of this size free? */
bool backing_hugetlb_available(u64 page_size, u64 size,
			       struct shortage *shortage);

/* A file without a name in a tmpfs that has room for @size bytes; -1: none. */
int backing_tmpfs_file(u64 size, struct shortage *shortage);

#endif /* SECMMU_BACKING_PARTS_H */
