// SPDX-License-Identifier: GPL-2.0-only
/* x86: long mode with four-level page tables, ready for C code. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "kvm/x86_64/supported.h"
#include "kvm/x86_64/tables_x86.h"
#include "kvm/x86_64/layout_x86.h"
#include "core/report.h"

#define RFLAGS_ALWAYS (1UL << 1)
#define RFLAGS_IF     (1UL << 9)
#define CR0_PE	      (1UL << 0)
#define CR0_MP	      (1UL << 1)
#define CR0_NE	      (1UL << 5)
#define CR0_WP	      (1UL << 16)
#define CR0_PG	      (1UL << 31)
#define CR4_PAE	      (1UL << 5)
#define EFER_LME      (1UL << 8)
#define EFER_LMA      (1UL << 10)
#define EFER_NX	      (1UL << 11)

/* KVM's real-mode helpers on Intel; no slot covers the address. */
#define TSS_ADDRESS	     0xfffbd000UL
#define IDENTITY_MAP_ADDRESS 0xfffbc000UL

/* Layout of a vCPU's area in the system slot. */
#define CPU_GDT		0x0000
#define CPU_TSS		0x0100
#define CPU_NMI_STACK	0x2000
#define CPU_FAULT_STACK 0x4000
#define TSS_SIZE	104
#define TSS_IST1	36
#define TSS_IST2	44
#define TABLE_SIZE	4096
/* Size of the IDT, which lies with the page tables in the system slot. */
#define IDT_SIZE (VECTORS * 16)

/* Intel's page modification log: one page of 8-byte entries. */
#define PML_ENTRIES 512

extern char guest_vectors[];

struct gate {
	u16 offset_low;
	u16 selector;
	u8 stack;
	u8 type;
	u16 offset_middle;
	u32 offset_high;
	u32 reserved;
};

struct kvm_cpuid2 *cpuid_all_supported(void)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1,
		       sizeof(*cpuid) +
			       CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
	if (!cpuid)
		fail("out of memory for CPUID");
	cpuid->nent = CPUID_ENTRIES;
	kvm_ioctl(KVM_GET_SUPPORTED_CPUID, cpuid);
	return cpuid;
}

struct kvm_cpuid_entry2 cpuid_supported(u32 function)
{
	struct kvm_cpuid2 *cpuid = cpuid_all_supported();
	struct kvm_cpuid_entry2 entry = { 0 };
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function &&
		    !cpuid->entries[i].index)
			entry = cpuid->entries[i];
	free(cpuid);
	return entry;
}

bool paging_is_nested(void)
{
	static const char *const parameters[] = {
		"/sys/module/kvm_amd/parameters/npt",
		"/sys/module/kvm_intel/parameters/ept",
	};
	bool nested = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		FILE *file = fopen(parameters[i], "re");
		int letter = file ? fgetc(file) : 'N';

		nested |= letter == 'Y' || letter == '1';
		if (file)
			fclose(file);
	}
	return nested;
}

/* CPUID 8000_0001 EDX bit 26, Page1GB. */
static bool guest_has_1g_pages(void)
{
	return cpuid_supported(0x80000001).edx >> 26 & 1;
}

const u64 *arch_page_sizes(const struct vm *vm, size_t *count)
{
	static const u64 sizes[] = { 1UL << 12, 1UL << 21, 1UL << 30 };
	static int has_1g = -1;

	(void)vm;
	if (has_1g < 0)
		has_1g = guest_has_1g_pages();
	*count = has_1g ? 3 : 2;
	return sizes;
}

bool arch_maps_huge(void)
{
	return !access("/sys/module/kvm_amd", F_OK) ||
	       !access("/sys/module/kvm_intel", F_OK);
}

u32 arch_dirty_log_size(void)
{
	FILE *file = fopen("/sys/module/kvm_intel/parameters/pml", "re");
	int enabled;

	if (!file)
		return 0;
	enabled = fgetc(file);
	fclose(file);
	return enabled == 'Y' ? PML_ENTRIES : 0;
}

bool arch_has_ring(unsigned int capability)
{
	return capability != KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP;
}

/*
 * Stacks of the TSS (IST) by vector. Exceptions have their own, since the fault
 * may be the stack's. NMI has its own, since it may come at any time. Other
 * interrupts use the current stack.
 */
static u8 vector_stack(unsigned int vector)
{
	if (vector == VECTOR_NMI)
		return 2;
	return vector < VECTOR_INTERRUPTS ? 1 : 0;
}

static void fill_vectors(struct vm *vm)
{
	struct gate *gates;
	unsigned int i;

	vm->vector_table = vm_alloc_table(vm, IDT_SIZE);
	gates = (void *)((char *)vm->system + vm->vector_table);

	for (i = 0; i < VECTORS; i++) {
		u64 entry = (u64)(uintptr_t)guest_vectors + i * VECTOR_STRIDE;

		gates[i] = (struct gate){
			.offset_low = entry & 0xffff,
			.offset_middle = (entry >> 16) & 0xffff,
			.offset_high = entry >> 32,
			.selector = SELECTOR_CODE,
			.stack = vector_stack(i),
			.type = 0x8e,
		};
	}
}

