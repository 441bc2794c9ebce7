// SPDX-License-Identifier: GPL-2.0-only
/* Host functions for a VM's interrupts. */
#include <cpuid.h>
#include <stddef.h>
#include <string.h>

#include "kvm/x86_64/apic.h"
#include "kvm/x86_64/layout_x86.h"
#include "core/report.h"
#include "kvm/x86_64/vcpu_msr.h"

#define IRR_OFFSET 0x200
#define ISR_OFFSET 0x100

/* Hyper-V TLFS, 11.8: the second synthetic interrupt source. */
#define MSR_SINT1     0x40000091U
#define SINT_AUTO_EOI (1ULL << 17)
#define SINT_MASKED   (1ULL << 16)

void apic_map(struct vm *vm)
{
	vm_map(vm, APIC_ADDRESS, APIC_ADDRESS, 4096, 4096);
}

/* Eight registers of 32 bits, 16 bytes apart. */
static void take_bits(const struct kvm_lapic_state *state, size_t offset,
		      u64 bits[4])
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		const u8 *from = (const u8 *)state->regs + offset + i * 16UL;
		u64 value = from[0] | (u64)from[1] << 8 | (u64)from[2] << 16 |
			    (u64)from[3] << 24;

		bits[i / 2] |= value << i % 2 * 32;
	}
}

struct apic_state apic_state(struct vcpu *vcpu)
{
	struct apic_state state = { 0 };
	struct kvm_lapic_state registers;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &registers);
	take_bits(&registers, IRR_OFFSET, state.pending);
	take_bits(&registers, ISR_OFFSET, state.in_service);
	return state;
}

void apic_block_interrupts(struct vcpu *vcpu, bool block)
{
	struct kvm_guest_debug debug = {
		.control = block ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ :
				   0,
	};

	vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug);
}

void apic_enable_synic(struct vcpu *vcpu)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC2 };

	if (!vm_check_extension(vcpu->vm, KVM_CAP_HYPERV_SYNIC2))
		skip("KVM_CAP_HYPERV_SYNIC2",
		     "use a kernel with CONFIG_KVM_HYPERV=y");
	vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &cap);
}

void apic_set_auto_eoi(struct vcpu *vcpu, u8 vector, bool automatic)
{
	vcpu_set_msr(vcpu, MSR_SINT1,
		     vector | (automatic ? SINT_AUTO_EOI : SINT_MASKED));
}

void apic_set_virtual(struct vcpu *vcpu, u64 gpa)
{
	struct kvm_vapic_addr address = { .vapic_addr = gpa };

	vcpu_ioctl(vcpu, KVM_SET_VAPIC_ADDR, &address);
}

void pic_pulse(struct vm *vm, unsigned int line)
{
	struct kvm_irq_level level = { .irq = line, .level = 1 };

	vm_ioctl(vm, KVM_IRQ_LINE, &level);
	level.level = 0;
	vm_ioctl(vm, KVM_IRQ_LINE, &level);
}

void pit_create(struct vm *vm)
{
	struct kvm_pit_config config = { .flags = 0 };

	if (!vm_check_extension(vm, KVM_CAP_PIT2))
		skip("KVM_CAP_PIT2", "use a kernel with CONFIG_KVM_IOAPIC=y");
	vm_ioctl(vm, KVM_CREATE_PIT2, &config);
}

void pit_set_reinject(struct vm *vm, bool reinject)
{
	struct kvm_reinject_control control = { .pit_reinject = reinject };

	vm_ioctl(vm, KVM_REINJECT_CONTROL, &control);
}

/* CPUID signature of QEMU's TCG, in the hypervisor leaf. */
static bool is_emulated(void)
{
	unsigned int eax, signature[3];

	__cpuid(0x40000000, eax, signature[0], signature[1], signature[2]);
	(void)eax;
	return !memcmp(signature, "TCGTCGTCGTCG", sizeof(signature));
}

void apic_judge_possible(const struct vm *vm)
{
	u64 off = 0, before_halt = 0;
	unsigned int i;

	for (i = 0; i < vm->vcpu_count; i++) {
		off += vm->vcpus[i].guest->taken_while_off;
		before_halt += vm->vcpus[i].guest->taken_before_halt;
	}
	if (!off && !before_halt)
		return;
	CHECK(is_emulated(),
	      "vCPUs took %llu interrupts with interrupts disabled and %llu between STI and HLT, expected none",
	      off, before_halt);
	report_info("bugs of the emulator: %llu interrupts with interrupts disabled, %llu between STI and HLT; undone by the guest",
		    off, before_halt);
}
