// SPDX-License-Identifier: GPL-2.0-only
/* x86: the state of a vCPU. */
#include <stdlib.h>
#include <string.h>

#include "core/report.h"
#include "kvm/vcpu_state.h"

#define MSR_TSC 0x10

/* Hyper-V's clocks: KVM lists them, and they change by themselves. */
#define MSR_HV_TIME_REF_COUNT 0x40000020
#define MSR_HV_VP_RUNTIME     0x40000010

#ifndef KVM_VCPU_TSC_CTRL
#define KVM_VCPU_TSC_CTRL   0
#define KVM_VCPU_TSC_OFFSET 0
#endif

/*
 * struct block - state that one pair of ioctls reads and writes
 *
 * In the order of restoring: control registers before the state that depends on
 * them, the local APIC before the MSRs (IA32_TSC_DEADLINE arms its timer), MSRs
 * before events.
 */
struct block {
	const char *kind;
	unsigned long get, set;
	u32 size;
	bool interrupts;
};

#define BLOCK(name, type, with_interrupts)                                   \
	{                                                                    \
		.kind = #name, .get = KVM_GET_##name, .set = KVM_SET_##name, \
		.size = sizeof(struct type), .interrupts = (with_interrupts) \
	}

static const struct block before_msrs[] = {
	BLOCK(SREGS, kvm_sregs, false),
	BLOCK(REGS, kvm_regs, false),
	BLOCK(XCRS, kvm_xcrs, false),
	BLOCK(LAPIC, kvm_lapic_state, true),
	BLOCK(DEBUGREGS, kvm_debugregs, false),
};

static const struct block after_msrs[] = {
	BLOCK(VCPU_EVENTS, kvm_vcpu_events, false),
	BLOCK(MP_STATE, kvm_mp_state, false),
};

static const char xsave_kind[] = "XSAVE";
static const char msr_kind[] = "MSR";
static const char offset_kind[] = "offset of the TSC";

static void save_blocks(struct vcpu *vcpu, struct vcpu_state *state,
			const struct block *blocks, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct block *block = &blocks[i];
		struct state_item item = {
			.kind = block->kind,
			.size = block->size,
		};

		if (block->interrupts && !vcpu->vm->config.interrupts)
			continue;
		/* Bytes that the ioctl does not write must not differ. */
		item.data = calloc(1, block->size);
		if (!item.data)
			fail("out of memory for a vCPU's state");
		vcpu_ioctl(vcpu, block->get, item.data);
		state_add(state, &item);
		free(item.data);
	}
}

static void restore_blocks(struct vcpu *vcpu, const struct vcpu_state *state,
			   const struct block *blocks, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct state_item *item = state_find(state,
							   blocks[i].kind, 0,
							   i);
		int error;

		if (!item)
			continue;
		error = __vcpu_ioctl(vcpu, blocks[i].set, item->data);
		if (error)
			fail("KVM_SET_%s of vCPU %u rejected the value of KVM_GET_%s: %s",
			     blocks[i].kind, vcpu->index, blocks[i].kind,
			     errno_name(-error));
	}
}

/* KVM_GET_XSAVE2 if the state is larger than struct kvm_xsave. */
static void save_xsave(struct vcpu *vcpu, struct vcpu_state *state)
{
	int size = vm_check_extension(vcpu->vm, KVM_CAP_XSAVE2);
	struct state_item item = {
		.kind = xsave_kind,
		.size = sizeof(struct kvm_xsave),
	};
	bool large = size > (int)item.size;

	if (large)
		item.size = (u32)size;
	item.data = calloc(1, item.size);
	if (!item.data)
		fail("out of memory for a vCPU's state");
	vcpu_ioctl(vcpu, large ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, item.data);
	state_add(state, &item);
	free(item.data);
}

/* MSRs to read at a time; KVM accepts fewer than 256 (MAX_IO_MSRS). */
#define MSRS_AT_ONCE 128

struct some_msrs {
	struct kvm_msrs header;
	struct kvm_msr_entry entries[MSRS_AT_ONCE];
};

/*
 * Read MSRs whose numbers are in @entries. KVM_GET_MSRS stops at the first one
 * that it rejects; returns how many were read before it.
 */
static u32 get_msrs(struct vcpu *vcpu, struct kvm_msr_entry *entries, u32 count)
{
	struct some_msrs msrs = { 0 };
	int done;

	if (count > MSRS_AT_ONCE)
		count = MSRS_AT_ONCE;
	msrs.header.nmsrs = count;
	memcpy(msrs.entries, entries, count * sizeof(*entries));
	done = vcpu_ioctl(vcpu, KVM_GET_MSRS, &msrs);
	memcpy(entries, msrs.entries, (u32)done * sizeof(*entries));
	return (u32)done;
}

static bool set_msr(struct vcpu *vcpu, u32 number, u64 value)
{
	struct some_msrs msr = {
		.header.nmsrs = 1,
		.entries[0] = { .index = number, .data = value },
	};

	return __vcpu_ioctl(vcpu, KVM_SET_MSRS, &msr) == 1;
}

static struct kvm_msr_list *msr_list(void)
{
	struct kvm_msr_list probe = { 0 }, *list;

