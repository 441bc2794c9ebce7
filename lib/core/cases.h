/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program is a list of named cases; each runs in a forked child with a
 * deadline, so that a crash, a hang or a leak of one is a result of that one.
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
 * NEEDS_KERNEL() - a release, for struct needs
 * @major: as the 6 of 6.12
 * @minor: as the 12 of 6.12
 */
#define NEEDS_KERNEL(major, minor) (((major) << 16) | ((minor) << 8))

/**
 * struct needs - what a program or a case cannot do without
 * @root: effective user 0
 * @kvm: a /dev/kvm that opens
 * @kernel_min: oldest release, by NEEDS_KERNEL(); 0: any
 * @config: kernel options, as "CONFIG_A=y CONFIG_B"; without a value, y and m
 *	both do. Looked up in /proc/config.gz or /boot/config-RELEASE; where the
 *	machine has neither, the option counts as present, and the test's own
 *	probe has to find out
 * @module: a module that must be loaded or built in, such as "kvm_amd". One of
 *	the suite's own, such as "secmmu_hmm", is inserted if it is not loaded and
 *	lies beside the program (or in modules/RELEASE there), provided that the
 *	environment has SECMMU_DESTRUCTIVE, as it does in targets
 * @device: a device file that must open for reading and writing
 * @free_memory: bytes of MemAvailable
 * @cpus: CPUs that this process may run on
 * @nodes: NUMA nodes with memory
 *
 * All zero: nothing. What is missing makes the case a skip that says so and how
 * to get it.
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
 * @plan: what it is to show, one line that --list prints behind the name; may
 *	be NULL
 * @run: the body; returning is passing. Runs in a child of its own
 * @data: the test's own
 * @number: the test's own, such as the choices of a matrix
 * @scenario: whose case it is, instead of @run: see core/variant.h
 * @variant: passed to the scenario's body
 * @timeout_s: seconds until the case counts as hung, beyond the time share that
 *	case_duration_ns() gives it; 0: 60
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

/* For a benchmark's struct program.all_ms: its figures want time. */
#define CASES_BENCH_MS 2000

/**
 * struct program - a test program
 * @name: its file name
 * @summary: one line for --help
 * @cases: fills at most @max cases and returns how many it filled; called once,
 *	in the first process, so it must be quick and touch nothing. With
 *	@cases NULL, @table is used
 * @table: a fixed list of cases, if @cases is NULL
 * @table_size: number of cases in @table
 * @scenarios: what the program does, instead of @cases and @table: see
 *	core/variant.h
 * @scenario_count: number of scenarios
 * @all_ms: what a case has with --all, in milliseconds; 0: 500. For benchmarks
 * @needs: what every case needs
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
 * cases_main() - the whole of a program's main()
 * @argc: main()'s
 * @argv: main()'s
 * @program: the program
 *
 * Reads the options, chooses the cases, runs one after the other, prints KTAP.
 * Every case runs in a forked child that leads a process group of its own and
 * dies with its parent. A child killed by a signal, or one that is not done at
 * its deadline, is a failure: the latter prints what every worker was doing.
 * SIGINT and SIGTERM kill the child's group and end the program with 1.
 *
 * Return: does not return to main() in practice; declared int so that main()
 * can be ``return cases_main(...)``.
 */
int cases_main(int argc, char **argv, const struct program *program);

/**
 * case_add() - one more case, for struct program's @cases
 * @cases: to be filled
 * @count: how many there are, becomes one more
 * @max: how many fit; more than that fails the program
 * @run: the new one's body
 *
 * Return: it, all else zero.
 */
struct test_case *case_add(struct test_case *cases, size_t *count, size_t max,
			   void (*run)(const struct test_case *test));

/**
 * case_current() - the case that this process runs
 *
 * Return: the case, or NULL outside of one.
 */
const struct test_case *case_current(void);

/**
 * case_duration_ns() - how long a case that is limited by time may take
 *
 * The program's time (20 s less a margin in check mode, --duration if given)
 * less what is used up, divided by the cases still to come; so a case that
 * needs little or is skipped leaves its share to the others. Never less than
 * 100 ms.
 *
 * Return: nanoseconds, the same at every call in one case.
 */
u64 case_duration_ns(void);

