// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/kernel_file.h"
#include "core/report.h"

int kernel_file_write(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags), error = 0;
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, text, strlen(text));
	if (written != (ssize_t)strlen(text))
		error = written < 0 ? -errno : -EIO;
	close(fd);
	return error;
}

void kernel_file_must_write(const char *path, const char *text)
{
	int error = kernel_file_write(path, text, 0);

	CHECK(!error, "cannot write '%s' to %s: %s", text, path,
	      errno_name(-error));
}

unsigned long long kernel_file_number(const char *path, const char *name)
{
	unsigned long long number = 0;
	FILE *file = fopen(path, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		char *end;

		if (strncmp(line, name, strlen(name)))
			continue;
		number = strtoull(line + strlen(name), &end, 10);
		if (end != line + strlen(name))
			break;
	}
	if (file)
		fclose(file);
	return number;
}
