// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/io.h"
#include "page_idle.h"
#include "mem/pagemap.h"
#include "core/report.h"

#define FILE_NAME "/sys/kernel/mm/page_idle/bitmap"
/* The file is read and written in words of one bit per page frame. */
#define WORD_BITS 64

/**
 * struct page_idle - the open bitmap
 * @fd: the file
 * @pagemap: maps addresses of this process to page frames
 * @page: page size, bytes
 */
struct page_idle {
	int fd;
	struct pagemap *pagemap;
	u64 page;
};

struct page_idle *page_idle_open(void)
{
	struct page_idle *idle;
	int fd = open(FILE_NAME, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		skip("CONFIG_IDLE_PAGE_TRACKING=y",
		     "run it on a kernel built with this option, as a target with the variant built");
	CHECK(fd >= 0, "cannot open %s: %s", FILE_NAME, errno_name(errno));
	idle = malloc(sizeof(*idle));
	CHECK(idle, "out of memory for the bitmap of idle pages");
	*idle = (struct page_idle){
		.fd = fd,
		.pagemap = pagemap_open(),
		.page = (u64)getpagesize(),
	};
	return idle;
}

/* The page frame of a page; 0: none. */
static u64 frame_of(struct page_idle *idle, const void *address, u64 page)
{
	u64 entry;

	pagemap_read(idle->pagemap, (const char *)address + page * idle->page,
		     &entry, 1);
	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN_MASK : 0;
}

static off_t offset_of(u64 frame)
{
	return (off_t)(frame / WORD_BITS * sizeof(u64));
}

/*
 * If the number of page frames is no multiple of 64, the kernel marks pages of
 * the last word, but returns 0 for it: it counts whole words
 * (page_idle_bitmap_write()). A read of that word gives no bits.
 */
static void judge_transfer(const char *verb, ssize_t got)
{
	CHECK(got >= 0, "cannot %s %s: %s", verb, FILE_NAME,
	      errno_name((int)-got));
	CHECK(!got || got == sizeof(u64),
	      "%s %s: expected %zu bytes or none, got %zd", verb, FILE_NAME,
	      sizeof(u64), got);
}

void page_idle_mark(struct page_idle *idle, const void *address, u64 pages)
{
	u64 page;

	for (page = 0; page < pages; page++) {
		u64 frame = frame_of(idle, address, page);
		u64 word = 1ULL << frame % WORD_BITS;
		ssize_t taken;

		if (!frame)
			continue;
		/* Clear bits change nothing. */
		taken = io_write(idle->fd, &word, sizeof(word),
				 offset_of(frame));
		judge_transfer("write to", taken);
	}
}

void page_idle_read(struct page_idle *idle, const void *address, u64 pages,
		    unsigned long *bitmap)
{
	u64 page, word = 0;
	off_t last = -1;

	bitmap_zero(bitmap, pages);
	for (page = 0; page < pages; page++) {
		u64 frame = frame_of(idle, address, page);

		if (!frame)
			continue;
		/*
		 * Each read of a word clears the access flags of all its pages.
		 */
		if (offset_of(frame) != last) {
			/* The word that memory ends in. */
			word = 0;
			judge_transfer("read",
				       io_read(idle->fd, &word, sizeof(word),
					       offset_of(frame)));
		}
		last = offset_of(frame);
		if (word >> frame % WORD_BITS & 1)
			bitmap_set(bitmap, page);
	}
}

void page_idle_close(struct page_idle *idle)
{
	close(idle->fd);
	pagemap_close(idle->pagemap);
	free(idle);
}
