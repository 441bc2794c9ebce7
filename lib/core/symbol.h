/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of this program's functions, which guests also run. */
#ifndef SECMMU_SYMBOL_H
#define SECMMU_SYMBOL_H

#include <stddef.h>

#include "core/types.h"

/**
 * symbol_text() - name of the function at an address
 * @address: any address
 * @buffer: filled in
 * @size: of @buffer, in bytes
 *
 * From the symbol table of /proc/self/exe; programs are linked by -no-pie, so
 * that addresses are those in the file.
 *
 * Return: @buffer: "0x401234 (harness_store+0x14; addr2line -e harness_test
 * 0x401234 says the line)", or the number alone if no function contains it.
 */
const char *symbol_text(u64 address, char *buffer, size_t size);

#endif
