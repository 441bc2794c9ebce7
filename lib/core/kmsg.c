// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel log by /dev/kmsg (Documentation/ABI/testing/dev-kmsg): each read
 * is one record, "LEVEL,SEQUENCE,TIME,FLAGS;TEXT", and the file never ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/evidence.h"

#define RECORD_MAX 8192

/* One record; its length, 0 at the end, or -errno. */
static ssize_t read_record(int fd, char *record)
{
	ssize_t got;

	do {
		got = read(fd, record, RECORD_MAX - 1);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -errno;
	record[got] = '\0';
	return got;
}

bool evidence_kmsg_marker(struct evidence_kmsg *kmsg, const char *text,
			  struct shortage *shortage)
{
	char record[RECORD_MAX], line[256], *newline;
	struct deadline deadline;
	ssize_t got;

	kmsg->fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (kmsg->fd < 0)
		return shortage_set(
			shortage,
			"run it as root, on a machine with devtmpfs on /dev",
			"access to /dev/kmsg (%s)", errno_name(errno));
	/* Only what follows is read, so an old record cannot be the marker. */
	if (lseek(kmsg->fd, 0, SEEK_END) < 0)
		goto broken;
	/*
	 * The time makes it the only one of its kind. Without a newline the
	 * record would be kept open for more text, and not be readable
	 * (vprintk_store()).
	 */
	snprintf(line, sizeof(line), "secmmu: %.160s (%llu)\n", text,
		 clock_ns());
	if (write(kmsg->fd, line, strlen(line)) < 0)
		goto broken;
	newline = strrchr(line, '\n');
	*newline = '\0';

	/* Other records may have come between. */
	deadline = deadline_in_ms(1000);
	for (;;) {
		got = read_record(kmsg->fd, record);
		if (got > 0 && strstr(record, line))
			return true;
		if (got < 0 && got != -EPIPE) {
			errno = (int)-got;
			goto broken;
		}
		if (!got && deadline_passed(deadline)) {
			evidence_kmsg_close(kmsg);
			return shortage_set(shortage,
					    "boot without printk.devkmsg=off",
					    "a /dev/kmsg that takes messages");
		}
	}

broken:
	shortage_set(shortage, "run it as root", "a kernel log to use (%s)",
		     errno_name(errno));
	evidence_kmsg_close(kmsg);
	return false;
}

size_t evidence_kmsg_since(struct evidence_kmsg *kmsg,
			   bool (*line)(unsigned int level, const char *text,
					void *context),
			   void *context)
{
	char record[RECORD_MAX];
	size_t count = 0;
	ssize_t got;

	while ((got = read_record(kmsg->fd, record)) != 0) {
		char *text = strchr(record, ';');

		if (got == -EPIPE) {
			/* Overwritten before we read it (devkmsg_read()). */
			count++;
			if (!line(4, "secmmu: records lost", context))
				return count;
			continue;
		}
		if (got < 0)
			fail("cannot read /dev/kmsg: %s", errno_name((int)got));
		if (!text)
			continue;
		text++;
		text[strcspn(text, "\n")] = '\0';
		count++;
		/* The lower three bits; the rest is the facility. */
		if (!line(strtoul(record, NULL, 10) & 7, text, context))
			return count;
	}
	return count;
}

void evidence_kmsg_close(struct evidence_kmsg *kmsg)
{
	if (kmsg->fd >= 0)
		close(kmsg->fd);
	kmsg->fd = -1;
}
