// SPDX-License-Identifier: GPL-2.0-only
#include "nested.h"
#include "kvm/x86_64/svm.h"
#include "kvm/x86_64/vmx.h"

/* APM volume 2, appendix B. */
#define VMCB_INTERCEPT_3  0x00c
#define INTERCEPT_3_CPUID (1U << 18)
#define VMCB_EXIT_INFO_1  0x078
/* What no exit has there. */
#define MARK 0x5ec335ec335ec33ULL

static struct svm_nested *nested_of(struct guest_vcpu *self)
{
	return (struct svm_nested *)self->test;
}

/* It exits, and stays where it is. */
static void ask_for_ever(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	for (;;) {
		u32 eax = 0, ecx = 0;

		asm volatile("cpuid" : "+a"(eax), "+c"(ecx) : : "rbx", "rdx");
	}
}

void nested_begin(struct guest_vcpu *self, u64 unused)
{
	struct svm_nested *nested = nested_of(self);

	(void)unused;
	svm_begin(self, nested, ask_for_ever, 0);
	*(volatile u32 *)svm_field(nested,
				   VMCB_INTERCEPT_3) |= INTERCEPT_3_CPUID;
}

/* Something that KVM changes at the next exit. */
void nested_mark(struct guest_vcpu *self, u64 unused)
{
	(void)unused;
	*(volatile u64 *)svm_field(nested_of(self), VMCB_EXIT_INFO_1) = MARK;
}

void nested_enter(struct guest_vcpu *self, u64 unused)
{
	(void)unused;
	guest_assert_equal(svm_run(nested_of(self)), SVM_EXIT_CPUID);
}

void nested_save(struct guest_vcpu *self, u64 address)
{
	(void)self;
	asm volatile("vmsave %%rax" : : "a"(address) : "memory");
}

/* Of the control structure, all of which KVM writes (nested_release_vmcs12()). */
#define VMCS_MARK 0xff0

static struct vmx_nested *nested_vmx_of(struct guest_vcpu *self)
{
	return (struct vmx_nested *)self->test;
}

void nested_vmx_begin(struct guest_vcpu *self, u64 unused)
{
	(void)unused;
	vmx_begin(self, nested_vmx_of(self), ask_for_ever, 0);
}

/* What VMCLEAR replaces by what KVM has from VMPTRLD. */
void nested_vmx_mark(struct guest_vcpu *self, u64 unused)
{
	struct vmx_nested *nested = nested_vmx_of(self);

	(void)unused;
	*(volatile u64 *)(uintptr_t)(nested->vmcs + VMCS_MARK) = MARK;
}

void nested_vmx_clear(struct guest_vcpu *self, u64 unused)
{
	struct vmx_nested *nested = nested_vmx_of(self);

	(void)unused;
	vmx_clear(nested);
	vmx_load(nested);
}

void nested_vmx_pointer(struct guest_vcpu *self, u64 address)
{
	(void)self;
	vmx_store_pointer(address);
}

void nested_vmx_field(struct guest_vcpu *self, u64 address)
{
	(void)self;
	vmx_store_field(address);
}
