/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of the kernel: sysfs, procfs, tracefs, cgroup2. */
#ifndef SECMMU_KERNEL_FILE_H
#define SECMMU_KERNEL_FILE_H

/**
 * kernel_file_write() - write a text to a file of the kernel
 * @path: the file
 * @text: the text, written by one write()
 * @flags: further flags of open(): O_APPEND, O_TRUNC or 0
 *
 * Return: 0, or -errno of open() or write(); -EIO after a partial write.
 */
int kernel_file_write(const char *path, const char *text, int flags);

/**
 * kernel_file_must_write() - write a text to a file of the kernel
 * @path: the file
 * @text: the text
 *
 * Fails the case on an error.
 */
void kernel_file_must_write(const char *path, const char *text);

/**
 * kernel_file_number() - read a number
 * @path: the file, whose lines start with a name
 * @name: the name and the characters between it and the number; "": the file is one
 *	number
 *
 * Return: the number; 0 if the file or the name does not exist.
 */
unsigned long long kernel_file_number(const char *path, const char *name);

#endif /* SECMMU_KERNEL_FILE_H */
