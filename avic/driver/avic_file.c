// SPDX-License-Identifier: GPL-2.0-only
/*
 * secmmu_avic: what a nested AVIC would stand on, for the suite's tests. It tracks
 * the guest's writes to pages, and shadows physical-ID tables by them.
 * secmmu_avic.h is the whole of its interface.
 *
 * This file has the device file, and takes the calls apart.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "avic_device.h"

static int avic_open(struct inode *inode, struct file *file)
{
	struct avic_device *device;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	device = kvzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	mutex_init(&device->attach_lock);
	mutex_init(&device->track_lock);
	mutex_init(&device->tables_lock);
	spin_lock_init(&device->shadow_lock);
	avic_pause_init(device);
	file->private_data = device;
	return nonseekable_open(inode, file);
}

static int avic_release(struct inode *inode, struct file *file)
{
	struct avic_device *device = file->private_data;

	avic_pause_end(device);
	if (device->kvm) {
		/* As long as anything is tracked, KVM has to tell of slots. */
		avic_tables_free(device);
		avic_unwatch(device);
		avic_memory_unwatch(device);
		kvm_put_kvm(device->kvm);
	}
	avic_rings_free(device);
	kvfree(device);
	return 0;
}

/* A VM by its file descriptor, with a reference. */
static struct kvm *vm_by_number(int number)
{
	struct file *file = fget(number);
	struct kvm *kvm = NULL;

	if (!file)
		return NULL;
	if (avic_file_is_vm(file) && kvm_get_kvm_safe(file->private_data))
		kvm = file->private_data;
	fput(file);
	return kvm;
}

static long attach(struct avic_device *device,
		   struct secmmu_avic_attach *attach)
{
	struct kvm *kvm;
	int error;

	if (device->kvm)
		return -EBUSY;
	if (attach->personality >= SECMMU_AVIC_PERSONALITIES || attach->size)
		return -EINVAL;
	kvm = vm_by_number(attach->vm);
	if (!kvm)
		return -EBADF;
	error = kvm->mm == current->mm ? 0 : -ESRCH;
	if (!error)
		error = avic_rings_create(device, attach->rings,
					  attach->entries);
	if (error)
		goto put;
	device->personality = attach->personality;
	error = avic_memory_watch(device);
	if (error)
		goto free;
	error = avic_watch(device, kvm);
	if (error)
		goto unwatch;
	attach->size = device->size;
	/* Pairs with avic_call(). */
	smp_store_release(&device->kvm, kvm);
	return 0;

unwatch:
	avic_memory_unwatch(device);
free:
	avic_rings_free(device);
put:
	kvm_put_kvm(kvm);
	return error;
}

static long avic_attach(struct avic_device *device,
			struct secmmu_avic_attach *argument)
{
	long error;

	mutex_lock(&device->attach_lock);
	error = attach(device, argument);
	mutex_unlock(&device->attach_lock);
	return error;
}

static long avic_info(struct secmmu_avic_info *info)
{
	info->features = AVIC_SLOTS_MOVE ? SECMMU_AVIC_HAS_MOVE : 0;
	info->ring_header = SECMMU_AVIC_RING_HEADER;
	return 0;
}

static long avic_counters(struct avic_device *device,
			  struct secmmu_avic_counters *counters)
{
	counters->writes = atomic64_read(&device->writes);
	counters->dropped = atomic64_read(&device->dropped);
	counters->ringless = atomic64_read(&device->ringless);
	counters->slots = atomic64_read(&device->slots);
	counters->invalidations = atomic64_read(&device->invalidations);
	counters->merged = atomic64_read(&device->merged);
	counters->ignored = atomic64_read(&device->ignored);
	counters->erased = atomic64_read(&device->erased);
	counters->floods = atomic64_read(&device->floods);
	counters->reloaded = atomic64_read(&device->reloaded);
	counters->pinned = atomic64_read(&device->pinned);
	counters->unpinned = atomic64_read(&device->unpinned);
	counters->left = atomic64_read(&device->left);
	counters->pulled = atomic64_read(&device->pulled);
	return 0;
}

