/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions in sysfs (Documentation/PCI/sysfs-pci.rst).
 */
#ifndef SECMMU_PCI_H
#define SECMMU_PCI_H

#include <stdbool.h>

#include "core/types.h"

/**
 * struct pci_function - a PCI function of this machine
 * @name: its address, as 0000:00:02.0
 */
struct pci_function {
	char name[32];
};

/**
 * pci_need() - find a function; skip the case if the machine has none
 * @function: set to the first one found
 * @vendor: vendor ID
 * @device: device ID
 * @what: name of the device, for the skip
 * @target: a target that has one, for the skip
 */
void pci_need(struct pci_function *function, unsigned int vendor,
	      unsigned int device, const char *what, const char *target);

/**
 * pci_map_unused() - map memory of a function without a driver
 * @size: set to its size, in bytes, a multiple of the page size
 *
 * Maps its first memory BAR by sysfs: a mapping of page frames without struct page
 * (VM_PFNMAP). The case skips if the machine has no such function.
 *
 * Return: mapped for reading and writing, shared.
 */
void *pci_map_unused(u64 *size);

/**
 * pci_bind() - bind a function to a driver
 * @function: the function; the case skips if another driver has it
 * @driver: name of the driver, which takes the function by driver_override
 */
void pci_bind(const struct pci_function *function, const char *driver);

/**
 * pci_unbind() - unbind a function from its driver
 * @function: bound by pci_bind()
 */
void pci_unbind(const struct pci_function *function);

/**
 * pci_has_iommu() - does a function's DMA go through an IOMMU?
 * @function: the function
 *
 * Return: whether it does.
 */
bool pci_has_iommu(const struct pci_function *function);

/**
 * pci_peer_memory() - map memory of the function for peer-to-peer DMA
 * @function: its driver provides it (p2pmem/allocate); the case skips if the
 *	kernel cannot
 * @size: bytes
 *
 * Return: mapped for reading and writing, shared.
 */
void *pci_peer_memory(const struct pci_function *function, u64 size);

/**
 * pci_map_memory() - map a page that is not RAM (VM_PFNMAP)
 *
 * Maps a page of the first BAR that the kernel lets user space map. Do not access it:
 * a read may have side effects on the device. The case skips if no BAR can be mapped.
 *
 * Return: the page, mapped shared for reading; it is never unmapped.
 */
void *pci_map_memory(void);

#endif /* SECMMU_PCI_H */
