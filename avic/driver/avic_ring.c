// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings of writes, one for each thread that writes, mapped into user space. The
 * driver writes a ring from one thread only, so no lock is needed; and it trusts
 * nothing that user space can write to.
 */
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "avic_device.h"

static size_t ring_bytes(unsigned int entries)
{
	return SECMMU_AVIC_RING_HEADER +
	       entries * sizeof(struct secmmu_avic_write);
}

/**
 * avic_rings_create() - the rings of a device
 * @device: the device, not attached yet
 * @rings: how many; 0: none
 * @entries: of each
 *
 * Return: 0 or -errno.
 */
int avic_rings_create(struct avic_device *device, unsigned int rings,
		      unsigned int entries)
{
	unsigned int i;

	BUILD_BUG_ON(PAGE_SIZE != SECMMU_AVIC_RING_HEADER);
	BUILD_BUG_ON(sizeof(struct secmmu_avic_write) != 64);
	if (!rings)
		return entries ? -EINVAL : 0;
	if (rings > SECMMU_AVIC_RINGS || entries < SECMMU_AVIC_RING_MIN ||
	    entries > SECMMU_AVIC_RING_MAX || !is_power_of_2(entries) ||
	    rings * entries > SECMMU_AVIC_RING_TOTAL)
		return -EINVAL;
	device->size = rings * ring_bytes(entries);
	/* As vmalloc_user(), but charged to the caller. */
	device->area = __vmalloc(device->size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!device->area) {
		device->size = 0;
		return -ENOMEM;
	}
	for (i = 0; i < rings; i++) {
		void *ring = device->area + i * ring_bytes(entries);

		device->ring[i] = (struct avic_ring){
			.shared = ring,
			.entry = ring + SECMMU_AVIC_RING_HEADER,
		};
		device->ring[i].shared->entries = entries;
	}
	device->rings = rings;
	device->entries = entries;
	return 0;
}

/**
 * avic_rings_free() - no more rings
 * @device: being closed, or not attached after all: nothing is mapped
 */
void avic_rings_free(struct avic_device *device)
{
	vfree(device->area);
	device->area = NULL;
	device->size = 0;
	device->rings = 0;
}

/**
 * avic_rings_map() - mmap() of the device
 * @device: attached
 * @vma: the requested mapping
 *
 * Return: 0, -ENXIO without rings, -EINVAL behind their end, -ENOMEM.
 */
int avic_rings_map(struct avic_device *device, struct vm_area_struct *vma)
{
	unsigned long pages = device->size >> PAGE_SHIFT, i;
	int error = 0;

	if (!device->area)
		return -ENXIO;
	if (vma->vm_pgoff > pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	avic_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	for (i = 0; i < vma_pages(vma) && !error; i++)
		error = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE,
				       vmalloc_to_page(device->area +
						       (vma->vm_pgoff + i) *
							       PAGE_SIZE));
	return error;
}

/* The calling thread's ring, which it may take now. */
static struct avic_ring *own_ring(struct avic_device *device)
{
	pid_t self = task_pid_vnr(current);
	unsigned int i;

	for (i = 0; i < device->rings; i++) {
		struct avic_ring *ring = &device->ring[i];
		pid_t thread = READ_ONCE(ring->thread);

		if (!thread) {
			thread = cmpxchg(&ring->thread, 0, self);
			if (!thread) {
				WRITE_ONCE(ring->shared->thread, self);
				return ring;
			}
		}
		if (thread == self)
			return ring;
	}
	return NULL;
}

/**
 * avic_ring_record() - record a write
 * @device: the device
 * @gpa: where
 * @data: what
 * @bytes: how much
 *
 * Context: the thread that runs the vCPU that wrote.
 */
void avic_ring_record(struct avic_device *device, gpa_t gpa, const u8 *data,
		      int bytes)
{
	struct avic_ring *ring = own_ring(device);
	struct secmmu_avic_write *entry;
	u64 used;

	atomic64_inc(&device->writes);
	if (!ring) {
		atomic64_inc(&device->ringless);
		return;
	}
	used = ring->head - smp_load_acquire(&ring->shared->tail);
	if (used >= device->entries) {
		atomic64_inc(&device->dropped);
		WRITE_ONCE(ring->shared->dropped, ++ring->dropped);
		return;
	}
	entry = &ring->entry[ring->head & (device->entries - 1)];
	entry->order = atomic64_inc_return(&device->order);
	entry->gpa = gpa;
	entry->bytes = bytes;
	entry->reserved = 0;
	memset(entry->data, 0, sizeof(entry->data));
	memcpy(entry->data, data, clamp_t(int, bytes, 0, sizeof(entry->data)));
	smp_store_release(&ring->shared->head, ++ring->head);
}
