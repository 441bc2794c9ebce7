// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that depend on the architecture: x86. */
#include "kvm/guest.h"
#include "kvm/x86_64/layout_x86.h"

struct guest_vcpu *guest_self(void)
{
	struct guest_vcpu *self;

	/*
	 * GS base is the block's address (arch_vcpu_init()); the first field is
	 * its address.
	 */
	asm volatile("movq %%gs:0, %0" : "=r"(self));
	return self;
}

/* Stack frame of an interrupt (APM volume 2, 8.9.3). */
struct interrupt_frame {
	u64 program_counter;
	u64 code_segment;
	u64 flags;
	u64 stack;
	u64 stack_segment;
};

/*
 * When KVM unmaps a page that a CPU executes from, the CPU exits and enters the
 * guest again, which serializes.
 */
void guest_fetch_barrier(void)
{
	asm volatile("" : : : "memory");
}

#define FLAGS_INTERRUPTS (1UL << 9)

/* In vectors_guest.S. */
void guest_interrupt(u64 vector, struct interrupt_frame *frame, u64 code);
extern char interrupts_await_halt[];

/*
 * No CPU takes an interrupt while interrupts are disabled, or between STI and
 * the following HLT. QEMU does both for nested guests (doc/emulator.md): such
 * an interrupt is counted and undone.
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
