/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options that every program of the suite has, on the command line and as
 * SECMMU_* variables of the same names (the command line wins).
 */
#ifndef SECMMU_OPTIONS_H
#define SECMMU_OPTIONS_H

#include <stdbool.h>

#include "core/types.h"

/**
 * enum run_mode - how much a program does
 * @MODE_CHECK: every named case once, a seeded sample of large matrices; at
 *	most 20 s per program in an emulated machine
 * @MODE_ALL: the full matrices
 * @MODE_STRESS: for --duration seconds, with more threads
 */
enum run_mode {
	MODE_CHECK,
	MODE_ALL,
	MODE_STRESS,
};

/**
 * struct options - what the user asked for
 * @seed: --seed: all random choices follow from it; random if not given
 * @seed_given: whether the user gave it
 * @duration_s: --duration: seconds for the whole program; 0: not given
 * @vcpus: --vcpus: vCPUs per VM; 0: the test's own default
 * @memory: --memory: guest memory under test, in bytes (a plain number on the
 *	command line is MiB; K, M and G may follow); 0: the test's own default
 * @backing: --backing: only cases on this kind of memory, by its name
 *	(backing_name()); NULL: all
 * @mode: --mode check, all or stress (--all is short for --mode all)
 * @case_glob: --case: only cases whose names match; NULL: all
 * @after: --after: leave out the cases up to and with this one; the runner goes
 *	on behind a case that crashed the kernel. NULL: none
 * @list: --list: print the names of the cases and end
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
 * @options: to be filled
 * @argc: main()'s
 * @argv: main()'s; strings are kept, not copied
 * @summary: what the program does, for --help
 *
 * A wrong option ends the program with a usage line on stderr and exit code 1,
 * before anything is touched; --help prints and ends with 0.
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
 * May be called from any thread, once cases_main() or options_set() ran.
 *
 * Return: the options; never NULL.
 */
const struct options *options(void);

/**
 * options_set() - make these the ones that options() returns
 * @options: copied
 */
void options_set(const struct options *options);

/**
 * options_mode_name() - a mode by name
 * @mode: the mode
 *
 * Return: "check", "all" or "stress".
 */
const char *options_mode_name(enum run_mode mode);

/**
 * options_usage_error() - complain about an option, print the usage, exit 1
 * @program: argv[0]
 * @format: what is wrong, as printf()'s
 */
void options_usage_error(const char *program, const char *format,
			 ...) __noreturn __printf(2, 3);

/**
 * options_parse_size() - read a size
 * @text: a number of MiB, or one with K, M or G behind it
 * @bytes: the result
 *
 * Return: false if it is no size, or zero, or does not fit into 64 bits.
 */
bool options_parse_size(const char *text, u64 *bytes);

#endif /* SECMMU_OPTIONS_H */
