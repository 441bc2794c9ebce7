/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of the kernel's that take a word: sysfs, procfs, tracefs, cgroup2. */
#ifndef SECMMU_KERNEL_FILE_H
#define SECMMU_KERNEL_FILE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * kernel_file_write() - write a text to one of the kernel's files
 * @path: the file
 * @text: what to write, in one call of write()
 * @flags: further flags of open(): O_APPEND, O_TRUNC or 0
 *
 * Return: 0, or -errno: of open(), of write(), -EIO if it took a part only.
 */
int kernel_file_write(const char *path, const char *text, int flags);

/**
 * kernel_file_must_write() - write what has to work
 * @path: the file
 * @text: what to write
 *
 * Fails the case otherwise, with the file, the text and the error.
 */
void kernel_file_must_write(const char *path, const char *text);

/**
 * struct kernel_setting - a setting of the kernel, and what it was before
 * @file: where it is
 * @value: what it is to be
 * @before: what it was, once it was set
 */
struct kernel_setting {
	const char *file;
	const char *value;
	char before[64];
};

/**
 * kernel_settings_set() - change settings for a while
 * @settings: which, and to what
 * @count: how many
 *
 * Whoever changes them restores them: nobody does that for a case that fails.
 *
 * Return: false, having changed nothing more, at the first that there is not.
 */
bool kernel_settings_set(struct kernel_setting *settings, size_t count);

/**
 * kernel_settings_restore() - end of kernel_settings_set()
 * @settings: that were set, all of them
 * @count: how many
 */
void kernel_settings_restore(struct kernel_setting *settings, size_t count);

#endif /* SECMMU_KERNEL_FILE_H */
