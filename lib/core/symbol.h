/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of this program's functions, which guests run, too. */
#ifndef SECMMU_SYMBOL_H
#define SECMMU_SYMBOL_H

#include <stddef.h>

#include "core/types.h"

/**
 * symbol_text() - an address of code in words
 * @address: address in this program, or any other
 * @buffer: where to put it
 * @size: bytes in @buffer
 *
 * From the symbol table of /proc/self/exe; programs are linked at a fixed
 * address, so that an address is one in the file (Makefile, -no-pie).
 *
 * Return: @buffer: "0x401234 (harness_store+0x14; addr2line -e harness_test
 * 0x401234 says the line)", or the number alone if no function is there.
 */
const char *symbol_text(u64 address, char *buffer, size_t size);

#endif
