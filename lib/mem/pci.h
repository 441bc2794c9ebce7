/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions, by sysfs (Documentation/PCI/sysfs-pci.rst).
 */
#ifndef SECMMU_PCI_H
#define SECMMU_PCI_H

#include <stdbool.h>

#include "core/types.h"

/**
 * struct pci_function - one that this machine has
 * @name: its address, as 0000:00:02.0
 */
struct pci_function {
	char name[32];
};

/**
 * pci_need() - a function that this machine must have
 * @function: becomes the first of that kind
 * @vendor: its vendor's number
 * @device: its own
 * @what: its name, as people say it
 * @target: a target that has one, for the skip if there is none
 */
void pci_need(struct pci_function *function, unsigned int vendor,
	      unsigned int device, const char *what, const char *target);

/**
 * pci_map_unused() - map memory of a function that no driver has
 * @size: filled in: bytes, a multiple of the page size
 *
 * Its first memory BAR, by sysfs: a mapping of page frames without struct page
 * (VM_PFNMAP). The case skips if the machine has no such function.
 *
 * Return: mapped for reading and writing, shared.
 */
void *pci_map_unused(u64 *size);

/**
 * pci_bind() - give it to a driver
 * @function: nobody else may have it: the case skips then
 * @driver: the driver's name; it takes the function whatever it is
 *	(driver_override)
 */
void pci_bind(const struct pci_function *function, const char *driver);

/**
 * pci_unbind() - take it from its driver
 * @function: of pci_bind()
 */
void pci_unbind(const struct pci_function *function);

/**
 * pci_has_iommu() - does its DMA go through an IOMMU?
 * @function: which
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
 * pci_map_memory() - map a page of some function's memory, to have one that is
 *	no RAM (VM_PFNMAP)
 *
 * Of the first BAR that the kernel lets user space map. Nobody may access it: what
 * reading does there, the device decides. The case skips if there is none.
 *
 * Return: a page, mapped for reading, shared; stays mapped.
 */
void *pci_map_memory(void);

#endif /* SECMMU_PCI_H */
