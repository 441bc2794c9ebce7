// SPDX-License-Identifier: GPL-2.0-only
/* Nested SVM: guest functions. */
#include "kvm/x86_64/layout_x86.h"
#include "kvm/x86_64/msr.h"
#include "kvm/x86_64/svm.h"

#define EFER_SVME   (1ULL << 12)
#define MSR_VM_SAVE 0xc0010117U

/* Offsets in the VMCB: appendix B. */
#define VMCB_INTERCEPT_3 0x00c
#define VMCB_INTERCEPT_4 0x010
#define VMCB_ASID	 0x058
#define VMCB_INTERRUPT	 0x060
#define VMCB_EXIT_CODE	 0x070
#define VMCB_NESTED	 0x090
#define VMCB_NESTED_CR3	 0x0b0
#define VMCB_SEGMENTS	 0x400 /* ES, CS, SS, DS */
#define VMCB_GDTR	 0x460
#define VMCB_IDTR	 0x480
#define VMCB_EFER	 0x4d0
#define VMCB_CR4	 0x548
#define VMCB_CR3	 0x550
#define VMCB_CR0	 0x558
#define VMCB_DR7	 0x560
#define VMCB_DR6	 0x568
#define VMCB_RFLAGS	 0x570
#define VMCB_RIP	 0x578
#define VMCB_RSP	 0x5d8
#define VMCB_PAT	 0x668

#define INTERCEPT_3_INTR     (1U << 0)
#define INTERCEPT_3_NMI	     (1U << 1)
#define INTERCEPT_3_SHUTDOWN (1U << 31)
#define INTERCEPT_4_VMRUN    (1U << 0)
#define INTERCEPT_4_VMMCALL  (1U << 1)
/* V_INTR_MASKING: L1's interrupt flag, not L2's, masks L1's interrupts. */
#define INTERRUPT_MASKING (1U << 24)

#define ATTRIBUTES_CODE 0xa9b
#define ATTRIBUTES_DATA 0xc93
#define RFLAGS_ALWAYS	(1UL << 1)
#define DR6_ALWAYS	0xffff0ff0UL
#define DR7_ALWAYS	0x400UL
#define VMMCALL_LENGTH	3

/* Indices into svm_nested.registers, in svm_enter()'s order. */
enum {
	REGISTER_RSI = 3,
	REGISTER_RDI = 4,
};

struct descriptor_table {
	u16 limit;
	u64 base;
} __packed;

struct segment {
	u16 selector;
	u16 attributes;
	u32 limit;
	u64 base;
};

/* In svm_enter_guest.S: VMRUN, with global interrupts off around it. */
void svm_enter(u64 vmcb, u64 *registers);

static void put_32(struct svm_nested *nested, unsigned int offset, u32 value)
{
	*(volatile u32 *)svm_field(nested, offset) = value;
}

static void put(struct svm_nested *nested, unsigned int offset, u64 value)
{
	*(volatile u64 *)svm_field(nested, offset) = value;
}

static u64 get(const struct svm_nested *nested, unsigned int offset)
{
	return *(volatile u64 *)svm_field(nested, offset);
}

static void put_segment(struct svm_nested *nested, unsigned int offset,
			u16 selector, u16 attributes, u32 limit, u64 base)
{
	volatile struct segment *segment = svm_field(nested, offset);

	segment->selector = selector;
	segment->attributes = attributes;
	segment->limit = limit;
	segment->base = base;
}

/* Return address of L2's function. */
static void leave(void)
{
	for (;;)
		svm_call();
}

/* L1's own state, except for RIP, RSP and RAX. */
static void copy_state(struct svm_nested *nested)
{
	struct descriptor_table table;
	unsigned long value;
	unsigned int i;

	asm volatile("mov %%cr0, %0" : "=r"(value));
	put(nested, VMCB_CR0, value);
	asm volatile("mov %%cr3, %0" : "=r"(value));
	put(nested, VMCB_CR3, value);
	asm volatile("mov %%cr4, %0" : "=r"(value));
	put(nested, VMCB_CR4, value);
	put(nested, VMCB_EFER, msr_read(MSR_EFER));
	put(nested, VMCB_PAT, msr_read(MSR_PAT));
	put(nested, VMCB_DR6, DR6_ALWAYS);
	put(nested, VMCB_DR7, DR7_ALWAYS);
	for (i = 0; i < 4; i++)
		put_segment(nested, VMCB_SEGMENTS + i * 16,
			    i == 1 ? SELECTOR_CODE : SELECTOR_DATA,
			    i == 1 ? ATTRIBUTES_CODE : ATTRIBUTES_DATA,
			    0xffffffff, 0);
	asm volatile("sgdt %0" : "=m"(table));
	put_segment(nested, VMCB_GDTR, 0, 0, table.limit, table.base);
	asm volatile("sidt %0" : "=m"(table));
	put_segment(nested, VMCB_IDTR, 0, 0, table.limit, table.base);
}

void svm_begin(struct guest_vcpu *self, struct svm_nested *nested,
	       guest_function function, u64 argument)
{
	/* As after a CALL: the return address is on the stack. */
	u64 stack = nested->stack - 8;

	*(volatile u64 *)(uintptr_t)stack = (u64)(uintptr_t)leave;
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME);
	msr_write(MSR_VM_SAVE, nested->save);
	copy_state(nested);
	put_32(nested, VMCB_INTERCEPT_3,
	       INTERCEPT_3_INTR | INTERCEPT_3_NMI | INTERCEPT_3_SHUTDOWN);
	put_32(nested, VMCB_INTERCEPT_4,
	       INTERCEPT_4_VMRUN | INTERCEPT_4_VMMCALL);
	put_32(nested, VMCB_ASID, 1);
	put_32(nested, VMCB_INTERRUPT, INTERRUPT_MASKING);
	put(nested, VMCB_NESTED, !!nested->tables);
	put(nested, VMCB_NESTED_CR3, nested->tables);
	put(nested, VMCB_RFLAGS, RFLAGS_ALWAYS);
	put(nested, VMCB_RIP, (u64)(uintptr_t)function);
	put(nested, VMCB_RSP, stack);
	nested->registers[REGISTER_RDI] = (u64)(uintptr_t)self;
	nested->registers[REGISTER_RSI] = argument;
}

u64 svm_run_only(struct svm_nested *nested)
{
	svm_enter(nested->vmcb, nested->registers);
	return get(nested, VMCB_EXIT_CODE);
}

u64 svm_run(struct svm_nested *nested)
{
	u64 code = svm_run_only(nested);

	if (code == SVM_EXIT_VMMCALL)
		put(nested, VMCB_RIP, get(nested, VMCB_RIP) + VMMCALL_LENGTH);
	return code;
}

bool svm_done(const struct svm_nested *nested)
{
	return get(nested, VMCB_RSP) == nested->stack;
}
