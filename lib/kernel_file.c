// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel_file.h"
#include "report.h"

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

bool kernel_settings_set(struct kernel_setting *settings, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		FILE *file = fopen(settings[i].file, "re");
		bool read = file && fgets(settings[i].before,
					  sizeof(settings[i].before), file);

		if (file)
			fclose(file);
		if (!read ||
		    kernel_file_write(settings[i].file, settings[i].value, 0))
			return false;
	}
	return true;
}

void kernel_settings_restore(struct kernel_setting *settings, size_t count)
{
	while (count--)
		kernel_file_must_write(settings[count].file,
				       settings[count].before);
}
