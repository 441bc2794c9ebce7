// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where KVM lets a guest give AVIC to a guest of its own: L2 gets the interrupts
 * that it sends to itself while other vCPUs of L1 write to its physical-ID table.
 * No released kernel does. So no line of prove/matrix can have this test.
 */
#include "kvm/x86_64/apic.h"
#include "core/cases.h"
#include "kvm/vcpu_threads.h"
#include "hammer.h"
#include "nested.h"
#include "core/report.h"

/* The vCPU behind them runs L2, whose entry is the one of its number. */
#define WRITERS		 2
#define ROUNDS		 1000
#define APIC_ID_REGISTER 0x20

/* The entries of the writers, and their pages, which nobody looks into. */
static void prepare_writer(struct vcpu *vcpu, const struct nested_guest *l1)
{
	struct hammer_guest *guest = hammer_of(vcpu->guest);

	*guest = (struct hammer_guest){ .table = l1->physical,
					.backing = l1->backing };
}

static void prepare_l1(struct vm *vm, struct nested_guest *l1)
{
	u64 *table;
	u32 *registers;

	svm_prepare(vm, &l1->svm);
	svm_prepare_paging(vm, &l1->svm);
	l1->backing = svm_page(vm);
	l1->physical = svm_page(vm);
	l1->logical = svm_page(vm);
	l1->highest = WRITERS;
	l1->rounds = ROUNDS;
	table = (u64 *)((char *)vm->system + l1->physical - GPA_SYSTEM);
	/* Its APIC ID; all the rest L2 writes itself. */
	registers = (u32 *)((char *)vm->system + l1->backing - GPA_SYSTEM);
	registers[APIC_ID_REGISTER / sizeof(*registers)] = WRITERS << 24;
	table[WRITERS] = SECMMU_AVIC_VALID | SECMMU_AVIC_RUNNING | WRITERS |
			 l1->backing;
}

/* hammer_store() of vCPU n writes to entry n, and so none to L2's. */
static void test_self(const struct test_case *test)
{
	const struct vm_config vm_config = { .vcpus = WRITERS + 1,
					     .interrupts = true };
	const struct vcpu_threads_config writers = { .function = hammer_store,
						     .vcpus = WRITERS };
	struct nested_guest *l1;
	struct vcpu_threads *threads;
	struct vm *vm;
	unsigned int i;

	(void)test;
	if (!(svm_features() & SVM_FEATURE_AVIC))
		skip("AVIC in guests' SVM (CPUID 8000_000A EDX bit 13)",
		     "use a kernel that offers it, of which none is released");
	vm = vm_create(&vm_config);
	apic_map(vm);
	l1 = nested_of(vm->vcpus[WRITERS].guest);
	prepare_l1(vm, l1);
	for (i = 0; i < WRITERS; i++)
		prepare_writer(&vm->vcpus[i], l1);
	threads = vcpu_threads_new(vm, &writers);
	vcpu_threads_start(threads);
	vcpu_start(&vm->vcpus[WRITERS], nested_run, 0);
	vcpu_run(&vm->vcpus[WRITERS], VCPU_DONE);
	vcpu_threads_finish(threads);
	vm_destroy(vm);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "self", .run = test_self },
	};
	static const struct program program = {
		.name = "avic_nested_test",
		.summary = "L2's interrupts while its AVIC tables are written",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
