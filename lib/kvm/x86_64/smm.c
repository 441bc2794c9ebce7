// SPDX-License-Identifier: GPL-2.0-only
/* System management mode. */
#include <string.h>

#include "core/report.h"
#include "kvm/x86_64/smm.h"
#include "kvm/x86_64/vcpu_msr.h"

#define MSR_SMBASE 0x9e

void smm_need(struct vm *vm)
{
	if (!vm_check_extension(vm, KVM_CAP_X86_SMM) ||
	    vm_check_extension(vm, KVM_CAP_MULTI_ADDRESS_SPACE) < 2)
		skip("KVM_CAP_X86_SMM", "use a kernel with CONFIG_KVM_SMM=y");
}

void smm_place(struct vcpu *vcpu, u64 base)
{
	vcpu_set_msr(vcpu, MSR_SMBASE, base);
}

void smm_lay_handler(void *base, u32 word)
{
	/* addr32 incl word; rsm. SMM starts in 16-bit mode. */
	static const u8 code[] = { 0x67, 0x66, 0xff, 0x05, 0,
				   0,	 0,    0,    0x0f, 0xaa };
	u8 *at = (u8 *)base + SMM_HANDLER;

	memcpy(at, code, sizeof(code));
	memcpy(at + 4, &word, sizeof(word));
}

void smm_interrupt(struct vcpu *vcpu)
{
	vcpu_ioctl(vcpu, KVM_SMI, 0);
}
