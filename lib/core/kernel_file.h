/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of the kernel's that take a word: sysfs, procfs, tracefs, cgroup2. */
#ifndef SECMMU_KERNEL_FILE_H
#define SECMMU_KERNEL_FILE_H

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
 * kernel_file_number() - one number of many
 * @path: the file, of lines that begin with a name
 * @name: the name, with what stands between it and the number; "": the file has
 *	one number only
 *
 * Return: the number; 0 if there is no such file or name.
 */
unsigned long long kernel_file_number(const char *path, const char *name);

#endif /* SECMMU_KERNEL_FILE_H */
