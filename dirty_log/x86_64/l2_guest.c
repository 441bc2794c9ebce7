// SPDX-License-Identifier: GPL-2.0-only
/* Writers in a guest of the guest's. */
#include "l2.h"

/* Times that L2 exits under the eyes of the host. */
#define EXITS 4

static void run_svm(struct guest_vcpu *self, guest_function work)
{
	struct svm_nested *svm = &l2_of(self)->svm;

	svm_begin(self, svm, work, 0);
	do {
		guest_assert_equal(svm_run(svm), SVM_EXIT_VMMCALL);
	} while (!svm_done(svm));
}

static void run_vmx(struct guest_vcpu *self, guest_function work)
{
	struct vmx_nested *vmx = &l2_of(self)->vmx;

	vmx_begin(self, vmx, work, 0);
	do {
		guest_assert_equal(vmx_run(vmx), VMX_EXIT_VMCALL);
	} while (!vmx_done(vmx));
}

void l2_run(struct guest_vcpu *self, u64 function)
{
	guest_function work = (guest_function)(uintptr_t)function;

	if (l2_of(self)->kind == L2_SVM)
		run_svm(self, work);
	else if (l2_of(self)->kind == L2_VMX)
		run_vmx(self, work);
	else
		work(self, 0);
}

static void call_svm(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	for (;;)
		svm_call();
}

static void call_vmx(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	for (;;)
		vmx_call();
}

static void exit_only_svm(struct guest_vcpu *self, u64 save)
{
	struct svm_nested *svm = &l2_of(self)->svm;
	unsigned int i;

	svm_begin(self, svm, call_svm, 0);
	guest_sync(self, 0, 0);
	for (i = 0; i < EXITS; i++) {
		guest_assert_equal(svm_run_only(svm), SVM_EXIT_VMMCALL);
		guest_sync(self, 1, i);
		svm_save(save);
		guest_sync(self, 2, i);
	}
}

static void exit_only_vmx(struct guest_vcpu *self, u64 save)
{
	struct vmx_nested *vmx = &l2_of(self)->vmx;
	unsigned int i;

	vmx_begin(self, vmx, call_vmx, 0);
	guest_sync(self, 0, 0);
	for (i = 0; i < EXITS; i++) {
		guest_assert_equal(vmx_run(vmx), VMX_EXIT_VMCALL);
		vmx_clear(vmx);
		guest_sync(self, 1, i);
		vmx_load(vmx);
		if (i % 2)
			vmx_store_field(save);
		else
			vmx_store_pointer(save);
		guest_sync(self, 2, i);
	}
}

void l2_exit_only(struct guest_vcpu *self, u64 save)
{
	if (l2_of(self)->kind == L2_SVM)
		exit_only_svm(self, save);
	else
		exit_only_vmx(self, save);
}
