/* SPDX-License-Identifier: GPL-2.0-only */
/* Page tables of four levels in the system slot: a guest's own, or nested ones. */
#ifndef SECMMU_TABLES_X86_H
#define SECMMU_TABLES_X86_H

#include "kvm/vm.h"
#include "core/types.h"

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITABLE (1ULL << 1)
#define PTE_USER     (1ULL << 2)
#define PTE_ACCESSED (1ULL << 5)
#define PTE_DIRTY    (1ULL << 6)
#define PTE_LARGE    (1ULL << 7)
#define PTE_ADDRESS  0x000ffffffffff000ULL

/**
 * table_map() - put one leaf into page tables
 * @vm: VM
 * @table: offset of the root in the system slot
 * @flags: of the leaf, and of what leads to it; bit 0 is among them
 * @leaf: more flags, of the leaf alone
 * @from: address that is mapped, below 2^48
 * @to: what it is mapped to
 * @page_size: bytes, one of arch_page_sizes(); both are aligned to it
 *
 * What is already mapped by a larger page fails the test.
 */
void table_map(struct vm *vm, u64 table, u64 flags, u64 leaf, u64 from, u64 to,
	       u64 page_size);

/**
 * table_map_range() - put as many leaves into page tables as it takes
 * @vm: VM
 * @table: offset of the root in the system slot
 * @flags: as table_map() has them
 * @leaf: as table_map() has them
 * @from: first address that is mapped, page aligned
 * @to: what it is mapped to
 * @size: bytes
 * @page_size: mappings of this size in bytes where they fit, else smaller ones
 */
void table_map_range(struct vm *vm, u64 table, u64 flags, u64 leaf, u64 from,
		     u64 to, u64 size, u64 page_size);

#endif /* SECMMU_TABLES_X86_H */
