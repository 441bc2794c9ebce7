// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free memory of each kind, and the remedy for a shortage.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/backing_parts.h"
#include "core/io.h"
#include "core/round.h"

#define THP_FOLDER "/sys/kernel/mm/transparent_hugepage"

/* Read the first line of a file of sysfs; false if it does not exist. */
static bool read_line(const char *path, char *line, size_t size)
{
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	got = io_read(fd, line, size - 1, IO_NEXT);
	close(fd);
	line[got > 0 ? got : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool read_number(const char *folder, const char *file, u64 *number)
{
	char path[256], line[64];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	if (!read_line(path, line, sizeof(line)))
		return false;
	*number = strtoull(line, NULL, 0);
	return true;
}

u64 backing_thp_size(void)
{
	u64 page = backing_small_page(), size;

	/* Without THP: a page table has a page of 8-byte entries. */
	return read_number(THP_FOLDER, "hpage_pmd_size", &size) && size ?
		       size :
		       page * (page / 8);
}

/*
 * A setting of THP, such as "always [madvise] never". Since 6.8 (enabled) and
 * 6.12 (shmem_enabled) each size has its own, too, which applies unless it is
 * "inherit".
 */
static bool thp_setting(const char *file, char *line, size_t size, char *path,
			size_t path_size)
{
	snprintf(path, path_size, THP_FOLDER "/hugepages-%llukB/%s",
		 backing_thp_size() >> 10, file);
	if (read_line(path, line, size) && !strstr(line, "[inherit]"))
		return true;
	snprintf(path, path_size, THP_FOLDER "/%s", file);
	return read_line(path, line, size);
}

static bool thp_available(bool shmem, struct shortage *shortage)
{
	char line[128], path[128], remedy[192];

	if (!thp_setting(shmem ? "shmem_enabled" : "enabled", line,
			 sizeof(line), path, sizeof(path)))
		return shortage_set(shortage,
				    "run it on a kernel built with this option",
				    "CONFIG_TRANSPARENT_HUGEPAGE=y");
	if (!strstr(line, "[never]") && !strstr(line, "[deny]"))
		return true;
	snprintf(remedy, sizeof(remedy), "echo %s > %s",
		 shmem ? "advise" : "madvise", path);
	return shortage_set(shortage, remedy,
			    "transparent huge pages for %s memory (%s is '%s')",
			    shmem ? "shared" : "anonymous", path, line);
}

bool backing_hugetlb_available(u64 page_size, u64 size,
			       struct shortage *shortage)
{
	u64 free_pages = 0, reserved = 0, overcommit = 0, surplus = 0;
	u64 wanted = round_up(size, page_size) / page_size;
	unsigned long long kib = page_size >> 10;
	char folder[80], remedy[256];

	snprintf(folder, sizeof(folder),
		 "/sys/kernel/mm/hugepages/hugepages-%llukB", kib);
	if (!read_number(folder, "free_hugepages", &free_pages))
		return shortage_set(
			shortage,
			"run it on a machine and a kernel that have them (CONFIG_HUGETLBFS=y)",
			"hugetlb pages of %llu KiB", kib);
	read_number(folder, "resv_hugepages", &reserved);
	read_number(folder, "nr_overcommit_hugepages", &overcommit);
	read_number(folder, "surplus_hugepages", &surplus);

	free_pages -= reserved < free_pages ? reserved : free_pages;
	if (overcommit > surplus)
		free_pages += overcommit - surplus;
	if (free_pages >= wanted)
		return true;
	snprintf(remedy, sizeof(remedy),
		 "echo N > %s/nr_hugepages, or hugepagesz=%lluK hugepages=N on the kernel's command line",
		 folder, kib);
	return shortage_set(shortage, remedy,
			    "%llu free hugetlb pages of %llu KiB (there are %llu)",
			    wanted, kib, free_pages);
}

/*
 * A file without a name in a tmpfs (O_TMPFILE), so that nothing has to be removed,
 * however the process ends.
 */
int backing_tmpfs_file(u64 size, struct shortage *shortage)
{
	const char *const folders[] = { "/dev/shm", getenv("TMPDIR"), "/tmp",
					"/run", "/" };
	bool full = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		struct statfs fs;
		int fd;

		if (!folders[i] || statfs(folders[i], &fs) ||
		    fs.f_type != TMPFS_MAGIC)
			continue;
		/* A tmpfs without a limit reports no blocks. */
		if (fs.f_blocks && (u64)fs.f_bavail * (u64)fs.f_bsize < size) {
			full = true;
			continue;
		}
		fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
	}
	if (full)
		shortage_set(shortage, "mount -o remount,size=75% /dev/shm",
			     "%llu MiB of room in a tmpfs", size >> 20);
	else
		shortage_set(shortage, "mount -t tmpfs tmpfs /dev/shm",
			     "a tmpfs to write to, such as /dev/shm");
	return -1;
}

bool backing_available(enum backing_kind kind, u64 size,
		       struct shortage *shortage)
{
	const struct backing_kind_parts *k = &backing_kinds[kind];

	if (k->thp && !thp_available(k->shared, shortage))
		return false;
	if (k->hugetlb &&
	    !backing_hugetlb_available(k->hugetlb, size, shortage))
		return false;
	if (k->file == TMPFS_FILE) {
		int fd = backing_tmpfs_file(size, shortage);

		if (fd < 0)
			return false;
		close(fd);
	}
	return true;
}
