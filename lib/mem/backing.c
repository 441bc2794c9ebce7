// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/backing_parts.h"
#include "core/options.h"
#include "core/round.h"

/* From linux/mman.h and linux/memfd.h; older libc headers lack some. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif
/* More than the threads and heaps of a program need. */
#define ROOM_BYTES (1UL << 30)

const struct backing_kind_parts backing_kinds[BACKING_KINDS] = {
	[BACKING_ANONYMOUS] = { .name = "anonymous" },
	[BACKING_ANONYMOUS_THP] = { .name = "anonymous_thp", .thp = true },
	[BACKING_HUGETLB_64K] = { .name = "hugetlb_64k",
				  .hugetlb = 64ULL << 10 },
	[BACKING_HUGETLB_2M] = { .name = "hugetlb_2m", .hugetlb = 2ULL << 20 },
	[BACKING_HUGETLB_32M] = { .name = "hugetlb_32m",
				  .hugetlb = 32ULL << 20 },
	[BACKING_HUGETLB_512M] = { .name = "hugetlb_512m",
				   .hugetlb = 512ULL << 20 },
	[BACKING_HUGETLB_1G] = { .name = "hugetlb_1g", .hugetlb = 1ULL << 30 },
	[BACKING_HUGETLB_16G] = { .name = "hugetlb_16g",
				  .hugetlb = 16ULL << 30 },
	[BACKING_SHMEM] = { .name = "shmem", .shared = true },
	[BACKING_SHMEM_THP] = { .name = "shmem_thp",
				.thp = true,
				.shared = true },
	[BACKING_MEMFD] = { .name = "memfd",
			    .file = MEMFD_FILE,
			    .shared = true },
	[BACKING_MEMFD_HUGETLB] = { .name = "memfd_hugetlb",
				    .hugetlb = 2ULL << 20,
				    .file = MEMFD_FILE,
				    .shared = true },
	[BACKING_TMPFS_PRIVATE] = { .name = "tmpfs_private",
				    .file = TMPFS_FILE },
	[BACKING_TMPFS_SHARED] = { .name = "tmpfs_shared",
				   .file = TMPFS_FILE,
				   .shared = true },
	[BACKING_GUEST_MEMFD] = { .name = "guest_memfd",
				  .file = GIVEN_FILE,
				  .shared = true },
};

const char *backing_name(enum backing_kind kind)
{
	return backing_kinds[kind].name;
}

bool backing_from_name(const char *name, enum backing_kind *kind)
{
	unsigned int i;

	for (i = 0; i < BACKING_KINDS; i++) {
		if (!strcmp(backing_kinds[i].name, name) && backing_exists(i)) {
			*kind = (enum backing_kind)i;
			return true;
		}
	}
	return false;
}

u64 backing_page_size(enum backing_kind kind)
{
	const struct backing_kind_parts *parts = &backing_kinds[kind];

	if (parts->hugetlb)
		return parts->hugetlb;
	return parts->thp ? backing_thp_size() : backing_small_page();
}

bool backing_is_hugetlb(enum backing_kind kind)
{
	return backing_kinds[kind].hugetlb;
}

bool backing_exists(enum backing_kind kind)
{
	const u64 *sizes;
	size_t count, i;

	if (!backing_kinds[kind].hugetlb)
		return true;
	sizes = arch_hugetlb_sizes(&count);
	for (i = 0; i < count; i++)
		if (sizes[i] == backing_kinds[kind].hugetlb)
			return true;
	return false;
}

static bool name_exists(const char *name)
{
	enum backing_kind kind;

	return backing_from_name(name, &kind);
}

/* A program without backing memory does not link this file. */
static void __attribute__((constructor)) check_option(void)
{
	options_check_backing(name_exists);
}

bool backing_wanted(enum backing_kind kind)
{
	const char *only = options()->backing;

	return backing_exists(kind) &&
	       (!only || !strcmp(only, backing_name(kind)));
}

