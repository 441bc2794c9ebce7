// SPDX-License-Identifier: GPL-2.0-only
/* A guest that is told of pages which are not there yet. */
#include <asm/kvm_para.h>

#include "kvm/x86_64/apic.h"
#include "async.h"
#include "kvm/x86_64/msr.h"

static void page_absent(struct guest_vcpu *self, u64 token)
{
	struct async_fault *fault = async_fault_of(self);
	volatile struct kvm_vcpu_pv_apf_data *data =
		(struct kvm_vcpu_pv_apf_data *)(uintptr_t)fault->data;

	fault->faults++;
	guest_sync(self, ASYNC_ABSENT, token);
	guest_assert_equal(data->flags, KVM_PV_REASON_PAGE_NOT_PRESENT);
	data->flags = 0;
	data->token = 0;
	guest_sync(self, ASYNC_CLEARED, token);
	msr_write(MSR_KVM_ASYNC_PF_ACK, 1);
	while (!fault->ready)
		guest_sync(self, ASYNC_AWAITED, token);
	guest_assert_equal(data->token, token);
}

static void page_ready(struct guest_vcpu *self, u64 vector)
{
	(void)self;
	(void)vector;
	apic_end(APIC_X2APIC);
}

void touch_absent(struct guest_vcpu *self, u64 address)
{
	self->interrupt = page_ready;
	self->fault = page_absent;
	/* With them off KVM waits for the page itself (kvm_can_do_async_pf()). */
	interrupts_on();
	(void)*(volatile u64 *)(uintptr_t)address;
	interrupts_off();
	self->fault = NULL;
}
