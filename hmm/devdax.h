/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory by device DAX: mapped by pages as large as the device's alignment, and
 * no smaller ones.
 */
#ifndef SECMMU_DEVDAX_H
#define SECMMU_DEVDAX_H

#include "core/types.h"

#define DEVDAX_PAGE (1ULL << 30)

/**
 * devdax_open() - a DAX device of pages of DEVDAX_PAGE bytes
 * @frame: becomes the page frame that it begins with, in pages of the system's
 *	size
 *
 * Makes it of memory that the kernel was told to set aside (memmap=SIZE!ADDRESS);
 * the case skips if there is none.
 *
 * Return: a file descriptor, of a page at least.
 */
int devdax_open(u64 *frame);

#endif /* SECMMU_DEVDAX_H */