/* Open the file to map: -1 if the kind has none; false on a shortage. */
static bool open_file(struct backing *backing,
		      const struct backing_kind_parts *kind,
		      const struct backing_request *request,
		      struct shortage *shortage)
{
	unsigned int flags = MFD_CLOEXEC;

	backing->fd = -1;
	switch (kind->file) {
	case NO_FILE:
		return true;
	case GIVEN_FILE:
		backing->fd = request->fd;
		return true;
	case TMPFS_FILE:
		backing->fd = backing_tmpfs_file(backing->map_size, shortage);
		if (backing->fd < 0)
			return false;
		break;
	case MEMFD_FILE:
		if (kind->hugetlb)
			flags |= MFD_HUGETLB |
				 (unsigned int)__builtin_ctzll(kind->hugetlb)
					 << MAP_HUGE_SHIFT;
		backing->fd = memfd_create("secmmu", flags);
		if (backing->fd < 0)
			return shortage_set(
				shortage,
				"run it on a kernel built with CONFIG_MEMFD_CREATE=y CONFIG_HUGETLBFS=y",
				"memfd_create() for %s (%s)", kind->name,
				errno_name(errno));
		break;
	}
	backing->own_fd = true;
	if (ftruncate(backing->fd, (off_t)backing->map_size)) {
		shortage_set(shortage, "give the machine more memory",
			     "a file of %llu MiB for %s (%s)",
			     backing->map_size >> 20, kind->name,
			     errno_name(errno));
		return false;
	}
	return true;
}

/*
 * Map a part of the memory, from @offset of its mapping on, with @flags of mmap()
 * in addition to those of its kind; 0 or -errno.
 */
static int map_part(const struct backing *backing,
		    const struct backing_kind_parts *kind, u64 offset, u64 size,
		    int flags)
{
	flags |= MAP_FIXED | (kind->shared ? MAP_SHARED : MAP_PRIVATE);
	if (backing->fd < 0) {
		flags |= MAP_ANONYMOUS;
		if (kind->hugetlb)
			flags |= MAP_HUGETLB | __builtin_ctzll(kind->hugetlb)
						       << MAP_HUGE_SHIFT;
	}
	return mmap((char *)backing->map + offset, size, PROT_READ | PROT_WRITE,
		    flags, backing->fd,
		    backing->fd < 0 ? 0 : (off_t)offset) == MAP_FAILED ?
		       -errno :
		       0;
}

static int advise_part(const struct backing *backing,
		       const struct backing_kind_parts *kind, u64 offset,
		       u64 size)
{
	char *at = (char *)backing->map + offset;

	if (kind->thp)
		return madvise(at, size, MADV_HUGEPAGE) ? -errno : 0;
	/* Fails on a kernel without THP, which has small pages only. */
	if (!kind->hugetlb)
		madvise(at, size, MADV_NOHUGEPAGE);
	return 0;
}

static bool map_memory(struct backing *backing,
		       const struct backing_kind_parts *kind, bool sparse,
		       struct shortage *shortage)
{
	int error = map_part(backing, kind, 0, backing->map_size,
			     sparse ? MAP_NORESERVE : 0);

	if (error) {
		/* hugetlb reserves here: another process took the pages. */
		if (kind->hugetlb &&
		    !backing_hugetlb_available(kind->hugetlb, backing->map_size,
					       shortage))
			return false;
		return shortage_set(
			shortage,
			kind->file == GIVEN_FILE ?
				"run it on a kernel whose guest_memfd can be mapped (GUEST_MEMFD_FLAG_MMAP)" :
				"give the machine more memory",
			"%llu MiB of %s memory (mmap: %s)",
			backing->map_size >> 20, kind->name,
			errno_name(-error));
	}
	error = advise_part(backing, kind, 0, backing->map_size);
	if (error)
		return shortage_set(
			shortage,
			"run it on a kernel built with CONFIG_TRANSPARENT_HUGEPAGE=y",
			"MADV_HUGEPAGE for %s memory (%s)", kind->name,
			errno_name(-error));
	return true;
}

