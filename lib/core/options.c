// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/options.h"
#include "core/random.h"

static struct options current = {
	.mode = MODE_CHECK,
};

static bool (*backing_exists)(const char *name);

static const char *const mode_names[] = {
	[MODE_CHECK] = "check",
	[MODE_ALL] = "all",
	[MODE_STRESS] = "stress",
};

const struct options *options(void)
{
	return &current;
}

void options_check_backing(bool (*exists)(const char *name))
{
	backing_exists = exists;
}

void options_set(const struct options *options)
{
	current = *options;
}

const char *options_mode_name(enum run_mode mode)
{
	return mode_names[mode];
}

/* Only digits; strtoull() also accepts blanks, signs and trailing text. */
static bool parse_number(const char *text, u64 *number, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 0);
	if (rest)
		*rest = end;
	return !errno && (rest || !*end);
}

bool options_parse_size(const char *text, u64 *bytes)
{
	const char *unit;
	unsigned int shift;
	u64 number;

	if (!parse_number(text, &number, &unit) || !number)
		return false;
	switch (*unit) {
	case 'K':
	case 'k':
		shift = 10;
		break;
	case '\0':
	case 'M':
	case 'm':
		shift = 20;
		break;
	case 'G':
	case 'g':
		shift = 30;
		break;
	default:
		return false;
	}
	if (*unit && unit[1])
		return false;
	if (number > U64_MAX >> shift)
		return false;
	*bytes = number << shift;
	return true;
}

static bool parse_count(const char *text, unsigned int *count)
{
	u64 number;

	if (!parse_number(text, &number, NULL) || !number || number > INT_MAX)
		return false;
	*count = (unsigned int)number;
	return true;
}

static bool set_seed(struct options *options, const char *text)
{
	options->seed_given = true;
	return parse_number(text, &options->seed, NULL);
}

static bool set_duration(struct options *options, const char *text)
{
	return parse_count(text, &options->duration_s);
}

static bool set_vcpus(struct options *options, const char *text)
{
	return parse_count(text, &options->vcpus);
}

static bool set_memory(struct options *options, const char *text)
{
	return options_parse_size(text, &options->memory);
}

static bool set_backing(struct options *options, const char *text)
{
	options->backing = text;
	return *text;
}

static bool set_mode(struct options *options, const char *text)
{
	unsigned int mode;

	for (mode = MODE_CHECK; mode <= MODE_STRESS; mode++) {
		if (!strcmp(text, mode_names[mode])) {
			options->mode = (enum run_mode)mode;
			return true;
		}
	}
	return false;
}

static bool set_all(struct options *options, const char *text)
{
	(void)text;
	options->mode = MODE_ALL;
	return true;
}

static bool set_case(struct options *options, const char *text)
{
	options->case_glob = text;
	return *text;
}

static bool set_after(struct options *options, const char *text)
{
	options->after = text;
	return *text;
}

static bool set_list(struct options *options, const char *text)
{
	(void)text;
	options->list = true;
	return true;
}

/**
 * struct entry - one option
 * @name: on the command line, behind "--"
 * @variable: in the environment; NULL: none
 * @value: name of the value in the usage; NULL: the option has none
 * @set: stores the value in the options; false: the value is invalid
 * @help: one line
 */
struct entry {
	const char *name;
	const char *variable;
	const char *value;
	bool (*set)(struct options *options, const char *text);
	const char *help;
};

static const struct entry entries[] = {
	{ "seed", "SECMMU_SEED", "NUMBER", set_seed,
	  "seed of all random choices" },
	{ "duration", "SECMMU_DURATION", "SECONDS", set_duration,
	  "time for all cases together" },
	{ "vcpus", "SECMMU_VCPUS", "NUMBER", set_vcpus,
	  "virtual CPUs per virtual machine" },
	{ "memory", "SECMMU_MEMORY", "SIZE", set_memory,
	  "guest memory under test, in MiB or with K, M or G" },
	{ "backing", "SECMMU_BACKING", "NAME", set_backing,
	  "only cases on this kind of host memory" },
	{ "mode", "SECMMU_MODE", "MODE", set_mode,
	  "check (a sample), all (full matrices) or stress" },
	{ "all", NULL, NULL, set_all, "short for --mode all" },
	{ "case", "SECMMU_CASE", "GLOB", set_case,
	  "only cases whose names match" },
	{ "after", NULL, "CASE", set_after,
	  "skip the cases up to and including this one" },
	{ "list", NULL, NULL, set_list, "print the names of all cases" },
	{ "help", NULL, NULL, NULL, "print this" },
};

