// SPDX-License-Identifier: GPL-2.0-only
/* Model-specific registers of a vCPU. */
#include "core/report.h"
#include "kvm/x86_64/vcpu_msr.h"

void vcpu_set_msr(struct vcpu *vcpu, u32 number, u64 value)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entry;
	} msrs = {
		.header.nmsrs = 1,
		.entry = { .index = number, .data = value },
	};
	int done = vcpu_ioctl(vcpu, KVM_SET_MSRS, &msrs);

	CHECK(done == 1, "KVM_SET_MSRS rejected MSR %#x = %#llx", number,
	      value);
}
