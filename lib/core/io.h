/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads and writes of a known size. read() and write() may transfer a part, or
 * nothing, and set errno in neither case.
 */
#ifndef SECMMU_IO_H
#define SECMMU_IO_H

#include <stddef.h>
#include <sys/types.h>

/* The file's position, for files that cannot seek as well. */
#define IO_NEXT ((off_t)-1)

/**
 * io_read() - read a number of bytes
 * @fd: the file
 * @data: filled in
 * @size: number of bytes
 * @at: offset in bytes, or IO_NEXT
 *
 * Repeats a read that was interrupted, or that returned a part.
 *
 * Return: @size; the smaller number of bytes before read() returned 0; or -errno.
 */
ssize_t io_read(int fd, void *data, size_t size, off_t at);

/**
 * io_write() - write a number of bytes
 * @fd: the file
 * @data: the bytes
 * @size: number of bytes
 * @at: offset in bytes, or IO_NEXT
 *
 * Repeats a write that was interrupted, or that took a part.
 *
 * Return: @size; the smaller number of bytes before write() returned 0; or -errno.
 */
ssize_t io_write(int fd, const void *data, size_t size, off_t at);

/**
 * io_must_read() - read a number of bytes
 * @fd: the file
 * @data: filled in
 * @size: number of bytes
 * @at: offset in bytes, or IO_NEXT
 * @what: the file, for the message
 *
 * Fails the case on an error, and if there are fewer bytes.
 */
void io_must_read(int fd, void *data, size_t size, off_t at, const char *what);

/**
 * io_must_write() - write a number of bytes
 * @fd: the file
 * @data: the bytes
 * @size: number of bytes
 * @at: offset in bytes, or IO_NEXT
 * @what: the file, for the message
 *
 * Fails the case on an error, and if the file takes fewer bytes.
 */
void io_must_write(int fd, const void *data, size_t size, off_t at,
		   const char *what);

/**
 * io_must_transfer() - judge what a system call returned that transfers bytes
 * @call: the system call's name
 * @got: what it returned; if negative, errno is its error
 * @size: number of bytes expected
 *
 * Fails the case unless they are equal.
 */
void io_must_transfer(const char *call, ssize_t got, size_t size);

#endif /* SECMMU_IO_H */
