// SPDX-License-Identifier: GPL-2.0-only
/*
 * secmmu_hmm: a device that mirrors address spaces by hmm_range_fault(), for the
 * suite's tests. It does nothing but what it is asked for, step by step, and
 * reports what the kernel said; secmmu_hmm.h is the whole of its interface.
 *
 * This file has the device file, and takes the calls apart.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "caller.h"
#include "hmm_compat.h"
#include "hmm_device.h"
#include "hmm_function.h"

static bool pfns;
module_param(pfns, bool, 0600);
MODULE_PARM_DESC(
	pfns,
	"names of pages are page frame numbers, to compare with /proc/PID/pagemap");

static u64 name_factor, name_offset;

static atomic_t open_files;

/* What takes long to find out, for the pages of one aligned block of 2 MiB. */
struct block {
	unsigned long number;
	bool device;
};
#define BLOCK_SHIFT (21 - PAGE_SHIFT)
#define BLOCK_NONE  ((struct block){ .number = ~0UL })

/*
 * Memory of a device comes and goes in whole such blocks (SUBSECTION_SIZE). A walk
 * that was broken on purpose (prove/) may name any page.
 */
static bool is_device_page(unsigned long pfn, struct block *block)
{
	unsigned long number = pfn >> BLOCK_SHIFT;

	if (number != block->number) {
		block->number = number;
		block->device = pfn_valid(pfn) &&
				is_zone_device_page(pfn_to_page(pfn));
	}
	return block->device;
}

/*
 * A product with an odd number has an inverse, so that different pages have
 * different names.
 */
static u64 entry_to_user(unsigned long entry, struct block *block)
{
	u64 out = 0, name = entry & ~HMM_PFN_FLAGS;

	if (entry & HMM_PFN_ERROR)
		out |= SECMMU_HMM_ERROR;
	out |= (u64)hmm_pfn_to_map_order(entry) << SECMMU_HMM_ORDER_SHIFT;
	if (!(entry & HMM_PFN_VALID))
		return out;
	out |= SECMMU_HMM_VALID;
	if (entry & HMM_PFN_WRITE)
		out |= SECMMU_HMM_WRITE;
	if (is_device_page(name, block))
		out |= SECMMU_HMM_DEVICE_PAGE;
	if (!pfns)
		name = name * name_factor + name_offset;
	return out | (name & SECMMU_HMM_PAGE_MASK);
}

/**
 * hmm_entry_to_user() - what user space sees of an entry
 * @entry: as hmm_range_fault() leaves it
 */
u64 hmm_entry_to_user(unsigned long entry)
{
	struct block block = BLOCK_NONE;

	return entry_to_user(entry, &block);
}

/**
 * hmm_entries_to_user() - what user space sees of entries
 * @entries: as hmm_range_fault() leaves them; going out, as user space sees them
 * @count: how many there are
 */
void hmm_entries_to_user(u64 *entries, size_t count)
{
	struct block block = BLOCK_NONE;
	size_t i;

	for (i = 0; i < count; i++)
		entries[i] = entry_to_user(entries[i], &block);
}

/**
 * hmm_table_to_user() - what user space sees of an entry of a mirror's table
 * @entry: the entry
 */
u64 hmm_table_to_user(unsigned long entry)
{
	u64 out = hmm_entry_to_user(entry & ~HMM_TABLE_EXCLUSIVE);

	return out | (entry & HMM_TABLE_EXCLUSIVE ? SECMMU_HMM_EXCLUSIVE : 0);
}

static int hmm_open(struct inode *inode, struct file *file)
{
	struct hmm_device *device;
	int error = caller_may_open(&open_files, SECMMU_HMM_FILES);

	if (error)
		return error;
	error = -ENOMEM;
	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		goto closed;
	/*
	 * What the first notifier of an address space needs. It takes mmap_lock
	 * for writing, which a later call could not while another thread waits
	 * at a pause point.
	 */
	error = mmu_notifier_register(NULL, current->mm);
	if (error)
		goto free;
	spin_lock_init(&device->lock);
	mutex_init(&device->memory_lock);
	mutex_init(&device->dma_lock);
	hmm_pause_init(device);
	device->own = hmm_devmem(0);
	device->mm = current->mm;
	mmgrab(device->mm);
	file->private_data = device;
	return nonseekable_open(inode, file);

free:
	kfree(device);
closed:
	caller_closed(&open_files);
	return error;
}

static int hmm_release(struct inode *inode, struct file *file)
{
	struct hmm_device *device = file->private_data;

	hmm_pause_end(device);
	hmm_mirror_remove_all(device);
	hmm_devmem_forget(device);
	hmm_dma_close(device);
	hmm_map_free(device);
	mmdrop(device->mm);
	kfree(device);
	caller_closed(&open_files);
	return 0;
}

