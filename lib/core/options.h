/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options of every program, from the command line and from SECMMU_* variables of
 * the same names; the command line takes precedence.
 */
#ifndef SECMMU_OPTIONS_H
#define SECMMU_OPTIONS_H

#include <stdbool.h>

#include "core/types.h"

/**
 * enum run_mode - how much a program runs
 * @MODE_CHECK: a sample of the cases, chosen by the seed; at most 20 s per program
 *	in an emulated machine
 * @MODE_ALL: the full matrices
 * @MODE_STRESS: for --duration seconds, with more threads
 */
enum run_mode {
	MODE_CHECK,
	MODE_ALL,
	MODE_STRESS,
};

/**
 * struct options - the user's options
 * @seed: --seed: all random choices follow from it; random if not given
 * @seed_given: whether the user gave the seed
 * @duration_s: --duration: time for all cases together, in seconds; 0: not given
 * @vcpus: --vcpus: vCPUs per VM; 0: the test's default
 * @memory: --memory: guest memory under test, in bytes (on the command line a number
 *	of MiB, or one with K, M or G); 0: the test's default
 * @backing: --backing: only cases on this kind of memory, by its name
 *	(backing_name()); NULL: all
 * @mode: --mode check, all or stress (--all is short for --mode all)
 * @case_glob: --case: only cases whose names match; NULL: all
 * @after: --after: skip all cases up to and including this one, for the runner to
 *	continue after a case that crashed the kernel. NULL: none
 * @list: --list: print the names of all cases and exit
 */
struct options {
	u64 seed;
	bool seed_given;
	unsigned int duration_s;
	unsigned int vcpus;
	u64 memory;
	const char *backing;
	enum run_mode mode;
	const char *case_glob;
	const char *after;
	bool list;
};

/**
 * options_parse() - read the command line and the SECMMU_* variables
 * @options: filled in
 * @argc: main()'s
 * @argv: main()'s; strings are kept, not copied
 * @summary: the program in one line, for --help
 *
 * An invalid option ends the program with a usage line on stderr and exit code 1;
 * --help prints the help and exits with 0.
 */
void options_parse(struct options *options, int argc, char **argv,
		   const char *summary);

/**
 * options_check_backing() - how options_parse() checks --backing
 * @exists: whether this machine can have a backing of that name
 *
 * lib/mem calls it before main(), in programs that have backing memory; the others
 * ignore --backing.
 */
void options_check_backing(bool (*exists)(const char *name));

/**
 * options() - the options of this program
 *
 * Context: any thread, after cases_main() or options_set().
 *
 * Return: the options; never NULL.
 */
const struct options *options(void);

/**
 * options_set() - set what options() returns
 * @options: copied
 */
void options_set(const struct options *options);

/**
 * options_mode_name() - name of a mode
 * @mode: the mode
 *
 * Return: "check", "all" or "stress".
 */
const char *options_mode_name(enum run_mode mode);

/**
 * options_usage_error() - print an error and the usage to stderr, and exit with 1
 * @program: argv[0]
 * @format: the error, as in printf()
 */
void options_usage_error(const char *program, const char *format,
			 ...) __noreturn __printf(2, 3);

/**
 * options_parse_size() - parse a size
 * @text: a number of MiB, or a number followed by K, M or G
 * @bytes: filled in
 *
 * Return: false if @text is not a size, is zero, or exceeds 64 bits.
 */
bool options_parse_size(const char *text, u64 *bytes);

#endif /* SECMMU_OPTIONS_H */
