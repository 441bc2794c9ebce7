// SPDX-License-Identifier: GPL-2.0-only
/* What KVM writes for a guest that has guests of its own, by SVM or VMX. */
#include <string.h>

#include "nested.h"
#include "report.h"
#include "svm.h"
#include "vmx.h"
#include "ways_x86.h"

/* Where the control block lies. */
#define PAGE 127

static struct svm_nested *nested_of(struct stage *stage)
{
	return (struct svm_nested *)stage->vcpu->guest->test;
}

static void need_svm(struct stage *stage)
{
	(void)stage;
	svm_need();
}

static void prepare_nested(struct stage *stage)
{
	svm_prepare(stage->exact.scene.vm, nested_of(stage));
	nested_of(stage)->vmcb = stage_address(stage, PAGE);
	/* Stamps in a control block would be nonsense. */
	memset((char *)stage->slot->hva + PAGE * stage->page_size, 0,
	       stage->page_size);
	stage_run(stage, nested_begin, 0);
}

/* nested_svm_vmexit() writes the control block that L1 has for L2. */
static void act_exit(struct stage *stage)
{
	stage_must(stage, PAGE);
	stage_run(stage, nested_mark, 0);
	stage_judge(stage, "marked by L1", false);
	stage_must(stage, PAGE);
	stage_run(stage, nested_enter, 0);
}

static struct vmx_nested *nested_vmx_of(struct stage *stage)
{
	return (struct vmx_nested *)stage->vcpu->guest->test;
}

static void need_vmx(struct stage *stage)
{
	(void)stage;
	vmx_need();
}

static void prepare_vmx(struct stage *stage)
{
	vmx_prepare(stage->exact.scene.vm, nested_vmx_of(stage));
	nested_vmx_of(stage)->vmcs = stage_address(stage, PAGE);
	/* Stamps in a control structure would be nonsense. */
	memset((char *)stage->slot->hva + PAGE * stage->page_size, 0,
	       stage->page_size);
	stage_run(stage, nested_vmx_begin, 0);
}

/* handle_vmclear() writes all of the control structure (nested_release_vmcs12()). */
static void act_vmclear(struct stage *stage)
{
	stage_must(stage, PAGE);
	stage_run(stage, nested_vmx_mark, 0);
	stage_judge(stage, "marked by L1", false);
	stage_must(stage, PAGE);
	stage_run(stage, nested_vmx_clear, 0);
}

static const struct way ways[] = {
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

const struct way_table *ways_nested(void)
{
	static const struct way_table table = WAY_TABLE(ways);

	return &table;
}
