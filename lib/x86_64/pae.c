// SPDX-License-Identifier: GPL-2.0-only
/* A guest of 32 bits with PAE page tables. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>

#include "pae.h"
#include "report.h"

#define PAGE_SIZE     4096UL
#define LARGE_SIZE    (2UL << 20)
#define PRESENT	      1ULL
#define WRITABLE      2ULL
#define LARGE	      0x80ULL
#define ENTRY_FLAGS   (PRESENT | WRITABLE)
#define CR0_PE	      (1UL << 0)
#define CR0_WP	      (1UL << 16)
#define CR0_PG	      (1UL << 31)
#define CR4_PAE	      (1UL << 5)
#define DIRECTORY_END 512

/* Entries of the table; the first 2 MiB of addresses are mapped by it. */
enum { TARGET = 1, TABLE, DIRECTORY };

/* From pae_guest.S. */
extern char pae_guest_store[];
extern char pae_guest_load[];

static uint64_t *host_of(struct memslot *slot, uint64_t gpa)
{
	return (uint64_t *)((char *)slot->hva + (gpa - slot->gpa));
}

static void fill(const struct pae *pae, struct memslot *slot)
{
	uint64_t *directory = host_of(slot, pae->directory);
	uint64_t *table = host_of(slot, pae->table), address;
	uint64_t image = (uint64_t)(uintptr_t)__start_guest_image;

	memset(directory, 0, PAGE_SIZE);
	memset(table, 0, PAGE_SIZE);
	directory[0] = pae->table | ENTRY_FLAGS;
	table[TARGET] = pae->target | ENTRY_FLAGS;
	table[TABLE] = pae->table | ENTRY_FLAGS;
	table[DIRECTORY] = pae->directory | ENTRY_FLAGS;
	/* The image is where the host has it. */
	for (address = image & ~(LARGE_SIZE - 1);
	     address < (uint64_t)(uintptr_t)__stop_guest_image;
	     address += LARGE_SIZE) {
		CHECK(address && address / LARGE_SIZE < DIRECTORY_END,
		      "the guest's image is at %#llx, out of a guest's reach that has 32 bits",
		      (unsigned long long)address);
		directory[address / LARGE_SIZE] = address | LARGE | ENTRY_FLAGS;
	}
}

static void run(struct vcpu *vcpu, const char *code, uint64_t address,
		uint32_t value)
{
	struct kvm_regs regs = {
		.rip = (uint64_t)(uintptr_t)code,
		.rdi = address,
		.rax = value,
		.rflags = 2,
	};

	vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
	/* It does not know of the control block. */
	vcpu->guest->call.number = GUEST_CALL_DONE;
	vcpu_run(vcpu, VCPU_DONE);
}

static void set_flat(struct kvm_segment *segment, uint8_t type)
{
	*segment = (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = segment->selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = 1,
	};
}

void pae_begin(struct vcpu *vcpu, const struct pae *pae, struct memslot *slot)
{
	uint64_t offset = vm_alloc_table(vcpu->vm, PAGE_SIZE);
	uint64_t *pointers = (uint64_t *)((char *)vcpu->vm->system + offset);
	struct kvm_sregs sregs;

	fill(pae, slot);
	pointers[0] = pae->directory | PRESENT;
	vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr3 = GPA_SYSTEM + offset;
	sregs.cr4 = CR4_PAE;
	sregs.cr0 = CR0_PE | CR0_WP | CR0_PG;
	sregs.efer = 0;
	set_flat(&sregs.cs, 11);
	set_flat(&sregs.ds, 3);
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	vcpu_ioctl(vcpu, KVM_SET_SREGS, &sregs);
	/* So that the flags of all other entries are set. */
	pae_read(vcpu);
	pae_reset(vcpu, pae);
	pae_write(vcpu, 0);
}

void pae_reset(struct vcpu *vcpu, const struct pae *pae)
{
	run(vcpu, pae_guest_store,
	    TABLE * PAGE_SIZE + TARGET * sizeof(uint64_t),
	    (uint32_t)(pae->target | ENTRY_FLAGS));
	run(vcpu, pae_guest_store, DIRECTORY * PAGE_SIZE,
	    (uint32_t)(pae->table | ENTRY_FLAGS));
}

void pae_read(struct vcpu *vcpu)
{
	run(vcpu, pae_guest_load, TARGET * PAGE_SIZE, 0);
}

void pae_write(struct vcpu *vcpu, uint32_t value)
{
	run(vcpu, pae_guest_store, TARGET * PAGE_SIZE, value);
}
