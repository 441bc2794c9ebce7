// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM writes in the guest's place: it emulates instructions that touch
 * memory and what is none, and any behind its prefix.
 */
#include "../write_methods_guest.h"
#include "instructions.h"
#include "prefix.h"
#include "core/report.h"
#include "write_methods_x86.h"

/* Nobody answers it but us. */
#define PORT 0xe6
/* Runs that begin in one page and end in the next. */
#define MOVS_WORDS 8
#define INS_WORDS  64

#define TARGETS_MAX 8

static void answer_read(struct write_vm *fixture, enum vcpu_event event)
{
	char text[256];

	/* Something else each time. */
	CHECK(event == VCPU_OTHER &&
		      vcpu_answer(fixture->vcpu,
				  ++fixture->own[0] * 0x9e3779b97f4a7c15ULL),
	      "an exit that is no read of what is no memory: %s",
	      vcpu_exit_text(fixture->vcpu, text, sizeof(text)));
}

/* Read from @source, which is none of memory's, to all targets. */
static void act_copy(struct write_vm *fixture, guest_function function,
		     u64 source, u64 words, u64 bytes)
{
	size_t first[TARGETS_MAX], count, i;

	count = write_vm_targets(fixture, 2, first, TARGETS_MAX);
	for (i = 0; i < count; i++) {
		fixture->vcpu->guest->test[0] = source;
		fixture->vcpu->guest->test[1] = words;
		write_vm_must(fixture, first[i]);
		write_vm_must(fixture, first[i] + 1);
		CHECK(write_vm_run_exits(fixture, function,
					 write_vm_address(fixture,
							  first[i] + 1) -
						 bytes / 2,
					 answer_read),
		      "nothing was read from where no memory is");
	}
}

/* The page behind the slot is no memory. */
static void prepare_behind(struct write_vm *fixture)
{
	u64 behind = write_vm_address(fixture, fixture->pages);

	vm_map(fixture->exact.fixture.vm, behind, behind, fixture->page_size,
	       fixture->page_size);
}

static void act_movs_from_mmio(struct write_vm *fixture)
{
	act_copy(fixture, movs_from, write_vm_address(fixture, fixture->pages),
		 MOVS_WORDS, MOVS_WORDS * 8);
}

static void act_ins(struct write_vm *fixture)
{
	act_copy(fixture, ins_to, PORT, INS_WORDS, INS_WORDS * 4);
}

static void expect_behind(struct write_vm *fixture, enum vcpu_event event)
{
	char text[256];
	u64 gpa;

	CHECK(event == VCPU_OTHER && vcpu_mmio(fixture->vcpu, &gpa) &&
		      gpa == write_vm_address(fixture, fixture->pages) &&
		      fixture->vcpu->run->mmio.is_write,
	      "the other half of a store is no exit for MMIO: %s",
	      vcpu_exit_text(fixture->vcpu, text, sizeof(text)));
}

/* Half a store to the slot's last page, half to where no memory is. */
static void act_straddle_into_mmio(struct write_vm *fixture)
{
	unsigned int exits;

	write_vm_must(fixture, fixture->pages - 1);
	exits = write_vm_run_exits(fixture, write_method_store,
				   write_vm_address(fixture, fixture->pages) -
					   4,
				   expect_behind);
	CHECK(exits == 1, "half a store beyond the slot made %u exits", exits);
}

static void need_prefix(struct write_vm *fixture)
{
	(void)fixture;
	emulation_prefix_need();
}

static void need_prefix_and_sse(struct write_vm *fixture)
{
	need_prefix(fixture);
	need_sse(fixture);
}

static const struct write_method methods[] = {
	{ .name = "movs_from_mmio",
	  .plan = "rep movsq from where no memory is, to memory",
	  .prepare = prepare_behind,
	  .act = act_movs_from_mmio },
	{ .name = "straddle_into_mmio",
	  .plan = "a store of which half goes where no memory is",
	  .prepare = prepare_behind,
	  .act = act_straddle_into_mmio },
	{ .name = "ins",
	  .plan = "rep insl, from a port to memory",
	  .act = act_ins },
	{ .name = "emulated_mov",
	  .plan = "KVM emulates a store",
	  .function = emulated_mov,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_mov_straddle",
	  .plan = "KVM emulates a store across pages",
	  .function = emulated_mov,
	  .pages = 2,
	  .offset = -4,
	  .need = need_prefix },
	{ .name = "emulated_xchg",
	  .plan = "KVM emulates an exchange",
	  .function = emulated_xchg,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_lock_add",
	  .plan = "KVM emulates a locked addition",
	  .function = emulated_lock_add,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_lock_btc",
	  .plan = "KVM emulates a locked bit operation",
	  .function = emulated_lock_btc,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_lock_xadd",
	  .plan = "KVM emulates a locked exchange and add",
	  .function = emulated_lock_xadd,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_lock_cmpxchg",
	  .plan = "KVM emulates a compare and exchange (emulator_cmpxchg_emulated())",
	  .function = emulated_lock_cmpxchg,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_lock_cmpxchg8b",
	  .plan = "the same of 8 bytes",
	  .function = emulated_lock_cmpxchg8b,
	  .pages = 1,
	  .need = need_prefix },
	{ .name = "emulated_push",
	  .plan = "KVM emulates a push across pages",
	  .function = emulated_push,
	  .pages = 2,
	  .offset = -4,
	  .need = need_prefix },
	{ .name = "emulated_rep_stos",
	  .plan = "KVM emulates rep stosq over five pages, at least its beginning",
	  .function = emulated_rep_stosq,
	  .pages = 5,
	  .offset = 2048,
	  .alone = true,
	  .need = need_prefix },
	{ .name = "emulated_rep_movsq",
	  .plan = "KVM emulates rep movsq across pages",
	  .function = emulated_rep_movsq,
	  .pages = 2,
	  .offset = -1024,
	  .need = need_prefix },
	{ .name = "emulated_movaps",
	  .plan = "KVM emulates an aligned store by SSE",
	  .function = emulated_movaps,
	  .pages = 1,
	  .need = need_prefix_and_sse },
	{ .name = "emulated_movups",
	  .plan = "KVM emulates a store by SSE across pages",
	  .function = emulated_movups,
	  .pages = 2,
	  .offset = -8,
	  .need = need_prefix_and_sse },
};

const struct write_method_table *write_methods_emulated(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
