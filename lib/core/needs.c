// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks the requirements of a program or a case before it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/nodes.h"

static bool has_root(struct shortage *shortage)
{
	if (!geteuid())
		return true;
	return shortage_set(shortage,
			    "run it as root, or in a target: ./run_all.sh --vm",
			    "root");
}

static bool has_device(const char *path, const char *missing_remedy,
		       struct shortage *shortage)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return true;
	}
	if (errno == EACCES || errno == EPERM)
		return shortage_set(shortage,
				    "run it as root or as a user that may open it",
				    "access to %s (%s)", path,
				    errno_name(errno));
	return shortage_set(shortage, missing_remedy, "%s (%s)", path,
			    errno_name(errno));
}

static bool has_kernel(unsigned int wanted, struct shortage *shortage)
{
	unsigned int major, minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		fail("cannot parse the kernel release '%s'", name.release);
	if (NEEDS_KERNEL(major, minor) >= wanted)
		return true;
	return shortage_set(shortage, "run it on a newer target kernel",
			    "Linux %u.%u or newer (this is %s)", wanted >> 16,
			    wanted >> 8 & 0xff, name.release);
}

/* The running kernel's configuration; NULL if the machine has no copy. */
static FILE *open_config(bool *pipe)
{
	struct utsname name;
	char path[256];
	FILE *file;

	*pipe = false;
	if (!access("/proc/config.gz", R_OK)) {
		file = popen("gzip -dc /proc/config.gz 2>/dev/null", "r");
		*pipe = file;
		return file;
	}
	if (uname(&name))
		return NULL;
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	file = fopen(path, "re");
	if (file)
		return file;
	snprintf(path, sizeof(path), "/lib/modules/%s/config", name.release);
	return fopen(path, "re");
}

/* Is one option ("CONFIG_A" or "CONFIG_A=y") set in this configuration? */
static bool option_set(FILE *config, const char *option, size_t length)
{
	char line[512];

	while (fgets(line, sizeof(line), config)) {
		if (strncmp(line, option, length))
			continue;
		if (memchr(option, '=', length)) {
			if (line[length] == '\n' || !line[length])
				return true;
		} else if (line[length] == '=') {
			return true;
		}
	}
	return false;
}

static bool has_config(const char *options, struct shortage *shortage)
{
	while (*options) {
		size_t length = strcspn(options, " ");
		bool pipe, set = true;
		FILE *config;

		config = length ? open_config(&pipe) : NULL;
		if (config) {
			/* Empty: gzip could not read it. */
			int first = fgetc(config);

			if (first != EOF) {
				ungetc(first, config);
				set = option_set(config, options, length);
			}
			if (pipe)
				pclose(config);
			else
				fclose(config);
		}
		if (!set)
			return shortage_set(
				shortage,
				"run it on a kernel built with this option",
				"%.*s%s", (int)length, options,
				memchr(options, '=', length) ? "" : "=y or =m");
		options += length;
		options += strspn(options, " ");
	}
	return true;
}

static bool module_builtin(const char *module)
{
	struct utsname name;
	char line[512];
	bool found = false;
	FILE *file;

	if (uname(&name))
		return false;
	snprintf(line, sizeof(line), "/lib/modules/%s/modules.builtin",
		 name.release);
	file = fopen(line, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		char *base = strrchr(line, '/');
		char *dot, *c;

		base = base ? base + 1 : line;
		dot = strstr(base, ".ko");
		if (!dot)
			continue;
		*dot = '\0';
		/* Files have '-' or '_', names of modules have '_'. */
		for (c = base; *c; c++)
			if (*c == '-')
				*c = '_';
		found = !strcmp(base, module);
	}
	fclose(file);
	return found;
}

