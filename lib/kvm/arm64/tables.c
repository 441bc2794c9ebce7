// SPDX-License-Identifier: GPL-2.0-only
/* arm64: the guest's page tables, with granules of 4, 16 and 64 KiB. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "core/report.h"
#include "kvm/arm64/state_arm64.h"
#include "kvm/walk.h"

/* Arm ARM D8.3: descriptors of stage 1. */
#define DESC_VALID	 (1ULL << 0)
#define DESC_TABLE	 (1ULL << 1)
#define DESC_ATTR_DEVICE (1ULL << 2)
#define DESC_SHARED	 (3ULL << 8)
#define DESC_ACCESSED	 (1ULL << 10)
#define DESC_ADDRESS	 0x0000fffffffff000ULL

/* Arm ARM D8.5: hardware updates of the flags. */
#define TCR_ACCESSED	 (1ULL << 39)
#define TCR_DIRTY	 (1ULL << 40)
#define DESC_READ_ONLY	 (1ULL << 7)
#define DESC_DIRTY_STATE (1ULL << 51)
#define MMFR1_HAFDBS	 0xfULL
#define HAFDBS_DIRTY	 2
/* An address that the guest's page tables do not map, with any granule. */
#define WALK_GVA (1ULL << (ADDRESS_BITS - 1))

#define ADDRESS_BITS 48
/*
 * Size of a VM's guest physical addresses, unless the machine has fewer bits.
 */
#define IPA_BITS 40

#define TCR_T0SZ       (64ULL - ADDRESS_BITS)
#define TCR_WRITE_BACK (1ULL << 8 | 1ULL << 10)
#define TCR_SHARED     (3ULL << 12)
#define TCR_TG0_SHIFT  14
#define TCR_NO_TTBR1   (1ULL << 23)
#define TCR_IPS_SHIFT  32

/**
 * struct granule - a granule: size of tables and smallest pages
 * @shift: its size, log2 of bytes
 * @field: shift of its field in ID_AA64MMFR0_EL1
 * @absent: value of the field if the CPU lacks it (TGran4, TGran64: 0xf,
 *	TGran16: 0)
 * @tcr: its encoding in TCR_EL1.TG0
 * @sizes: mapping sizes, bytes: the granule, then blocks
 * @count: number of @sizes
 */
struct granule {
	unsigned int shift;
	unsigned int field;
	unsigned int absent;
	u64 tcr;
	u64 sizes[3];
	size_t count;
};

/* Arm ARM D8.2: blocks are at levels 1 and 2, or at level 2 only. */
static const struct granule granules[] = {
	{ 12, 28, 0xf, 0, { 1UL << 12, 1UL << 21, 1UL << 30 }, 3 },
	{ 14, 20, 0x0, 2, { 1UL << 14, 1UL << 25 }, 2 },
	{ 16, 24, 0xf, 1, { 1UL << 16, 1UL << 29 }, 2 },
};

#define GRANULES (ARRAY_SIZE(granules))

const u64 *vm_granules(size_t *count)
{
	static const u64 sizes[] = { 1UL << 12, 1UL << 14, 1UL << 16 };

	*count = ARRAY_SIZE(sizes);
	return sizes;
}

static const struct granule *granule_of(u64 size)
{
	size_t i;

	for (i = 0; i < GRANULES; i++)
		if (granules[i].sizes[0] == size)
			return &granules[i];
	return NULL;
}

static bool cpu_has(const struct granule *granule, u64 features)
{
	return (features >> granule->field & 0xf) != granule->absent;
}

static const struct granule *choose_granule(const struct vm *vm, u64 features)
{
	u64 wanted = vm->config.granule;
	const struct granule *granule = granule_of(wanted ? wanted :
							    (u64)getpagesize());
	char what[96];
	size_t i;

	if (granule && cpu_has(granule, features))
		return granule;
	if (!wanted)
		for (i = 0; i < GRANULES; i++)
			if (cpu_has(&granules[i], features))
				return &granules[i];
	snprintf(what, sizeof(what),
		 "a CPU whose guests have a granule of %llu KiB (ID_AA64MMFR0_EL1 is %#llx)",
		 wanted >> 10, features);
	skip(what, "use another one: an emulated -cpu max has all");
}

bool vm_can_split_eagerly(void)
{
	return true;
}

bool vm_unmap_slots_alone(struct vm *vm)
{
	(void)vm;
	return true;
}

bool vm_can_log_io_memory(void)
{
	return false;
}

unsigned int arch_physical_bits(const struct vm_config *config)
{
	unsigned int most = kvm_check_extension(KVM_CAP_ARM_VM_IPA_SIZE);

	if (!most)
		most = IPA_BITS;
	if (!config)
		return most;
	if (config->physical_bits)
		return config->physical_bits;
	return most < IPA_BITS ? most : IPA_BITS;
}

unsigned long arch_vm_type(const struct vm_config *config)
{
	unsigned int bits = arch_physical_bits(config);
	unsigned long type = KVM_VM_TYPE_ARM_IPA_SIZE(bits);

	/* 0 means 40 bits, which some machines lack. */
	if (!config->physical_bits && bits == IPA_BITS)
		type = 0;
	return config->protected_guest ? type | KVM_VM_TYPE_ARM_PROTECTED :
					 type;
}

