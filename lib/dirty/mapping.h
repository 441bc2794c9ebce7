/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mapping-size oracle: while logged no huge mapping covers a written page,
 * and after logging huge mappings come back.
 *
 * Kernels differ in what they tell about mappings; tests do not. A test touches memory
 * between mapping_probe_begin() and mapping_probe_end():
 *
 *	statistics	x86 counts mappings by size (VM statistics pages_4k,
 *			pages_2m, pages_1g). They are read after the touch.
 *	faults		arm64 does not, but has an event for every stage-2 fault
 *			(kvm_guest_fault, kvm_handle_guest_abort() in
 *			arch/arm64/kvm/mmu.c). Where every page is absent or
 *			write-protected, the first write to what one mapping
 *			covers costs a fault, which maps it writable as a whole
 *			(user_mem_abort()); the others cost none. So the pages
 *			that faulted tell the sizes exactly, if no other vCPU
 *			touches the memory meanwhile.
 *
 * A huge page is what a PMD maps, a giant page what a PUD maps: 2 MiB and
 * 1 GiB where pages are of 4 KiB.
 */
#ifndef SECMMU_MAPPING_H
#define SECMMU_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/vm.h"
#include "core/types.h"

struct evidence_trace;

/**
 * struct mapping_sizes - sizes of mappings in the stage 2 / NPT of a VM
 * @known: the kernel tells them
 * @small: mappings of the host's page size; by faults: touches that cost a
 *	separate fault
 * @huge: mappings of a huge page
 * @giant: mappings of a giant page
 * @silent: by faults: touches that cost no fault though no mapping that faulted
 *	before covers them, so these pages were writable already
 * @small_before: by faults: touches of pages with a small, write-protected mapping
 */
struct mapping_sizes {
	bool known;
	u64 small;
	u64 huge;
	u64 giant;
	u64 silent;
	u64 small_before;
};

/**
 * struct mapping_probe - how the kernel tells the sizes
 * @vm: VM
 * @by_faults: by faults, else by statistics or not at all. By faults, the memory must
 *	be absent or write-protected before it is touched
 * @trace: the faults' trace, or NULL
 * @seen: it has recorded a fault
 */
struct mapping_probe {
	struct vm *vm;
	bool by_faults;
	struct evidence_trace *trace;
	bool seen;
};

/**
 * mapping_probe_open() - find out how this kernel tells the sizes
 * @probe: filled in
 * @vm: VM
 * @touches: number of addresses, roughly, that a test touches at most between
 *	mapping_probe_begin() and mapping_probe_end(); 0: the memory has no huge
 *	pages and is not worth a trace: by statistics or not at all
 *
 * Where the kernel does not tell, a KTAP comment says so once, and
 * mapping_sizes.known stays false.
 *
 * Context: the thread that will run the vCPU that touches.
 */
void mapping_probe_open(struct mapping_probe *probe, struct vm *vm,
			u64 touches);

/**
 * mapping_probe_close() - free it
 * @probe: opened, or zeroed
 */
void mapping_probe_close(struct mapping_probe *probe);

/**
 * mapping_probe_begin() - memory will be touched from now on
 * @probe: opened
 *
 * Context: as mapping_probe_open(), no other vCPU of the VM may run until
 * mapping_probe_end().
 */
void mapping_probe_begin(struct mapping_probe *probe);

/**
 * mapping_probe_end() - memory was touched: tell how it is mapped
 * @probe: opened
 * @slots: slots that were touched, by writes to the pages at multiples of @stride
 *	from each slot's start
 * @count: number of slots
 * @stride: bytes, a multiple of the host's page size, at most half a huge page
 * @sizes: filled in. Statistics are the whole VM's, faults those in @slots
 */
void mapping_probe_end(struct mapping_probe *probe, const struct memslot *slots,
		       unsigned int count, u64 stride,
		       struct mapping_sizes *sizes);

/**
 * struct mapping_touch - memory whose pages were written one by one
 * @gpa: guest physical address of the first one
 * @size: bytes
 * @stride: from one to the next, bytes
 * @page_size: host page size, bytes
 */
struct mapping_touch {
	u64 gpa;
	u64 size;
	u64 stride;
	u64 page_size;
};

/**
 * mapping_sizes_from_faults() - add the sizes that faults tell of one range
 * @touch: the range
 * @faulted: bitmap, a bit per touch: it cost a fault
 * @sizes: added to; @sizes->known stays
 */
void mapping_sizes_from_faults(const struct mapping_touch *touch,
			       const unsigned long *faulted,
			       struct mapping_sizes *sizes);

/**
 * mapping_huge_pages() - number of huge pages in huge and giant mappings
 * @sizes: as found
 *
 * Return: their number.
 */
u64 mapping_huge_pages(const struct mapping_sizes *sizes);

/**
 * mapping_logged_ok() - the rule while logging is on
 * @sizes: as found; by faults: every page was protected before it was touched
 * @huge_pages: huge pages that the logged slots have
 * @written: number of them in which a page was written since its re-protection
 *
 * x86: kvm_mmu_hugepage_adjust() allows no huge mapping in a slot that is
 * logged, so only huge pages that were not written can still be mapped huge
 * (write-protected). arm64: user_mem_abort() maps a page only (force_pte; in
 * 7.2 kvm_s2_resolve_vma_size()), so every page costs a fault.
 *
 * Return: false if a huge mapping must cover a written page, or if a page was
 * writable without a fault.
 */
bool mapping_logged_ok(const struct mapping_sizes *sizes, u64 huge_pages,
		       u64 written);

/**
 * mapping_recovered() - the rule after logging has ended
 * @before: as found before logging, by a touch of the whole range
 * @after: as found after logging has ended, by another touch of it
 *
 * x86 zaps or recovers in place at disable (kvm_mmu_slot_apply_flags()), so
 * after any touch there are as many huge mappings as before. arm64 leaves all
 * as it is, but a write fault at a page that the host maps huge maps the huge
 * page again (transparent_hugepage_adjust(); stage2_map_walk_table_pre() puts
 * it in the place of the table).
 *
 * Return: false if huge mappings did not come back.
 */
bool mapping_recovered(const struct mapping_sizes *before,
		       const struct mapping_sizes *after);

/**
 * mapping_text() - sizes as text, for a failure's reason
 * @sizes: as found
 * @buffer: filled in
 * @size: bytes in @buffer
 *
 * Return: @buffer.
 */
const char *mapping_text(const struct mapping_sizes *sizes, char *buffer,
			 size_t size);

#endif
