// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/report.h"
#include "mem/uffd.h"

int uffd_open(void)
{
	/* The thread that faulted, for uffd_served(). */
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_THREAD_ID };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOSYS)
		skip("CONFIG_USERFAULTFD=y",
		     "run it on a kernel built with this option");
	if (fd < 0 && errno == EPERM)
		skip("userfaultfd() that handles faults of the kernel",
		     "run it as root, or set vm.unprivileged_userfaultfd=1");
	CHECK(fd >= 0, "userfaultfd failed: %s", errno_name(errno));
	CHECK(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API failed: %s",
	      errno_name(errno));
	return fd;
}

void uffd_register(int fd, void *start, u64 size, unsigned int modes)
{
	struct uffdio_register request = {
		.range = { .start = (uintptr_t)start, .len = size },
	};

	if (modes & UFFD_MISSING)
		request.mode |= UFFDIO_REGISTER_MODE_MISSING;
	if (modes & UFFD_WRITE_PROTECT)
		request.mode |= UFFDIO_REGISTER_MODE_WP;
	if (modes & UFFD_MINOR)
		request.mode |= UFFDIO_REGISTER_MODE_MINOR;
	if (!ioctl(fd, UFFDIO_REGISTER, &request))
		return;
	if (errno == EINVAL && (modes & UFFD_WRITE_PROTECT))
		skip("CONFIG_HAVE_ARCH_USERFAULTFD_WP=y (of shared memory: CONFIG_PTE_MARKER_UFFD_WP=y)",
		     "run it on an architecture, or a newer kernel, that has it");
	if (errno == EINVAL && (modes & UFFD_MINOR))
		skip("CONFIG_HAVE_ARCH_USERFAULTFD_MINOR=y",
		     "run it on an architecture that has it");
	fail("UFFDIO_REGISTER failed: %s", errno_name(errno));
}

static void write_protect(int fd, void *start, u64 size, u64 mode)
{
	struct uffdio_writeprotect request = {
		.range = { .start = (uintptr_t)start, .len = size },
		.mode = mode,
	};

	CHECK(!ioctl(fd, UFFDIO_WRITEPROTECT, &request),
	      "UFFDIO_WRITEPROTECT failed: %s", errno_name(errno));
}

void uffd_protect(int fd, void *start, u64 size)
{
	write_protect(fd, start, size, UFFDIO_WRITEPROTECT_MODE_WP);
}

void uffd_unprotect(int fd, void *start, u64 size)
{
	write_protect(fd, start, size, 0);
}

void uffd_fill(int fd, void *start, const void *contents, u64 size)
{
	u64 done = 0;

	while (done < size) {
		struct uffdio_copy copy = {
			.dst = (uintptr_t)start + done,
			.src = (uintptr_t)contents + done,
			.len = size - done,
		};

		/* The mapping is changing, or a part was copied: continue there. */
		if (ioctl(fd, UFFDIO_COPY, &copy))
			CHECK(errno == EAGAIN, "UFFDIO_COPY failed: %s",
			      errno_name(errno));
		if (copy.copy > 0)
			done += (u64)copy.copy;
	}
}
