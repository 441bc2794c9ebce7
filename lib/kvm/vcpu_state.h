/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a vCPU outside of guest memory, as a live migration moves it:
 * taken out of one vCPU by ioctls, put into another one, of the same VM or of
 * another on the same machine.
 *
 *	x86	registers, segments and control registers, FPU and vector state,
 *		XCRs, debug registers, every MSR that KVM lists, events, MP state,
 *		local APIC (vm_config.interrupts), the offset of the TSC
 *	arm64	every register of KVM_GET_REG_LIST, events, MP state
 *
 * Not moved: what belongs to the VM as a whole (interrupt controllers other than
 * the local APICs, the PIT, KVM_GET_CLOCK), and the state of nested guests.
 */
#ifndef SECMMU_VCPU_STATE_H
#define SECMMU_VCPU_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/vm.h"
#include "core/types.h"

/**
 * struct state_item - one thing that an ioctl gives and takes
 * @kind: what it is, such as "MSR"; a literal
 * @id: which one of its kind
 * @passes: it changes by itself (a clock), so two savings need not agree
 * @size: bytes
 * @data: its value
 */
struct state_item {
	const char *kind;
	u64 id;
	bool passes;
	u32 size;
	void *data;
};

/**
 * struct vcpu_state - the state of one vCPU
 * @items: all there is, in the order in which it was saved
 * @count: number of @items
 */
struct vcpu_state {
	struct state_item *items;
	size_t count;
};

/**
 * vcpu_state_save() - read a vCPU's state
 * @vcpu: vCPU, not in KVM_RUN
 *
 * An exit that KVM has to finish first (api.rst 5, KVM_EXIT_IO and KVM_EXIT_MMIO)
 * is finished first, by vcpu_complete_exit().
 *
 * Return: the state; free it with vcpu_state_free().
 */
struct vcpu_state *vcpu_state_save(struct vcpu *vcpu);

/**
 * vcpu_state_restore() - let a vCPU go on where another one stood
 * @vcpu: vCPU, not in KVM_RUN, of a VM with the same configuration
 * @state: what to put into it
 *
 * What the vCPU has already is not written again: some of the registers that KVM
 * lists are for reading only. Fails the test if KVM refuses any other.
 */
void vcpu_state_restore(struct vcpu *vcpu, const struct vcpu_state *state);

/**
 * vcpu_state_judge() - end the test unless a vCPU is in a certain state
 * @vcpu: vCPU, not in KVM_RUN since vcpu_state_restore()
 * @state: what it must be, but for clocks
 *
 * The failure names the register, the first byte that differs, and both values.
 */
void vcpu_state_judge(struct vcpu *vcpu, const struct vcpu_state *state);

/**
 * vcpu_advance_clock() - set the guest's clock ahead
 * @vcpu: vCPU, not in KVM_RUN
 * @ticks: of that clock (lib/registers.h)
 *
 * A VM's clock begins with the VM. Far ahead of what another VM has, it shows at
 * once if it does not come along. Does nothing where KVM cannot (x86 before 5.16);
 * arm64 has one clock for all vCPUs of a VM.
 */
void vcpu_advance_clock(struct vcpu *vcpu, u64 ticks);

/**
 * vcpu_state_free() - free a state
 * @state: state
 */
void vcpu_state_free(struct vcpu_state *state);

/*
 * The rest is between vcpu_state.c and the architectures.
 */

/**
 * state_add() - add a thing to a state
 * @state: to be added to
 * @item: the thing; its data is copied
 */
void state_add(struct vcpu_state *state, const struct state_item *item);

/**
 * state_find() - look for a thing
 * @state: state
 * @kind: what it is
 * @id: which one of its kind
 * @near: where to look first, any number
 *
 * Return: the thing, or NULL.
 */
const struct state_item *state_find(const struct vcpu_state *state,
				    const char *kind, u64 id, size_t near);

/**
 * state_clear() - take everything out of a state
 * @state: state; itself stays
 */
void state_clear(struct vcpu_state *state);

/**
 * state_judge() - end the test unless two states are the same, but for clocks
 * @vcpu: index of the vCPU, for the message
 * @want: what was restored
 * @have: what is read back
 */
void state_judge(unsigned int vcpu, const struct vcpu_state *want,
		 const struct vcpu_state *have);

/**
 * arch_state_save() - add all that the architecture's vCPUs have
 * @vcpu: vCPU
 * @state: to be added to
 */
void arch_state_save(struct vcpu *vcpu, struct vcpu_state *state);

/**
 * arch_state_restore() - put it back, in the order that KVM wants
 * @vcpu: vCPU
 * @state: what to put into it
 */
void arch_state_restore(struct vcpu *vcpu, const struct vcpu_state *state);

#endif
