// SPDX-License-Identifier: GPL-2.0-only
/* A thread that handles the faults of a userfaultfd(2). */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/report.h"
#include "mem/uffd.h"
#include "core/thread.h"

/* Interval at which the thread checks whether it has to stop. */
#define LOOK_MS 20
#define STOP_MS 10000

struct uffd_server {
	int fd;
	u64 page;
	void *zeroes;
	u64 served;
	/* Threads whose faults are not counted. */
	u32 spared[UFFD_SPARED_MAX];
	unsigned int spared_count;
	struct thread_group *group;
};

/*
 * 0, or the error of a race that is over: EEXIST: another fault has mapped the page;
 * ENOENT: the mapping was removed or replaced; EFAULT: with UFFDIO_CONTINUE, the page
 * is no longer in the page cache.
 */
static int answer_missing(const struct uffd_server *server, u64 address)
{
	struct uffdio_copy copy = {
		.dst = address,
		.src = (uintptr_t)server->zeroes,
		.len = server->page,
	};

	return ioctl(server->fd, UFFDIO_COPY, &copy) ? errno : 0;
}

static int answer_minor(const struct uffd_server *server, u64 address)
{
	struct uffdio_continue request = {
		.range = { .start = address, .len = server->page },
	};

	return ioctl(server->fd, UFFDIO_CONTINUE, &request) ? errno : 0;
}

/* The thread that faulted retries. */
static void wake(const struct uffd_server *server, u64 address)
{
	struct uffdio_range range = { .start = address, .len = server->page };

	CHECK(!ioctl(server->fd, UFFDIO_WAKE, &range), "UFFDIO_WAKE failed: %s",
	      errno_name(errno));
}

static bool is_spared(const struct uffd_server *server, u32 thread)
{
	unsigned int i, count;

	count = __atomic_load_n(&server->spared_count, __ATOMIC_ACQUIRE);
	for (i = 0; i < count && i < UFFD_SPARED_MAX; i++)
		if (__atomic_load_n(&server->spared[i], __ATOMIC_RELAXED) ==
		    thread)
			return true;
	return false;
}

static void answer(struct uffd_server *server, const struct uffd_msg *message)
{
	u64 address = message->arg.pagefault.address & ~(server->page - 1);
	u64 flags = message->arg.pagefault.flags;
	int error;

	if (message->event != UFFD_EVENT_PAGEFAULT)
		return;
	if (!is_spared(server, message->arg.pagefault.feat.ptid))
		__atomic_fetch_add(&server->served, 1, __ATOMIC_RELAXED);
	if (flags & UFFD_PAGEFAULT_FLAG_WP)
		return;
	do {
		if (flags & UFFD_PAGEFAULT_FLAG_MINOR)
			error = answer_minor(server, address);
		else
			error = answer_missing(server, address);
		if (error == EAGAIN)
			sched_yield();
	} while (error == EAGAIN);
	CHECK(!error || error == EEXIST || error == ENOENT || error == EFAULT,
	      "cannot handle a fault at %#llx: %s", address, errno_name(error));
	if (error)
		wake(server, address);
}

static void serve(struct thread *thread, void *argument)
{
	struct uffd_server *server = argument;
	struct pollfd wait = { .fd = server->fd, .events = POLLIN };

	thread_doing(thread, "handling faults");
	while (!thread_should_stop(thread)) {
		struct uffd_msg message;

		if (poll(&wait, 1, LOOK_MS) != 1)
			continue;
		if (read(server->fd, &message, sizeof(message)) ==
		    (ssize_t)sizeof(message))
			answer(server, &message);
	}
}

struct uffd_server *uffd_serve(int fd, u64 page)
{
	struct uffd_server *server = calloc(1, sizeof(*server));

	CHECK(server, "out of memory for a userfaultfd thread");
	server->fd = fd;
	server->page = page;
	server->zeroes = mmap(NULL, page, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
			      0);
	CHECK(server->zeroes != MAP_FAILED, "out of memory for a page: %s",
	      errno_name(errno));
	server->group = thread_group_new("userfaultfd");
	thread_add(server->group, "server", serve, server);
	thread_group_start(server->group);
	return server;
}

void uffd_server_spare(struct uffd_server *server)
{
	unsigned int i = __atomic_fetch_add(&server->spared_count, 1,
					    __ATOMIC_ACQ_REL);

	CHECK(i < UFFD_SPARED_MAX,
	      "a bug of the test: more than %u threads check memory with a userfaultfd",
	      UFFD_SPARED_MAX);
	__atomic_store_n(&server->spared[i], (u32)gettid(), __ATOMIC_RELEASE);
}

u64 uffd_served(const struct uffd_server *server)
{
	return __atomic_load_n(&server->served, __ATOMIC_RELAXED);
}

void uffd_serve_end(struct uffd_server *server)
{
	thread_group_stop(server->group);
	thread_group_join(server->group, STOP_MS);
	munmap(server->zeroes, server->page);
	free(server);
}
