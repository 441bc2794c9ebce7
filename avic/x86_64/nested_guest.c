// SPDX-License-Identifier: GPL-2.0-only
/* L1 gives its L2 an AVIC, and L2 sends interrupts to itself. */
#include "kvm/x86_64/apic.h"
#include "kvm/x86_64/layout_x86.h"
#include "nested.h"

#define AVIC_ENABLED (1U << 31)

static void on_interrupt(struct guest_vcpu *self, u64 vector)
{
	guest_assert_equal(vector, NESTED_VECTOR);
	nested_of(self)->taken++;
	apic_end(APIC_XAPIC);
}

/* L2: hardware delivers, no exit is needed. */
static void send_to_self(struct guest_vcpu *self, u64 rounds)
{
	struct nested_guest *this = nested_of(self);
	u64 i;

	apic_begin(self, APIC_XAPIC);
	interrupts_on();
	for (i = 1; i <= rounds; i++) {
		apic_send(APIC_XAPIC, 0,
			  APIC_TO_SELF | APIC_FIXED | NESTED_VECTOR);
		while (this->taken < i)
			cpu_relax();
		self->beat++;
	}
	interrupts_off();
}

static void put(struct nested_guest *this, unsigned int offset, u64 value)
{
	*(volatile u64 *)svm_field(&this->svm, offset) = value;
}

void nested_run(struct guest_vcpu *self, u64 unused)
{
	struct nested_guest *this = nested_of(self);
	u64 code;

	(void)unused;
	self->interrupt = on_interrupt;
	svm_begin(self, &this->svm, send_to_self, this->rounds);
	*(volatile u32 *)svm_field(&this->svm, SVM_AVIC_ENABLE) |= AVIC_ENABLED;
	put(this, SVM_AVIC_BAR, APIC_ADDRESS);
	put(this, SVM_AVIC_BACKING, this->backing);
	put(this, SVM_AVIC_LOGICAL, this->logical);
	put(this, SVM_AVIC_PHYSICAL, this->physical | this->highest);
	do {
		code = svm_run(&this->svm);
		/* Incomplete sends and accesses are L1's to do; there are none. */
		guest_assert(code == SVM_EXIT_INTR || code == SVM_EXIT_NMI ||
			     code == SVM_EXIT_VMMCALL);
	} while (!svm_done(&this->svm));
	guest_assert_equal(this->taken, this->rounds);
}
