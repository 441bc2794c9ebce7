// SPDX-License-Identifier: GPL-2.0-only
/* arm64: the state of a vCPU. */
#include <stdlib.h>
#include <string.h>

#include "core/report.h"
#include "kvm/arm64/state_arm64.h"
#include "kvm/vcpu_state.h"

/* Size of the largest register, SVE's, 2048 bits. */
#define REGISTER_MAX 256

/* CNTV_CTL_EL0, CNTP_CTL_EL0 */
#define TIMER_CTL_ISTATUS (1U << 2)

static const char register_kind[] = "register";
static const char events_kind[] = "KVM_GET_VCPU_EVENTS";
static const char mp_kind[] = "KVM_GET_MP_STATE";

static u32 register_size(u64 id)
{
	return 1U << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

/* Counters change by themselves. */
static bool register_passes(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

/*
 * With them changes the bit that a timer's condition is met (Arm ARM D24.10,
 * CNTV_CTL_EL0.ISTATUS), which user space cannot write (kvm_arm_timer_write()).
 */
static void drop_timer_status(u64 id, u8 *value)
{
	if (id == KVM_REG_ARM_TIMER_CTL || id == KVM_REG_ARM_PTIMER_CTL)
		value[0] &= (u8)~TIMER_CTL_ISTATUS;
}

static int access_register(struct vcpu *vcpu, unsigned long request, u64 id,
			   void *value)
{
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (u64)(uintptr_t)value,
	};

	return __vcpu_ioctl(vcpu, request, &reg);
}

static struct kvm_reg_list *register_list(struct vcpu *vcpu)
{
	struct kvm_reg_list probe = { 0 }, *list;

	/* Fails with E2BIG and sets the number of registers. */
	__vcpu_ioctl(vcpu, KVM_GET_REG_LIST, &probe);
	list = calloc(1, sizeof(*list) + probe.n * sizeof(list->reg[0]));
	if (!list)
		fail("out of memory for the list of registers");
	list->n = probe.n;
	vcpu_ioctl(vcpu, KVM_GET_REG_LIST, list);
	return list;
}

static void save_registers(struct vcpu *vcpu, struct vcpu_state *state)
{
	struct kvm_reg_list *list = register_list(vcpu);
	u64 i;

	for (i = 0; i < list->n; i++) {
		u8 value[REGISTER_MAX] = { 0 };
		struct state_item item = {
			.kind = register_kind,
			.id = list->reg[i],
			.passes = register_passes(list->reg[i]),
			.size = register_size(list->reg[i]),
			.data = value,
		};
		int error;

		if (item.size > sizeof(value))
			fail("KVM_GET_REG_LIST has a register of %u bytes, %#llx",
			     item.size, item.id);
		error = access_register(vcpu, KVM_GET_ONE_REG, item.id, value);
		if (error)
			fail("KVM_GET_ONE_REG of vCPU %u rejected register %#llx of KVM_GET_REG_LIST: %s",
			     vcpu->index, item.id, errno_name(-error));
		drop_timer_status(item.id, value);
		state_add(state, &item);
	}
	free(list);
}

void arch_state_save(struct vcpu *vcpu, struct vcpu_state *state)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_mp_state mp = { 0 };

	save_registers(vcpu, state);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &mp);
	state_add(state, &(struct state_item){ .kind = events_kind,
					       .size = sizeof(events),
					       .data = &events });
	state_add(state, &(struct state_item){ .kind = mp_kind,
					       .size = sizeof(mp),
					       .data = &mp });
}

void arch_state_restore(struct vcpu *vcpu, const struct vcpu_state *state)
{
	struct vcpu_state *present = vcpu_state_save(vcpu);
	size_t i;

	for (i = 0; i < state->count; i++) {
		const struct state_item *item = &state->items[i];
		const struct state_item *has;
		int error;

		if (strcmp(item->kind, register_kind))
			continue;
		has = state_find(present, register_kind, item->id, i);
		if (has && !memcmp(has->data, item->data, item->size))
			continue;
		error = access_register(vcpu, KVM_SET_ONE_REG, item->id,
					item->data);
		if (error)
			fail("KVM_SET_ONE_REG of vCPU %u rejected the value of KVM_GET_ONE_REG for register %#llx: %s",
			     vcpu->index, item->id, errno_name(-error));
	}
	vcpu_state_free(present);
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS,
		   state_find(state, events_kind, 0, state->count - 2)->data);
	vcpu_ioctl(vcpu, KVM_SET_MP_STATE,
		   state_find(state, mp_kind, 0, state->count - 1)->data);
}

void vcpu_advance_clock(struct vcpu *vcpu, u64 ticks)
{
	u64 now = arm64_get_register(vcpu, KVM_REG_ARM_TIMER_CNT);

	arm64_set_register(vcpu, KVM_REG_ARM_TIMER_CNT, now + ticks);
}
