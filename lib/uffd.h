/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * userfaultfd(2), as far as the tests need it.
 */
#ifndef SECMMU_UFFD_H
#define SECMMU_UFFD_H

#include <stdint.h>

/* What uffd_register() asks to be told of. */
#define UFFD_MISSING	   (1U << 0)
#define UFFD_WRITE_PROTECT (1U << 1)

/**
 * uffd_open() - a userfaultfd for this process
 *
 * Skips the case if the machine has none.
 *
 * Return: its file descriptor.
 */
int uffd_open(void);

/**
 * uffd_register() - have faults of a range go to user space
 * @fd: from uffd_open()
 * @start: first address
 * @size: bytes
 * @modes: UFFD_MISSING, UFFD_WRITE_PROTECT or both; skips the case if the kernel
 *	cannot do that to this memory
 */
void uffd_register(int fd, void *start, uint64_t size, unsigned int modes);

/**
 * uffd_protect() - write-protect pages of a range
 * @fd: from uffd_open()
 * @start: first address, registered with UFFD_WRITE_PROTECT
 * @size: bytes
 */
void uffd_protect(int fd, void *start, uint64_t size);

/**
 * uffd_unprotect() - let them be written again; who waits for that goes on
 * @fd: opened by uffd_open()
 * @start: first address
 * @size: bytes
 */
void uffd_unprotect(int fd, void *start, uint64_t size);

#endif /* SECMMU_UFFD_H */
