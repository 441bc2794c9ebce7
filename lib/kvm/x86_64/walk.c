// SPDX-License-Identifier: GPL-2.0-only
/* Page tables in memory under test: x86, 4 levels. */
#include <string.h>

#include "kvm/x86_64/supported.h"
#include "kvm/walk.h"

#define LEVELS	   4
#define TABLE_SIZE 4096
/* An address that the guest's page tables do not map. */
#define WALK_GVA (1ULL << 46)
/* Present and writable. */
#define ENTRY_FLAGS 3ULL

void walk_need(struct vcpu *vcpu)
{
	/* Every x86 CPU sets accessed and dirty flags. */
	(void)vcpu;
}

void walk_build(struct vcpu *vcpu, struct walk *walk, struct memslot *slot,
		const u64 *table, u64 target)
{
	const struct vm *vm = vcpu->vm;
	unsigned int i;

	*walk = (struct walk){
		.root = table[0],
		.gva = WALK_GVA,
		.levels = LEVELS,
		/*
		 * With nested paging, each walk writes to every table's page
		 * (APM volume 2, 15.25.5; Intel's EPT with accessed and dirty
		 * flags).
		 */
		.walk_writes = paging_is_nested(),
	};
	for (i = 0; i < LEVELS; i++) {
		u64 index = WALK_GVA >> (39 - 9 * i) & 511;
		u64 next = i + 1 < LEVELS ? table[i + 1] : target;
		char *memory = (char *)slot->hva + (table[i] - slot->gpa);

		memset(memory, 0, TABLE_SIZE);
		if (!i)
			memcpy(memory, (char *)vm->system + vm->table_root,
			       TABLE_SIZE);
		walk->entry[i] = table[i] + index * sizeof(u64);
		walk->fresh[i] = next | ENTRY_FLAGS;
		memcpy(memory + index * sizeof(u64), &walk->fresh[i],
		       sizeof(u64));
	}
}
