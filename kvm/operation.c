// SPDX-License-Identifier: GPL-2.0-only
/* Records of the operations that KVM does on a VM's page tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"
#include "core/report.h"

/* More than any table needs. */
#define PROBES_MAX 32
#define BUFFER_KIB 1024

/*
 * Events are named "call_N" and "never_N" by the function's index in its table.
 */
#define CALL  "call_"
#define NEVER "never_"

const char *operation_name(enum operation operation)
{
	static const char *const names[OPERATIONS] = {
		[OPERATION_INIT] = "init",
		[OPERATION_DESTROY] = "destroy",
		[OPERATION_MAP] = "map",
		[OPERATION_RELAX] = "relax",
		[OPERATION_WRITE_PROTECT] = "write_protect",
		[OPERATION_UNMAP] = "unmap",
		[OPERATION_AGE] = "age",
		[OPERATION_MAKE_YOUNG] = "make_young",
		[OPERATION_FLUSH] = "flush",
		[OPERATION_SPLIT] = "split",
		[OPERATION_FREE_UNLINKED] = "free_unlinked",
	};

	return names[operation];
}

bool operation_is_never(enum operation operation)
{
	const struct operation_table *table = arch_operations();
	size_t i;

	for (i = 0; i < table->count; i++)
		if (table->functions[i].operation == operation)
			return false;
	return true;
}

void operations_watch(struct operation_watch *watch, unsigned int operations)
{
	const struct operation_table *table = arch_operations();
	struct evidence_probe probes[PROBES_MAX] = { 0 };
	struct evidence_trace_request request = {
		.probes = probes,
		.buffer_kib = BUFFER_KIB,
	};
	static char names[PROBES_MAX][32];
	const char *const *never = table->never;
	struct shortage shortage;
	size_t count = 0, i;

	*watch = (struct operation_watch){ 0 };
	for (i = 0; i < table->count && count < PROBES_MAX - 1; i++) {
		const struct operation_function *function = &table->functions[i];

		if (!(operations & 1U << function->operation))
			continue;
		snprintf(names[count], sizeof(names[0]), CALL "%zu", i);
		probes[count] = (struct evidence_probe){
			.event = names[count],
			.functions = function->functions,
			.fetch = function->fetch,
		};
		count++;
	}
	for (i = 0; never && never[i] && count < PROBES_MAX - 1; i++) {
		snprintf(names[count], sizeof(names[0]), NEVER "%zu", i);
		probes[count] = (struct evidence_probe){
			.event = names[count],
			.functions = never[i],
			.optional = true,
		};
		count++;
	}
	watch->trace = evidence_trace_start(&request, &shortage);
	if (!watch->trace)
		skip_for(&shortage);
}

static bool number_of(const char *text, const char *word, u64 *number)
{
	const char *at = strstr(text, word);
	char *end;

	if (!at)
		return false;
	*number = strtoull(at + strlen(word), &end, 0);
	return end != at + strlen(word);
}

/* The range, from the words that struct operation_function names. */
static void range_of(const char *text, struct operation_call *call)
{
	u64 page = (u64)getpagesize(), number;

	call->gpa = 0;
	call->size = U64_MAX;
	if (number_of(text, " gpa=", &number)) {
		call->gpa = number & ~(page - 1);
		call->size = 0;
		number_of(text, " size=", &call->size);
		return;
	}
	if (!number_of(text, " gfn=", &number))
		return;
	call->gpa = number * page;
	call->size = 0;
	if (number_of(text, " pages=", &number))
		call->size = number * page;
	else if (number_of(text, " end=", &number))
		call->size = number * page - call->gpa;
}

static void add_call(struct operation_watch *watch,
		     const struct operation_call *call)
{
	if (watch->count == watch->room) {
		watch->room = watch->room ? 2 * watch->room : 64;
		watch->calls = realloc(watch->calls,
				       watch->room * sizeof(*watch->calls));
		if (!watch->calls)
			fail("out of memory for %zu records of operations",
			     watch->room);
	}
	watch->calls[watch->count++] = *call;
}

static bool read_call(const char *name, const char *text, void *context)
{
	const struct operation_table *table = arch_operations();
	struct operation_watch *watch = context;
	struct operation_call call;
	u64 index;

	if (number_of(name, NEVER, &index)) {
		watch->forbidden++;
		watch->forbidden_name = table->never[index];
		return true;
	}
	if (!number_of(name, CALL, &index) || index >= table->count)
		return true;
	call.operation = table->functions[index].operation;
	range_of(text, &call);
	add_call(watch, &call);
	return true;
}

static void judge_never(const struct operation_watch *watch)
{
	CHECK(!watch->forbidden,
	      "%s was called %zu times, which this mode of KVM must never call",
	      watch->forbidden_name, watch->forbidden);
}

void operations_forget(struct operation_watch *watch)
{
	evidence_trace_take(watch->trace, read_call, watch);
	watch->count = 0;
	judge_never(watch);
}

void operations_collect(struct operation_watch *watch)
{
	u64 lost;

	evidence_trace_take(watch->trace, read_call, watch);
	lost = evidence_trace_lost(watch->trace);
	if (lost)
		fail("the trace of operations lost %llu records: access fewer pages at a time",
		     lost);
	judge_never(watch);
}

static bool concerns(const struct operation_call *call, u64 gpa, u64 size)
{
	u64 call_size = call->size ? call->size : (u64)getpagesize();

	if (call->gpa < gpa)
		return gpa - call->gpa < call_size;
	return call->gpa - gpa < size;
}

size_t operations_count(const struct operation_watch *watch,
			enum operation operation, u64 gpa, u64 size)
{
	size_t count = 0, i;

	for (i = 0; i < watch->count; i++)
		count += watch->calls[i].operation == operation &&
			 concerns(&watch->calls[i], gpa, size);
	return count;
}

u64 operations_size(const struct operation_watch *watch,
		    enum operation operation, u64 gpa, u64 size)
{
	u64 found = 0;
	size_t i;

	for (i = 0; i < watch->count; i++) {
		const struct operation_call *call = &watch->calls[i];

		if (call->operation != operation || !concerns(call, gpa, size))
			continue;
		if (found && found != call->size)
			return OPERATION_SIZES_DIFFER;
		found = call->size;
	}
	return found;
}

enum operation operations_last(const struct operation_watch *watch, u64 gpa)
{
	size_t i;

	for (i = watch->count; i-- > 0;)
		if (concerns(&watch->calls[i], gpa, 1))
			return watch->calls[i].operation;
	return OPERATIONS;
}

void operations_end(struct operation_watch *watch)
{
	if (watch->trace)
		operations_forget(watch);
	evidence_trace_close(watch->trace);
	free(watch->calls);
	*watch = (struct operation_watch){ 0 };
}