/*
 * TCR_EL1.IPS: the VM's size, at most PARange. With vm_config.physical_bits,
 * the guest may name addresses beyond its size.
 */
static u64 output_size(const struct vm *vm, u64 features)
{
	static const unsigned int bits[] = { 32, 36, 40, 42, 44, ADDRESS_BITS };
	u64 most = features & 0xf, size = 0;
	unsigned int wanted = vm->config.physical_bits ?
				      ADDRESS_BITS :
				      arch_physical_bits(&vm->config);

	while (size < most && size + 1 < ARRAY_SIZE(bits) &&
	       bits[size] < wanted)
		size++;
	return size;
}

u64 arm64_tcr(const struct vm *vm)
{
	u64 features = arm64_get_register(&vm->vcpus[0], REG_MMFR0);

	return TCR_T0SZ | TCR_WRITE_BACK | TCR_SHARED | TCR_NO_TTBR1 |
	       granule_of(vm->granule)->tcr << TCR_TG0_SHIFT |
	       output_size(vm, features) << TCR_IPS_SHIFT;
}

void arch_tables_init(struct vm *vm)
{
	u64 features;

	/* Only a vCPU has the ID registers of the guest's CPU. */
	arm64_reset(&vm->vcpus[0]);
	features = arm64_get_register(&vm->vcpus[0], REG_MMFR0);
	vm->granule = choose_granule(vm, features)->sizes[0];
	vm->table_root = vm_alloc_table(vm, vm->granule);
	vm_map(vm, GPA_HYPERCALL, GPA_HYPERCALL, vm->granule, vm->granule);
}

const u64 *arch_page_sizes(const struct vm *vm, size_t *count)
{
	const struct granule *granule = granule_of(vm->granule);

	*count = granule->count;
	return granule->sizes;
}

void arch_map_page(struct vm *vm, u64 gva, u64 gpa, u64 page_size)
{
	const unsigned int last = granule_of(vm->granule)->shift;
	/* A table is one granule of 8-byte entries. */
	const unsigned int bits = last - 3;
	u64 table = vm->table_root;
	unsigned int shift = last;

	if (gva >> ADDRESS_BITS)
		fail("guest address %#llx is beyond %d bits", gva,
		     ADDRESS_BITS);
	while (shift + bits < ADDRESS_BITS)
		shift += bits;
	for (;; shift -= bits) {
		u64 *entry = (u64 *)((char *)vm->system + table) +
			     ((gva >> shift) & ((1ULL << bits) - 1));

		if (1ULL << shift == page_size) {
			*entry = gpa | DESC_VALID | DESC_ACCESSED |
				 DESC_SHARED | (shift == last ? DESC_TABLE : 0);
			if (gpa == GPA_HYPERCALL)
				*entry |= DESC_ATTR_DEVICE;
			return;
		}
		if ((*entry & DESC_VALID) && !(*entry & DESC_TABLE))
			fail("guest address %#llx is already mapped by a block",
			     gva);
		if (!(*entry & DESC_VALID))
			*entry = (GPA_SYSTEM +
				  vm_alloc_table(vm, vm->granule)) |
				 DESC_VALID | DESC_TABLE;
		table = (*entry & DESC_ADDRESS) - GPA_SYSTEM;
	}
}

void walk_need(struct vcpu *vcpu)
{
	if ((arm64_get_register(vcpu, REG_MMFR1) & MMFR1_HAFDBS) < HAFDBS_DIRTY)
		skip("a CPU that sets access flag and dirty state (FEAT_HAFDBS)",
		     "use another one: an emulated -cpu max has it");
}

void walk_build(struct vcpu *vcpu, struct walk *walk, struct memslot *slot,
		const u64 *table, u64 target)
{
	const struct vm *vm = vcpu->vm;
	const unsigned int last = granule_of(vm->granule)->shift;
	const unsigned int bits = last - 3;
	unsigned int shift = last, i;

	*walk = (struct walk){
		.root = table[0],
		.control = arm64_tcr(vm) | TCR_ACCESSED | TCR_DIRTY,
		.gva = WALK_GVA,
		.levels = 1,
	};
	for (; shift + bits < ADDRESS_BITS; shift += bits)
		walk->levels++;
	/* Only page and block descriptors have the flags. */
	walk->accessed_from = walk->levels - 1;
	for (i = 0; i < walk->levels; i++, shift -= bits) {
		u64 index = WALK_GVA >> shift & ((1ULL << bits) - 1);
		char *memory = (char *)slot->hva + (table[i] - slot->gpa);
		bool leaf = i + 1 == walk->levels;

		memset(memory, 0, vm->granule);
		if (!i)
			memcpy(memory, (char *)vm->system + vm->table_root,
			       vm->granule);
		walk->entry[i] = table[i] + index * sizeof(u64);
		walk->fresh[i] = DESC_VALID | DESC_TABLE |
				 (leaf ? target | DESC_SHARED | DESC_READ_ONLY |
						  DESC_DIRTY_STATE :
					 table[i + 1]);
		memcpy(memory + index * sizeof(u64), &walk->fresh[i],
		       sizeof(u64));
	}
}
