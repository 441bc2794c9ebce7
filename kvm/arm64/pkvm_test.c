// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protected KVM: what protected mode rejects, and what it rejects for protected
 * VMs (Documentation/virt/kvm/arm/pkvm.rst of 7.2). All other tests cover
 * normal VMs in protected mode; pkvm_memory_test covers the memory of protected
 * VMs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"
#include "protected.h"
#include "core/report.h"
#include "core/variant.h"

/* A page that guests access, and the word that they store. */
#define PAGE 3
#define WORD 0x5ec3300112233445ULL
/* Address of a second slot; outside the first slot and GPA_REPORT of bare.c. */
#define GPA_OTHER (4UL << 30)
/* KVM_MAX_PVMS of asm/kvm_pkvm.h */
#define VMS_MAX 255
/* Closing that many VMs takes minutes. */
#define LIMIT_S 900

struct variant {
	bool protected_guest;
};

static bool kernel_from(unsigned int major, unsigned int minor)
{
	const struct needs needs = {
		.kernel_min = NEEDS_KERNEL(major, minor),
	};

	return needs_met(&needs, NULL);
}

/*
 * ---- what is rejected
 * ------------------------------------------------------------
 */

static void test_create(void)
{
	const struct vm_config config = { .protected_guest = true };
	int fd = __vm_create_only(&config);

	if (!protected_mode() || !kernel_from(6, 14))
		CHECK(fd == -EINVAL,
		      "KVM_CREATE_VM of a protected VM, which this kernel cannot have: expected EINVAL, got %s",
		      fd < 0 ? errno_name(-fd) : "success");
	else if (kernel_from(7, 2))
		CHECK(fd >= 0, "KVM_CREATE_VM of a protected VM failed: %s",
		      errno_name(-fd));
	else
		CHECK(fd >= 0 || fd == -EINVAL,
		      "KVM_CREATE_VM of a protected VM failed: %s",
		      errno_name(-fd));
	report_info("protected VMs: %s", fd < 0 ? "no" : "yes");
	if (fd >= 0)
		close(fd);
}

/* The hypervisor has no memory tags, and cannot split mappings. */
static void test_capabilities(void)
{
	struct bare bare;
	int value, error;

	bare_create(&bare, false, NULL);
	value = vm_check_extension(&bare.vm, KVM_CAP_ARM_MTE);
	CHECK(!value,
	      "KVM_CHECK_EXTENSION(KVM_CAP_ARM_MTE) in protected mode: expected 0, got %d",
	      value);
	error = __vm_enable_cap(&bare.vm, KVM_CAP_ARM_MTE, 0);
	CHECK(error == -EINVAL,
	      "enabling KVM_CAP_ARM_MTE in protected mode: expected EINVAL, got %s",
	      error ? errno_name(-error) : "success");
	if (hypervisor_has_tables()) {
		value = vm_check_extension(&bare.vm,
					   KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES);
		CHECK(!value,
		      "chunk sizes for KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE: expected 0, since pKVM cannot split, got %#x",
		      (unsigned int)value);
	}
	bare_close(&bare);
	bare_free(&bare);
}

/*
 * kvm_pkvm_ext_allowed() lists what a protected VM is offered; these are not
 * listed.
 */
static void test_capabilities_protected(void)
{
	static const struct {
		unsigned long number;
		const char *name;
	} refused[] = {
		{ KVM_CAP_ARM_PMU_V3, "KVM_CAP_ARM_PMU_V3" },
		{ KVM_CAP_ARM_SVE, "KVM_CAP_ARM_SVE" },
		{ KVM_CAP_ARM_EL1_32BIT, "KVM_CAP_ARM_EL1_32BIT" },
		{ KVM_CAP_ARM_MTE, "KVM_CAP_ARM_MTE" },
		{ KVM_CAP_SET_GUEST_DEBUG, "KVM_CAP_SET_GUEST_DEBUG" },
		{ KVM_CAP_GUEST_DEBUG_HW_BPS, "KVM_CAP_GUEST_DEBUG_HW_BPS" },
		{ KVM_CAP_VCPU_ATTRIBUTES, "KVM_CAP_VCPU_ATTRIBUTES" },
		{ KVM_CAP_ARM_NISV_TO_USER, "KVM_CAP_ARM_NISV_TO_USER" },
		{ KVM_CAP_ARM_INJECT_EXT_DABT, "KVM_CAP_ARM_INJECT_EXT_DABT" },
		{ KVM_CAP_STEAL_TIME, "KVM_CAP_STEAL_TIME" },
		{ KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
		{ KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES,
		  "KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES" },
	};
	static const unsigned long switches[] = { KVM_CAP_ARM_NISV_TO_USER,
						  KVM_CAP_ARM_MTE,
						  KVM_CAP_ARM_SYSTEM_SUSPEND };
	struct bare bare;
	size_t i;

	bare_need_protected();
	bare_create(&bare, true, NULL);
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		CHECK(!vm_check_extension(&bare.vm, refused[i].number),
		      "a protected VM is offered %s, expected 0",
		      refused[i].name);
	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		int error = __vm_enable_cap(&bare.vm, switches[i], 0);

		CHECK(error == -EINVAL,
		      "enabling capability %lu of a protected VM: expected EINVAL, got %s",
		      switches[i], error ? errno_name(-error) : "success");
	}
	bare_close(&bare);
	bare_free(&bare);
}

