/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program is a list of named cases. Each runs in a forked child with a time
 * limit, so that a crash, a hang or a leak is the result of one case.
 */
#ifndef SECMMU_CASES_H
#define SECMMU_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "core/types.h"

#define CASE_NAME_MAX	96
#define CASE_NUMBERS	6
#define CASE_DIMENSIONS 8

/**
 * NEEDS_KERNEL() - a kernel release, for struct needs
 * @major: the 6 of 6.12
 * @minor: the 12 of 6.12
 */
#define NEEDS_KERNEL(major, minor) (((major) << 16) | ((minor) << 8))

/**
 * struct needs - requirements of a program or a case
 * @root: effective user 0
 * @kvm: a /dev/kvm that opens
 * @kernel_min: oldest kernel release, by NEEDS_KERNEL(); 0: any
 * @config: kernel options, as "CONFIG_A=y CONFIG_B"; without a value, y or m.
 *	Looked up in /proc/config.gz or /boot/config-RELEASE; if the machine has
 *	neither, the option counts as set
 * @module: a module that must be loaded or built in, such as "kvm_amd". A module
 *	of the suite, such as "secmmu_hmm", is inserted from the program's folder
 *	(or modules/RELEASE there) if SECMMU_DESTRUCTIVE is in the environment,
 *	as it is in targets
 * @device: a device file that must open for reading and writing
 * @free_memory: MemAvailable, in bytes
 * @cpus: number of CPUs that this process may run on
 * @nodes: number of NUMA nodes with memory
 *
 * All zero: none. A missing requirement skips the case; the skip says what is
 * missing and how to get it.
 */
struct needs {
	bool root;
	bool kvm;
	unsigned int kernel_min;
	const char *config;
	const char *module;
	const char *device;
	u64 free_memory;
	unsigned int cpus;
	unsigned int nodes;
};

struct scenario;

/**
 * struct test_case - one named case
 * @name: letters, digits and ``-_./:=+``; unique in its program
 * @plan: what the case shows, one line that --list prints behind the name; may be
 *	NULL
 * @run: the body; returning means pass. Runs in a separate child process
 * @data: for the test
 * @number: for the test, such as the choices of a matrix
 * @scenario: the scenario that this is a case of, instead of @run; see
 *	core/variant.h
 * @variant: passed to the scenario's body
 * @timeout_s: time limit in seconds, beyond the case's share of time
 *	(case_duration_ns()); 0: 60
 * @needs: on top of the program's
 */
struct test_case {
	char name[CASE_NAME_MAX];
	const char *plan;
	void (*run)(const struct test_case *test);
	const void *data;
	unsigned long number[CASE_NUMBERS];
	const struct scenario *scenario;
	const void *variant;
	unsigned int timeout_s;
	struct needs needs;
};

/* For struct program.all_ms of a benchmark, whose results need more time. */
#define CASES_BENCH_MS 2000

/**
 * struct program - a test program
 * @name: its file name
 * @summary: one line for --help
 * @cases: fills in at most @max cases and returns their number; called once, in
 *	the first process, so it must be quick and change nothing. NULL: @table
 * @table: a fixed list of cases, if @cases is NULL
 * @table_size: number of cases in @table
 * @scenarios: the program's scenarios, instead of @cases and @table; see
 *	core/variant.h
 * @scenario_count: number of scenarios
 * @all_ms: a case's share of time with --all, in milliseconds; 0: 500
 * @needs: requirements of every case
 */
struct program {
	const char *name;
	const char *summary;
	size_t (*cases)(const struct options *options, struct test_case *cases,
			size_t max);
	const struct test_case *table;
	size_t table_size;
	const struct scenario *scenarios;
	size_t scenario_count;
	unsigned int all_ms;
	struct needs needs;
};

/**
 * cases_main() - body of a program's main()
 * @argc: main()'s
 * @argv: main()'s
 * @program: the program
 *
 * Reads the options, chooses the cases, runs one after the other and prints KTAP.
 * Every case runs in a forked child, which leads a separate process group and is
 * killed when its parent dies. A case fails if a signal kills its child, or if the
 * child exceeds its time limit; the latter prints what every thread was doing.
 * SIGINT and SIGTERM kill the child's group and end the program with exit code 1.
 *
 * Return: 0 after --list; else it does not return.
 */
int cases_main(int argc, char **argv, const struct program *program);

/**
 * case_add() - add a case, for struct program's @cases
 * @cases: filled in
 * @count: number of cases, incremented
 * @max: room in @cases; more cases fail the program
 * @run: the case's body
 *
 * Return: the case, its other members zero.
 */
struct test_case *case_add(struct test_case *cases, size_t *count, size_t max,
			   void (*run)(const struct test_case *test));

