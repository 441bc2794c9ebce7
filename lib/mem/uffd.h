/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * userfaultfd(2), as far as the tests need it.
 */
#ifndef SECMMU_UFFD_H
#define SECMMU_UFFD_H

#include "core/types.h"

/* What uffd_register() asks to be told of. */
#define UFFD_MISSING	   (1U << 0)
#define UFFD_WRITE_PROTECT (1U << 1)
#define UFFD_MINOR	   (1U << 2) /* shared memory only */

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
 * @modes: UFFD_MISSING, UFFD_WRITE_PROTECT, UFFD_MINOR or several; skips the case
 *	if the kernel cannot do that to this memory
 */
void uffd_register(int fd, void *start, u64 size, unsigned int modes);

/**
 * uffd_protect() - write-protect pages of a range
 * @fd: from uffd_open()
 * @start: first address, registered with UFFD_WRITE_PROTECT
 * @size: bytes
 */
void uffd_protect(int fd, void *start, u64 size);

/**
 * uffd_unprotect() - let them be written again; who waits for that goes on
 * @fd: opened by uffd_open()
 * @start: first address
 * @size: bytes
 */
void uffd_unprotect(int fd, void *start, u64 size);

/**
 * uffd_fill() - bring missing pages; who waits for them goes on
 * @fd: opened by uffd_open()
 * @start: first address, registered with UFFD_MISSING, nothing is there
 * @contents: what is to be there
 * @size: bytes
 */
void uffd_fill(int fd, void *start, const void *contents, u64 size);

struct uffd_server;

/**
 * uffd_serve() - have a thread answer faults
 * @fd: from uffd_open(); stays the caller's
 * @page: bytes of a page of the registered memory
 *
 * What is missing gets a page of zeroes, what is in the page cache is mapped
 * again, what is write-protected is left to uffd_unprotect(). The thread touches
 * nothing else and waits for nobody, so whoever has a fault may hold any lock.
 *
 * Return: to be ended by uffd_serve_end().
 */
struct uffd_server *uffd_serve(int fd, u64 page);

/**
 * uffd_server_spare() - the calling thread's faults are answered, but not counted
 * @server: begun
 *
 * For those who only look at the memory, up to UFFD_SPARED_MAX threads.
 */
void uffd_server_spare(struct uffd_server *server);

#define UFFD_SPARED_MAX 8

/**
 * uffd_served() - how many faults it was told of
 * @server: begun
 *
 * Return: their number, write-protect faults among them, without those of
 * uffd_server_spare()'s threads.
 */
u64 uffd_served(const struct uffd_server *server);

/**
 * uffd_serve_end() - end the thread
 * @server: begun; nobody may touch registered memory that is not there any more
 */
void uffd_serve_end(struct uffd_server *server);

#endif /* SECMMU_UFFD_H */