#define ENTRIES (ARRAY_SIZE(entries))

static void print_usage(FILE *to, const char *program)
{
	size_t i;

	fprintf(to, "usage: %s", program);
	for (i = 0; i < ENTRIES; i++)
		fprintf(to, " [--%s%s%s]", entries[i].name,
			entries[i].value ? " " : "",
			entries[i].value ? entries[i].value : "");
	fputc('\n', to);
}

void options_usage_error(const char *program, const char *format, ...)
{
	const char *slash = strrchr(program, '/');
	va_list arguments;

	program = slash ? slash + 1 : program;
	fprintf(stderr, "%s: ", program);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	print_usage(stderr, program);
	exit(1);
}

static void __noreturn print_help(const char *program, const char *summary)
{
	const char *slash = strrchr(program, '/');
	size_t i;

	print_usage(stdout, slash ? slash + 1 : program);
	printf("\n%s\n\n", summary);
	for (i = 0; i < ENTRIES; i++) {
		printf("  --%-9s%-9s%s", entries[i].name,
		       entries[i].value ? entries[i].value : "",
		       entries[i].help);
		if (entries[i].variable)
			printf(" [%s]", entries[i].variable);
		putchar('\n');
	}
	exit(0);
}

static u64 new_seed(void)
{
	u64 seed;

	/* Early in the boot the kernel may have no random bytes yet. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {
		seed = clock_ns() ^ (u64)getpid() << 48;
		seed = random_splitmix(&seed);
	}
	return seed;
}

static void read_environment(struct options *options, const char *program)
{
	size_t i;

	for (i = 0; i < ENTRIES; i++) {
		const char *text = entries[i].variable ?
					   getenv(entries[i].variable) :
					   NULL;

		/* An empty variable counts as not set. */
		if (!text || !*text)
			continue;
		if (!entries[i].set(options, text))
			options_usage_error(program,
					    "%s='%s' is not a valid %s",
					    entries[i].variable, text,
					    entries[i].value);
	}
}

void options_parse(struct options *options, int argc, char **argv,
		   const char *summary)
{
	const char *program = argc ? argv[0] : "secmmu";
	int i;

	memset(options, 0, sizeof(*options));
	read_environment(options, program);

	for (i = 1; i < argc; i++) {
		const char *name = argv[i], *text = NULL, *equals;
		const struct entry *entry = NULL;
		size_t length, e;

		if (strncmp(name, "--", 2))
			options_usage_error(program, "'%s' is not an option",
					    name);
		name += 2;
		equals = strchr(name, '=');
		length = equals ? (size_t)(equals - name) : strlen(name);
		for (e = 0; e < ENTRIES; e++)
			if (strlen(entries[e].name) == length &&
			    !strncmp(entries[e].name, name, length))
				entry = &entries[e];
		if (!entry)
			options_usage_error(program, "'%s' is not an option",
					    argv[i]);
		if (!entry->set)
			print_help(program, summary);
		if (entry->value) {
			text = equals	    ? equals + 1 :
			       i + 1 < argc ? argv[++i] :
					      NULL;
			if (!text)
				options_usage_error(program, "--%s needs a %s",
						    entry->name, entry->value);
		} else if (equals) {
			options_usage_error(program, "--%s takes no value",
					    entry->name);
		}
		if (!entry->set(options, text))
			options_usage_error(program,
					    "--%s '%s' is not a valid %s",
					    entry->name, text, entry->value);
	}

	if (options->backing && backing_exists &&
	    !backing_exists(options->backing))
		options_usage_error(program,
				    "there is no backing '%s' on this machine",
				    options->backing);
	if (!options->seed_given)
		options->seed = new_seed();
}