/* Open a module of this suite, built for this kernel; -1: none exists. */
static int open_own_module(const char *module)
{
	char folder[PATH_MAX], path[PATH_MAX + 256];
	struct utsname name;
	ssize_t length;
	int fd;

	length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	if (length < 0 || uname(&name))
		return -1;
	folder[length] = '\0';
	*strrchr(folder, '/') = '\0';
	/* The place of make install, then that of make modules. */
	snprintf(path, sizeof(path), "%s/%s.ko", folder, module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/modules/%s/%s.ko", folder,
		 name.release, module);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/*
 * Insert a module of this suite, secmmu_AREA, from the program's folder. It stays
 * loaded, so this needs SECMMU_DESTRUCTIVE, which only targets set.
 */
static bool insert_own_module(const char *module, struct shortage *shortage)
{
	int fd, error;

	if (!getenv("SECMMU_DESTRUCTIVE"))
		return shortage_set(
			shortage,
			"insert it by hand (make modules KDIR=/lib/modules/$(uname -r)/build), or run this in a target: ./run_all.sh --vm",
			"the module %s, which is only inserted with SECMMU_DESTRUCTIVE set",
			module);
	fd = open_own_module(module);
	if (fd < 0)
		return shortage_set(
			shortage,
			"build it with the suite: make install KDIR=, the headers of this kernel",
			"the module %s, which is not in the program's folder",
			module);
	error = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	if (!error || error == EEXIST)
		return true;
	return shortage_set(shortage,
			    "build it for this kernel: the kernel log says more",
			    "the module %s, which the kernel rejects (%s)",
			    module, errno_name(error));
}

static bool has_module(const char *module, struct shortage *shortage)
{
	char path[256];

	/* A built-in module without parameters has no folder in /sys/module. */
	snprintf(path, sizeof(path), "/sys/module/%s", module);
	if (!access(path, F_OK) || module_builtin(module))
		return true;
	if (!strncmp(module, "secmmu_", strlen("secmmu_")))
		return insert_own_module(module, shortage);
	snprintf(path, sizeof(path), "modprobe %s", module);
	return shortage_set(shortage, path, "the module %s", module);
}

u64 memory_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long available = 0;
	bool found = false;
	char line[128];

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "MemAvailable: %llu kB", &available) == 1;
	if (file)
		fclose(file);
	return found ? available << 10 : 0;
}

static bool has_memory(u64 wanted, struct shortage *shortage)
{
	u64 available = memory_available();

	if (!available || available >= wanted)
		return true;
	return shortage_set(shortage,
			    "give the target more memory, or stop other programs",
			    "%llu MiB of available memory (there are %llu)",
			    wanted >> 20, available >> 20);
}

static bool has_cpus(unsigned int wanted, struct shortage *shortage)
{
	cpu_set_t set;
	int count;

	/* Fails if the machine has more CPUs than the set: those are enough. */
	if (sched_getaffinity(0, sizeof(set), &set))
		return true;
	count = CPU_COUNT(&set);
	if ((unsigned int)count >= wanted)
		return true;
	return shortage_set(shortage, "run it on a machine with more CPUs",
			    "%u CPUs (there are %d)", wanted, count);
}

static bool has_nodes(unsigned int wanted, struct shortage *shortage)
{
	unsigned int count = nodes_count();

	if (count >= wanted)
		return true;
	return shortage_set(
		shortage,
		"run it on a NUMA machine, or in a target: ./run_all.sh --vm",
		"%u NUMA nodes with memory (there are %u)", wanted, count);
}

bool needs_met(const struct needs *needs, struct shortage *shortage)
{
	if (needs->root && !has_root(shortage))
		return false;
	if (needs->kernel_min && !has_kernel(needs->kernel_min, shortage))
		return false;
	if (needs->config && !has_config(needs->config, shortage))
		return false;
	if (needs->module && !has_module(needs->module, shortage))
		return false;
	if (needs->kvm &&
	    !has_device("/dev/kvm",
			"load kvm_amd or kvm_intel, or run it in a target: ./run_all.sh --vm",
			shortage))
		return false;
	if (needs->device &&
	    !has_device(needs->device, "load the module that provides it",
			shortage))
		return false;
	if (needs->free_memory && !has_memory(needs->free_memory, shortage))
		return false;
	if (needs->cpus && !has_cpus(needs->cpus, shortage))
		return false;
	return !needs->nodes || has_nodes(needs->nodes, shortage);
}
