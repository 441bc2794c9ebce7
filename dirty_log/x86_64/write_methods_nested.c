// SPDX-License-Identifier: GPL-2.0-only
/* What KVM writes for a guest that has guests of its own, by SVM or VMX. */
#include <string.h>

#include "nested.h"
#include "core/report.h"
#include "kvm/x86_64/svm.h"
#include "kvm/x86_64/vmx.h"
#include "write_methods_x86.h"

/* Where the control block lies. */
#define PAGE 127

static struct svm_nested *nested_of(struct write_vm *fixture)
{
	return (struct svm_nested *)fixture->vcpu->guest->test;
}

static void need_svm(struct write_vm *fixture)
{
	(void)fixture;
	svm_need();
}

static void prepare_nested(struct write_vm *fixture)
{
	svm_prepare(fixture->exact.fixture.vm, nested_of(fixture));
	nested_of(fixture)->vmcb = write_vm_address(fixture, PAGE);
	/* Stamps in a control block would be nonsense. */
	memset((char *)fixture->slot->hva + PAGE * fixture->page_size, 0,
	       fixture->page_size);
	write_vm_run(fixture, nested_begin, 0);
}

/* nested_svm_vmexit() writes the control block that L1 has for L2. */
static void act_exit(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	write_vm_run(fixture, nested_mark, 0);
	write_vm_judge(fixture, "marked by L1", false);
	write_vm_must(fixture, PAGE);
	write_vm_run(fixture, nested_enter, 0);
}

static struct vmx_nested *nested_vmx_of(struct write_vm *fixture)
{
	return (struct vmx_nested *)fixture->vcpu->guest->test;
}

static void need_vmx(struct write_vm *fixture)
{
	(void)fixture;
	vmx_need();
}

static void prepare_vmx(struct write_vm *fixture)
{
	vmx_prepare(fixture->exact.fixture.vm, nested_vmx_of(fixture));
	nested_vmx_of(fixture)->vmcs = write_vm_address(fixture, PAGE);
	/* Stamps in a control structure would be nonsense. */
	memset((char *)fixture->slot->hva + PAGE * fixture->page_size, 0,
	       fixture->page_size);
	write_vm_run(fixture, nested_vmx_begin, 0);
}

/* handle_vmclear() writes all of the control structure (nested_release_vmcs12()). */
static void act_vmclear(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	write_vm_run(fixture, nested_vmx_mark, 0);
	write_vm_judge(fixture, "marked by L1", false);
	write_vm_must(fixture, PAGE);
	write_vm_run(fixture, nested_vmx_clear, 0);
}

static const struct write_method methods[] = {
	{ .name = "nested_exit",
	  .plan = "the control block of a guest's guest, at its exit",
	  .need = need_svm,
	  .prepare = prepare_nested,
	  .act = act_exit },
	{ .name = "nested_vmsave",
	  .plan = "what VMSAVE stores, unless the CPU does it (vmload_vmsave_interception())",
	  .function = nested_save,
	  .pages = 1,
	  .stamp = true,
	  .need = need_svm,
	  .prepare = prepare_nested },
	{ .name = "nested_vmclear",
	  .plan = "the control structure of a guest's guest, when VMCLEAR ends its use",
	  .need = need_vmx,
	  .prepare = prepare_vmx,
	  .act = act_vmclear },
	{ .name = "nested_vmptrst",
	  .plan = "what VMPTRST stores (handle_vmptrst())",
	  .function = nested_vmx_pointer,
	  .pages = 1,
	  .stamp = true,
	  .need = need_vmx,
	  .prepare = prepare_vmx },
	{ .name = "nested_vmread",
	  .plan = "what VMREAD stores (handle_vmread())",
	  .function = nested_vmx_field,
	  .pages = 1,
	  .stamp = true,
	  .need = need_vmx,
	  .prepare = prepare_vmx },
};

const struct write_method_table *write_methods_nested(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
