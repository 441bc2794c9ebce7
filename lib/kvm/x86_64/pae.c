// SPDX-License-Identifier: GPL-2.0-only
/* A 32-bit guest with PAE page tables. */
#include <string.h>

#include "kvm/x86_64/pae.h"
#include "core/report.h"

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

/* Entries of the table, which maps the first 2 MiB of addresses. */
enum { TARGET = 1, TABLE, DIRECTORY };

/* From pae_guest.S. */
extern char pae_guest_store[];
extern char pae_guest_load[];

static u64 *host_of(struct memslot *slot, u64 gpa)
{
	return (u64 *)((char *)slot->hva + (gpa - slot->gpa));
}

static void fill(const struct pae *pae, struct memslot *slot)
{
	u64 *directory = host_of(slot, pae->directory);
	u64 *table = host_of(slot, pae->table), address;
	u64 image = (u64)(uintptr_t)__start_guest_image;

	memset(directory, 0, PAGE_SIZE);
	memset(table, 0, PAGE_SIZE);
	directory[0] = pae->table | ENTRY_FLAGS;
	table[TARGET] = pae->target | ENTRY_FLAGS;
	table[TABLE] = pae->table | ENTRY_FLAGS;
	table[DIRECTORY] = pae->directory | ENTRY_FLAGS;
	/* The image is at its host address. */
	for (address = image & ~(LARGE_SIZE - 1);
	     address < (u64)(uintptr_t)__stop_guest_image;
	     address += LARGE_SIZE) {
		CHECK(address && address / LARGE_SIZE < DIRECTORY_END,
		      "the guest image is at %#llx, expected below 4 GiB for a 32-bit guest",
		      address);
		directory[address / LARGE_SIZE] = address | LARGE | ENTRY_FLAGS;
	}
}

static void run(struct vcpu *vcpu, const char *code, u64 address, u32 value)
{
	struct kvm_regs regs = {
		.rip = (u64)(uintptr_t)code,
		.rdi = address,
		.rax = value,
		.rflags = 2,
	};

	vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
	/* This guest does not use the control block. */
	vcpu->guest->call.number = GUEST_CALL_DONE;
	vcpu_run(vcpu, VCPU_DONE);
}

static void set_flat(struct kvm_segment *segment, u8 type)
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
	u64 offset = vm_alloc_table(vcpu->vm, PAGE_SIZE);
	u64 *pointers = (u64 *)((char *)vcpu->vm->system + offset);
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
	/* Sets the flags of all other entries. */
	pae_read(vcpu);
	pae_reset(vcpu, pae);
	pae_write(vcpu, 0);
}

void pae_reset(struct vcpu *vcpu, const struct pae *pae)
{
	run(vcpu, pae_guest_store, TABLE * PAGE_SIZE + TARGET * sizeof(u64),
	    (u32)(pae->target | ENTRY_FLAGS));
	run(vcpu, pae_guest_store, DIRECTORY * PAGE_SIZE,
	    (u32)(pae->table | ENTRY_FLAGS));
}

void pae_read(struct vcpu *vcpu)
{
	run(vcpu, pae_guest_load, TARGET * PAGE_SIZE, 0);
}

void pae_write(struct vcpu *vcpu, u32 value)
{
	run(vcpu, pae_guest_store, TARGET * PAGE_SIZE, value);
}
