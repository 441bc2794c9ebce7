#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tests/api, without a kernel: --source with a folder that has none.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/tests" "$tree/hmm" "$tree/avic"
	cp "$top/tests/api" "$tree/tests/"
	cp -r "$top/hmm/driver" "$tree/hmm/"
	cp -r "$top/avic/driver" "$tree/avic/"
	header=$tree/hmm/driver/hmm_compat.h
}

api() {
	run -"$1" "$tree/tests/api" --source "$BATS_TEST_TMPDIR"
}

@test "a folder that is no kernel is skipped, and nothing was checked" {
	api 3
	[[ $output == *"# SKIP "*" is no source tree of a kernel"* ]]
}

@test "each test of the version in the headers has a row; one without is an error" {
	api 3
	[[ $output != *"has no row"* ]]
	printf '#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)\nextern int unknown;\n#endif\n' >> "$header"
	api 1
	[[ $output == *"not ok - hmm/driver/hmm_compat.h:"*" has no row for this test of the version"* ]]
}

# A kernel of which the headers expect nothing else than what it has.
small_kernel() { # VERSION PATCHLEVEL
	mkdir -p "$BATS_TEST_TMPDIR/include/linux" "$BATS_TEST_TMPDIR/arch/x86/include/asm" "$BATS_TEST_TMPDIR/virt/kvm"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 3\n' "$1" "$2" > "$BATS_TEST_TMPDIR/Makefile"
	cat > "$BATS_TEST_TMPDIR/include/linux/mm.h" <<- 'END'
	struct vm_area_struct {
		const vm_flags_t vm_flags;
	};
	struct page {
		unsigned long flags;
	};
	struct folio {
		struct dev_pagemap *pgmap;
	};
	struct dev_pagemap_ops {
		void (*page_free)(struct page *page);
	};
	vm_fault_t vmf_insert_mixed(struct vm_area_struct *vma, unsigned long addr,
				    unsigned long pfn);
	int hmm_dma_map_alloc(struct device *dev);
	void zone_device_page_init(struct page *page);
	struct page *make_device_exclusive(struct mm_struct *mm, unsigned long addr,
					   void *owner, struct folio **foliop);
	END
	cat > "$BATS_TEST_TMPDIR/arch/x86/include/asm/kvm_page_track.h" <<- 'END'
	struct kvm_arch_memory_slot {
		unsigned short *gfn_write_track;
	};
	int kvm_page_track_register_notifier(struct kvm *kvm,
					     struct kvm_page_track_notifier_node *n);
	int kvm_write_track_add_gfn(struct kvm *kvm, gfn_t gfn);
	END
	echo 'EXPORT_SYMBOL_GPL(file_is_kvm);' > "$BATS_TEST_TMPDIR/virt/kvm/kvm_main.c"
}

@test "a boundary that was moved by one release is an error" {
	small_kernel 6 17
	api 0
	sed -i 's/KERNEL_VERSION(6, 17, 0)/KERNEL_VERSION(6, 18, 0)/' "$header"
	api 1
	[[ $output == *"the kernel has no type pfn_t"* ]]
	[[ $output == *"vmf_insert_mixed() has other parameters: expected (vm_area_struct, long, pfn_t)"* ]]
}

@test "a function with another number of parameters is an error" {
	small_kernel 6 17
	sed -i 's/unsigned long pfn);/unsigned long pfn, bool write);/' "$BATS_TEST_TMPDIR/include/linux/mm.h"
	api 1
	[[ $output == *"vmf_insert_mixed() is called with 3 arguments and has 4 parameters"* ]]
}