/* One argument of any call, on the stack. */
union avic_argument {
	struct secmmu_avic_info info;
	struct secmmu_avic_attach attach;
	struct secmmu_avic_page page;
	struct secmmu_avic_counters counters;
	struct secmmu_avic_get get;
	struct secmmu_avic_number number;
	struct secmmu_avic_sync sync;
	struct secmmu_avic_read read;
	struct secmmu_avic_pause pause;
};

/* Calls that need a VM. */
static long attached_call(struct avic_device *device, unsigned int command,
			  union avic_argument *argument)
{
	switch (command) {
	case SECMMU_AVIC_TRACK:
		return avic_page_track(device, &argument->page);
	case SECMMU_AVIC_UNTRACK:
		return avic_page_untrack(device, &argument->page);
	case SECMMU_AVIC_GET:
		return avic_table_get(device, &argument->get);
	case SECMMU_AVIC_PUT:
		return avic_table_put(device, &argument->number);
	case SECMMU_AVIC_SYNC:
		return avic_table_sync(device, &argument->sync);
	case SECMMU_AVIC_USE:
		return avic_table_use(device, &argument->number);
	case SECMMU_AVIC_UNUSE:
		return avic_table_unuse(device, &argument->number);
	case SECMMU_AVIC_READ:
		return avic_table_read(device, &argument->read);
	default:
		return -ENOTTY;
	}
}

static long avic_call(struct avic_device *device, unsigned int command,
		      union avic_argument *argument)
{
	switch (command) {
	case SECMMU_AVIC_INFO:
		return avic_info(&argument->info);
	case SECMMU_AVIC_ATTACH:
		return avic_attach(device, &argument->attach);
	case SECMMU_AVIC_COUNTERS:
		return avic_counters(device, &argument->counters);
	case SECMMU_AVIC_ARM:
		return avic_pause_arm(device, &argument->pause);
	case SECMMU_AVIC_WAIT:
		return avic_pause_wait(device, &argument->pause);
	case SECMMU_AVIC_RELEASE:
		return avic_pause_release(device, &argument->pause);
	}
	/* Pairs with attach(). */
	if (!smp_load_acquire(&device->kvm))
		return -ENOTCONN;
	return attached_call(device, command, argument);
}

static long avic_ioctl(struct file *file, unsigned int command,
		       unsigned long address)
{
	size_t size = _IOC_SIZE(command);
	union avic_argument argument = {};
	long error;

	/* An open file that leaked to an unprivileged process is of no use. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (_IOC_TYPE(command) != SECMMU_AVIC_MAGIC || size > sizeof(argument))
		return -ENOTTY;
	if ((_IOC_DIR(command) & _IOC_WRITE) &&
	    copy_from_user(&argument, (void __user *)address, size))
		return -EFAULT;
	error = avic_call(file->private_data, command, &argument);
	/* Also after an error: a call may tell how far it came. */
	if (error != -ENOTTY && (_IOC_DIR(command) & _IOC_READ) &&
	    copy_to_user((void __user *)address, &argument, size))
		return -EFAULT;
	return error;
}

static int avic_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct avic_device *device = file->private_data;

	/* Pairs with attach(). */
	if (!smp_load_acquire(&device->kvm))
		return -ENOTCONN;
	if (!device->area)
		return -ENXIO;
	return remap_vmalloc_range(vma, device->area, vma->vm_pgoff);
}

static const struct file_operations avic_operations = {
	.owner = THIS_MODULE,
	.open = avic_open,
	.release = avic_release,
	.unlocked_ioctl = avic_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = avic_mmap,
};

static struct miscdevice avic_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "secmmu_avic",
	.fops = &avic_operations,
	.mode = 0600,
};

static int __init avic_init(void)
{
	return misc_register(&avic_misc);
}

static void __exit avic_exit(void)
{
	misc_deregister(&avic_misc);
}

module_init(avic_init);
module_exit(avic_exit);

MODULE_DESCRIPTION("secmmu: tracks guest writes, shadows physical-ID tables");
MODULE_LICENSE("GPL");
