// SPDX-License-Identifier: GPL-2.0-only
/* Where KVM writes for guests that find Hyper-V below them. */
#include "hyperv.h"
#include "msr_list.h"
#include "report.h"
#include "ways_x86.h"

/* Pages at the seams of a bitmap's words. */
#define PAGE 64

/* An open-source operating system, as the TLFS wants it (2.6). */
#define GUEST_OS_ID (1ULL << 63)
#define ENABLED	    1ULL
/* A message of source 2, whose vector nobody takes. */
#define SOURCE 2
#define VECTOR 0x53

static void need_hyperv(struct stage *stage)
{
	hyperv_enable(stage->vcpu);
	guest_writes_msr(stage, HYPERV_MSR_GUEST_OS_ID, GUEST_OS_ID);
}

/* An exit tells user space where the pages are (synic_exit()). */
static void expect_hyperv_exit(struct stage *stage, enum vcpu_event event)
{
	char text[256];

	CHECK(event == VCPU_OTHER &&
		      stage->vcpu->run->exit_reason == KVM_EXIT_HYPERV,
	      "an exit that is not about Hyper-V: %s",
	      vcpu_exit_text(stage->vcpu, text, sizeof(text)));
}

static void write_synic(struct stage *stage, u32 number, u64 value)
{
	*msr_list_of(stage->vcpu->guest) = (struct msr_list){
		.count = 1,
		.number = { number },
		.value = { value },
	};
	stage_run_exits(stage, write_msrs, 0, expect_hyperv_exit);
}

static void need_synic(struct stage *stage)
{
	hyperv_enable(stage->vcpu);
	hyperv_enable_synic(stage->vcpu);
	stage_run(stage, begin_apic, 0);
	guest_writes_msr(stage, HYPERV_MSR_GUEST_OS_ID, GUEST_OS_ID);
	guest_writes_msr(stage, HYPERV_MSR_SINT0 + SOURCE, VECTOR);
}

/* Stamps, and then KVM writes because of a register. */
static void act_register(struct stage *stage, u32 number)
{
	guest_writes_msr(stage, number, 0);
	stage_stamp(stage, PAGE);
	stage_must(stage, PAGE);
	guest_writes_msr(stage, number, stage_address(stage, PAGE) | ENABLED);
}

static void act_hypercall(struct stage *stage)
{
	act_register(stage, HYPERV_MSR_HYPERCALL);
}

static void act_reference_tsc(struct stage *stage)
{
	act_register(stage, HYPERV_MSR_REFERENCE_TSC);
}

static void act_vp_assist(struct stage *stage)
{
	act_register(stage, HYPERV_MSR_VP_ASSIST);
}

/* synic_set_msr() clears the page. */
static void place(struct stage *stage, u32 number)
{
	write_synic(stage, number, 0);
	stage_stamp(stage, PAGE);
	stage_must(stage, PAGE);
	write_synic(stage, number, stage_address(stage, PAGE) | ENABLED);
}

static void act_events(struct stage *stage)
{
	place(stage, HYPERV_MSR_EVENTS);
}

static void act_messages(struct stage *stage)
{
	place(stage, HYPERV_MSR_MESSAGES);
}

/* A timer that has run out already sends a message (stimer_send_msg()). */
static void act_timer_message(struct stage *stage)
{
	place(stage, HYPERV_MSR_MESSAGES);
	stage_judge(stage, "page of messages cleared", false);
	guest_writes_msr(stage, HYPERV_MSR_TIMER0_CONFIG,
			 HYPERV_TIMER_SINT(SOURCE));
	stage_judge(stage, "no message yet", false);
	stage_must(stage, PAGE);
	*msr_list_of(stage->vcpu->guest) = (struct msr_list){
		.count = 2,
		.number = { HYPERV_MSR_TIMER0_COUNT, HYPERV_MSR_TIMER0_CONFIG },
		.value = { 1, HYPERV_TIMER_SINT(SOURCE) | HYPERV_TIMER_ENABLE },
	};
	stage_run(stage, write_msrs, 0);
}

static const struct way ways[] = {
	{ .name = "hyperv_hypercall",
	  .plan = "Hyper-V: the page of hypercalls",
	  .need = need_hyperv,
	  .act = act_hypercall },
	{ .name = "hyperv_reference_tsc",
	  .plan = "Hyper-V: the page of the reference time",
	  .need = need_hyperv,
	  .act = act_reference_tsc },
	{ .name = "hyperv_vp_assist",
	  .plan = "Hyper-V: the page of virtual processor assist",
	  .interrupts = true,
	  .need = need_hyperv,
	  .act = act_vp_assist },
	{ .name = "hyperv_events",
	  .plan = "Hyper-V: the page of event flags",
	  .interrupts = true,
	  .need = need_synic,
	  .act = act_events },
	{ .name = "hyperv_messages",
	  .plan = "Hyper-V: the page of messages",
	  .interrupts = true,
	  .need = need_synic,
	  .act = act_messages },
	{ .name = "hyperv_timer_message",
	  .plan = "Hyper-V: the message of a timer",
	  .interrupts = true,
	  .need = need_synic,
	  .act = act_timer_message },
};

const struct way_table *ways_hyperv(void)
{
	static const struct way_table table = WAY_TABLE(ways);

	return &table;
}