/**
 * case_current() - the case that this process runs
 *
 * Return: the case; NULL outside of a case.
 */
const struct test_case *case_current(void);

/**
 * case_duration_ns() - the case's share of time
 *
 * The rest of the program's time (14 s in check mode, or --duration), divided by the
 * number of cases that have not run yet. So a case that needs less, or is skipped,
 * leaves its share to the others. At least 100 ms.
 *
 * Return: nanoseconds; constant during a case.
 */
u64 case_duration_ns(void);

/**
 * case_random() - initialise a random stream of this case
 * @stream: filled in
 * @name: its purpose, such as "toggling thread"
 * @index: distinguishes streams of one name
 *
 * Depends only on the seed, the case's name, @name and @index, so a case that is
 * replayed alone makes the same choices.
 */
void case_random(struct random_stream *stream, const char *name, u64 index);

/**
 * needs_met() - check requirements
 * @needs: the requirements
 * @shortage: filled in with the first missing one; may be NULL
 *
 * Return: whether this machine meets all of them.
 */
bool needs_met(const struct needs *needs, struct shortage *shortage);

/**
 * memory_available() - MemAvailable of /proc/meminfo
 *
 * Return: bytes; 0 if it cannot be read.
 */
u64 memory_available(void);

/**
 * struct case_matrix - the dimensions of a matrix of cases
 * @dimensions: number of dimensions, 1 to CASE_DIMENSIONS
 * @levels: number of values of each dimension
 * @allowed: whether a tuple is a case; NULL: all are
 * @context: for @allowed
 */
struct case_matrix {
	unsigned int dimensions;
	unsigned int levels[CASE_DIMENSIONS];
	bool (*allowed)(const unsigned int *tuple, const void *context);
	const void *context;
};

/**
 * struct case_tuple - one value per dimension
 * @level: the values, each below the dimension's number of levels
 */
struct case_tuple {
	unsigned int level[CASE_DIMENSIONS];
};

/**
 * cases_every_tuple() - the full matrix
 * @matrix: the matrix
 * @tuples: filled in
 * @max: room in @tuples; more tuples fail the program
 *
 * Return: number of allowed tuples, in lexical order.
 */
size_t cases_every_tuple(const struct case_matrix *matrix,
			 struct case_tuple *tuples, size_t max);

/**
 * cases_sample_pairwise() - a small sample that contains every pair of values
 * @matrix: the matrix
 * @seed: chooses among such samples
 * @tuples: filled in
 * @max: room in @tuples; more tuples fail the program
 *
 * Every pair of values of two dimensions that occurs in an allowed tuple occurs
 * in the sample; with one dimension, every value. The algorithm is greedy: the sample
 * is somewhat larger than the smallest one.
 *
 * Return: number of tuples, in lexical order.
 */
size_t cases_sample_pairwise(const struct case_matrix *matrix, u64 seed,
			     struct case_tuple *tuples, size_t max);

/**
 * cases_sample() - a small sample that contains all values, or all pairs of values
 * @matrix: the matrix
 * @seed: chooses among such samples
 * @strength: 1: every value; 2: every pair, as in cases_sample_pairwise()
 * @tuples: filled in
 * @max: room in @tuples; more tuples fail the program
 *
 * Return: number of tuples, in lexical order.
 */
size_t cases_sample(const struct case_matrix *matrix, u64 seed,
		    unsigned int strength, struct case_tuple *tuples,
		    size_t max);

/**
 * cases_choose() - the tuples that the options ask for
 * @options: mode, seed, --list and --case
 * @matrix: the matrix
 * @tuples: filled in
 * @max: room in @tuples
 *
 * The full matrix in MODE_ALL and for --list and --case, so that a replay finds its
 * case whatever the sample; else the pairwise sample of the seed.
 *
 * Return: number of tuples.
 */
size_t cases_choose(const struct options *options,
		    const struct case_matrix *matrix, struct case_tuple *tuples,
		    size_t max);

/* Duration of a stress run without --duration, in seconds. */
#define CASES_STRESS_S 14

/**
 * cases_keep_for_stress() - choose as many cases as a stress run has time for
 * @options: mode, seed, duration, --list and --case
 * @items: cases or tuples; the chosen ones are moved to the front
 * @count: number of items
 * @size: size of an item, in bytes
 * @item_s: seconds that each item gets at least, above 0
 *
 * A stress run executes few cases for a long time, chosen by the seed.
 *
 * Return: number of chosen items: at least 1 of any; all, except in MODE_STRESS
 * without --list and --case.
 */
size_t cases_keep_for_stress(const struct options *options, void *items,
			     size_t count, size_t size, unsigned int item_s);

#endif /* SECMMU_CASES_H */
