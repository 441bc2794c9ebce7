// SPDX-License-Identifier: GPL-2.0-only
/* Flags in the page tables of a guest that has 32 bits. */
#include "kvm/x86_64/pae.h"
#include "kvm/x86_64/supported.h"
#include "write_methods_x86.h"

#define DIRECTORY_PAGE 63
#define TABLE_PAGE     64
#define TARGET_PAGE    200

static struct pae pages_of(const struct write_vm *fixture)
{
	return (struct pae){
		.directory = write_vm_address(fixture, DIRECTORY_PAGE),
		.table = write_vm_address(fixture, TABLE_PAGE),
		.target = write_vm_address(fixture, TARGET_PAGE),
	};
}

static void prepare(struct write_vm *fixture)
{
	const struct pae pae = pages_of(fixture);

	pae_begin(fixture->vcpu, &pae, fixture->slot);
}

static void act_accessed(struct write_vm *fixture)
{
	const struct pae pae = pages_of(fixture);

	write_vm_must(fixture, DIRECTORY_PAGE);
	write_vm_must(fixture, TABLE_PAGE);
	pae_reset(fixture->vcpu, &pae);
	write_vm_judge(fixture, "the guest has taken the flags away", true);
	write_vm_must(fixture, DIRECTORY_PAGE);
	write_vm_must(fixture, TABLE_PAGE);
	pae_read(fixture->vcpu);
}

static void act_dirty(struct write_vm *fixture)
{
	act_accessed(fixture);
	write_vm_judge(fixture, "accessed flags", false);
	write_vm_must(fixture, TABLE_PAGE);
	write_vm_must(fixture, TARGET_PAGE);
	/* AMD: a nested walk is a write to every table (APM volume 2, 15.25.5). */
	if (paging_is_nested())
		write_vm_may(fixture, DIRECTORY_PAGE);
	pae_write(fixture->vcpu, (u32)++fixture->own[0]);
}

static const struct write_method methods[] = {
	{ .name = "pae_accessed",
	  .plan = "accessed flags in the page tables of a guest with 32 bits",
	  .prepare = prepare,
	  .act = act_accessed },
	{ .name = "pae_dirty",
	  .plan = "dirty flags in the page tables of a guest with 32 bits",
	  .prepare = prepare,
	  .act = act_dirty },
};

const struct write_method_table *write_methods_pae(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