static void check_request(const struct backing_request *request, u64 alignment)
{
	u64 page = backing_small_page();

	if ((unsigned int)request->kind >= BACKING_KINDS)
		fail("unknown kind of backing %u", (unsigned int)request->kind);
	if (!request->size || request->size % page)
		fail("a backing of 0x%llx bytes is not a multiple of the page size",
		     request->size);
	if (alignment & (alignment - 1))
		fail("an alignment of 0x%llx bytes is not a power of two",
		     alignment);
	if (request->misalignment % page)
		fail("a misalignment of 0x%llx bytes is not a multiple of the page size",
		     request->misalignment);
	if (request->kind == BACKING_GUEST_MEMFD &&
	    request->fd_size < request->misalignment + request->size)
		fail("a guest_memfd of 0x%llx bytes is too small for 0x%llx bytes at 0x%llx",
		     request->fd_size, request->size, request->misalignment);
}

/* See backing_leave_room(). */
static unsigned char *room;

void *backing_reserve(u64 size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	if (!room) {
		room = mmap(NULL, ROOM_BYTES, PROT_NONE, flags, -1, 0);
		if (room == MAP_FAILED)
			room = NULL;
	}
	/* A hint: the kernel chooses another address if this one is in use. */
	return mmap(room ? room - size : NULL, size, PROT_NONE, flags, -1, 0);
}

void backing_leave_room(void)
{
	if (room)
		munmap(room, ROOM_BYTES);
	room = NULL;
}

bool backing_try_create(struct backing *backing,
			const struct backing_request *request,
			struct shortage *shortage)
{
	const struct backing_kind_parts *kind;
	u64 alignment, guard = backing_small_page(), first;

	memset(backing, 0, sizeof(*backing));
	backing->fd = -1;
	check_request(request, request->alignment);
	kind = &backing_kinds[request->kind];
	if (!backing_available(request->kind,
			       request->size + request->misalignment, shortage))
		return false;

	backing->kind = request->kind;
	backing->size = request->size;
	backing->page_size = backing_page_size(request->kind);
	backing->huge = kind->hugetlb || kind->thp;
	backing->offset = (off_t)request->misalignment;
	alignment = request->alignment > backing->page_size ?
			    request->alignment :
			    backing->page_size;

	/*
	 * hugetlb maps whole pages of its own only. So misaligned memory is a
	 * part of a mapping that is aligned.
	 */
	backing->map_size = round_up(request->misalignment + request->size,
				     kind->hugetlb ? kind->hugetlb :
						     backing_small_page());

	/*
	 * The guards stay as long as the memory, so the kernel does not merge
	 * its mapping with a neighbour, and smaps tells of this memory alone.
	 */
	backing->reserved_size = backing->map_size + alignment + 2 * guard;
	backing->reserved = backing_reserve(backing->reserved_size);
	if (backing->reserved == MAP_FAILED) {
		backing->reserved = NULL;
		return shortage_set(shortage,
				    "raise the limit of address space (ulimit -v)",
				    "%llu MiB of address space (mmap: %s)",
				    backing->reserved_size >> 20,
				    errno_name(errno));
	}
	first = round_up((u64)(uintptr_t)backing->reserved + guard, alignment);
	backing->map = (void *)(uintptr_t)first;
	backing->hva = (char *)backing->map + request->misalignment;

	if (!open_file(backing, kind, request, shortage) ||
	    !map_memory(backing, kind, request->flags & BACKING_SPARSE,
			shortage)) {
		backing_destroy(backing);
		return false;
	}
	if (request->flags & BACKING_NO_FORK &&
	    madvise(backing->map, backing->map_size, MADV_DONTFORK))
		fail("madvise(MADV_DONTFORK) on %s memory: %s", kind->name,
		     errno_name(errno));
	if (request->flags & BACKING_POPULATE)
		backing_populate(backing);
	return true;
}

void backing_create(struct backing *backing,
		    const struct backing_request *request)
{
	struct shortage shortage;

	if (!backing_try_create(backing, request, &shortage))
		skip_for(&shortage);
}

