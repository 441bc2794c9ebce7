/* SPDX-License-Identifier: GPL-2.0-only */
/* Four-level page tables in the system slot: the guest's, or nested ones. */
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
 * table_map() - add a leaf to page tables
 * @vm: VM
 * @table: offset of the root in the system slot
 * @flags: of the leaf and of the entries above it; includes bit 0
 * @leaf: further flags of the leaf
 * @from: address to map, below 2^48
 * @to: address that it maps to
 * @page_size: bytes, one of arch_page_sizes(); both are aligned to it
 *
 * Fails the case if a larger page maps @from already.
 */
void table_map(struct vm *vm, u64 table, u64 flags, u64 leaf, u64 from, u64 to,
	       u64 page_size);

/**
 * table_map_range() - add the leaves for a range to page tables
 * @vm: VM
 * @table: offset of the root in the system slot
 * @flags: as for table_map()
 * @leaf: as for table_map()
 * @from: first address to map, page aligned
 * @to: address that it maps to
 * @size: bytes
 * @page_size: size of mappings, bytes; smaller ones where it does not fit
 */
void table_map_range(struct vm *vm, u64 table, u64 flags, u64 leaf, u64 from,
		     u64 to, u64 size, u64 page_size);

#endif /* SECMMU_TABLES_X86_H */