const u64 *vm_granules(size_t *count)
{
	static const u64 granules[] = { TABLE_SIZE };

	*count = 1;
	return granules;
}

bool vm_can_split_eagerly(void)
{
	return false;
}

bool vm_unmap_slots_alone(struct vm *vm)
{
	if (!(vm_check_extension(vm, KVM_CAP_DISABLE_QUIRKS2) &
	      SECMMU_QUIRK_SLOT_ZAP_ALL))
		return false;
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, SECMMU_QUIRK_SLOT_ZAP_ALL);
	return true;
}

bool vm_can_log_io_memory(void)
{
	return true;
}

unsigned long arch_vm_type(const struct vm_config *config)
{
	(void)config;
	return 0;
}

/* CPUID 8000_0008 EAX bits 7 to 0. */
unsigned int arch_physical_bits(const struct vm_config *config)
{
	struct kvm_cpuid2 *cpuid = cpuid_all_supported();
	unsigned int bits = 36, i;

	(void)config;
	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			bits = cpuid->entries[i].eax & 0xff;
	free(cpuid);
	return bits;
}

/* KVM reports KVM_CAP_IRQCHIP with and without CONFIG_KVM_IOAPIC (6.17). */
static void create_irqchip(struct vm *vm)
{
	int error = __vm_ioctl(vm, KVM_CREATE_IRQCHIP, 0);

	if (error == -ENOTTY)
		skip("CONFIG_KVM_IOAPIC=y",
		     "use a kernel that is built with this option");
	CHECK(!error, "KVM_CREATE_IRQCHIP failed: %s", errno_name(error));
}

