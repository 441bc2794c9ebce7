// SPDX-License-Identifier: GPL-2.0-only
/* Ways of arm64 to write memory. */
#include "../write_vm.h"
#include "instructions.h"
#include "core/report.h"
#include "kvm/arm64/state_arm64.h"
#include "stolen_time.h"

/* ID_AA64ISAR0_EL1.Atomic: 2 and more is FEAT_LSE. */
#define ISAR0_ATOMIC_SHIFT 20
#define ATOMIC_LSE	   2
/* Where KVM tells the time. */
#define PAGE	   63
#define OTHER_PAGE 64

static void need_lse(struct write_vm *fixture)
{
	u64 features = arm64_get_register(fixture->vcpu, REG_ISAR0);

	if ((features >> ISAR0_ATOMIC_SHIFT & 0xf) < ATOMIC_LSE)
		skip("a CPU with atomic instructions (FEAT_LSE)",
		     "use another one: an emulated -cpu max has them");
}

static void need_vectors(struct write_vm *fixture)
{
	write_vm_run(fixture, vectors_on, 0);
}

static void need_stolen_time(struct write_vm *fixture)
{
	stolen_time_need(fixture->vcpu);
}

static void prepare_stolen_time(struct write_vm *fixture)
{
	stolen_time_place(fixture->vcpu, write_vm_address(fixture, PAGE));
}

/* kvm_init_stolen_time(): all of the structure. */
static void act_stolen_time_init(struct write_vm *fixture)
{
	write_vm_stamp(fixture, PAGE);
	write_vm_must(fixture, PAGE);
	write_vm_run(fixture, ask_stolen_time, 0);
	CHECK(fixture->vcpu->guest->test[0] == write_vm_address(fixture, PAGE),
	      "PV_TIME_ST says %#llx where it was placed at %#llx",
	      fixture->vcpu->guest->test[0], write_vm_address(fixture, PAGE));
}

/* kvm_update_stolen_time() marks what kvm_put_guest() wrote, changed or not. */
static void act_stolen_time(struct write_vm *fixture)
{
	write_vm_must(fixture, PAGE);
	write_vm_must(fixture, OTHER_PAGE);
	write_vm_access(fixture, WRITER_STORE, OTHER_PAGE, 1, 0);
}

/*
 * A fault that is no write maps a page of a logged slot for reading only, and
 * does not report it (kvm_s2_fault_compute_prot(), user_mem_abort()).
 */
bool arch_reports_absent(void)
{
	return false;
}

static void act_load_absent(struct write_vm *fixture)
{
	write_vm_judge_absent(fixture, WRITER_LOAD);
}

static void act_fetch_absent(struct write_vm *fixture)
{
	write_vm_judge_absent(fixture, WRITER_FETCH);
}

/* Offsets below 0 are across pages. */
static const struct write_method methods[] = {
	{ .name = "strb",
	  .plan = "the last byte of a page",
	  .function = by_strb,
	  .pages = 1,
	  .offset = -1 },
	{ .name = "str_post",
	  .plan = "a store across pages that changes its base",
	  .function = by_str_post,
	  .pages = 2,
	  .offset = -4 },
	{ .name = "stlr",
	  .plan = "a store with release",
	  .function = by_stlr,
	  .pages = 1 },
	{ .name = "stp",
	  .plan = "a store of a pair across pages",
	  .function = by_stp,
	  .pages = 2,
	  .offset = -8 },
	{ .name = "stnp",
	  .plan = "a non-temporal store of a pair across pages",
	  .function = by_stnp,
	  .pages = 2,
	  .offset = -8 },
	{ .name = "stxr",
	  .plan = "an exclusive store",
	  .function = by_stxr,
	  .pages = 1 },
	{ .name = "stxp",
	  .plan = "an exclusive store of a pair",
	  .function = by_stxp,
	  .pages = 1,
	  .offset = 64 },
	{ .name = "cas",
	  .plan = "a compare and swap",
	  .function = by_cas,
	  .pages = 1,
	  .need = need_lse },
	{ .name = "casp",
	  .plan = "a compare and swap of a pair",
	  .function = by_casp,
	  .pages = 1,
	  .offset = 64,
	  .need = need_lse },
	{ .name = "swp",
	  .plan = "a swap",
	  .function = by_swp,
	  .pages = 1,
	  .need = need_lse },
	{ .name = "ldadd",
	  .plan = "an atomic addition",
	  .function = by_ldadd,
	  .pages = 1,
	  .need = need_lse },
	{ .name = "steor",
	  .plan = "an atomic exclusive OR",
	  .function = by_steor,
	  .pages = 1,
	  .need = need_lse },
	{ .name = "zva",
	  .plan = "DC ZVA",
	  .function = by_zva,
	  .pages = 1,
	  .stamp = true },
	{ .name = "str_q",
	  .plan = "a store of a vector across pages",
	  .function = by_str_q,
	  .pages = 2,
	  .offset = -8,
	  .need = need_vectors },
	{ .name = "st1",
	  .plan = "a store of two vectors across pages",
	  .function = by_st1,
	  .pages = 2,
	  .offset = -16,
	  .need = need_vectors },
	{ .name = "stolen_time_init",
	  .plan = "the structure that tells stolen time, when the guest asks for it",
	  .need = need_stolen_time,
	  .prepare = prepare_stolen_time,
	  .act = act_stolen_time_init },
	{ .name = "stolen_time",
	  .plan = "stolen time, at every KVM_RUN",
	  .same = true,
	  .need = need_stolen_time,
	  .prepare = prepare_stolen_time,
	  .act = act_stolen_time },
	{ .name = "load_absent",
	  .plan = "a load from a page that is not mapped is not reported",
	  .act = act_load_absent },
	{ .name = "fetch_absent",
	  .plan = "executing from a page that is not mapped is not reported",
	  .prepare = write_vm_lay_code,
	  .act = act_fetch_absent },
};

static const struct write_method_table *write_methods_arm64(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}

const write_method_tables arch_methods[] = { write_methods_arm64, NULL };
