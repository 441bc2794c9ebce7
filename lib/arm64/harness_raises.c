// SPDX-License-Identifier: GPL-2.0-only
/* arm64: exceptions that a guest can raise, of all four kinds. */
#include "harness_raise.h"
#include "arm64/harness_raise_arm64.h"
#include "core/report.h"

/* Without a GIC in the kernel, a vCPU has two wires (api.rst 4.25). */
static void raise_wire(struct vcpu *vcpu, u32 wire)
{
	struct kvm_irq_level level = {
		.irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT |
		       vcpu->index << KVM_ARM_IRQ_VCPU_SHIFT | wire,
		.level = 1,
	};

	vm_ioctl(vcpu->vm, KVM_IRQ_LINE, &level);
}

static void raise_irq(struct vcpu *vcpu)
{
	raise_wire(vcpu, KVM_ARM_IRQ_CPU_IRQ);
}

static void raise_fiq(struct vcpu *vcpu)
{
	raise_wire(vcpu, KVM_ARM_IRQ_CPU_FIQ);
}

static void raise_serror(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { .exception.serror_pending = 1 };

	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
}

const struct harness_raise *harness_raises(size_t *count)
{
	static const struct harness_raise raises[] = {
		{ "undefined", harness_undefined,
		  .says = { "entry 4: synchronous from EL1 with SP_EL1",
			    "undefined instruction", "harness_undefined+" } },
		{ "load", harness_load, RAISE_UNMAPPED,
		  .says = { "data abort (read, translation fault, level ",
			    "FAR_EL1 0x123456789000", "harness_load+" } },
		{ "store", harness_store_to, RAISE_UNMAPPED,
		  .says = { "data abort (write, translation fault, level ",
			    "FAR_EL1 0x123456789000", "harness_store_to+" } },
		{ "call", harness_call, RAISE_UNMAPPED,
		  .says = { "instruction abort (translation fault, level ",
			    "FAR_EL1 0x123456789000", "at 0x123456789000" } },
		{ "misaligned", harness_misaligned,
		  .says = { "data abort (read, alignment fault)",
			    "harness_misaligned+" } },
		{ "misaligned_call", harness_call,
		  (u64)(uintptr_t)harness_undefined + 2,
		  .says = { "misaligned program counter",
			    "harness_undefined+0x2" } },
		{ "stack", harness_lose_stack, RAISE_UNMAPPED,
		  .says = { "data abort (write, translation fault, level ",
			    "FAR_EL1 0x123456788ff0", "harness_lose_stack+" } },
		{ "other_stack", harness_other_stack,
		  .says = { "entry 0: synchronous from EL1 with SP_EL0",
			    "undefined instruction", "harness_other_stack+" } },
		{ "break", harness_break,
		  .says = { ", BRK, ", "harness_break+" } },
		{ "supervisor_call", harness_supervisor_call,
		  .says = { ", SVC, ", "harness_supervisor_call+" } },
		{ "irq", harness_unmask, .prepare = raise_irq,
		  .awaited = "an IRQ",
		  .says = { "entry 5: IRQ from EL1 with SP_EL1",
			    "harness_unmask+" } },
		{ "fiq", harness_unmask, .prepare = raise_fiq,
		  .awaited = "an FIQ",
		  .says = { "entry 6: FIQ from EL1 with SP_EL1",
			    "harness_unmask+" } },
		{ "serror", harness_unmask, .prepare = raise_serror,
		  .awaited = "an SError",
		  .says = { "entry 7: SError from EL1 with SP_EL1",
			    "harness_unmask+" } },
	};

	*count = ARRAY_SIZE(raises);
	return raises;
}
