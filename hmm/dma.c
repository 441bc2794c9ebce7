// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dma.h"
#include "hmm_device.h"
#include "core/report.h"

#define DRIVER "secmmu_hmm"
#define TARGET "amd64-7.2:iommu"

static void need_driver(void)
{
	int device = hmm_open();

	if (!(hmm_features(device) & SECMMU_HMM_HAS_DMA))
		skip("hmm_dma_map_alloc() (Linux 6.16)",
		     "run it on a newer target kernel");
	close(device);
}

static void need_edu(struct pci_function *function)
{
	pci_need(function, 0x1234, 0x11e8, "QEMU's edu", TARGET);
	if (!pci_has_iommu(function))
		skip("an IOMMU",
		     "run it in a target: ./run_all.sh --vm " TARGET);
}

static void need_peer(struct pci_function *function)
{
	pci_need(function, 0x1af4, 0x1110, "QEMU's ivshmem", TARGET);
}

void dma_function(struct dma_function *function, enum dma_kind kind)
{
	need_driver();
	if (kind == DMA_PLATFORM) {
		strcpy(function->name, "platform");
		return;
	}
	if (kind == DMA_EDU)
		need_edu(&function->pci);
	else
		need_peer(&function->pci);
	pci_bind(&function->pci, DRIVER);
	strcpy(function->name, function->pci.name);
}

void dma_function_lost(const struct dma_function *function)
{
	pci_unbind(&function->pci);
}

int __dma_alloc(int device, const struct dma_function *function,
		const void *start, u64 size, unsigned int mask_bits,
		u32 *features)
{
	struct secmmu_hmm_dma_alloc alloc = {
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + size,
		.mask_bits = mask_bits,
	};
	int error;

	strcpy(alloc.function, function->name);
	error = __hmm_call(device, SECMMU_HMM_DMA_ALLOC, &alloc);
	if (features)
		*features = alloc.features;
	return error;
}

u32 dma_alloc(int device, const struct dma_function *function,
	      const void *start, u64 size, unsigned int mask_bits)
{
	u32 features = 0;
	int error = __dma_alloc(device, function, start, size, mask_bits,
				&features);

	/* hmm_dma_map_alloc(): dev_dma_skip_sync() is only for these. */
	if (error == -EOPNOTSUPP && mask_bits == 64)
		skip("a device whose DMA is coherent with the CPUs' caches",
		     "run it in a target: ./run_all.sh --vm " TARGET);
	CHECK(!error, "no map for DMA by %s: %s", function->name,
	      errno_name(error));
	return features;
}

void dma_free(int device)
{
	int error = __hmm_call(device, SECMMU_HMM_DMA_FREE, NULL);

	CHECK(!error, "SECMMU_HMM_DMA_FREE failed: %s", errno_name(error));
}

int __dma_map(int device, const void *start, u64 size, u32 requests,
	      u64 *entries, u64 *addresses, unsigned int *failed)
{
	struct secmmu_hmm_dma_map map = {
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + size,
		.entries = (uintptr_t)entries,
		.addresses = (uintptr_t)addresses,
		.requests = requests,
	};
	int error = __hmm_call(device, SECMMU_HMM_DMA_MAP, &map);

	if (error || map.error)
		return error ? error : map.error;
	CHECK(!map.lost,
	      "%u pages that were mapped for DMA are found elsewhere, or without their flags, and nothing was invalidated",
	      map.lost);
	if (failed)
		*failed = map.failed;
	else
		CHECK(!map.failed, "%u pages cannot be mapped for DMA",
		      map.failed);
	return 0;
}

void dma_map(int device, const void *start, u64 size, u32 requests,
	     u64 *entries, u64 *addresses)
{
	int error = __dma_map(device, start, size, requests, entries, addresses,
			      NULL);

	CHECK(!error, "memory cannot be mapped for DMA: %s", errno_name(error));
}

static unsigned int range_call(int device, unsigned long command,
			       const void *start, u64 size, u64 *entries,
			       const char *name)
{
	struct secmmu_hmm_dma_range range = {
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + size,
		.entries = (uintptr_t)entries,
	};
	int error = __hmm_call(device, command, &range);

	CHECK(!error, "%s failed: %s", name, errno_name(error));
	return range.count;
}

unsigned int dma_unmap(int device, const void *start, u64 size, u64 *entries)
{
	return range_call(device, SECMMU_HMM_DMA_UNMAP, start, size, entries,
			  "SECMMU_HMM_DMA_UNMAP");
}

void dma_look(int device, const void *start, u64 size, u64 *entries)
{
	range_call(device, SECMMU_HMM_DMA_LOOK, start, size, entries,
		   "SECMMU_HMM_DMA_LOOK");
}

static void copy(int device, const void *address, u32 operation, void *buffer,
		 u64 length, u32 flags)
{
	struct secmmu_hmm_dma_copy what = {
		.address = (uintptr_t)address,
		.buffer = (uintptr_t)buffer,
		.length = (u32)length,
		.operation = operation,
		.flags = flags,
	};
	int error = __hmm_call(device, SECMMU_HMM_DMA_COPY, &what);

	CHECK(!error, "the device does not %s by DMA: %s",
	      operation == SECMMU_HMM_READ ? "read" : "write",
	      errno_name(error));
}

void dma_copy(int device, const void *address, u32 operation, void *buffer,
	      u64 length)
{
	copy(device, address, operation, buffer, length, 0);
}

void dma_copy_unmapped(int device, const void *address, u32 operation,
		       void *buffer, u64 length)
{
	copy(device, address, operation, buffer, length,
	     SECMMU_HMM_DMA_UNMAPPED);
}

void *dma_peer_memory(u64 size)
{
	struct dma_function peer;

	dma_function(&peer, DMA_PEER);
	return pci_peer_memory(&peer.pci, size);
}
