// SPDX-License-Identifier: GPL-2.0-only
/* What a guest does to have KVM write its memory. */
#include "kvm/x86_64/apic.h"
#include "kvm/x86_64/msr.h"
#include "msr_list.h"

void write_msrs(struct guest_vcpu *self, u64 unused)
{
	struct msr_list *list = msr_list_of(self);
	u64 i;

	(void)unused;
	if (list->clear)
		*(volatile u64 *)(uintptr_t)list->clear = 0;
	for (i = 0; i < list->count; i++)
		msr_write((u32)list->number[i], list->value[i]);
}

void begin_apic(struct guest_vcpu *self, u64 unused)
{
	(void)unused;
	apic_begin(self, APIC_X2APIC);
}

/* KVM has written the word (apic_sync_pv_eoi_to_guest()), or has not. */
static void look_at_word(struct guest_vcpu *self, u64 vector)
{
	struct msr_list *list = msr_list_of(self);

	(void)vector;
	list->seen |= *(volatile u32 *)(uintptr_t)list->value[0] << 1 | 1;
	apic_end(APIC_X2APIC);
}

/* value[0] is where the word is. */
void take_interrupt(struct guest_vcpu *self, u64 vector)
{
	struct msr_list *list = msr_list_of(self);

	self->interrupt = look_at_word;
	list->seen = 0;
	apic_send_self((u32)vector);
	interrupts_on();
	while (!*(volatile u64 *)&list->seen)
		cpu_relax();
	interrupts_off();
}
