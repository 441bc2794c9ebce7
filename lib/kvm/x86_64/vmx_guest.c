// SPDX-License-Identifier: GPL-2.0-only
/* Nested VMX: guest functions. */
#include "kvm/x86_64/layout_x86.h"
#include "kvm/x86_64/msr.h"
#include "kvm/x86_64/vmx.h"

#define CR4_VMXE (1UL << 13)

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_LOCKED	    (1ULL << 0)
#define FEATURE_VMX	    (1ULL << 2) /* outside SMX operation */
#define MSR_BASIC	    0x480
#define BASIC_REVISION	    0x7fffffffU
#define BASIC_TRUE	    (1ULL << 55)
/*
 * Controls and their capability MSRs, with and without BASIC_TRUE: appendix A.3
 * to A.5.
 */
#define MSR_PIN	      0x481
#define MSR_PRIMARY   0x482
#define MSR_EXIT      0x483
#define MSR_ENTRY     0x484
#define MSR_SECONDARY 0x48b
#define MSR_TRUE      (0x48d - MSR_PIN)
#define MSR_FS_BASE   0xc0000100U
#define MSR_GS_BASE   0xc0000101U

#define PIN_INTERRUPT	  (1U << 0)
#define PIN_NMI		  (1U << 3)
#define PRIMARY_MSRS	  (1U << 28)
#define PRIMARY_SECONDARY (1U << 31)
#define SECONDARY_EPT	  (1U << 1)
#define EXIT_HOST_64	  (1U << 9)
#define EXIT_LOAD_PAT	  (1U << 19)
#define EXIT_LOAD_EFER	  (1U << 21)
#define ENTRY_GUEST_64	  (1U << 9)
#define ENTRY_LOAD_PAT	  (1U << 14)
#define ENTRY_LOAD_EFER	  (1U << 15)

/* Four-level tables, write-back. */
#define EPT_POINTER (6 | 3 << 3)

/* VMCS fields: appendix B. Segment fields are 2 apart, in the order below. */
enum {
	GUEST_SELECTORS = 0x0800,
	HOST_SELECTORS = 0x0c00,
	HOST_SELECTOR_TR = 0x0c0c,
	MSR_BITMAP = 0x2004,
	EPT_TABLES = 0x201a,
	LINK_POINTER = 0x2800,
	GUEST_DEBUG = 0x2802,
	GUEST_PAT = 0x2804,
	GUEST_EFER = 0x2806,
	HOST_PAT = 0x2c00,
	HOST_EFER = 0x2c02,
	PIN_CONTROLS = 0x4000,
	PRIMARY_CONTROLS = 0x4002,
	EXCEPTIONS = 0x4004,
	FAULT_MASK = 0x4006,
	FAULT_MATCH = 0x4008,
	CR3_TARGETS = 0x400a,
	EXIT_CONTROLS = 0x400c,
	EXIT_STORES = 0x400e,
	EXIT_LOADS = 0x4010,
	ENTRY_CONTROLS = 0x4012,
	ENTRY_LOADS = 0x4014,
	ENTRY_EVENT = 0x4016,
	SECONDARY_CONTROLS = 0x401e,
	INSTRUCTION_ERROR = 0x4400,
	EXIT_REASON = 0x4402,
	EXIT_LENGTH = 0x440c,
	GUEST_LIMITS = 0x4800,
	GUEST_GDTR_LIMIT = 0x4810,
	GUEST_IDTR_LIMIT = 0x4812,
	GUEST_RIGHTS = 0x4814,
	GUEST_INTERRUPTIBILITY = 0x4824,
	GUEST_ACTIVITY = 0x4826,
	GUEST_SYSENTER_CS = 0x482a,
	HOST_SYSENTER_CS = 0x4c00,
	CR0_MASK = 0x6000,
	CR4_MASK = 0x6002,
	GUEST_CR0 = 0x6800,
	GUEST_CR3 = 0x6802,
	GUEST_CR4 = 0x6804,
	GUEST_BASES = 0x6806,
	GUEST_GDTR = 0x6816,
	GUEST_IDTR = 0x6818,
	GUEST_DR7 = 0x681a,
	GUEST_RSP = 0x681c,
	GUEST_RIP = 0x681e,
	GUEST_RFLAGS = 0x6820,
	GUEST_PENDING = 0x6822,
	GUEST_SYSENTER_ESP = 0x6824,
	GUEST_SYSENTER_EIP = 0x6826,
	HOST_CR0 = 0x6c00,
	HOST_CR3 = 0x6c02,
	HOST_CR4 = 0x6c04,
	HOST_FS = 0x6c06,
	HOST_GS = 0x6c08,
	HOST_TR = 0x6c0a,
	HOST_GDTR = 0x6c0c,
	HOST_IDTR = 0x6c0e,
	HOST_SYSENTER_ESP = 0x6c10,
	HOST_SYSENTER_EIP = 0x6c12,
	HOST_RIP = 0x6c16,
};

enum { ES, CS, SS, DS, FS, GS, LDTR, TR, SEGMENTS };

