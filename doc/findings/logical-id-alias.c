// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: an interrupt to a logical APIC ID that two vCPUs have comes to one of them
 * only (logical-id-alias.md).
 *
 *	gcc -O2 logical-id-alias.c -o logical-id-alias
 *
 * Harmless; needs /dev/kvm. Exit code 1 if the kernel loses the interrupt.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define APIC_LDR 0x0d0
#define APIC_DFR 0x0e0
#define APIC_SVR 0x0f0
#define APIC_IRR 0x200
#define VECTOR	 0x41

static int vm, vcpu[2];

static void put(struct kvm_lapic_state *apic, int offset, uint32_t value)
{
	memcpy(apic->regs + offset, &value, sizeof(value));
}

/* An enabled local APIC in flat logical mode. */
static void create_vcpu(int i, uint32_t logical_id)
{
	struct kvm_lapic_state apic;

	vcpu[i] = ioctl(vm, KVM_CREATE_VCPU, i);
	if (vcpu[i] < 0 || ioctl(vcpu[i], KVM_GET_LAPIC, &apic))
		err(4, "a vCPU with a local APIC");
	put(&apic, APIC_SVR, 0x1ff);
	put(&apic, APIC_DFR, 0xffffffff);
	put(&apic, APIC_LDR, logical_id << 24);
	if (ioctl(vcpu[i], KVM_SET_LAPIC, &apic))
		err(4, "KVM_SET_LAPIC");
}

static int has_interrupt(int i)
{
	struct kvm_lapic_state apic;
	uint32_t word;

	if (ioctl(vcpu[i], KVM_GET_LAPIC, &apic))
		err(4, "KVM_GET_LAPIC");
	memcpy(&word, apic.regs + APIC_IRR + VECTOR / 32 * 16, sizeof(word));
	return word >> VECTOR % 32 & 1;
}

int main(void)
{
	/* Fixed, logical (bit 2), to logical ID 1 (bits 12 to 19). */
	struct kvm_msi msi = { .address_lo = 0xfee00000 | 1 << 12 | 1 << 2,
			       .data = VECTOR };
	int kvm = open("/dev/kvm", O_RDWR);

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(4, "a VM with interrupt controllers");
	create_vcpu(0, 1);
	create_vcpu(1, 3);
	if (ioctl(vm, KVM_SIGNAL_MSI, &msi) < 0)
		err(4, "KVM_SIGNAL_MSI");
	printf("to logical ID 1: vCPU 0, which has 1, %s; vCPU 1, which has 1 and 2, %s\n",
	       has_interrupt(0) ? "gets it" : "does not get it",
	       has_interrupt(1) ? "gets it" : "does not get it");
	return !has_interrupt(0) || !has_interrupt(1);
}
