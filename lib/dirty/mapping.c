// SPDX-License-Identifier: GPL-2.0-only
/* The mapping-size oracle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "mem/backing.h"
#include "core/bitmap.h"
#include "core/evidence.h"
#include "dirty/mapping.h"
#include "core/report.h"

/* Bytes of a kvm_guest_fault record in the trace's buffer, generously. */
#define RECORD_BYTES 128
/* Room for faults of the library's own memory, and the minimum. */
#define RECORDS_SPARE 2048

/* Huge pages of a giant page: the entries of a table. */
static u64 giant_pages(void)
{
	return (u64)getpagesize() / sizeof(u64);
}

static bool read_statistics(struct vm *vm, struct mapping_sizes *sizes)
{
	return vm_stat(vm, "pages_4k", &sizes->small) &&
	       vm_stat(vm, "pages_2m", &sizes->huge) &&
	       vm_stat(vm, "pages_1g", &sizes->giant);
}

void mapping_probe_open(struct mapping_probe *probe, struct vm *vm, u64 touches)
{
	static const char *const events[] = { "kvm/kvm_guest_fault", NULL };
	const struct evidence_trace_request request = {
		.events = events,
		.buffer_kib = (touches + RECORDS_SPARE) * RECORD_BYTES >> 10,
		.this_thread = true,
	};
	struct mapping_sizes sizes;
	struct shortage shortage;

	*probe = (struct mapping_probe){ .vm = vm };
	if (!arch_maps_huge() || read_statistics(vm, &sizes) || !touches)
		return;
	probe->trace = evidence_trace_start(&request, &shortage);
	probe->by_faults = probe->trace;
	if (!probe->trace)
		report_info("mapping sizes are not checked: that needs %s (%s)",
			    shortage.what, shortage.remedy);
}

void mapping_probe_close(struct mapping_probe *probe)
{
	evidence_trace_close(probe->trace);
	memset(probe, 0, sizeof(*probe));
}

void mapping_probe_begin(struct mapping_probe *probe)
{
	if (probe->by_faults)
		evidence_trace_take(probe->trace, NULL, NULL);
}

struct fault_sorter {
	const struct mapping_touch *touches;
	unsigned long **faulted;
	unsigned int count;
	u64 small_before;
	bool seen;
};

/*
 * The fault status code of a write to what a last-level entry maps, but not for
 * writing (ESR_ELx_FSC_PERM_L(3)).
 */
#define FSC_MASK	 0x3f
#define FSC_PERMISSION_3 0x0f

/* "ipa 0x100200000, hsr 0x9200004f, ...": the page at which a write faulted. */
static bool sort_fault(const char *name, const char *text, void *context)
{
	struct fault_sorter *sorter = context;
	unsigned long long ipa, syndrome;
	unsigned int i;

	(void)name;
	if (sscanf(text, "ipa %llx, hsr %llx", &ipa, &syndrome) != 2)
		return true;
	sorter->seen = true;
	for (i = 0; i < sorter->count; i++) {
		const struct mapping_touch *touch = &sorter->touches[i];
		u64 offset = (ipa & ~(touch->page_size - 1)) - touch->gpa;

		/* Tries of the same page count once. */
		if (ipa < touch->gpa || offset >= touch->size ||
		    offset % touch->stride)
			continue;
		if ((syndrome & FSC_MASK) == FSC_PERMISSION_3 &&
		    !bitmap_test(sorter->faulted[i], offset / touch->stride))
			sorter->small_before++;
		bitmap_set(sorter->faulted[i], offset / touch->stride);
	}
	return true;
}

static u64 touch_count(const struct mapping_touch *touch)
{
	return (touch->size + touch->stride - 1) / touch->stride;
}