void backing_destroy(struct backing *backing)
{
	if (backing->reserved)
		munmap(backing->reserved, backing->reserved_size);
	if (backing->own_fd)
		close(backing->fd);
	memset(backing, 0, sizeof(*backing));
	backing->fd = -1;
}

/* Touch each page by an access that changes nothing. */
static void touch_all(struct backing *backing)
{
	volatile char *at = backing->hva, *end = at + backing->size;

	for (; at < end; at += backing_small_page())
		__atomic_fetch_or(at, 0, __ATOMIC_RELAXED);
}

void backing_populate(struct backing *backing)
{
	const char *name = backing_kinds[backing->kind].name;
	int error;

	do {
		error = madvise(backing->map, backing->map_size,
				MADV_POPULATE_WRITE) ?
				errno :
				0;
	} while (error == EINTR);

	switch (error) {
	case 0:
		return;
	case EINVAL: /* not for memory of this kind */
		touch_all(backing);
		return;
	case EFAULT: /* hugetlb: none left where the policy allows them */
		if (!backing_kinds[backing->kind].hugetlb)
			break;
		/* fall through */
	case ENOMEM: {
		char what[128];

		snprintf(what, sizeof(what), "%llu MiB of free %s memory (%s)",
			 backing->map_size >> 20, name, errno_name(error));
		skip(what, "give the machine more memory or more huge pages");
	}
	default:
		break;
	}
	fail("madvise(MADV_POPULATE_WRITE) on %llu MiB of %s memory: %s",
	     backing->map_size >> 20, name, errno_name(error));
}

u64 backing_host_huge_bytes(const struct backing *backing)
{
	static const char *const fields[] = {
		"AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:",
		"Private_Hugetlb:", "Shared_Hugetlb:"
	};
	u64 begin = (u64)(uintptr_t)backing->map;
	u64 end = begin + backing->map_size, bytes = 0;
	FILE *file = fopen("/proc/self/smaps", "re");
	bool inside = false;
	char line[512];

	if (!file)
		fail("cannot open /proc/self/smaps: %s; mount -t proc proc /proc",
		     errno_name(errno));
	while (fgets(line, sizeof(line), file)) {
		unsigned long long from, to, kib;
		char permission;
		size_t i;

		if (sscanf(line, "%llx-%llx %c", &from, &to, &permission) ==
		    3) {
			if (from >= end)
				break; /* they are sorted */
			inside = to > begin;
			continue;
		}
		if (!inside)
			continue;
		for (i = 0; i < ARRAY_SIZE(fields); i++) {
			size_t length = strlen(fields[i]);

			if (!strncmp(line, fields[i], length) &&
			    sscanf(line + length, "%llu", &kib) == 1)
				bytes += kib << 10;
		}
	}
	fclose(file);
	return bytes;
}

int backing_discard(struct backing *backing, u64 offset, u64 size)
{
	const struct backing_kind_parts *kind = &backing_kinds[backing->kind];
	char *at = (char *)backing->hva + offset;

	if (kind->file == GIVEN_FILE)
		return fallocate(backing->fd,
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 backing->offset + (off_t)offset, (off_t)size) ?
			       -errno :
			       0;
	return madvise(at, size, kind->shared ? MADV_REMOVE : MADV_DONTNEED) ?
		       -errno :
		       0;
}

bool backing_is_shared(enum backing_kind kind)
{
	return backing_kinds[kind].shared;
}

bool backing_keeps_contents(enum backing_kind kind)
{
	return backing_kinds[kind].shared && backing_kinds[kind].file;
}

int backing_map_again(struct backing *backing, u64 offset, u64 size)
{
	const struct backing_kind_parts *kind = &backing_kinds[backing->kind];
	u64 from = offset + (u64)((char *)backing->hva - (char *)backing->map);
	int error = map_part(backing, kind, from, size, 0);

	return error ? error : advise_part(backing, kind, from, size);
}
