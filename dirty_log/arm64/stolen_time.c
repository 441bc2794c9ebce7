// SPDX-License-Identifier: GPL-2.0-only
#include "core/report.h"
#include "stolen_time.h"

static struct kvm_device_attr attribute(const u64 *gpa)
{
	return (struct kvm_device_attr){
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA,
		.addr = (u64)(uintptr_t)gpa,
	};
}

void stolen_time_need(struct vcpu *vcpu)
{
	struct kvm_device_attr has = attribute(NULL);

	if (__vcpu_ioctl(vcpu, KVM_HAS_DEVICE_ATTR, &has))
		skip("KVM_ARM_VCPU_PVTIME_IPA",
		     "use a kernel with CONFIG_SCHED_INFO=y");
}

void stolen_time_place(struct vcpu *vcpu, u64 gpa)
{
	struct kvm_device_attr set = attribute(&gpa);

	vcpu_ioctl(vcpu, KVM_SET_DEVICE_ATTR, &set);
}
