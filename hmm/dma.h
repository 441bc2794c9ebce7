/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that reach mirrored memory by DMA, in words for hmm_dma_test.
 *
 * Functions that begin with two underscores may fail, and return -errno; the
 * others end the test if they do.
 */
#ifndef SECMMU_DMA_H
#define SECMMU_DMA_H

#include "mem/pci.h"
#include "core/types.h"

/**
 * enum dma_kind - a device
 * @DMA_PLATFORM: the driver's own, on no bus and without IOMMU
 * @DMA_EDU: QEMU's edu, which can copy, behind an IOMMU
 * @DMA_PEER: QEMU's ivshmem, which has memory for others
 */
enum dma_kind {
	DMA_PLATFORM,
	DMA_EDU,
	DMA_PEER,
};

/**
 * struct dma_function - a device that the driver has
 * @name: what the driver calls it
 * @pci: the same, if it is on a bus
 */
struct dma_function {
	char name[32];
	struct pci_function pci;
};

/**
 * dma_function() - have the driver take a device
 * @function: to be filled
 * @kind: which; the case skips if the machine has none, or the kernel no
 *	hmm_dma_map_alloc()
 */
void dma_function(struct dma_function *function, enum dma_kind kind);

/**
 * dma_function_lost() - take it away from the driver
 * @function: on a bus
 */
void dma_function_lost(const struct dma_function *function);

/**
 * __dma_alloc() - have a range of memory be mapped for a device
 * @device: opened by hmm_open()
 * @function: by dma_function()
 * @start: first address
 * @size: bytes
 * @mask_bits: of the device's addresses
 * @features: SECMMU_HMM_DMA_IOVA, _LIST; or NULL
 */
int __dma_alloc(int device, const struct dma_function *function,
		const void *start, u64 size, unsigned int mask_bits,
		u32 *features);

/**
 * dma_alloc() - the same, which must work
 * @device: opened by hmm_open()
 * @function: by dma_function()
 * @start: first address
 * @size: bytes
 * @mask_bits: of the device's addresses
 *
 * Return: SECMMU_HMM_DMA_IOVA, _LIST.
 */
u32 dma_alloc(int device, const struct dma_function *function,
	      const void *start, u64 size, unsigned int mask_bits);

/**
 * dma_free() - end it
 * @device: opened by hmm_open()
 */
void dma_free(int device);

/**
 * __dma_map() - find pages, and map them for the device
 * @device: opened by hmm_open()
 * @start: first address
 * @size: bytes
 * @requests: SECMMU_HMM_REQ_*
 * @entries: one for each page
 * @addresses: the same, for the device; all ones: none
 * @failed: how many pages could not be mapped; NULL: none may
 *
 * Fails the case if a page that was mapped already is found elsewhere, or without
 * its flags, though nothing was invalidated.
 *
 * Return: 0; hmm_range_fault()'s error, or the call's.
 */
int __dma_map(int device, const void *start, u64 size, u32 requests,
	      u64 *entries, u64 *addresses, unsigned int *failed);

/**
 * dma_map() - the same, which must work
 * @device: opened by hmm_open()
 * @start: first address
 * @size: bytes
 * @requests: SECMMU_HMM_REQ_*
 * @entries: one for each page
 * @addresses: the same, for the device; all ones: none
 */
void dma_map(int device, const void *start, u64 size, u32 requests,
	     u64 *entries, u64 *addresses);

/**
 * dma_unmap() - end that
 * @device: opened by hmm_open()
 * @start: first address
 * @size: bytes
 * @entries: one for each page, as they are then
 *
 * Return: how many pages were mapped.
 */
unsigned int dma_unmap(int device, const void *start, u64 size, u64 *entries);

/**
 * dma_look() - the entries as they are
 * @device: opened by hmm_open()
 * @start: first address
 * @size: bytes
 * @entries: one for each page
 */
void dma_look(int device, const void *start, u64 size, u64 *entries);

/**
 * dma_copy() - have the device read or write
 * @device: opened by hmm_open()
 * @address: of memory that is mapped for it
 * @operation: SECMMU_HMM_READ or SECMMU_HMM_STORE
 * @buffer: the bytes
 * @length: how many, in one page
 */
void dma_copy(int device, const void *address, u32 operation, void *buffer,
	      u64 length);

/**
 * dma_copy_unmapped() - have it try, where memory was mapped and is no more
 * @device: opened by hmm_open()
 * @address: of that memory
 * @operation: SECMMU_HMM_READ or SECMMU_HMM_STORE
 * @buffer: the bytes; of a read, what the device found there
 * @length: how many, in one page
 */
void dma_copy_unmapped(int device, const void *address, u32 operation,
		       void *buffer, u64 length);

/**
 * dma_peer_memory() - map memory of a device for others
 * @size: bytes
 *
 * Return: mapped for reading and writing.
 */
void *dma_peer_memory(u64 size);

#endif /* SECMMU_DMA_H */