static void expect_slot(struct memslot slot, int expected, const char *what)
{
	int error = __slot_set(&slot);

	CHECK(error == expected, "%s of a protected VM: expected %s, got %s",
	      what, expected ? errno_name(-expected) : "success",
	      error ? errno_name(-error) : "success");
}

/* kvm_arch_prepare_memory_region() */
static void test_slots(void)
{
	struct memslot other, moved, none;
	struct bare bare;

	bare_need_protected();
	bare_create(&bare, true, NULL);
	other = bare.slot;
	other.id++;
	other.gpa = GPA_OTHER;
	other.flags = KVM_MEM_READONLY;
	expect_slot(other, -EPERM, "a read-only slot");
	other.flags = KVM_MEM_LOG_DIRTY_PAGES;
	expect_slot(other, -EPERM, "a logged slot");
	other.flags = 0;
	expect_slot(other, 0, "another slot");
	other.flags = KVM_MEM_LOG_DIRTY_PAGES;
	expect_slot(other, -EPERM, "enabling logging");
	none = other;
	none.flags = 0;
	none.size = 0;
	expect_slot(none, 0, "deleting a slot before the VM has run");
	other.flags = 0;
	expect_slot(other, 0, "creating the slot again");

	bare_exchange(&bare, PAGE, WORD);
	expect_slot(none, -EPERM, "deleting a slot after the VM has run");
	moved = other;
	moved.gpa = 2 * GPA_OTHER;
	expect_slot(moved, -EPERM, "moving a slot after the VM has run");
	bare_close(&bare);
	bare_free(&bare);
}

/*
 * KVM_CREATE_VM succeeds as often as the hypervisor has room, then fails with
 * ENOMEM.
 */
static void test_limit(const struct variant *variant)
{
	const struct vm_config config = {
		.protected_guest = variant->protected_guest,
	};
	unsigned int made = 0, i;
	static int fds[VMS_MAX + 1];
	int fd = 0;

	if (variant->protected_guest)
		bare_need_protected();
	while (made <= VMS_MAX) {
		fd = __vm_create_only(&config);
		if (fd < 0)
			break;
		fds[made++] = fd;
	}
	report_info("%u VMs, then %s", made, fd < 0 ? errno_name(-fd) : "?");
	CHECK(fd == -ENOMEM, "KVM_CREATE_VM number %u: expected ENOMEM, got %s",
	      made, fd < 0 ? errno_name(-fd) : "success");
	/* The VM of the hypervisor's self-test takes no room for good. */
	CHECK(made == VMS_MAX, "expected %d VMs, got %u", VMS_MAX, made);
	close(fds[--made]);
	fd = __vm_create_only(&config);
	CHECK(fd >= 0,
	      "KVM_CREATE_VM after a VM was closed: expected success, got %s",
	      errno_name(-fd));
	close(fd);
	for (i = 0; i < made; i++)
		close(fds[i]);
}

static bool in_protected_mode(const void *unused)
{
	(void)unused;
	return protected_mode();
}

static bool has_vm_limit(const struct variant *variant)
{
	(void)variant;
	return hypervisor_has_tables();
}

/* Closing 255 VMs takes minutes: --all and --case only. */
static bool never(const struct variant *variant)
{
	(void)variant;
	return false;
}

static const struct choice vm_types[] = { CHOICE("protected", true),
					  CHOICE("normal", false) };

static const struct dimension limit_dimensions[] = {
	DIMENSION_TABLE(struct variant, protected_guest, vm_types),
};

static const struct scenario scenarios[] = {
	{ .name = "create/protected",
	  .plan = "protected VMs exist in protected mode of kernels that support them, else EINVAL",
	  .run_alone = test_create },
	{ .name = "capabilities/normal",
	  .plan = "protected mode offers no VM MTE or eager splitting",
	  .run_alone = test_capabilities,
	  .allowed = in_protected_mode },
	{ .name = "capabilities/protected",
	  .plan = "capabilities that a protected VM is not offered",
	  .run_alone = test_capabilities_protected,
	  .allowed = in_protected_mode },
	{ .name = "slots/protected",
	  .plan = "EPERM for read-only or logged slots, and to delete or move one of a VM that has run",
	  .run_alone = test_slots,
	  .allowed = in_protected_mode },
	SCENARIO("limit", test_limit, struct variant, limit_dimensions,
		 .sampling = SAMPLE_ALL, .timeout_s = LIMIT_S,
		 .allowed = VARIANT_IF(struct variant, has_vm_limit),
		 .sampled = VARIANT_IF(struct variant, never),
		 .plan = "255 VMs, then ENOMEM; closing one makes room for one"),
};

TEST_PROGRAM("pkvm_test",
	     "protected mode rejects what protected VMs must not have",
	     scenarios, .needs = { .root = true, .kvm = true })
