// SPDX-License-Identifier: GPL-2.0-only
/* Vector instructions for guests. */
#include "core/report.h"
#include "vectors.h"

#define CR4_OSFXSR  (1UL << 9)
#define CR4_OSXSAVE (1UL << 18)
#define XCR0_X87    1U
#define XCR0_SSE    2U
#define XCR0_AVX    4U

void vectors_enable(struct vcpu *vcpu, bool avx)
{
	struct kvm_xcrs xcrs = {
		.nr_xcrs = 1,
		.xcrs = { { .xcr = 0,
			    .value = XCR0_X87 | XCR0_SSE | XCR0_AVX } },
	};
	struct kvm_sregs sregs;

	vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr4 |= CR4_OSFXSR | (avx ? CR4_OSXSAVE : 0);
	vcpu_ioctl(vcpu, KVM_SET_SREGS, &sregs);
	if (avx)
		vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs);
}
