// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's binary statistics. The format is described at "KVM_GET_STATS_FD" in
 * Documentation/virt/kvm/api.rst: a header, descriptors with names, data.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/evidence.h"
#include "core/io.h"

/* Limits on what a malformed file can make us allocate. */
#define DESCRIPTORS_MAX 4096
#define NAME_MAX_SIZE	1024

/**
 * struct evidence_stats - an open file of statistics
 * @fd: the file
 * @count: number of descriptors
 * @stride: bytes from one descriptor to the next
 * @data_offset: where the values begin in the file
 * @descriptors: a copy of them
 */
struct evidence_stats {
	int fd;
	u32 count;
	size_t stride;
	u32 data_offset;
	char *descriptors;
};

static const struct kvm_stats_desc *
descriptor(const struct evidence_stats *stats, u32 index)
{
	return (const void *)(stats->descriptors + index * stats->stride);
}

struct evidence_stats *evidence_stats_open(int fd)
{
	int stats_fd = ioctl(fd, KVM_GET_STATS_FD, NULL);

	if (stats_fd < 0)
		return NULL;
	return evidence_stats_parse(stats_fd);
}

struct evidence_stats *evidence_stats_parse(int fd)
{
	struct kvm_stats_header header;
	struct evidence_stats *stats;
	size_t size;
	u32 i;

	stats = calloc(1, sizeof(*stats));
	if (!stats) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	stats->fd = fd;
	if (io_read(fd, &header, sizeof(header), 0) != sizeof(header))
		goto bad;
	if (header.name_size > NAME_MAX_SIZE || !header.name_size ||
	    header.num_desc > DESCRIPTORS_MAX)
		goto bad;
	stats->count = header.num_desc;
	stats->stride = sizeof(struct kvm_stats_desc) + header.name_size;
	stats->data_offset = header.data_offset;

	size = stats->count * stats->stride;
	stats->descriptors = malloc(size + 1);
	if (!stats->descriptors || io_read(fd, stats->descriptors, size,
					   header.desc_offset) != (ssize_t)size)
		goto bad;
	/* All names are NUL-terminated strings from here on. */
	for (i = 0; i < stats->count; i++)
		if (!memchr(descriptor(stats, i)->name, '\0', header.name_size))
			goto bad;
	return stats;

bad:
	evidence_stats_close(stats);
	errno = EPROTO;
	return NULL;
}

static u64 value_of(struct evidence_stats *stats,
		    const struct kvm_stats_desc *stat)
{
	u64 bucket, sum = 0;
	u32 i;

	for (i = 0; i < stat->size; i++) {
		off_t at = (off_t)stats->data_offset + (off_t)stat->offset +
			   (off_t)(i * sizeof(bucket));

		io_must_read(stats->fd, &bucket, sizeof(bucket), at,
			     stat->name);
		sum += bucket;
	}
	return sum;
}

bool evidence_stat(struct evidence_stats *stats, const char *name, u64 *value)
{
	u32 i;

	for (i = 0; i < stats->count; i++) {
		const struct kvm_stats_desc *stat = descriptor(stats, i);

		if (!strcmp(stat->name, name)) {
			*value = value_of(stats, stat);
			return true;
		}
	}
	return false;
}

void evidence_stats_print(struct evidence_stats *stats, const char *prefix)
{
	u32 i;

	for (i = 0; i < stats->count; i++) {
		const struct kvm_stats_desc *stat = descriptor(stats, i);
		u64 value = value_of(stats, stat);

		if (value)
			report_info("%s%s=%llu", prefix, stat->name, value);
	}
}

void evidence_stats_close(struct evidence_stats *stats)
{
	if (!stats)
		return;
	close(stats->fd);
	free(stats->descriptors);
	free(stats);
}
