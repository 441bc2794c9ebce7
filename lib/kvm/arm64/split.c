// SPDX-License-Identifier: GPL-2.0-only
/* arm64: KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE, set for each VM. */
#include <unistd.h>

#include "mem/backing.h"
#include "core/report.h"
#include "kvm/split.h"
#include "kvm/vm.h"

enum { LAZY, CHUNK_PAGE, CHUNK_HUGE, CHUNK_GIANT, SPLITS };

/*
 * Sizes that a table entry can map (kvm_is_block_size_supported()): a page, a
 * PMD and, with pages of 4 KiB, a PUD.
 */
const struct split *splits(size_t *count)
{
	static struct split all[SPLITS] = { { .name = "lazy" } };
	u64 page = (u64)getpagesize(), huge = backing_thp_size();

	all[CHUNK_PAGE] = (struct split){ "chunk_page", page, true };
	all[CHUNK_HUGE] = (struct split){ "chunk_huge", huge, true };
	all[CHUNK_GIANT] = (struct split){ "chunk_giant", huge * (page / 8),
					   true };
	*count = page == 4096 ? SPLITS : CHUNK_GIANT;
	return all;
}

/* vm_create() checks the capability. */
void split_begin(const struct split *split)
{
	int sizes = kvm_check_extension(KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES);

	if (sizes && split->chunk && !(sizes & split->chunk))
		skip("a KVM that splits in chunks of this size",
		     "use pages of 4 KiB");
}

void split_end(void)
{
}
