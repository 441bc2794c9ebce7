// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where KVM writes for guests that know of it (Documentation/virt/kvm/x86/msr.rst
 * and cpuid.rst). The guest's page has stamps, or what KVM wrote there before.
 */
#include <asm/kvm_para.h>

#include "../write_methods_guest.h"
#include "kvm/x86_64/apic.h"
#include "msr_list.h"
#include "core/report.h"
#include "kvm/x86_64/supported.h"
#include "write_methods_x86.h"

/* Pages at the seams of a bitmap's words. */
#define PAGE	   WORD_PAGE
#define OTHER_PAGE 64

#define MSR_SYSTEM_OLD 0x12
#define VECTOR_EOI     0x52
#define EOI_TRIES      200

/* The low bit of most of these registers. */
#define ENABLED 1ULL

void guest_writes_msr(struct write_vm *fixture, u32 number, u64 value)
{
	*msr_list_of(fixture->vcpu->guest) = (struct msr_list){
		.count = 1,
		.number = { number },
		.value = { value },
	};
	write_vm_run(fixture, write_msrs, 0);
}

void need_paravirtual(unsigned int bit, const char *what)
{
	if (!(cpuid_supported(KVM_CPUID_FEATURES).eax >> bit & 1))
		skip(what, "use a kernel that offers it (CONFIG_PARAVIRT, "
			   "CONFIG_SCHED_INFO)");
}

static void need_clock(struct write_vm *fixture)
{
	(void)fixture;
	need_paravirtual(KVM_FEATURE_CLOCKSOURCE2, "KVM_FEATURE_CLOCKSOURCE2");
}

static void need_old_clock(struct write_vm *fixture)
{
	(void)fixture;
	need_paravirtual(KVM_FEATURE_CLOCKSOURCE, "KVM_FEATURE_CLOCKSOURCE");
}

static void need_steal_time(struct write_vm *fixture)
{
	(void)fixture;
	need_paravirtual(KVM_FEATURE_STEAL_TIME, "KVM_FEATURE_STEAL_TIME");
}

/* kvm_write_system_time(), then kvm_setup_guest_pvclock() at the next entry. */
static void act_clock(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	guest_writes_msr(fixture, MSR_KVM_SYSTEM_TIME_NEW,
			 write_vm_address(fixture, PAGE) | ENABLED);
}

static void act_old_clock(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	guest_writes_msr(fixture, MSR_SYSTEM_OLD,
			 write_vm_address(fixture, PAGE) | ENABLED);
}

static void act_wall_clock(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	guest_writes_msr(fixture, MSR_KVM_WALL_CLOCK_NEW,
			 write_vm_address(fixture, PAGE));
}

/* record_steal_time(): at every KVM_RUN. */
static void act_steal_time(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	guest_writes_msr(fixture, MSR_KVM_STEAL_TIME,
			 write_vm_address(fixture, PAGE) | KVM_MSR_ENABLED);
	write_vm_run(fixture, write_method_enter, 0);
	write_vm_judge(fixture, "steal time enabled", false);
	write_vm_must(fixture, PAGE);
	write_vm_must(fixture, OTHER_PAGE);
	write_vm_access(fixture, WRITER_STORE, OTHER_PAGE, 1, 0);
}

static void need_eoi(struct write_vm *fixture)
{
	need_paravirtual(KVM_FEATURE_PV_EOI, "KVM_FEATURE_PV_EOI");
	write_vm_run(fixture, begin_apic, 0);
}

void guest_clears_word(struct write_vm *fixture, u32 number)
{
	*msr_list_of(fixture->vcpu->guest) = (struct msr_list){
		.count = 1,
		.number = { number },
		.clear = write_vm_address(fixture, PAGE),
	};
	write_vm_must(fixture, PAGE);
	write_vm_run(fixture, write_msrs, 0);
	write_vm_judge(fixture, "the guest has cleared the word", true);
}

/* Set when an interrupt is given to the guest, taken back when it exits. */
static void act_eoi(struct write_vm *fixture)
{
	struct msr_list *list = msr_list_of(fixture->vcpu->guest);
	unsigned int i;

	guest_clears_word(fixture, MSR_KVM_PV_EOI_EN);
	guest_writes_msr(fixture, MSR_KVM_PV_EOI_EN,
			 write_vm_address(fixture, PAGE) | KVM_MSR_ENABLED);
	write_vm_judge(fixture, "no interrupt yet", false);
	write_vm_must(fixture, PAGE);
	list->value[0] = write_vm_address(fixture, PAGE);
	/* It is taken back by an exit that comes before the handler looks. */
	for (i = 0; i < EOI_TRIES && !(list->seen & 2); i++) {
		vcpu_await(fixture->vcpu, "an interrupt from itself");
		write_vm_run(fixture, take_interrupt, VECTOR_EOI);
	}
	vcpu_await(fixture->vcpu, NULL);
	if (!(list->seen & 2))
		skip("a KVM that ends interrupts by memory",
		     "use kvm_intel.enable_apicv=0 or kvm_amd.avic=0");
}

static void begin_apic_first(struct write_vm *fixture)
{
	write_vm_run(fixture, begin_apic, 0);
}

/* KVM_SET_VAPIC_ADDR: kvm_lapic_sync_to_vapic() at every entry. */
static void act_vapic(struct write_vm *fixture)
{
	apic_set_virtual(fixture->vcpu, 0);
	write_vm_stamp(fixture, PAGE);
	apic_set_virtual(fixture->vcpu, write_vm_address(fixture, PAGE));
	write_vm_must(fixture, PAGE);
	write_vm_must(fixture, OTHER_PAGE);
	write_vm_access(fixture, WRITER_STORE, OTHER_PAGE, 1, 0);
}

static const struct write_method methods[] = {
	{ .name = "kvmclock",
	  .plan = "the time that KVM tells the guest",
	  .need = need_clock,
	  .act = act_clock },
	{ .name = "kvmclock_old",
	  .plan = "the same by its first register",
	  .need = need_old_clock,
	  .act = act_old_clock },
	{ .name = "wall_clock",
	  .plan = "the wall clock at boot that KVM tells the guest",
	  .need = need_clock,
	  .act = act_wall_clock },
	{ .name = "steal_time",
	  .plan = "the time that KVM took from a vCPU",
	  .need = need_steal_time,
	  .act = act_steal_time },
	{ .name = "pv_eoi",
	  .plan = "the bit by which a guest ends an interrupt",
	  .same = true,
	  .interrupts = true,
	  .need = need_eoi,
	  .act = act_eoi },
	{ .name = "vapic",
	  .plan = "the task priority that KVM tells of an APIC (KVM_SET_VAPIC_ADDR)",
	  .interrupts = true,
	  .need = begin_apic_first,
	  .act = act_vapic },
};

const struct write_method_table *write_methods_paravirtual(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