#define RIGHTS_CODE	0xa09b
#define RIGHTS_DATA	0xc093
#define RIGHTS_TASK	0x008b
#define RIGHTS_UNUSABLE 0x10000
#define RFLAGS_ALWAYS	(1UL << 1)
#define RFLAGS_IF	(1UL << 9)
#define DR7_ALWAYS	0x400UL
#define NO_LINK		(~0ULL)

/* Indices into vmx_nested.registers, in vmx_enter()'s order. */
enum {
	REGISTER_RSI = 4,
	REGISTER_RDI = 5,
};

struct descriptor_table {
	u16 limit;
	u64 base;
} __packed;

/* In vmx_enter_guest.S. */
u64 vmx_enter(u64 *registers, u32 launched);
extern char vmx_exited[];

/* VMX instructions report failure by the carry or the zero flag (SDM 31.2). */

static void put(unsigned long field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %2, %1"
		     : "=@ccbe"(failed)
		     : "r"(field), "r"(value));
	guest_assert(!failed);
}

static u64 get(unsigned long field)
{
	u64 value;
	bool failed;

	asm volatile("vmread %2, %1"
		     : "=@ccbe"(failed), "=r"(value)
		     : "r"(field));
	guest_assert(!failed);
	return value;
}

static void vmxon(u64 region)
{
	bool failed;

	asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region) : "memory");
	guest_assert(!failed);
}

void vmx_clear(struct vmx_nested *nested)
{
	bool failed;

	asm volatile("vmclear %1"
		     : "=@ccbe"(failed)
		     : "m"(nested->vmcs)
		     : "memory");
	guest_assert(!failed);
	nested->launched = 0;
}

void vmx_load(struct vmx_nested *nested)
{
	bool failed;

	asm volatile("vmptrld %1"
		     : "=@ccbe"(failed)
		     : "m"(nested->vmcs)
		     : "memory");
	guest_assert(!failed);
}

void vmx_store_pointer(u64 address)
{
	asm volatile("vmptrst %0" : "=m"(*(u64 *)(uintptr_t)address) : : "cc");
}

void vmx_store_field(u64 address)
{
	bool failed;

	asm volatile("vmread %2, %1"
		     : "=@ccbe"(failed), "=m"(*(u64 *)(uintptr_t)address)
		     : "r"((unsigned long)GUEST_RIP));
	guest_assert(!failed);
}

/* Set the bits that must be 1, clear those that must be 0. */
static void put_controls(unsigned long field, u32 msr, u32 controls)
{
	u64 allowed = msr_read(msr);

	guest_assert_equal(controls & ~(allowed >> 32), 0);
	put(field, (controls | (u32)allowed) & (u32)(allowed >> 32));
}

static void choose_controls(const struct vmx_nested *nested)
{
	u32 more = msr_read(MSR_BASIC) & BASIC_TRUE ? MSR_TRUE : 0;

	put_controls(PIN_CONTROLS, MSR_PIN + more, PIN_INTERRUPT | PIN_NMI);
	put_controls(PRIMARY_CONTROLS, MSR_PRIMARY + more,
		     PRIMARY_MSRS | (nested->tables ? PRIMARY_SECONDARY : 0));
	put_controls(EXIT_CONTROLS, MSR_EXIT + more,
		     EXIT_HOST_64 | EXIT_LOAD_PAT | EXIT_LOAD_EFER);
	put_controls(ENTRY_CONTROLS, MSR_ENTRY + more,
		     ENTRY_GUEST_64 | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER);
	if (nested->tables) {
		put_controls(SECONDARY_CONTROLS, MSR_SECONDARY, SECONDARY_EPT);
		put(EPT_TABLES, nested->tables | EPT_POINTER);
	}
	put(MSR_BITMAP, nested->msrs);
	put(LINK_POINTER, NO_LINK);
	put(EXCEPTIONS, 0);
	put(FAULT_MASK, 0);
	put(FAULT_MATCH, 0);
	put(CR3_TARGETS, 0);
	put(EXIT_STORES, 0);
	put(EXIT_LOADS, 0);
	put(ENTRY_LOADS, 0);
	put(ENTRY_EVENT, 0);
	put(CR0_MASK, 0);
	put(CR4_MASK, 0);
}

static void put_segment(unsigned int segment, u16 selector, u32 rights,
			u32 limit, u64 base)
{
	put(GUEST_SELECTORS + 2 * segment, selector);
	put(GUEST_RIGHTS + 2 * segment, rights);
	put(GUEST_LIMITS + 2 * segment, limit);
	put(GUEST_BASES + 2 * segment, base);
}

/* Base of the task state segment, which holds the stacks for faults. */
static u64 task_base(const struct descriptor_table *table)
{
	const u64 *entry = (u64 *)(uintptr_t)(table->base + SELECTOR_TASK);

	return (entry[0] >> 16 & 0xffffff) | (entry[0] >> 56 & 0xff) << 24 |
	       entry[1] << 32;
}

