// SPDX-License-Identifier: GPL-2.0-only
/* Host side of the guest's writers. */
#include <string.h>

#include "kvm/arch.h"
#include "kvm/writer.h"

const char *writer_name(enum writer_pattern pattern)
{
	static const char *const names[WRITER_PATTERNS] = {
		[WRITER_RANDOM] = "random",
		[WRITER_ASCENDING] = "ascending",
		[WRITER_DESCENDING] = "descending",
		[WRITER_HOT] = "hot",
		[WRITER_ALL] = "all",
		[WRITER_STRADDLE] = "straddle",
	};

	return names[pattern];
}

void writer_lay_code(void *memory, u64 size, u64 page_size)
{
	const void *code;
	u64 offset;
	size_t bytes;

	code = arch_return_instruction(&bytes);
	for (offset = 0; offset < size; offset += page_size)
		memcpy((char *)memory + offset, code, bytes);
	__builtin___clear_cache((char *)memory, (char *)memory + size);
}
