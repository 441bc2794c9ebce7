// SPDX-License-Identifier: GPL-2.0-only
/* Writers in a guest of the guest's. */
#include "l2.h"

/* Times that L2 exits under the eyes of the host. */
#define EXITS 4

void l2_run(struct guest_vcpu *self, uint64_t function)
{
	struct svm_nested *svm = &l2_of(self)->svm;
	guest_function work = (guest_function)(uintptr_t)function;

	if (!svm->vmcb) {
		work(self, 0);
		return;
	}
	svm_begin(self, svm, work, 0);
	do {
		guest_assert_equal(svm_run(svm), SVM_EXIT_VMMCALL);
	} while (!svm_done(svm));
}

static void call(struct guest_vcpu *self, uint64_t unused)
{
	(void)self;
	(void)unused;
	for (;;)
		svm_call();
}

void l2_exit_only(struct guest_vcpu *self, uint64_t save)
{
	struct svm_nested *svm = &l2_of(self)->svm;
	unsigned int i;

	svm_begin(self, svm, call, 0);
	guest_sync(self, 0, 0);
	for (i = 0; i < EXITS; i++) {
		guest_assert_equal(svm_run_only(svm), SVM_EXIT_VMMCALL);
		guest_sync(self, 1, i);
		svm_save(save);
		guest_sync(self, 2, i);
	}
}
