/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * userfaultfd(2).
 */
#ifndef SECMMU_UFFD_H
#define SECMMU_UFFD_H

#include "core/types.h"

/* Faults that uffd_register() registers for. */
#define UFFD_MISSING	   (1U << 0)
#define UFFD_WRITE_PROTECT (1U << 1)
#define UFFD_MINOR	   (1U << 2) /* shared memory only */

/**
 * uffd_open() - a userfaultfd for this process
 *
 * Skips the case if the kernel or its settings do not allow it.
 *
 * Return: its file descriptor.
 */
int uffd_open(void);

/**
 * uffd_register() - have user space handle the faults of a range
 * @fd: from uffd_open()
 * @start: first address
 * @size: bytes
 * @modes: UFFD_MISSING, UFFD_WRITE_PROTECT and UFFD_MINOR, one or several; skips the
 *	case if the kernel does not support them for this memory
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
 * uffd_unprotect() - remove the write protection, and wake waiting threads
 * @fd: opened by uffd_open()
 * @start: first address
 * @size: bytes
 */
void uffd_unprotect(int fd, void *start, u64 size);

/**
 * uffd_fill() - map missing pages, and wake waiting threads
 * @fd: opened by uffd_open()
 * @start: first address, registered with UFFD_MISSING, without pages
 * @contents: the contents of the pages
 * @size: bytes
 */
void uffd_fill(int fd, void *start, const void *contents, u64 size);

struct uffd_server;

/**
 * uffd_serve() - start a thread that handles faults
 * @fd: from uffd_open(); the caller closes it
 * @page: page size of the registered memory, in bytes
 *
 * The thread maps a page of zeroes for a missing page, maps a page of the page cache
 * again, and leaves write protection to uffd_unprotect(). It takes no lock and waits
 * for no other thread, so a thread that faults may hold any lock.
 *
 * Return: the server, which uffd_serve_end() stops.
 */
struct uffd_server *uffd_serve(int fd, u64 page);

/**
 * uffd_server_spare() - do not count faults of the calling thread
 * @server: started
 *
 * For at most UFFD_SPARED_MAX threads, which only check the memory.
 */
void uffd_server_spare(struct uffd_server *server);

#define UFFD_SPARED_MAX 8

/**
 * uffd_served() - number of faults reported to user space
 * @server: started
 *
 * Return: the number, write-protect faults included, without those of the threads of
 * uffd_server_spare().
 */
u64 uffd_served(const struct uffd_server *server);

/**
 * uffd_serve_end() - stop the thread
 * @server: started; no thread may access missing registered memory any more
 */
void uffd_serve_end(struct uffd_server *server);

#endif /* SECMMU_UFFD_H */
