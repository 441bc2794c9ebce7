// SPDX-License-Identifier: GPL-2.0-only
/*
 * No interrupt between vCPUs is lost, duplicated or misdirected: with every
 * destination mode and shorthand, to targets that run, halt or migrate between CPUs,
 * and while delivery by hardware (AVIC, APICv) is inhibited and allowed again.
 */
#include "core/background.h"
#include "core/clock.h"
#include "ipi_vm.h"
#include "core/options.h"
#include "core/variant.h"

#define VCPUS_DEFAULT 3
#define VCPUS_STRESS  6
/* Time of a case in check mode; creating the VM takes longer. */
#define CHECK_NS (120 * NSEC_PER_MSEC)

/**
 * struct method_row - a way to send an interrupt
 * @name: in names of cases
 * @methods: bits (1 << enum ipi_method)
 */
struct method_row {
	const char *name;
	u32 methods;
};

static const struct method_row methods[] = {
	{ "fixed", 1U << IPI_PHYSICAL | 1U << IPI_LOGICAL },
	{ "lowest_priority", 1U << IPI_LOWEST },
	{ "nmi", 1U << IPI_NMI },
	{ "all", 1U << IPI_ALL },
	{ "all_but_self", 1U << IPI_OTHERS },
	{ "self", 1U << IPI_SELF },
};
#define EVERY_METHOD ((1U << IPI_METHOD) - 1)

/**
 * struct inhibit_row - a reason for which KVM inhibits AVIC and APICv
 * @name: in names of cases
 * @inhibit: the reason
 * @state: what the targets do; either state with some of the reasons
 * @xapic_only: x2APIC mode does not have it
 */
struct inhibit_row {
	const char *name;
	enum ipi_inhibit inhibit;
	enum ipi_state state;
	bool xapic_only;
};

static const struct inhibit_row inhibits[] = {
	{ "inhibited/block_irq", IPI_BLOCK_IRQ, IPI_RUNNING, false },
	{ "inhibited/ldr_alias", IPI_LDR_ALIAS, IPI_HALTED, true },
	{ "inhibited/apic_id", IPI_APIC_ID, IPI_RUNNING, true },
	{ "inhibited/extint", IPI_EXTINT, IPI_HALTED, false },
	{ "inhibited/pit_reinject", IPI_PIT_REINJECT, IPI_RUNNING, false },
	{ "inhibited/auto_eoi", IPI_AUTO_EOI, IPI_HALTED, false },
	{ "inhibited/vmrun", IPI_VMRUN, IPI_RUNNING, false },
};

static const struct choice modes[] = {
	CHOICE("xapic", APIC_XAPIC),
	CHOICE("x2apic", APIC_X2APIC),
};

static const struct needs two_cpus = { .cpus = 2 };

static const struct choice states[] = {
	CHOICE("running", IPI_RUNNING),
	CHOICE("halted", IPI_HALTED),
	CHOICE("moving", IPI_MOVING, .needs = &two_cpus),
};

/**
 * struct variant - interrupts of one kind, or of all kinds while KVM inhibits AVIC
 * @mode: mode of the local APICs
 * @method: how interrupts are sent; NULL: in every way
 * @state: what the targets do, with @method
 * @inhibit: why AVIC is inhibited, and what the targets do; NULL: it is not
 */
struct variant {
	enum apic_mode mode;
	const struct method_row *method;
	enum ipi_state state;
	const struct inhibit_row *inhibit;
};

static void send(const struct variant *variant)
{
	static const char *const switches[] = { "--switch", "1", "--cpu", "1",
						NULL };
	const struct background_request request = { .arguments = switches };
	const struct inhibit_row *inhibit = variant->inhibit;
	bool stress = options()->mode == MODE_STRESS;
	struct ipi_config config = {
		.mode = variant->mode,
		.methods = variant->method ? variant->method->methods :
					     EVERY_METHOD,
		.state = inhibit ? inhibit->state : variant->state,
		.inhibit = inhibit ? inhibit->inhibit : IPI_UNINHIBITED,
		.vcpus = stress ? VCPUS_STRESS : VCPUS_DEFAULT,
		.duration_ns = case_duration_ns(),
	};
	struct background *background = NULL;

	if (options()->vcpus)
		config.vcpus = options()->vcpus;
	if (options()->mode == MODE_CHECK && !options()->duration_s &&
	    config.duration_ns > CHECK_NS)
		config.duration_ns = CHECK_NS;
	if (stress)
		background = background_start(&request);
	ipi_run(&config);
	if (background)
		background_end(background);
}

static bool mode_has_inhibit(const struct variant *variant)
{
	return variant->mode == APIC_XAPIC || !variant->inhibit->xapic_only;
}

static const struct dimension plain[] = {
	DIMENSION_TABLE(struct variant, mode, modes),
	DIMENSION_ROWS(struct variant, method, methods),
	DIMENSION_TABLE(struct variant, state, states),
};

static const struct dimension inhibited[] = {
	DIMENSION_TABLE(struct variant, mode, modes),
	DIMENSION_ROWS(struct variant, inhibit, inhibits),
};

static const struct scenario scenarios[] = {
	SCENARIO("", send, struct variant, plain, .stress_s = 3,
		 .plan = "no interrupt between vCPUs is lost, duplicated or misdirected"),
	SCENARIO("", send, struct variant, inhibited, .stress_s = 3,
		 .sampling = SAMPLE_ALL,
		 .allowed = VARIANT_IF(struct variant, mode_has_inhibit),
		 .plan = "the same while AVIC and APICv are inhibited and allowed again"),
};

TEST_PROGRAM("apic_ipi_test",
	     "no interrupt between vCPUs is lost, duplicated or misdirected",
	     scenarios, .needs = { .kvm = true })
