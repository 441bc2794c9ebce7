// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <unistd.h>

#include "core/io.h"
#include "core/report.h"

/* One read() or write(); the other buffer is NULL. */
static ssize_t transfer(int fd, char *in, const char *out, size_t size,
			off_t at)
{
	if (in)
		return at == IO_NEXT ? read(fd, in, size) :
				       pread(fd, in, size, at);
	return at == IO_NEXT ? write(fd, out, size) : pwrite(fd, out, size, at);
}

static ssize_t transfer_all(int fd, char *in, const char *out, size_t size,
			    off_t at)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = transfer(fd, in ? in + done : NULL,
				       out ? out + done : NULL, size - done,
				       at == IO_NEXT ? at : at + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t io_read(int fd, void *data, size_t size, off_t at)
{
	return transfer_all(fd, data, NULL, size, at);
}

ssize_t io_write(int fd, const void *data, size_t size, off_t at)
{
	return transfer_all(fd, NULL, data, size, at);
}

void io_must_read(int fd, void *data, size_t size, off_t at, const char *what)
{
	ssize_t got = io_read(fd, data, size, at);

	CHECK(got >= 0, "cannot read %s: %s", what, errno_name((int)-got));
	CHECK((size_t)got == size, "%s: expected to read %zu bytes, got %zd",
	      what, size, got);
}

void io_must_write(int fd, const void *data, size_t size, off_t at,
		   const char *what)
{
	ssize_t got = io_write(fd, data, size, at);

	CHECK(got >= 0, "cannot write to %s: %s", what, errno_name((int)-got));
	CHECK((size_t)got == size, "%s: expected to write %zu bytes, got %zd",
	      what, size, got);
}

void io_must_transfer(const char *call, ssize_t got, size_t size)
{
	CHECK(got >= 0, "%s failed: %s", call, errno_name(errno));
	CHECK((size_t)got == size, "%s: expected %zu bytes, got %zd", call,
	      size, got);
}
