// SPDX-License-Identifier: GPL-2.0-only
/*
 * SECMMU_HMM_DMA_COPY: a device that does DMA where pages were mapped for it.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "hmm_compat.h"
#include "hmm_device.h"

#if HMM_HAS_DMA
#include "hmm_dma.h"

/*
 * With the lock, which keeps the page where it is. Only what is mapped, for
 * writing if it is to be written; or, where an IOMMU confines the device to
 * addresses that are ours, what is not mapped.
 */
static int copy_by_device(struct hmm_dma *dma, struct secmmu_hmm_dma_copy *copy,
			  void *buffer)
{
	unsigned long index = hmm_dma_index(dma, copy->address);
	unsigned long entry = dma->map.pfn_list[index];
	bool write = copy->operation == SECMMU_HMM_STORE;
	unsigned long needed = HMM_PFN_VALID | HMM_PFN_DMA_MAPPED |
			       (write ? HMM_PFN_WRITE : 0);
	size_t offset = offset_in_page(copy->address);
	dma_addr_t address;
	int error;

	if (copy->flags & SECMMU_HMM_DMA_UNMAPPED) {
		if (!dma_use_iova(&dma->map.state))
			return -EOPNOTSUPP;
		if (entry & HMM_PFN_DMA_MAPPED)
			return -EEXIST;
		address = dma->map.state.addr + index * PAGE_SIZE;
		return hmm_function_copy(dma->function, address + offset,
					 buffer, copy->length, write);
	}
	if ((entry & needed) != needed)
		return -ENXIO;
	address = hmm_dma_map_pfn(dma->function->dev, &dma->map, index,
				  &dma->peer);
	if (address == DMA_MAPPING_ERROR)
		return -EIO;
	error = hmm_function_copy(dma->function, address + offset, buffer,
				  copy->length, write);
	if (!error && write)
		set_page_dirty(hmm_pfn_to_page(entry));
	return error;
}

static bool copy_is_sane(const struct hmm_dma *dma,
			 const struct secmmu_hmm_dma_copy *copy)
{
	return copy->address >= dma->start && copy->address < dma->end &&
	       copy->length && copy->length <= SECMMU_HMM_DMA_COPY_BYTES &&
	       copy->length <= PAGE_SIZE - offset_in_page(copy->address) &&
	       !(copy->flags & ~SECMMU_HMM_DMA_UNMAPPED) && !copy->reserved &&
	       (copy->operation == SECMMU_HMM_READ ||
		copy->operation == SECMMU_HMM_STORE);
}

/**
 * hmm_dma_copy() - SECMMU_HMM_DMA_COPY
 * @dma: the map
 * @copy: what is to be copied
 */
long hmm_dma_copy(struct hmm_dma *dma, struct secmmu_hmm_dma_copy *copy)
{
	void __user *user = u64_to_user_ptr(copy->buffer);
	long error = -EFAULT;
	void *buffer;

	if (!copy_is_sane(dma, copy))
		return -EINVAL;
	buffer = kzalloc(SECMMU_HMM_DMA_COPY_BYTES, GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return -ENOMEM;
	if (copy->operation == SECMMU_HMM_STORE &&
	    copy_from_user(buffer, user, copy->length))
		goto out;
	mutex_lock(&dma->lock);
	error = dma->gone ? -ENODEV : copy_by_device(dma, copy, buffer);
	mutex_unlock(&dma->lock);
	if (!error && copy->operation == SECMMU_HMM_READ &&
	    copy_to_user(user, buffer, copy->length))
		error = -EFAULT;
out:
	kfree(buffer);
	return error;
}
#endif
