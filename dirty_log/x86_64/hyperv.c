// SPDX-License-Identifier: GPL-2.0-only
/* Guests that find Hyper-V below them. */
#include <stdlib.h>

#include "hyperv.h"
#include "core/report.h"
#include "kvm/x86_64/supported.h"

/* Where hypervisors have their leaves. */
#define CPUID_HYPERVISOR     0x40000000U
#define CPUID_HYPERVISOR_END 0x40000fffU

static void need(struct vcpu *vcpu, unsigned long capability, const char *name)
{
	if (!vm_check_extension(vcpu->vm, capability))
		skip(name, "use a kernel with CONFIG_KVM_HYPERV=y");
}

void hyperv_enable(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *own = cpuid_all_supported();
	struct kvm_cpuid2 *hyperv = cpuid_all_supported();
	unsigned int i, count = 0;

	need(vcpu, KVM_CAP_HYPERV_CPUID, "KVM_CAP_HYPERV_CPUID");
	/* Without KVM's leaves, which have the same numbers. */
	for (i = 0; i < own->nent; i++)
		if (own->entries[i].function < CPUID_HYPERVISOR ||
		    own->entries[i].function > CPUID_HYPERVISOR_END)
			own->entries[count++] = own->entries[i];
	hyperv->nent = CPUID_ENTRIES;
	vcpu_ioctl(vcpu, KVM_GET_SUPPORTED_HV_CPUID, hyperv);
	CHECK(count + hyperv->nent <= CPUID_ENTRIES,
	      "%u leaves of CPUID are more than expected",
	      count + hyperv->nent);
	for (i = 0; i < hyperv->nent; i++)
		own->entries[count++] = hyperv->entries[i];
	own->nent = count;
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, own);
	free(hyperv);
	free(own);
}

void hyperv_enable_synic(struct vcpu *vcpu)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC };

	need(vcpu, KVM_CAP_HYPERV_SYNIC, "KVM_CAP_HYPERV_SYNIC");
	vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &cap);
}
