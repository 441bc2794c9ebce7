// SPDX-License-Identifier: GPL-2.0-only
/* The guest's own words that differ by architecture: x86. */
#include "kvm/guest.h"
#include "kvm/x86_64/layout_x86.h"

struct guest_vcpu *guest_self(void)
{
	struct guest_vcpu *self;

	/* GS base is the block (arch_vcpu_init()); its first field is itself. */
	asm volatile("movq %%gs:0, %0" : "=r"(self));
	return self;
}

/* What the CPU pushes for an interrupt (APM volume 2, 8.9.3). */
struct interrupt_frame {
	u64 program_counter;
	u64 code_segment;
	u64 flags;
	u64 stack;
	u64 stack_segment;
};

/* A page that changes under a CPU makes it leave the guest, and come back. */
void guest_fetch_barrier(void)
{
	asm volatile("" : : : "memory");
}

#define FLAGS_INTERRUPTS (1UL << 9)

/* From vectors_guest.S. */
void guest_interrupt(u64 vector, struct interrupt_frame *frame, u64 code);
extern char interrupts_await_halt[];

/*
 * No CPU takes an interrupt while it has them off, or between STI and the HLT
 * behind it. QEMU does both for guests of its guests (doc/emulator.md): that is
 * counted, and made undone.
 */
static bool is_impossible(struct guest_vcpu *self, u64 vector,
			  struct interrupt_frame *frame)
{
	if (vector != VECTOR_NMI && !(frame->flags & FLAGS_INTERRUPTS)) {
		self->taken_while_off++;
		return true;
	}
	if (frame->program_counter == (u64)(uintptr_t)interrupts_await_halt) {
		self->taken_before_halt++;
		frame->program_counter++;
	}
	return false;
}

static void page_fault(struct guest_vcpu *self,
		       const struct interrupt_frame *frame, u64 code)
{
	u64 address;

	asm volatile("movq %%cr2, %0" : "=r"(address));
	if (!self->fault)
		guest_exception(VECTOR_PAGE_FAULT, code, address,
				frame->program_counter);
	self->fault(self, address);
}

void guest_interrupt(u64 vector, struct interrupt_frame *frame, u64 code)
{
	struct guest_vcpu *self = guest_self();

	if (vector == VECTOR_PAGE_FAULT) {
		page_fault(self, frame, code);
		return;
	}
	if (!self->interrupt)
		guest_exception(vector, 0, 0, frame->program_counter);
	if (!is_impossible(self, vector, frame))
		self->interrupt(self, vector);
}

void guest_hypercall(struct guest_vcpu *self)
{
	(void)self;
	asm volatile("outb %%al, %0"
		     :
		     : "i"(HYPERCALL_PORT), "a"(0)
		     : "memory");
}
