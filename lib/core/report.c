// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kselftest.h>

#include "core/report.h"

/* PIPE_BUF: a write(2) to a pipe is atomic up to this size. */
#define TEXT_MAX 4096

static struct report_result *case_result;

static void write_all(const char *text, size_t length)
{
	while (length) {
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return; /* no place left for an error message */
		}
		if (!written)
			return;
		text += written;
		length -= (size_t)written;
	}
}

/* Write @text with @first before its first line and "# " before the others. */
static void write_lines(const char *first, const char *text)
{
	char out[TEXT_MAX];
	const char *prefix = first;
	size_t used = 0;

	do {
		size_t line = strcspn(text, "\n");
		int added = snprintf(out + used, sizeof(out) - used, "%s%.*s\n",
				     prefix, (int)line, text);

		if (added < 0)
			return;
		if ((size_t)added >= sizeof(out) - used) {
			/* Cut, but still a whole line. */
			used = sizeof(out);
			out[used - 1] = '\n';
			break;
		}
		used += (size_t)added;
		text += line;
		if (*text == '\n')
			text++;
		prefix = "# ";
	} while (*text);

	write_all(out, used);
}

void report_info(const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	write_lines("# ", text);
}

void report_value(const char *key, double value, const char *unit)
{
	report_info("value: %s=%.9g%s%s", key, value, *unit ? " " : "", unit);
}

void report_to(struct report_result *result)
{
	case_result = result;
}

/* End the case, or the program if there is no case. */
static void __noreturn end_case(int code, const char *text)
{
	struct report_result *result = case_result;
	size_t line = strcspn(text, "\n");

	if (!result) {
		write_lines(code == REPORT_SKIP ? "# SKIP " : "Bail out! ",
			    text);
		_exit(code);
	}

	/*
	 * One failure causes others: when a VM is destroyed, its vCPUs fail. Only
	 * the first is reported, and it ends the process.
	 */
	if (__atomic_exchange_n(&result->claimed, 1, __ATOMIC_SEQ_CST))
		for (;;)
			pause();

	if (line >= sizeof(result->reason))
		line = sizeof(result->reason) - 1;
	memcpy(result->reason, text, line);
	result->reason[line] = '\0';
	__atomic_store_n(&result->code, code, __ATOMIC_RELEASE);

	if (code == REPORT_FAIL)
		write_lines("# reason: ", text);
	_exit(code);
}

void fail(const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	end_case(REPORT_FAIL, text);
}

void report_check_failed(const char *file, int line, const char *condition,
			 const char *format, ...)
{
	const char *slash = strrchr(file, '/');
	char message[TEXT_MAX - 256], text[TEXT_MAX];
	va_list arguments;
	size_t first;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);

	/* The place goes to the end of the first line; facts may follow. */
	first = strcspn(message, "\n");
	snprintf(text, sizeof(text), "%.*s (%s:%d)%s\ncondition: %s",
		 (int)first, message, slash ? slash + 1 : file, line,
		 message + first, condition);
	end_case(REPORT_FAIL, text);
}

void skip(const char *what, const char *remedy)
{
	char text[REPORT_REASON_MAX];

	snprintf(text, sizeof(text), "needs %s: %s", what, remedy);
	end_case(REPORT_SKIP, text);
}

void skip_for(const struct shortage *shortage)
{
	skip(shortage->what, shortage->remedy);
}

bool shortage_set(struct shortage *shortage, const char *remedy,
		  const char *format, ...)
{
	va_list arguments;

	if (!shortage)
		return false;
	va_start(arguments, format);
	vsnprintf(shortage->what, sizeof(shortage->what), format, arguments);
	va_end(arguments);
	snprintf(shortage->remedy, sizeof(shortage->remedy), "%s", remedy);
	return false;
}

void report_begin(unsigned int plan)
{
	/*
	 * As newer releases do in ksft_print_header(). Otherwise a fork() copies
	 * the buffer, and its text is printed twice.
	 */
	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	ksft_set_plan(plan);
}

void report_case(int code, const char *name, const char *reason)
{
	switch (code) {
	case REPORT_PASS:
		ksft_test_result_pass("%s\n", name);
		break;
	case REPORT_SKIP:
		/*
		 * ksft_test_result_skip() prints the name behind "# SKIP",
		 * where KTAP has the reason.
		 */
		ksft_inc_xskip_cnt();
		printf("ok %u %s # SKIP %s\n", (unsigned int)ksft_test_num(),
		       name, reason);
		break;
	default:
		ksft_test_result_fail("%s\n", name);
		break;
	}
}

void report_end(void)
{
	unsigned int run = (unsigned int)ksft_test_num();
	unsigned int passed = (unsigned int)ksft_get_pass_cnt();
	unsigned int skipped = (unsigned int)ksft_get_xskip_cnt();
	int code = REPORT_PASS;

	ksft_print_cnts();
	if (run != ksft_plan || passed + skipped != run)
		code = REPORT_FAIL;
	else if (skipped == run)
		code = REPORT_SKIP;
	exit(code);
}