/* L1's own state: L2 starts with it, and L1 gets it back on exit. */
static void copy_state(void)
{
	struct descriptor_table gdt, idt;
	u64 cr0, cr3, cr4, task;
	unsigned int i;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %%cr3, %0" : "=r"(cr3));
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("sgdt %0" : "=m"(gdt));
	asm volatile("sidt %0" : "=m"(idt));
	task = task_base(&gdt);

	put(GUEST_CR0, cr0);
	put(GUEST_CR3, cr3);
	put(GUEST_CR4, cr4);
	put(HOST_CR0, cr0);
	put(HOST_CR3, cr3);
	put(HOST_CR4, cr4);
	put(GUEST_EFER, msr_read(MSR_EFER));
	put(HOST_EFER, msr_read(MSR_EFER));
	put(GUEST_PAT, msr_read(MSR_PAT));
	put(HOST_PAT, msr_read(MSR_PAT));
	for (i = ES; i <= GS; i++) {
		put(HOST_SELECTORS + 2 * i,
		    i == CS ? SELECTOR_CODE : SELECTOR_DATA);
		put_segment(i, i == CS ? SELECTOR_CODE : SELECTOR_DATA,
			    i == CS ? RIGHTS_CODE : RIGHTS_DATA, 0xffffffff, 0);
	}
	put_segment(LDTR, 0, RIGHTS_UNUSABLE, 0, 0);
	put_segment(TR, SELECTOR_TASK, RIGHTS_TASK, 0x67, task);
	put(HOST_SELECTOR_TR, SELECTOR_TASK);
	put(HOST_TR, task);
	put(HOST_FS, msr_read(MSR_FS_BASE));
	put(HOST_GS, msr_read(MSR_GS_BASE));
	put(GUEST_GDTR, gdt.base);
	put(GUEST_GDTR_LIMIT, gdt.limit);
	put(GUEST_IDTR, idt.base);
	put(GUEST_IDTR_LIMIT, idt.limit);
	put(HOST_GDTR, gdt.base);
	put(HOST_IDTR, idt.base);
	put(GUEST_DEBUG, 0);
	put(GUEST_DR7, DR7_ALWAYS);
	put(GUEST_INTERRUPTIBILITY, 0);
	put(GUEST_ACTIVITY, 0);
	put(GUEST_PENDING, 0);
	put(GUEST_SYSENTER_CS, 0);
	put(GUEST_SYSENTER_ESP, 0);
	put(GUEST_SYSENTER_EIP, 0);
	put(HOST_SYSENTER_CS, 0);
	put(HOST_SYSENTER_ESP, 0);
	put(HOST_SYSENTER_EIP, 0);
	put(HOST_RIP, (u64)(uintptr_t)vmx_exited);
}

/* Return address of L2's function. */
static void leave(void)
{
	for (;;)
		vmx_call();
}

static void turn_on(struct vmx_nested *nested)
{
	u32 revision = msr_read(MSR_BASIC) & BASIC_REVISION;
	u64 control = msr_read(MSR_FEATURE_CONTROL), cr4;

	*(volatile u32 *)(uintptr_t)nested->vmcs = revision;
	if (nested->is_on)
		return;
	if (!(control & FEATURE_LOCKED))
		msr_write(MSR_FEATURE_CONTROL,
			  control | FEATURE_LOCKED | FEATURE_VMX);
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_VMXE));
	*(volatile u32 *)(uintptr_t)nested->on = revision;
	vmxon(nested->on);
	nested->is_on = 1;
}

void vmx_begin(struct guest_vcpu *self, struct vmx_nested *nested,
	       guest_function function, u64 argument)
{
	/* As after a CALL: the return address is on the stack. */
	u64 stack = nested->stack - 8;

	*(volatile u64 *)(uintptr_t)stack = (u64)(uintptr_t)leave;
	turn_on(nested);
	vmx_clear(nested);
	vmx_load(nested);
	choose_controls(nested);
	copy_state();
	/*
	 * L2's interrupt flag has no effect if external interrupts exit, as
	 * they do here (SDM 26.2). It is set for Bochs 2.7, as in
	 * arch_vcpu_start().
	 */
	put(GUEST_RFLAGS, RFLAGS_ALWAYS | RFLAGS_IF);
	put(GUEST_RIP, (u64)(uintptr_t)function);
	put(GUEST_RSP, stack);
	nested->registers[REGISTER_RDI] = (u64)(uintptr_t)self;
	nested->registers[REGISTER_RSI] = argument;
}

u64 vmx_run(struct vmx_nested *nested)
{
	u64 reason;

	/* The host prints why. */
	if (vmx_enter(nested->registers, nested->launched))
		guest_assert_equal(get(INSTRUCTION_ERROR), 0);
	nested->launched = 1;
	reason = get(EXIT_REASON);
	if (reason == VMX_EXIT_VMCALL)
		put(GUEST_RIP, get(GUEST_RIP) + get(EXIT_LENGTH));
	return reason;
}

bool vmx_done(const struct vmx_nested *nested)
{
	return get(GUEST_RSP) == nested->stack;
}
