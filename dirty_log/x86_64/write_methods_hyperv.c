// SPDX-License-Identifier: GPL-2.0-only
/* Where KVM writes for guests that find Hyper-V below them. */
#include "hyperv.h"
#include "msr_list.h"
#include "core/report.h"
#include "write_methods_x86.h"

/* Pages at the seams of a bitmap's words. */
#define PAGE 64

/* An open-source operating system, as the TLFS wants it (2.6). */
#define GUEST_OS_ID (1ULL << 63)
#define ENABLED	    1ULL
/* A message of source 2, whose vector nobody takes. */
#define SOURCE 2
#define VECTOR 0x53

static void need_hyperv(struct write_vm *fixture)
{
	hyperv_enable(fixture->vcpu);
	guest_writes_msr(fixture, HYPERV_MSR_GUEST_OS_ID, GUEST_OS_ID);
}

/* An exit tells user space where the pages are (synic_exit()). */
static void expect_hyperv_exit(struct write_vm *fixture, enum vcpu_event event)
{
	char text[256];

	CHECK(event == VCPU_OTHER &&
		      fixture->vcpu->run->exit_reason == KVM_EXIT_HYPERV,
	      "an exit that is not about Hyper-V: %s",
	      vcpu_exit_text(fixture->vcpu, text, sizeof(text)));
}

static void write_synic(struct write_vm *fixture, u32 number, u64 value)
{
	*msr_list_of(fixture->vcpu->guest) = (struct msr_list){
		.count = 1,
		.number = { number },
		.value = { value },
	};
	write_vm_run_exits(fixture, write_msrs, 0, expect_hyperv_exit);
}

static void need_synic(struct write_vm *fixture)
{
	hyperv_enable(fixture->vcpu);
	hyperv_enable_synic(fixture->vcpu);
	write_vm_run(fixture, begin_apic, 0);
	guest_writes_msr(fixture, HYPERV_MSR_GUEST_OS_ID, GUEST_OS_ID);
	guest_writes_msr(fixture, HYPERV_MSR_SINT0 + SOURCE, VECTOR);
}

/* Stamps, and then KVM writes because of a register. */
static void act_register(struct write_vm *fixture, u32 number)
{
	guest_writes_msr(fixture, number, 0);
	write_vm_stamp(fixture, PAGE);
	write_vm_must(fixture, PAGE);
	guest_writes_msr(fixture, number,
			 write_vm_address(fixture, PAGE) | ENABLED);
}

static void act_hypercall(struct write_vm *fixture)
{
	act_register(fixture, HYPERV_MSR_HYPERCALL);
}

static void act_reference_tsc(struct write_vm *fixture)
{
	act_register(fixture, HYPERV_MSR_REFERENCE_TSC);
}

static void act_vp_assist(struct write_vm *fixture)
{
	act_register(fixture, HYPERV_MSR_VP_ASSIST);
}

/* synic_set_msr() clears the page. */
static void place(struct write_vm *fixture, u32 number)
{
	write_synic(fixture, number, 0);
	write_vm_stamp(fixture, PAGE);
	write_vm_must(fixture, PAGE);
	write_synic(fixture, number, write_vm_address(fixture, PAGE) | ENABLED);
}

static void act_events(struct write_vm *fixture)
{
	place(fixture, HYPERV_MSR_EVENTS);
}

static void act_messages(struct write_vm *fixture)
{
	place(fixture, HYPERV_MSR_MESSAGES);
}

/* A timer that has run out already sends a message (stimer_send_msg()). */
static void act_timer_message(struct write_vm *fixture)
{
	place(fixture, HYPERV_MSR_MESSAGES);
	write_vm_judge(fixture, "page of messages cleared", false);
	guest_writes_msr(fixture, HYPERV_MSR_TIMER0_CONFIG,
			 HYPERV_TIMER_SINT(SOURCE));
	write_vm_judge(fixture, "no message yet", false);
	write_vm_must(fixture, PAGE);
	*msr_list_of(fixture->vcpu->guest) = (struct msr_list){
		.count = 2,
		.number = { HYPERV_MSR_TIMER0_COUNT, HYPERV_MSR_TIMER0_CONFIG },
		.value = { 1, HYPERV_TIMER_SINT(SOURCE) | HYPERV_TIMER_ENABLE },
	};
	write_vm_run(fixture, write_msrs, 0);
}

static const struct write_method methods[] = {
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

const struct write_method_table *write_methods_hyperv(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
