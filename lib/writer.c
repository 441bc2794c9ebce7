// SPDX-License-Identifier: GPL-2.0-only
/* The host's side of the guest's writers. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "writer.h"

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
