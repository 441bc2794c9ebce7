// SPDX-License-Identifier: GPL-2.0-only
/* A GICv3 with an ITS. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <unistd.h>

#include "its.h"
#include "report.h"

/* Below GPA_SYSTEM, where the VM has nothing but its image. */
#define GPA_DISTRIBUTOR	  0x08000000ULL
#define GPA_ITS		  0x08080000ULL
#define GPA_REDISTRIBUTOR 0x080a0000ULL
/* The least that a distributor has: 32 private ones and 32 more. */
#define INTERRUPTS 64

/* GITS_BASER1 holds KVM's collection table (vgic_mmio_write_its_baser()). */
#define GITS_BASER1	 0x108
#define GITS_BASER_VALID (1ULL << 63)

static int set_attribute(int fd, uint32_t group, uint64_t attribute,
			 const void *value)
{
	struct kvm_device_attr set = {
		.group = group,
		.attr = attribute,
		.addr = (uint64_t)(uintptr_t)value,
	};

	return ioctl_may_fail(fd, KVM_SET_DEVICE_ATTR, (unsigned long)&set);
}

static void must_set(int fd, uint32_t group, uint64_t attribute,
		     const void *value, const char *what)
{
	int error = set_attribute(fd, group, attribute, value);

	if (error)
		fail("KVM_SET_DEVICE_ATTR, %s, failed: %s", what,
		     errno_name(-error));
}

static int create_device(struct vm *vm, uint32_t type)
{
	struct kvm_create_device device = { .type = type };
	int error = __vm_ioctl(vm, KVM_CREATE_DEVICE, &device);

	return error ? error : (int)device.fd;
}

static void set_address(int fd, uint64_t type, uint64_t gpa, const char *what)
{
	must_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &gpa, what);
}

void its_create(struct vm *vm, struct its *its)
{
	uint32_t interrupts = INTERRUPTS;

	its->gic_fd = create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V3);
	if (its->gic_fd == -ENODEV)
		skip("a GICv3 for guests",
		     "use a machine with a GICv3 or later (QEMU: -M virt,gic-version=3)");
	if (its->gic_fd < 0)
		fail("KVM_CREATE_DEVICE of a GICv3 failed: %s",
		     errno_name(-its->gic_fd));
	must_set(its->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts,
		 "number of interrupts");
	set_address(its->gic_fd, KVM_VGIC_V3_ADDR_TYPE_DIST, GPA_DISTRIBUTOR,
		    "address of the distributor");
	set_address(its->gic_fd, KVM_VGIC_V3_ADDR_TYPE_REDIST,
		    GPA_REDISTRIBUTOR, "address of the redistributors");
	must_set(its->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
		 KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, "GICv3 complete");

	its->fd = create_device(vm, KVM_DEV_TYPE_ARM_VGIC_ITS);
	if (its->fd < 0)
		fail("KVM_CREATE_DEVICE of an ITS failed: %s",
		     errno_name(-its->fd));
	set_address(its->fd, KVM_VGIC_ITS_ADDR_TYPE, GPA_ITS,
		    "address of the ITS");
	must_set(its->fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
		 NULL, "ITS complete");
}

void its_destroy(struct its *its)
{
	close(its->fd);
	close(its->gic_fd);
}

void its_place_collections(struct its *its, uint64_t gpa)
{
	/* One page of 64 KiB: the fields for size and page size are zero. */
	uint64_t base = GITS_BASER_VALID | gpa;

	must_set(its->fd, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, GITS_BASER1, &base,
		 "GITS_BASER1");
}

void its_save_tables(struct its *its)
{
	must_set(its->fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
		 KVM_DEV_ARM_ITS_SAVE_TABLES, NULL, "ITS_SAVE_TABLES");
}