static void read_faults(struct mapping_probe *probe,
			const struct memslot *slots, unsigned int count,
			u64 stride, struct mapping_sizes *sizes)
{
	struct mapping_touch *touches = calloc(count, sizeof(*touches));
	unsigned long **faulted = calloc(count, sizeof(*faulted));
	struct fault_sorter sorter = {
		.touches = touches,
		.faulted = faulted,
		.count = count,
	};
	unsigned int i;

	if (!touches || !faulted)
		fail("out of memory for %u slots", count);
	for (i = 0; i < count; i++) {
		touches[i] = (struct mapping_touch){
			.gpa = slots[i].gpa,
			.size = slots[i].size,
			.stride = stride,
			.page_size = probe->vm->page_size,
		};
		faulted[i] = bitmap_new(touch_count(&touches[i]));
	}
	evidence_trace_take(probe->trace, sort_fault, &sorter);
	if (evidence_trace_lost(probe->trace))
		fail("the trace of stage-2 faults lost %llu records: the test must touch less at a time",
		     evidence_trace_lost(probe->trace));

	/* A trace that stays empty is of another thread (containers). */
	probe->seen |= sorter.seen;
	sizes->small_before = sorter.small_before;
	sizes->known = probe->seen;
	for (i = 0; i < count; i++) {
		mapping_sizes_from_faults(&touches[i], faulted[i], sizes);
		free(faulted[i]);
	}
	free(faulted);
	free(touches);
}

void mapping_probe_end(struct mapping_probe *probe, const struct memslot *slots,
		       unsigned int count, u64 stride,
		       struct mapping_sizes *sizes)
{
	memset(sizes, 0, sizeof(*sizes));
	if (probe->by_faults)
		read_faults(probe, slots, count, stride, sizes);
	else
		sizes->known = arch_maps_huge() &&
			       read_statistics(probe->vm, sizes);
}

/* Number of the first touch at or behind @gpa. */
static u64 touch_at(const struct mapping_touch *touch, u64 gpa)
{
	return (gpa - touch->gpa + touch->stride - 1) / touch->stride;
}

/*
 * Is what lies at @gpa one mapping of @size: did the first touch in it fault
 * and no other?
 */
static bool one_mapping(const struct mapping_touch *touch,
			const unsigned long *faulted, u64 gpa, u64 size)
{
	u64 first = touch_at(touch, gpa);
	u64 end = touch_at(touch, gpa + size);

	if (gpa % size || gpa < touch->gpa ||
	    gpa + size > touch->gpa + touch->size || end - first < 2)
		return false;
	return bitmap_test(faulted, first) &&
	       bitmap_next(faulted, end, first + 1) >= end;
}

void mapping_sizes_from_faults(const struct mapping_touch *touch,
			       const unsigned long *faulted,
			       struct mapping_sizes *sizes)
{
	u64 huge = touch->page_size * (touch->page_size / 8);
	u64 giant = huge * (touch->page_size / 8);
	u64 gpa = touch->gpa, end = touch->gpa + touch->size, i;

	if (touch->stride > huge / 2)
		fail("touches 0x%llx bytes apart do not tell huge mappings from small ones",
		     touch->stride);
	while (gpa < end) {
		u64 next = (gpa / huge + 1) * huge;

		if (one_mapping(touch, faulted, gpa, giant)) {
			sizes->giant++;
			gpa += giant;
			continue;
		}
		if (next > end)
			next = end;
		if (one_mapping(touch, faulted, gpa, huge))
			sizes->huge++;
		else
			for (i = touch_at(touch, gpa);
			     i < touch_at(touch, next); i++)
				if (bitmap_test(faulted, i))
					sizes->small++;
				else
					sizes->silent++;
		gpa = next;
	}
}

u64 mapping_huge_pages(const struct mapping_sizes *sizes)
{
	return sizes->huge + sizes->giant * giant_pages();
}

bool mapping_logged_ok(const struct mapping_sizes *sizes, u64 huge_pages,
		       u64 written)
{
	return !sizes->known ||
	       (mapping_huge_pages(sizes) + written <= huge_pages &&
		!sizes->silent);
}

bool mapping_recovered(const struct mapping_sizes *before,
		       const struct mapping_sizes *after)
{
	if (!before->known || !after->known)
		return true;
	/* Giant mappings count for what they cover. */
	return after->giant >= before->giant && !after->silent &&
	       mapping_huge_pages(after) >= mapping_huge_pages(before);
}

const char *mapping_text(const struct mapping_sizes *sizes, char *buffer,
			 size_t size)
{
	int length = snprintf(buffer, size,
			      "%llu huge, %llu giant and %llu small mappings",
			      sizes->huge, sizes->giant, sizes->small);

	if (sizes->silent)
		snprintf(buffer + length, size - length,
			 ", %llu pages writable without a fault",
			 sizes->silent);
	return buffer;
}
