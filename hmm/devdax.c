// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/target_module.h"
#include "core/clock.h"
#include "devdax.h"
#include "core/kernel_file.h"
#include "core/report.h"

/* Documentation/ABI/testing/sysfs-bus-nvdimm, drivers/nvdimm/pfn_devs.c */
#define SEED	  "/sys/bus/nd/devices/region0/dax_seed"
#define DEVICE	  "/dev/dax0.0"
#define RESOURCE  "/sys/bus/dax/devices/dax0.0/resource"
#define APPEAR_MS 10000

/* libnvdimm's probes are asynchronous. */
static bool appears(const char *path, unsigned int timeout_ms)
{
	struct deadline deadline = deadline_in_ms(timeout_ms);

	while (access(path, F_OK)) {
		if (deadline_passed(deadline))
			return false;
		usleep(1000);
	}
	return true;
}

static bool memory_set_aside(void)
{
	char line[256];
	FILE *file = fopen("/proc/iomem", "re");
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "Persistent Memory (legacy)");
	if (file)
		fclose(file);
	return found;
}

static void set(const char *device, const char *what, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/nd/devices/%s/%s", device, what);
	kernel_file_must_write(path, value);
}

/* The first region's seed becomes a device of all its memory. */
static void make_device(void)
{
	char seed[32] = "";
	FILE *file = fopen(SEED, "re");

	CHECK(file && fscanf(file, "%31s", seed) == 1, "cannot read " SEED);
	fclose(file);
	set(seed, "align", "1073741824");
	/* What describes its pages is in ordinary memory. */
	set(seed, "mode", "ram");
	set(seed, "uuid", "5ecf0000-5ecf-4ecf-8ecf-5ecf5ecf5ecf");
	set(seed, "namespace", "namespace0.0");
	kernel_file_must_write("/sys/bus/nd/drivers/dax_pmem/bind", seed);
	CHECK(appears(DEVICE, APPEAR_MS), "no " DEVICE " appears");
}

int devdax_open(u64 *frame)
{
	unsigned long long address;
	FILE *file;
	int fd;

	if (access(DEVICE, F_OK)) {
		if (!memory_set_aside())
			skip("memory for DAX, set aside by memmap=2G!4G",
			     "run it in a target: ./run_all.sh --vm amd64-7.2:devdax");
		target_module_insert("nd_e820");
		target_module_insert("device_dax");
		target_module_insert("dax_pmem");
		if (!appears(SEED, APPEAR_MS) ||
		    access("/sys/bus/nd/drivers/dax_pmem", F_OK))
			skip("CONFIG_X86_PMEM_LEGACY and CONFIG_DEV_DAX_PMEM",
			     "insert nd_e820, device_dax and dax_pmem, or run it in a target");
		make_device();
	}
	fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0, "cannot open " DEVICE ": %s", errno_name(errno));
	file = fopen(RESOURCE, "re");
	CHECK(file && fscanf(file, "%llx", &address) == 1 && address,
	      "cannot read " RESOURCE);
	fclose(file);
	*frame = address / (u64)getpagesize();
	return fd;
}
