// SPDX-License-Identifier: GPL-2.0-only
/* x86: exceptions that a guest can raise (Intel SDM vol. 3, 6.15). */
#include "harness_raise.h"
#include "x86_64/harness_raise_x86.h"

const struct harness_raise *harness_raises(size_t *count)
{
	static const struct harness_raise raises[] = {
		{ "undefined", harness_undefined,
		  .says = { "#UD (vector 6)", "harness_undefined+" } },
		{ "load", harness_load, RAISE_UNMAPPED,
		  .says = { "#PF (vector 14) error code 0 cr2 0x123456789000",
			    "harness_load+" } },
		{ "store", harness_store_to, RAISE_UNMAPPED,
		  .says = { "#PF (vector 14) error code 0x2 cr2 0x123456789000",
			    "harness_store_to+" } },
		{ "call", harness_call, RAISE_UNMAPPED,
		  .says = { "#PF (vector 14)", "cr2 0x123456789000",
			    "at 0x123456789000" } },
		{ "not_canonical", harness_load, 1ULL << 63,
		  .says = { "#GP (vector 13) error code 0", "harness_load+" } },
		{ "stack", harness_lose_stack, RAISE_UNMAPPED,
		  .says = { "#PF (vector 14) error code 0x2 cr2 0x123456788ff8",
			    "harness_lose_stack+" } },
		{ "divide", harness_divide,
		  .says = { "#DE (vector 0)", "harness_divide+" } },
	};

	*count = ARRAY_SIZE(raises);
	return raises;
}
