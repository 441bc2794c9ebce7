// SPDX-License-Identifier: GPL-2.0-only
/*
 * secmmu_avic: what a nested AVIC would stand on, for the suite's tests. It tracks
 * the guest's writes to pages, and shadows physical-ID tables by them.
 * secmmu_avic.h is the whole of its interface.
 *
 * This file has the device file, and takes the calls apart.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "avic_device.h"
#include "caller.h"

static atomic_t open_files;

static int avic_open(struct inode *inode, struct file *file)
{
	struct avic_device *device;
	int error = caller_may_open(&open_files, SECMMU_AVIC_FILES);

	if (error)
		return error;
	device = kvzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device) {
		caller_closed(&open_files);
		return -ENOMEM;
	}
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
	caller_closed(&open_files);
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

/*
 * All results are known, and copied to @user, before anything can be used: there
 * is no way to undo it afterwards.
 */
static long attach(struct avic_device *device,
		   struct secmmu_avic_attach *attach, void __user *user)
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
	attach->size = device->size;
	error = -EFAULT;
	if (copy_to_user(user, attach, sizeof(*attach)))
		goto free;
	error = avic_memory_watch(device);
	if (error)
		goto free;
	error = avic_watch(device, kvm);
	if (error)
		goto unwatch;
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
			struct secmmu_avic_attach *argument, void __user *user)
{
	long error;

	if (mutex_lock_killable(&device->attach_lock))
		return -EINTR;
	error = attach(device, argument, user);
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
		      union avic_argument *argument, void __user *user)
{
	switch (command) {
	case SECMMU_AVIC_INFO:
		return avic_info(&argument->info);
	case SECMMU_AVIC_ATTACH:
		return avic_attach(device, &argument->attach, user);
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

/* The caller does not learn what it got. */
static void undo(struct avic_device *device, unsigned int command,
		 const union avic_argument *argument)
{
	struct secmmu_avic_page page = { .gpa = argument->page.gpa };
	struct secmmu_avic_number number = {};

	switch (command) {
	case SECMMU_AVIC_TRACK:
		avic_page_untrack(device, &page);
		break;
	case SECMMU_AVIC_GET:
		number.table = argument->get.table;
		avic_table_put(device, &number);
		break;
	case SECMMU_AVIC_USE:
		number.table = argument->number.table;
		avic_table_unuse(device, &number);
		break;
	}
}

static long avic_ioctl(struct file *file, unsigned int command,
		       unsigned long address)
{
	void __user *user = (void __user *)address;
	size_t size = _IOC_SIZE(command);
	union avic_argument argument = {};
	long error = caller_may_use();

	if (error)
		return error;
	if (_IOC_TYPE(command) != SECMMU_AVIC_MAGIC || size > sizeof(argument))
		return -ENOTTY;
	if ((_IOC_DIR(command) & _IOC_WRITE) &&
	    copy_from_user(&argument, user, size))
		return -EFAULT;
	error = avic_call(file->private_data, command, &argument, user);
	/* After an error, too: a call may report how far it got. */
	if (error == -ENOTTY || !(_IOC_DIR(command) & _IOC_READ) ||
	    command == SECMMU_AVIC_ATTACH ||
	    !copy_to_user(user, &argument, size))
		return error;
	if (!error)
		undo(file->private_data, command, &argument);
	return -EFAULT;
}

static int avic_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct avic_device *device = file->private_data;
	int error = caller_may_use();

	if (error)
		return error;
	/* Pairs with attach(). */
	if (!smp_load_acquire(&device->kvm))
		return -ENOTCONN;
	return avic_rings_map(device, vma);
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
