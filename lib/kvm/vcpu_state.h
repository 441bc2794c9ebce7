/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a vCPU outside guest memory, as live migration transfers it:
 * read from a vCPU by ioctls and written to another one, of the same VM or of
 * another VM on the same machine.
 *
 *	x86	registers, segments and control registers, FPU and vector state,
 *		XCRs, debug registers, every MSR that KVM lists, events, MP state,
 *		local APIC (vm_config.interrupts), the offset of the TSC
 *	arm64	every register of KVM_GET_REG_LIST, events, MP state
 *
 * Not included: state of the VM as a whole (interrupt controllers other than
 * local APICs, the PIT, KVM_GET_CLOCK), and the state of nested guests.
 */
#ifndef SECMMU_VCPU_STATE_H
#define SECMMU_VCPU_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/vm.h"
#include "core/types.h"

/**
 * struct state_item - value of one ioctl or register
 * @kind: its kind, such as "MSR"; a string literal
 * @id: its number within @kind
 * @passes: it changes by itself (a clock), so that two reads may differ
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
 * @items: all items, in the order of saving
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
 * Calls vcpu_complete_exit() first (api.rst 5, KVM_EXIT_IO and KVM_EXIT_MMIO).
 *
 * Return: the state, for vcpu_state_free().
 */
struct vcpu_state *vcpu_state_save(struct vcpu *vcpu);

/**
 * vcpu_state_restore() - write a state to a vCPU
 * @vcpu: vCPU, not in KVM_RUN, of a VM with the same configuration
 * @state: the state
 *
 * Values that the vCPU already has are not written: some registers are
 * read-only. Fails the case if KVM rejects another write.
 */
void vcpu_state_restore(struct vcpu *vcpu, const struct vcpu_state *state);

/**
 * vcpu_state_judge() - fail the case unless a vCPU has a state
 * @vcpu: vCPU, not in KVM_RUN since vcpu_state_restore()
 * @state: expected state; clocks are not compared
 *
 * The failure names the register, the first byte that differs, and both values.
 */
void vcpu_state_judge(struct vcpu *vcpu, const struct vcpu_state *state);

/**
 * vcpu_advance_clock() - advance the guest's clock
 * @vcpu: vCPU, not in KVM_RUN
 * @ticks: ticks of registers_clock()
 *
 * A VM's clock starts with the VM. If the clock is far ahead, a migration that
 * does not transfer it is visible at once. Does nothing where KVM cannot (x86
 * before 5.16); on arm64 all vCPUs of a VM share one clock.
 */
void vcpu_advance_clock(struct vcpu *vcpu, u64 ticks);

/**
 * vcpu_state_free() - free a state
 * @state: state
 */
void vcpu_state_free(struct vcpu_state *state);

/* From here on: between vcpu_state.c and the architectures. */

/**
 * state_add() - append an item to a state
 * @state: state
 * @item: the item; its data is copied
 */
void state_add(struct vcpu_state *state, const struct state_item *item);

/**
 * state_find() - find an item
 * @state: state
 * @kind: its kind
 * @id: its number within @kind
 * @near: index at which the search starts
 *
 * Return: the item, or NULL.
 */
const struct state_item *state_find(const struct vcpu_state *state,
				    const char *kind, u64 id, size_t near);

/**
 * state_clear() - free all items of a state
 * @state: state; the structure itself stays
 */
void state_clear(struct vcpu_state *state);

/**
 * state_judge() - fail the case unless two states agree; clocks are not
 *	compared
 * @vcpu: index of the vCPU, for the failure's reason
 * @want: the restored state
 * @have: the state read back
 */
void state_judge(unsigned int vcpu, const struct vcpu_state *want,
		 const struct vcpu_state *have);

/**
 * arch_state_save() - append all state of the architecture's vCPUs
 * @vcpu: vCPU
 * @state: to be added to
 */
void arch_state_save(struct vcpu *vcpu, struct vcpu_state *state);

/**
 * arch_state_restore() - write a state, in the order that KVM requires
 * @vcpu: vCPU
 * @state: what to put into it
 */
void arch_state_restore(struct vcpu *vcpu, const struct vcpu_state *state);

#endif
