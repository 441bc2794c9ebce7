/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mapping-size oracle: while logged no huge mapping covers a written page,
 * and after logging huge mappings come back.
 *
 * What a kernel tells of its mappings differs, what a test does about it does
 * not. It touches memory between mapping_probe_begin() and mapping_probe_end():
 *
 *	statistics	x86 counts mappings by size (VM statistics pages_4k,
 *			pages_2m, pages_1g). They are read after the touch.
 *	faults		arm64 does not, but has an event for every stage-2 fault
 *			(kvm_guest_fault, kvm_handle_guest_abort() in
 *			arch/arm64/kvm/mmu.c). Where every page is absent or
 *			write-protected, the first write to what one mapping
 *			covers costs a fault, which maps it writable as a whole
 *			(user_mem_abort()); the others cost none. So the pages
 *			that faulted tell the sizes, exactly, if nobody else
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
 * struct mapping_sizes - how memory is mapped in the stage 2 / NPT of a VM
 * @known: the kernel tells
 * @small: mappings of the host's page size; by faults: touches that cost a
 *	fault of their own
 * @huge: mappings of a huge page
 * @giant: mappings of a giant page
 * @silent: by faults: touches that cost no fault though no mapping that faulted
 *	before covers them, so these pages were writable already
 * @small_before: by faults: touches at what was mapped by a small mapping that
 *	was write-protected
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
 * struct mapping_probe - how the kernel is asked
 * @vm: VM
 * @by_faults: by faults, else by statistics or not at all. Then the memory must
 *	be absent or write-protected before it is touched
 * @trace: the faults' trace, or NULL
 * @seen: it has recorded a fault yet
 */
struct mapping_probe {
	struct vm *vm;
	bool by_faults;
	struct evidence_trace *trace;
	bool seen;
};

/**
 * mapping_probe_open() - find out how this kernel can be asked
 * @probe: filled in
 * @vm: VM
 * @touches: about how many addresses a test touches at most between
 *	mapping_probe_begin() and mapping_probe_end(); 0: not worth a trace
 *	(the memory has no huge pages), by statistics or not at all
 *
 * Where it cannot be asked, that is said once (KTAP comment), and
 * mapping_sizes.known is false ever after.
 *
 * Context: the thread that will run the vCPU that touches.
 */
void mapping_probe_open(struct mapping_probe *probe, struct vm *vm,
			u64 touches);

/**
 * mapping_probe_close() - done with it
 * @probe: opened, or zeroed
 */
void mapping_probe_close(struct mapping_probe *probe);

/**
 * mapping_probe_begin() - now the memory will be touched
 * @probe: opened
 *
 * Context: as mapping_probe_open(), no other vCPU of the VM may run until
 * mapping_probe_end().
 */
void mapping_probe_begin(struct mapping_probe *probe);

/**
 * mapping_probe_end() - the memory was touched: how is it mapped
 * @probe: opened
 * @slots: what was touched, by writes to the pages at multiples of @stride
 *	from each slot's beginning
 * @count: number of slots
 * @stride: bytes, a multiple of the host's page size, at most half a huge page
 * @sizes: filled in. Statistics are the whole VM's, faults those in @slots
 */
void mapping_probe_end(struct mapping_probe *probe, const struct memslot *slots,
		       unsigned int count, u64 stride,
		       struct mapping_sizes *sizes);

/**
 * struct mapping_touch - memory of which pages were written, one by one
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
 * mapping_sizes_from_faults() - add up what faults tell of one range
 * @touch: what was touched
 * @faulted: bitmap, a bit per touch: it cost a fault
 * @sizes: added to; @sizes->known stays
 */
void mapping_sizes_from_faults(const struct mapping_touch *touch,
			       const unsigned long *faulted,
			       struct mapping_sizes *sizes);

/**
 * mapping_huge_pages() - how many huge pages are mapped by huge or giant pages
 * @sizes: as found
 *
 * Return: their number.
 */
u64 mapping_huge_pages(const struct mapping_sizes *sizes);

/**
 * mapping_logged_ok() - the rule while logging is on
 * @sizes: as found; by faults: every page was protected before it was touched
 * @huge_pages: huge pages that the logged slots have
 * @written: how many of them had a page written since its re-protection
 *
 * x86: kvm_mmu_hugepage_adjust() allows no huge mapping in a slot that is
 * logged, so only huge pages that nobody wrote can still be mapped huge
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
 * mapping_text() - sizes in words, for a failure's line
 * @sizes: as found
 * @buffer: where to put it
 * @size: bytes in @buffer
 *
 * Return: @buffer.
 */
const char *mapping_text(const struct mapping_sizes *sizes, char *buffer,
			 size_t size);

#endif
