/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exactness oracle: what was written is reported, what was not is not; and
 * the mapping-size oracle: while logged no huge mapping covers a written page,
 * and after logging huge mappings come back.
 */
#ifndef SECMMU_EXACT_H
#define SECMMU_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"

/**
 * struct exact_difference - how a report differs from what was written
 * @missing: pages written and not reported
 * @extra: pages reported and not written
 * @first_missing: the first such page, if @missing
 * @first_extra: the first such page, if @extra
 */
struct exact_difference {
	size_t missing;
	size_t extra;
	size_t first_missing;
	size_t first_extra;
};

/**
 * exact_compare() - compare a report with what was written
 * @written: pages that were written, a bitmap
 * @reported: pages that were reported
 * @pages: size of both, pages
 * @difference: filled in
 *
 * Return: true if both are the same set.
 */
bool exact_compare(const unsigned long *written, const unsigned long *reported,
		   size_t pages, struct exact_difference *difference);

/**
 * exact_judge() - end the test unless both are the same set
 * @what: the write set, for the message
 * @written: pages that were written
 * @reported: pages that were reported
 * @pages: size of both, pages
 */
void exact_judge(const char *what, const unsigned long *written,
		 const unsigned long *reported, size_t pages);

/**
 * struct mapping_sizes - how many stage-2 / NPT mappings of which size a VM has
 * @known: the kernel tells (x86: VM statistics pages_4k, pages_2m, pages_1g)
 * @small: mappings of the host's page size
 * @huge_2m: mappings of 2 MiB
 * @huge_1g: mappings of 1 GiB
 */
struct mapping_sizes {
	bool known;
	uint64_t small;
	uint64_t huge_2m;
	uint64_t huge_1g;
};

/**
 * mapping_sizes_read() - read the VM's mapping sizes
 * @vm: VM
 * @sizes: filled in; @sizes->known false where the kernel does not count (arm64)
 *	or maps no huge pages by design (arch_maps_huge())
 */
void mapping_sizes_read(struct vm *vm, struct mapping_sizes *sizes);

/**
 * mapping_sizes_logged_ok() - the rule while logging is on
 * @sizes: as read, no vCPU running
 * @huge_pages: huge pages of 2 MiB that the logged slots have
 * @written: how many of them had a page written since its re-protection
 *
 * kvm_mmu_hugepage_adjust() allows no huge mapping in a slot that is logged, so
 * only huge pages that nobody wrote can still be mapped huge (write-protected).
 *
 * Return: false if a huge mapping must cover a written page.
 */
bool mapping_sizes_logged_ok(const struct mapping_sizes *sizes,
			     uint64_t huge_pages, uint64_t written);

/**
 * mapping_sizes_recovered() - the rule after logging has ended
 * @before: as read before logging, after a touch of the whole range
 * @after: as read after logging has ended, after another touch of it
 *
 * x86 zaps or recovers in place at disable (kvm_mmu_slot_apply_flags()), so
 * after any touch there are as many huge mappings as before.
 *
 * Return: false if huge mappings did not come back.
 */
bool mapping_sizes_recovered(const struct mapping_sizes *before,
			     const struct mapping_sizes *after);

#endif
