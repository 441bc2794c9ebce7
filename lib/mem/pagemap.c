// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/pagemap.h"
#include "core/io.h"
#include "core/report.h"

/**
 * struct pagemap - an open page map
 * @fd: /proc/self/pagemap
 * @page: page size, in bytes
 */
struct pagemap {
	int fd;
	u64 page;
};

struct pagemap *pagemap_open(void)
{
	struct pagemap *pagemap = malloc(sizeof(*pagemap));

	CHECK(pagemap, "no memory for a page map");
	pagemap->page = (u64)getpagesize();
	pagemap->fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	CHECK(pagemap->fd >= 0, "cannot open /proc/self/pagemap: %s",
	      errno_name(errno));
	return pagemap;
}

void pagemap_read(struct pagemap *pagemap, const void *start, u64 *entries,
		  u64 pages)
{
	size_t size = pages * sizeof(*entries);
	off_t at = (off_t)((uintptr_t)start / pagemap->page * sizeof(*entries));
	ssize_t got = io_read(pagemap->fd, entries, size, at);

	CHECK(got >= 0, "cannot read /proc/self/pagemap: %s",
	      errno_name((int)-got));
	/* Beyond the last address of a process. */
	memset((char *)entries + got, 0, size - (size_t)got);
}

bool pagemap_is_swapped(struct pagemap *pagemap, const void *address)
{
	u64 entry;

	pagemap_read(pagemap, address, &entry, 1);
	return entry & PAGEMAP_SWAPPED;
}

void pagemap_close(struct pagemap *pagemap)
{
	close(pagemap->fd);
	free(pagemap);
}