	/* Fails with E2BIG and sets the number of MSRs. */
	__kvm_ioctl(KVM_GET_MSR_INDEX_LIST, &probe);
	list = calloc(1,
		      sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		fail("out of memory for the list of MSRs");
	list->nmsrs = probe.nmsrs;
	kvm_ioctl(KVM_GET_MSR_INDEX_LIST, list);
	return list;
}

static void add_msr(struct vcpu_state *state, const struct kvm_msr_entry *entry)
{
	u64 value = entry->data;
	struct state_item item = {
		.kind = msr_kind,
		.id = entry->index,
		.passes = entry->index == MSR_TSC ||
			  entry->index == MSR_HV_TIME_REF_COUNT ||
			  entry->index == MSR_HV_VP_RUNTIME,
		.size = sizeof(value),
		.data = &value,
	};

	state_add(state, &item);
}

static void save_msrs(struct vcpu *vcpu, struct vcpu_state *state)
{
	struct kvm_msr_list *list = msr_list();
	struct kvm_msr_entry *entries = calloc(list->nmsrs, sizeof(*entries));
	u32 first = 0, i, count;

	if (!entries)
		fail("out of memory for %u MSRs", list->nmsrs);
	for (i = 0; i < list->nmsrs; i++)
		entries[i].index = list->indices[i];
	while (first < list->nmsrs) {
		u32 asked = list->nmsrs - first;

		if (asked > MSRS_AT_ONCE)
			asked = MSRS_AT_ONCE;
		count = get_msrs(vcpu, entries + first, asked);
		for (i = 0; i < count; i++)
			add_msr(state, &entries[first + i]);
		/*
		 * KVM lists it for the machine, but this vCPU's CPUID lacks it.
		 */
		first += count + (count < asked);
	}
	free(entries);
	free(list);
}

static bool has_offset(struct vcpu *vcpu)
{
	struct kvm_device_attr attribute = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
	};

	return !__vcpu_ioctl(vcpu, KVM_HAS_DEVICE_ATTR, &attribute);
}

static void offset_ioctl(struct vcpu *vcpu, unsigned long request, u64 *offset)
{
	struct kvm_device_attr attribute = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)(uintptr_t)offset,
	};

	vcpu_ioctl(vcpu, request, &attribute);
}

/*
 * On one machine, equal offsets mean equal time. KVM may treat a write to the
 * MSR as an attempt to synchronize vCPUs and set another value
 * (kvm_synchronize_tsc()): Documentation/virt/kvm/devices/vcpu.rst, 4.1.
 */
static void save_offset(struct vcpu *vcpu, struct vcpu_state *state)
{
	u64 offset;
	struct state_item item = {
		.kind = offset_kind,
		.size = sizeof(offset),
		.data = &offset,
	};

	if (!has_offset(vcpu))
		return;
	offset_ioctl(vcpu, KVM_GET_DEVICE_ATTR, &offset);
	state_add(state, &item);
}

void arch_state_save(struct vcpu *vcpu, struct vcpu_state *state)
{
	/*
	 * MP_STATE in this order: the meaning of INIT and SIPI depends on it.
	 */
	save_blocks(vcpu, state, after_msrs, ARRAY_SIZE(after_msrs));
	save_blocks(vcpu, state, before_msrs, ARRAY_SIZE(before_msrs));
	save_xsave(vcpu, state);
	save_msrs(vcpu, state);
	save_offset(vcpu, state);
}

/* An MSR that has its value is not written: some are read-only. */
static void restore_msrs(struct vcpu *vcpu, const struct vcpu_state *state,
			 bool offset_known)
{
	struct vcpu_state present = { 0 };
	size_t i, msrs = 0;

	save_msrs(vcpu, &present);
	for (i = 0; i < state->count; i++) {
		const struct state_item *item = &state->items[i], *has;
		u64 wanted;

		if (strcmp(item->kind, msr_kind))
			continue;
		has = state_find(&present, msr_kind, item->id, msrs++);
		if (item->passes && (item->id != MSR_TSC || offset_known))
			continue;
		if (has && !memcmp(has->data, item->data, item->size))
			continue;
		memcpy(&wanted, item->data, sizeof(wanted));
		if (!set_msr(vcpu, item->id, wanted))
			fail("KVM_SET_MSRS of vCPU %u rejected %#llx for MSR %#llx, the value of KVM_GET_MSRS",
			     vcpu->index, wanted, item->id);
	}
	state_clear(&present);
}

void arch_state_restore(struct vcpu *vcpu, const struct vcpu_state *state)
{
	const struct state_item *xsave = state_find(state, xsave_kind, 0, 0);
	const struct state_item *offset = state_find(state, offset_kind, 0, 0);

	restore_blocks(vcpu, state, before_msrs, ARRAY_SIZE(before_msrs));
	vcpu_ioctl(vcpu, KVM_SET_XSAVE, xsave->data);
	restore_msrs(vcpu, state, offset);
	restore_blocks(vcpu, state, after_msrs, ARRAY_SIZE(after_msrs));
	if (offset)
		offset_ioctl(vcpu, KVM_SET_DEVICE_ATTR, offset->data);
}

void vcpu_advance_clock(struct vcpu *vcpu, u64 ticks)
{
	u64 offset;

	if (!has_offset(vcpu))
		return;
	offset_ioctl(vcpu, KVM_GET_DEVICE_ATTR, &offset);
	offset += ticks;
	offset_ioctl(vcpu, KVM_SET_DEVICE_ATTR, &offset);
}