void arch_vm_init(struct vm *vm)
{
	u64 identity = IDENTITY_MAP_ADDRESS;

	/* Needed on Intel without unrestricted guest; no effect elsewhere. */
	if (vm_check_extension(vm, KVM_CAP_SET_TSS_ADDR))
		vm_ioctl(vm, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	if (vm_check_extension(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	/* Must come before the first vCPU: kvm_arch_vm_ioctl(). */
	if (vm->config.interrupts)
		create_irqchip(vm);
}

void arch_tables_init(struct vm *vm)
{
	if (vm->config.granule && vm->config.granule != TABLE_SIZE)
		fail("x86 has no granule of %llu bytes", vm->config.granule);
	vm->granule = TABLE_SIZE;
	fill_vectors(vm);
	vm->table_root = vm_alloc_table(vm, TABLE_SIZE);
	vm_map(vm, GPA_SYSTEM + vm->vector_table, GPA_SYSTEM + vm->vector_table,
	       IDT_SIZE, TABLE_SIZE);
}

void table_map(struct vm *vm, u64 table, u64 flags, u64 leaf, u64 from, u64 to,
	       u64 page_size)
{
	unsigned int shift = 39;

	if (from >> 48)
		fail("guest address %#llx is beyond 4-level page tables", from);
	for (;; shift -= 9) {
		u64 *entry = (u64 *)((char *)vm->system + table) +
			     ((from >> shift) & 511);

		if (1ULL << shift == page_size) {
			*entry = to | flags | leaf |
				 (shift > 12 ? PTE_LARGE : 0);
			return;
		}
		if (*entry & PTE_LARGE)
			fail("guest address %#llx is already mapped by a larger page",
			     from);
		if (!(*entry & PTE_PRESENT))
			*entry = (GPA_SYSTEM + vm_alloc_table(vm, TABLE_SIZE)) |
				 flags;
		table = (*entry & PTE_ADDRESS) - GPA_SYSTEM;
	}
}

void table_map_range(struct vm *vm, u64 table, u64 flags, u64 leaf, u64 from,
		     u64 to, u64 size, u64 page_size)
{
	u64 end = from + size, mapped;
	const u64 *sizes;
	size_t count;

	sizes = arch_page_sizes(vm, &count);
	for (; from < end; from += mapped, to += mapped) {
		mapped = vm_map_size(sizes, count, from, to, end - from,
				     page_size);
		table_map(vm, table, flags, leaf, from, to, mapped);
	}
}

void arch_map_page(struct vm *vm, u64 gva, u64 gpa, u64 page_size)
{
	if (gva >> 47)
		fail("guest address %#llx is not canonical", gva);
	table_map(vm, vm->table_root,
		  PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY, 0, gva,
		  gpa, page_size);
}

static void set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = cpuid_all_supported();

	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void set_segment(struct kvm_segment *segment, u16 selector, u8 type,
			bool code)
{
	*segment = (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code,
		.db = !code,
	};
}

static void fill_cpu_page(struct vcpu *vcpu, u64 address)
{
	u64 *gdt = (u64 *)((char *)vcpu->cpu_page + CPU_GDT);
	u64 task = address + CPU_TSS;
	u64 fault_stack = address + CPU_FAULT_STACK;
	u64 nmi_stack = address + CPU_NMI_STACK;

	gdt[SELECTOR_CODE / 8] = 0x00af9b000000ffffULL;
	gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffffULL;
	/* A busy 64-bit TSS takes two descriptors. */
	gdt[SELECTOR_TASK / 8] = (TSS_SIZE - 1) | (task & 0xffffff) << 16 |
				 0x8bULL << 40 | (task >> 24 & 0xff) << 56;
	gdt[SELECTOR_TASK / 8 + 1] = task >> 32;
	memcpy((char *)vcpu->cpu_page + CPU_TSS + TSS_IST1, &fault_stack,
	       sizeof(fault_stack));
	memcpy((char *)vcpu->cpu_page + CPU_TSS + TSS_IST2, &nmi_stack,
	       sizeof(nmi_stack));
}

void arch_vcpu_init(struct vcpu *vcpu)
{
	u64 address = GPA_SYSTEM +
		      ((char *)vcpu->cpu_page - (char *)vcpu->vm->system);
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;

	set_cpuid(vcpu);
	fill_cpu_page(vcpu, address);
	vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr4 = CR4_PAE;
	sregs.cr3 = GPA_SYSTEM + vcpu->vm->table_root;
	sregs.efer = EFER_LME | EFER_LMA | EFER_NX;
	set_segment(&sregs.cs, SELECTOR_CODE, 11, true);
	set_segment(&sregs.ds, SELECTOR_DATA, 3, false);
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.gs.base = (u64)(uintptr_t)vcpu->guest;
	sregs.tr = (struct kvm_segment){
		.base = address + CPU_TSS,
		.limit = TSS_SIZE - 1,
		.selector = SELECTOR_TASK,
		.type = 11,
		.present = 1,
	};
	memset(&sregs.ldt, 0, sizeof(sregs.ldt));
	sregs.ldt.unusable = 1;
	sregs.gdt.base = address + CPU_GDT;
	sregs.gdt.limit = SELECTOR_TASK + 15;
	sregs.idt.base = GPA_SYSTEM + vcpu->vm->vector_table;
	sregs.idt.limit = IDT_SIZE - 1;
	vcpu_ioctl(vcpu, KVM_SET_SREGS, &sregs);
	/* All vCPUs but the first would wait for a start-up IPI. */
	if (vcpu->vm->config.interrupts)
		vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &runnable);
}

void arch_vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument)
{
	/* As after a CALL: the return address is on the stack. */
	u64 stack = vcpu->stack - 8;
	u64 *host_stack = (u64 *)((char *)vcpu->vm->system + stack -
				  GPA_SYSTEM);
	struct kvm_regs regs = {
		.rip = (u64)(uintptr_t)function,
		.rsp = stack,
		.rdi = (u64)(uintptr_t)vcpu->guest,
		.rsi = argument,
		.rflags = RFLAGS_ALWAYS,
	};

	/*
	 * In a VM without interrupts the guest's flag matters only to the
	 * host's: Bochs 2.7 does not deliver host interrupts to a VMX guest
	 * that entered with the flag clear, whatever "external-interrupt
	 * exiting" is.
	 */
	if (!vcpu->vm->config.interrupts)
		regs.rflags |= RFLAGS_IF;

	*host_stack = (u64)(uintptr_t)guest_return;
	vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
}

bool arch_is_hypercall(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_IO &&
	       run->io.direction == KVM_EXIT_IO_OUT &&
	       run->io.port == HYPERCALL_PORT;
}

bool vm_can_interrupt(void)
{
	return kvm_check_extension(KVM_CAP_IRQCHIP);
}

/*
 * An unstable TSC is not an available clocksource
 * (clocksource_show_available()).
 */
bool vm_clock_steady(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/available_clocksource";
	char text[256] = "";
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return !strncmp(text, "tsc ", 4) || strstr(text, " tsc ");
}

u64 arch_program_counter(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	return __vcpu_ioctl(vcpu, KVM_GET_REGS, &regs) ? 0 : regs.rip;
}

const void *arch_return_instruction(size_t *size)
{
	static const u8 code[] = { 0xc3 };

	*size = sizeof(code);
	return code;
}

size_t arch_value_code(u64 value, u8 code[ARCH_VALUE_CODE_MAX])
{
	/* movabs to RAX, ret */
	code[0] = 0x48;
	code[1] = 0xb8;
	memcpy(code + 2, &value, sizeof(value));
	code[10] = 0xc3;
	return 11;
}

void arch_exception_text(const struct guest_vcpu *guest, char *buffer,
			 size_t size)
{
	static const char *const names[] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
		"#DF", NULL,  "#TS", "#NP", "#SS", "#GP", "#PF", NULL,
		"#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};
	const struct guest_exception *exception = &guest->exception;
	const char *name = exception->vector < ARRAY_SIZE(names) ?
				   names[exception->vector] :
				   NULL;

	snprintf(buffer, size, "%s (vector %llu) error code %#llx cr2 %#llx",
		 name ? name : "exception", exception->vector, exception->code,
		 exception->address);
}