static long hmm_info(struct secmmu_hmm_info *info)
{
	info->features = pfns ? SECMMU_HMM_HAS_PFNS : 0;
	if (IS_ENABLED(CONFIG_DEVICE_MIGRATION))
		info->features |= SECMMU_HMM_HAS_MIGRATION;
	if (IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		info->features |= SECMMU_HMM_HAS_MEMORY;
	if (HMM_HUGE)
		info->features |= SECMMU_HMM_HAS_HUGE;
	if (HMM_HAS_DMA)
		info->features |= SECMMU_HMM_HAS_DMA;
	info->page_shift = PAGE_SHIFT;
	return 0;
}

/* One argument of any call, on the stack. */
union hmm_argument {
	struct secmmu_hmm_info info;
	struct secmmu_hmm_walk walk;
	struct secmmu_hmm_mirror mirror;
	struct secmmu_hmm_number number;
	struct secmmu_hmm_access access;
	struct secmmu_hmm_table table;
	struct secmmu_hmm_counters counters;
	struct secmmu_hmm_pause pause;
	struct secmmu_hmm_range range;
	struct secmmu_hmm_migrate migrate;
	struct secmmu_hmm_devmem devmem;
	struct secmmu_hmm_fail fail;
	struct secmmu_hmm_dma_alloc dma_alloc;
	struct secmmu_hmm_dma_map dma_map;
	struct secmmu_hmm_dma_range dma_range;
	struct secmmu_hmm_dma_copy dma_copy;
};

static long hmm_call(struct hmm_device *device, unsigned int command,
		     union hmm_argument *argument)
{
	switch (command) {
	case SECMMU_HMM_INFO:
		return hmm_info(&argument->info);
	case SECMMU_HMM_WALK:
		return hmm_walk(device, &argument->walk);
	case SECMMU_HMM_MIRROR:
		return hmm_mirror_add(device, &argument->mirror);
	case SECMMU_HMM_UNMIRROR:
		return hmm_mirror_remove(device, &argument->number);
	case SECMMU_HMM_ACCESS:
		return hmm_access(device, &argument->access);
	case SECMMU_HMM_TABLE:
		return hmm_mirror_table(device, &argument->table);
	case SECMMU_HMM_COUNTERS:
		return hmm_mirror_counters(device, &argument->counters);
	case SECMMU_HMM_ARM:
		return hmm_pause_arm(device, &argument->pause);
	case SECMMU_HMM_WAIT:
		return hmm_pause_wait(device, &argument->pause);
	case SECMMU_HMM_RELEASE:
		return hmm_pause_release(device, &argument->pause);
	case SECMMU_HMM_HOLD_MIGRATION:
		return hmm_hold_migration(device, &argument->range);
	case SECMMU_HMM_MIGRATE:
		return hmm_transfer(device, &argument->migrate);
	case SECMMU_HMM_DEVMEM:
		return hmm_devmem_look(&argument->devmem);
	case SECMMU_HMM_OWNER:
		return hmm_devmem_own(device, &argument->number);
	case SECMMU_HMM_FAIL:
		return hmm_devmem_set_failure(device, &argument->fail);
	case SECMMU_HMM_DMA_ALLOC:
	case SECMMU_HMM_DMA_FREE:
	case SECMMU_HMM_DMA_MAP:
	case SECMMU_HMM_DMA_UNMAP:
	case SECMMU_HMM_DMA_LOOK:
	case SECMMU_HMM_DMA_COPY:
		return hmm_dma(device, command, argument);
	default:
		return -ENOTTY;
	}
}

/* The caller does not learn the number or the features of what it created. */
static void undo(struct hmm_device *device, unsigned int command,
		 const union hmm_argument *argument)
{
	struct secmmu_hmm_number number = { .mirror = argument->mirror.mirror };

	switch (command) {
	case SECMMU_HMM_MIRROR:
		hmm_mirror_remove(device, &number);
		break;
	case SECMMU_HMM_DMA_ALLOC:
		hmm_dma(device, SECMMU_HMM_DMA_FREE, NULL);
		break;
	}
}

static long hmm_ioctl(struct file *file, unsigned int command,
		      unsigned long address)
{
	size_t size = _IOC_SIZE(command);
	union hmm_argument argument = {};
	long error = caller_may_use();

	if (error)
		return error;
	if (_IOC_TYPE(command) != SECMMU_HMM_MAGIC || size > sizeof(argument))
		return -ENOTTY;
	if ((_IOC_DIR(command) & _IOC_WRITE) &&
	    copy_from_user(&argument, (void __user *)address, size))
		return -EFAULT;
	error = hmm_call(file->private_data, command, &argument);
	/* After an error, too: a call may report how far it got. */
	if (error == -ENOTTY || !(_IOC_DIR(command) & _IOC_READ) ||
	    !copy_to_user((void __user *)address, &argument, size))
		return error;
	if (!error)
		undo(file->private_data, command, &argument);
	return -EFAULT;
}

static int hmm_mmap(struct file *file, struct vm_area_struct *vma)
{
	int error = caller_may_use();

	return error ? error : hmm_map(file->private_data, vma);
}

static const struct file_operations hmm_operations = {
	.owner = THIS_MODULE,
	.open = hmm_open,
	.release = hmm_release,
	.unlocked_ioctl = hmm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = hmm_mmap,
};

static struct miscdevice hmm_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "secmmu_hmm",
	.fops = &hmm_operations,
	.mode = 0600,
};

static int __init hmm_init(void)
{
	int error;

	name_factor = get_random_u64() | 1;
	name_offset = get_random_u64();
	hmm_devmems_init();
	error = hmm_functions_init();
	if (error)
		goto out_devmems;
	error = misc_register(&hmm_misc);
	if (!error)
		return 0;
	hmm_functions_exit();
out_devmems:
	hmm_devmems_exit();
	return error;
}

static void __exit hmm_exit(void)
{
	misc_deregister(&hmm_misc);
	hmm_functions_exit();
	hmm_devmems_exit();
}

module_init(hmm_init);
module_exit(hmm_exit);

MODULE_DESCRIPTION(
	"secmmu: a device that mirrors memory, to test hmm_range_fault()");
MODULE_LICENSE("GPL");
