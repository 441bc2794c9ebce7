// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/io.h"
#include "core/target_module.h"
#include "core/kernel_file.h"
#include "core/report.h"
#include "mem/swap.h"
#include "core/types.h"

#define ZRAM_BYTES (256ULL << 20)

static bool swap_there(void)
{
	char line[256];
	FILE *file = fopen("/proc/swaps", "re");
	unsigned int lines = 0;

	while (file && fgets(line, sizeof(line), file))
		lines++;
	if (file)
		fclose(file);
	return lines > 1; /* the first is a heading */
}

/* As mkswap: union swap_header of include/linux/swap.h, version 1. */
static bool write_header(const char *device, size_t page)
{
	u32 fields[2] = { 1, (u32)(ZRAM_BYTES / page - 1) };
	char *header = calloc(1, page);
	int fd = open(device, O_WRONLY | O_CLOEXEC);
	bool done = false;

	if (header && fd >= 0) {
		memcpy(header + 1024, fields, sizeof(fields));
		memcpy(header + page - 10, "SWAPSPACE2", 10);
		done = io_write(fd, header, page, 0) == (ssize_t)page &&
		       !fsync(fd);
	}
	if (fd >= 0)
		close(fd);
	free(header);
	return done;
}

static bool zram_on(void)
{
	static const char device[] = "/dev/zram0";
	char size[32];

	target_module_insert("zram");
	snprintf(size, sizeof(size), "%llu", ZRAM_BYTES);
	return !kernel_file_write("/sys/block/zram0/disksize", size, 0) &&
	       write_header(device, (size_t)getpagesize()) &&
	       !swapon(device, 0);
}

void swap_need(void)
{
	if (swap_there())
		return;
	if (!getenv("SECMMU_DESTRUCTIVE"))
		skip("swap space",
		     "swapon a device or a file, or run this in a target: ./run_all.sh --vm");
	/* Another case may have done so at the same time. */
	if (!zram_on() && !swap_there())
		skip("swap space, or CONFIG_ZRAM to make some",
		     "run it on a kernel with zram");
}
