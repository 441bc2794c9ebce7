// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions for the local APIC and the PIC. */
#include "kvm/x86_64/apic.h"
#include "kvm/x86_64/layout_x86.h"
#include "kvm/x86_64/msr.h"

#define MSR_APIC_BASE	   0x1b
#define APIC_BASE_EXTENDED (1ULL << 10)
#define APIC_BASE_ENABLED  (1ULL << 11)
#define MSR_X2APIC	   0x800

/*
 * Register offsets in memory; the MSR is MSR_X2APIC + offset / 16.
 */
#define APIC_ID	      0x020
#define APIC_TPR      0x080
#define APIC_EOI      0x0b0
#define APIC_LDR      0x0d0
#define APIC_DFR      0x0e0
#define APIC_SPURIOUS 0x0f0
#define APIC_ICR      0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LINT0    0x350
#define APIC_SELF_IPI 0x3f0

#define SPURIOUS_ENABLE 0x1ff
#define DFR_FLAT	0xffffffffU
#define LVT_MASKED	0x10000U
#define LVT_EXTINT	0x700U

/* The PIC's commands: see the 8259A data sheet. */
#define PIC_MASTER_COMMAND 0x20
#define PIC_MASTER_DATA	   0x21
#define PIC_SLAVE_COMMAND  0xa0
#define PIC_SLAVE_DATA	   0xa1
#define ICW1_INIT	   0x11
#define ICW4_8086	   0x01
#define OCW2_EOI	   0x20
#define PIC_CASCADE	   2

static void write_register(enum apic_mode mode, u32 offset, u32 value)
{
	u64 address = APIC_ADDRESS + offset;

	if (mode == APIC_X2APIC)
		msr_write(MSR_X2APIC + offset / 16, value);
	else
		/* KVM emulates this access: use a simple instruction. */
		asm volatile("movl %0, (%1)"
			     :
			     : "r"(value), "r"(address)
			     : "memory");
}

void apic_begin(struct guest_vcpu *self, enum apic_mode mode)
{
	u64 base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLED;

	if (mode == APIC_X2APIC)
		base |= APIC_BASE_EXTENDED;
	msr_write(MSR_APIC_BASE, base);
	if (mode == APIC_XAPIC) {
		write_register(mode, APIC_DFR, DFR_FLAT);
		apic_set_logical(1U << self->index);
	}
	write_register(mode, APIC_TPR, 0);
	write_register(mode, APIC_SPURIOUS, SPURIOUS_ENABLE);
	write_register(mode, APIC_LINT0, LVT_MASKED);
}

void apic_set_logical(u32 bits)
{
	write_register(APIC_XAPIC, APIC_LDR, bits << 24);
}

void apic_set_id(u32 id)
{
	write_register(APIC_XAPIC, APIC_ID, id << 24);
}

void apic_send(enum apic_mode mode, u32 destination, u32 command)
{
	command |= APIC_ASSERT;
	if (mode == APIC_X2APIC) {
		msr_write(MSR_X2APIC + APIC_ICR / 16,
			  (u64)destination << 32 | command);
		return;
	}
	/* The write to the lower half sends the interrupt. */
	write_register(mode, APIC_ICR_HIGH, destination << 24);
	write_register(mode, APIC_ICR, command);
}

void apic_send_self(u32 vector)
{
	write_register(APIC_X2APIC, APIC_SELF_IPI, vector);
}

void apic_end(enum apic_mode mode)
{
	write_register(mode, APIC_EOI, 0);
}

static void out(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void apic_accept_pic(enum apic_mode mode, u8 vector)
{
	out(PIC_MASTER_COMMAND, ICW1_INIT);
	out(PIC_MASTER_DATA, vector);
	out(PIC_MASTER_DATA, 1U << PIC_CASCADE);
	out(PIC_MASTER_DATA, ICW4_8086);
	out(PIC_SLAVE_COMMAND, ICW1_INIT);
	out(PIC_SLAVE_DATA, vector + 8);
	out(PIC_SLAVE_DATA, PIC_CASCADE);
	out(PIC_SLAVE_DATA, ICW4_8086);
	out(PIC_MASTER_DATA, 0);
	out(PIC_SLAVE_DATA, 0);
	write_register(mode, APIC_LINT0, LVT_EXTINT);
}

void pic_end(void)
{
	out(PIC_MASTER_COMMAND, OCW2_EOI);
}
