// SPDX-License-Identifier: GPL-2.0-only
/* A GICv3 with an ITS. */
#include <errno.h>
#include <unistd.h>

#include "its.h"
#include "core/report.h"

/* Below GPA_SYSTEM, where the VM has nothing but its image. */
#define GPA_DISTRIBUTOR	  0x08000000ULL
#define GPA_ITS		  0x08080000ULL
#define GPA_REDISTRIBUTOR 0x080a0000ULL
/* The least that a distributor has: 32 private ones and 32 more. */
#define INTERRUPTS 64

/* GITS_BASER1 holds KVM's collection table (vgic_mmio_write_its_baser()). */
#define GITS_BASER1	 0x108
#define GITS_BASER0	 0x100
#define GITS_CTLR	 0x000
#define GITS_CBASER	 0x080
#define GITS_CWRITER	 0x088
#define GITS_BASER_VALID (1ULL << 63)

/* Of the first vCPU, whose affinity is 0. */
#define GICR_CTLR	 0x000
#define GICR_PROPBASER	 0x070
#define GICR_PENDBASER	 0x078
#define GICR_ENABLE_LPIS 1U
/* LPIs have numbers of 16 bits. */
#define PROPBASER_BITS 15U

/* Parts of the memory of its_enable_lpis(). */
#define PART_COMMANDS	 0
#define PART_DEVICES	 (1 * ITS_TABLE_ALIGN)
#define PART_COLLECTIONS (2 * ITS_TABLE_ALIGN)
#define PART_EVENTS	 (3 * ITS_TABLE_ALIGN)
#define PART_PROPERTIES	 (4 * ITS_TABLE_ALIGN)

/* Arm IHI0069, 5.3: commands are 4 words, the queue is 4 KiB. */
#define COMMAND_INT   0x03
#define COMMAND_CLEAR 0x04
#define COMMAND_MAPD  0x08
#define COMMAND_MAPC  0x09
#define COMMAND_MAPTI 0x0a
#define COMMAND_VALID (1ULL << 63)
#define COMMAND_WORDS 4
#define COMMANDS_MAX  128
/* Bits of an event's number, less 1. */
#define EVENT_BITS 3
#define DEVICE	   1ULL
#define COLLECTION 0

static int set_attribute(int fd, u32 group, u64 attribute, const void *value)
{
	struct kvm_device_attr set = {
		.group = group,
		.attr = attribute,
		.addr = (u64)(uintptr_t)value,
	};

	return ioctl_may_fail(fd, KVM_SET_DEVICE_ATTR, (unsigned long)&set);
}

static void must_set(int fd, u32 group, u64 attribute, const void *value,
		     const char *what)
{
	int error = set_attribute(fd, group, attribute, value);

	if (error)
		fail("KVM_SET_DEVICE_ATTR, %s, failed: %s", what,
		     errno_name(-error));
}

static int create_device(struct vm *vm, u32 type)
{
	struct kvm_create_device device = { .type = type };
	int error = __vm_ioctl(vm, KVM_CREATE_DEVICE, &device);

	return error ? error : (int)device.fd;
}

static void set_address(int fd, u64 type, u64 gpa, const char *what)
{
	must_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &gpa, what);
}

void its_create(struct vm *vm, struct its *its)
{
	u32 interrupts = INTERRUPTS;

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

void its_place_collections(struct its *its, u64 gpa)
{
	/* One page of 64 KiB: the fields for size and page size are zero. */
	u64 base = GITS_BASER_VALID | gpa;

	must_set(its->fd, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, GITS_BASER1, &base,
		 "GITS_BASER1");
}

void its_save_tables(struct its *its)
{
	must_set(its->fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
		 KVM_DEV_ARM_ITS_SAVE_TABLES, NULL, "ITS_SAVE_TABLES");
}

static void set_redistributor(struct its *its, u64 offset, u32 value,
			      const char *what)
{
	must_set(its->gic_fd, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, offset, &value,
		 what);
}

static void set_its(struct its *its, u64 offset, u64 value, const char *what)
{
	must_set(its->fd, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, offset, &value, what);
}

/* The queue's end: what is new is done before the ioctl returns. */
static void command(struct its *its, u64 first, u64 second, u64 third)
{
	unsigned int at = its->command_count++ % COMMANDS_MAX;
	u64 *words = its->commands + (size_t)at * COMMAND_WORDS;

	words[0] = first;
	words[1] = second;
	words[2] = third;
	words[3] = 0;
	set_its(its, GITS_CWRITER,
		its->command_count % COMMANDS_MAX * COMMAND_WORDS *
			sizeof(*words),
		"GITS_CWRITER");
}

void its_enable_lpis(struct its *its, void *memory, u64 gpa, const u32 *lpi,
		     unsigned int count)
{
	const u64 pending = gpa + ITS_PENDING;
	const u64 properties = gpa + PART_PROPERTIES;
	unsigned int i;

	set_redistributor(its, GICR_PROPBASER, (u32)properties | PROPBASER_BITS,
			  "GICR_PROPBASER");
	set_redistributor(its, GICR_PROPBASER + 4, properties >> 32,
			  "GICR_PROPBASER, upper half");
	set_redistributor(its, GICR_PENDBASER, (u32)pending, "GICR_PENDBASER");
	set_redistributor(its, GICR_PENDBASER + 4, pending >> 32,
			  "GICR_PENDBASER, upper half");
	set_redistributor(its, GICR_CTLR, GICR_ENABLE_LPIS, "GICR_CTLR");

	its->commands = memory;
	its->command_count = 0;
	set_its(its, GITS_CBASER, GITS_BASER_VALID | (gpa + PART_COMMANDS),
		"GITS_CBASER");
	set_its(its, GITS_BASER0, GITS_BASER_VALID | (gpa + PART_DEVICES),
		"GITS_BASER0");
	set_its(its, GITS_BASER1, GITS_BASER_VALID | (gpa + PART_COLLECTIONS),
		"GITS_BASER1");
	set_its(its, GITS_CTLR, 1, "GITS_CTLR");
	command(its, COMMAND_MAPD | DEVICE << 32, EVENT_BITS,
		COMMAND_VALID | (gpa + PART_EVENTS));
	command(its, COMMAND_MAPC, 0, COMMAND_VALID | COLLECTION);
	for (i = 0; i < count; i++)
		command(its, COMMAND_MAPTI | DEVICE << 32,
			i | (u64)lpi[i] << 32, COLLECTION);
}

void its_set_pending(struct its *its, unsigned int event, bool pending)
{
	command(its, (pending ? COMMAND_INT : COMMAND_CLEAR) | DEVICE << 32,
		event, 0);
}

void its_save_pending(struct its *its)
{
	must_set(its->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
		 KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL,
		 "SAVE_PENDING_TABLES");
}
