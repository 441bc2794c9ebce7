// SPDX-License-Identifier: GPL-2.0-only
/* Names of functions by address. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "core/report.h"
#include "core/symbol.h"

static void test_known(const struct test_case *test)
{
	u64 address = (u64)(uintptr_t)test_known + 5;
	char text[256], wanted[256];

	snprintf(wanted, sizeof(wanted),
		 "%#llx (test_known+0x5; addr2line -e %s %#llx says the line)",
		 address, program_invocation_short_name, address);
	CHECK(!strcmp(symbol_text(address, text, sizeof(text)), wanted),
	      "test_known + 5 is %s", text);
}

static void test_unknown(const struct test_case *test)
{
	char text[256], small[8];

	CHECK(!strcmp(symbol_text(0x2, text, sizeof(text)), "0x2"),
	      "address 2 is %s", text);
	CHECK(!strcmp(symbol_text(U64_MAX, text, sizeof(text)),
		      "0xffffffffffffffff"),
	      "the last address is %s", text);
	symbol_text((u64)(uintptr_t)test_known, small, sizeof(small));
	CHECK(strlen(small) == sizeof(small) - 1,
	      "a text for 7 characters is \"%s\"", small);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "known", .run = test_known },
		{ .name = "unknown", .run = test_unknown },
	};
	static const struct program program = {
		.name = "symbol_test",
		.summary = "functions of a program have names",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, &program);
}