/**
 * case_random() - begin a random stream of this case
 * @stream: the stream to fill
 * @name: what it is for, such as "flip thread"
 * @index: which of several of that name
 *
 * Depends on the seed, the case's name, @name and @index only, so a case
 * replayed alone makes the same choices.
 */
void case_random(struct random_stream *stream, const char *name, u64 index);

/**
 * needs_met() - look for everything that is needed
 * @needs: what is needed
 * @shortage: filled with the first thing that is missing; may be NULL
 *
 * Return: whether all is there.
 */
bool needs_met(const struct needs *needs, struct shortage *shortage);

/**
 * memory_available() - how much memory programs may still have
 *
 * Return: bytes, MemAvailable of /proc/meminfo; 0 if that cannot be told.
 */
u64 memory_available(void);

/**
 * struct case_matrix - a matrix of choices
 * @dimensions: number of choices to make, at most CASE_DIMENSIONS
 * @levels: how many values each of them has, at least 1
 * @allowed: whether a tuple makes sense; NULL: all do
 * @context: for @allowed
 */
struct case_matrix {
	unsigned int dimensions;
	unsigned int levels[CASE_DIMENSIONS];
	bool (*allowed)(const unsigned int *tuple, const void *context);
	const void *context;
};

/**
 * struct case_tuple - one choice per dimension
 * @level: the values, each below the dimension's levels
 */
struct case_tuple {
	unsigned int level[CASE_DIMENSIONS];
};

/**
 * cases_every_tuple() - the full matrix
 * @matrix: the matrix
 * @tuples: to be filled
 * @max: how many fit; more than that ends the program with a failure
 *
 * Return: number of allowed tuples, in lexical order.
 */
size_t cases_every_tuple(const struct case_matrix *matrix,
			 struct case_tuple *tuples, size_t max);

/**
 * cases_sample_pairwise() - a small sample in which every pair of values meets
 * @matrix: the matrix
 * @seed: which of the many such samples
 * @tuples: to be filled
 * @max: how many fit; more than that ends the program with a failure
 *
 * Every pair of values of two dimensions that occurs in an allowed tuple occurs
 * in the sample; with one dimension, every value. Greedy: a little larger than
 * the smallest such sample.
 *
 * Return: number of tuples, in lexical order.
 */
size_t cases_sample_pairwise(const struct case_matrix *matrix, u64 seed,
			     struct case_tuple *tuples, size_t max);

/**
 * cases_sample() - a small sample in which all values, or all pairs, occur
 * @matrix: the matrix
 * @seed: which of the many such samples
 * @strength: 1: every value; 2: every pair, as cases_sample_pairwise()
 * @tuples: to be filled
 * @max: room in @tuples; more than that ends the program with a failure
 *
 * Return: number of tuples, in lexical order.
 */
size_t cases_sample(const struct case_matrix *matrix, u64 seed,
		    unsigned int strength, struct case_tuple *tuples,
		    size_t max);

/**
 * cases_choose() - the tuples that the options ask for
 * @options: mode, seed, and whether --case was given
 * @matrix: the matrix
 * @tuples: to be filled
 * @max: how many fit
 *
 * The full matrix in MODE_ALL, for --list, and if --case names what to run (so that
 * a replay finds its case whatever the sample), else the pairwise sample of the seed.
 * A test that has backings in its matrix lets @matrix->allowed refuse all that
 * --backing does not name.
 *
 * Return: number of tuples.
 */
size_t cases_choose(const struct options *options,
		    const struct case_matrix *matrix, struct case_tuple *tuples,
		    size_t max);

/* What a stress run without --duration takes, in seconds. */
#define CASES_STRESS_S 14

/**
 * cases_keep_for_stress() - the share of the cases that a stress run has time for
 * @options: mode, seed, duration, and whether --case was given
 * @items: cases or tuples; those that are kept are moved to the front
 * @count: how many there are
 * @size: bytes of each
 * @item_s: seconds that one of them should have at least, above 0
 *
 * A stress run goes deep where check mode goes wide: few cases for long, chosen
 * by the seed.
 *
 * Return: how many are kept: all but in MODE_STRESS without --case, and never
 * none of some.
 */
size_t cases_keep_for_stress(const struct options *options, void *items,
			     size_t count, size_t size, unsigned int item_s);

#endif /* SECMMU_CASES_H */
