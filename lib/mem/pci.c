// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/kernel_file.h"
#include "mem/pci.h"
#include "core/report.h"
#include "core/settings.h"

#define DEVICES "/sys/bus/pci/devices"
#define BARS	6

static void path_of(char *path, size_t size, const char *name, const char *file)
{
	snprintf(path, size, DEVICES "/%s/%s", name, file);
}

static unsigned int number_in(const char *name, const char *file)
{
	char path[PATH_MAX];
	unsigned int number = 0;
	FILE *stream;

	path_of(path, sizeof(path), name, file);
	stream = fopen(path, "re");
	if (!stream)
		return 0;
	if (fscanf(stream, "%x", &number) != 1)
		number = 0;
	fclose(stream);
	return number;
}

void pci_need(struct pci_function *function, unsigned int vendor,
	      unsigned int device, const char *what, const char *target)
{
	DIR *folder = opendir(DEVICES);
	char missing[128], remedy[128];
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' ||
		    strlen(entry->d_name) >= sizeof(function->name))
			continue;
		found = number_in(entry->d_name, "vendor") == vendor &&
			number_in(entry->d_name, "device") == device;
		if (found)
			strcpy(function->name, entry->d_name);
	}
	if (folder)
		closedir(folder);
	if (found)
		return;
	snprintf(missing, sizeof(missing), "a PCI function %04x:%04x, %s",
		 vendor, device, what);
	snprintf(remedy, sizeof(remedy),
		 "run it in a target: ./run_all.sh --vm %s", target);
	skip(missing, remedy);
}

/* Name of the driver of a function, or "". */
static void driver_of(const struct pci_function *function, char *driver,
		      size_t size)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t length;

	driver[0] = '\0';
	path_of(path, sizeof(path), function->name, "driver");
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return;
	link[length] = '\0';
	snprintf(driver, size, "%s", strrchr(link, '/') + 1);
}

/* IORESOURCE_MEM of include/linux/ioport.h */
#define RESOURCE_MEMORY 0x200

/* Find a memory BAR of at least a page; false if the function has none. */
static bool memory_of(const struct pci_function *function, unsigned int *bar,
		      u64 *size)
{
	unsigned long long start, end, flags;
	char path[PATH_MAX];
	bool found = false;
	FILE *stream;

	path_of(path, sizeof(path), function->name, "resource");
	stream = fopen(path, "re");
	for (*bar = 0; stream && !found && *bar < BARS; *bar += !found) {
		if (fscanf(stream, "%llx %llx %llx", &start, &end, &flags) != 3)
			break;
		*size = end - start + 1;
		found = flags & RESOURCE_MEMORY && start &&
			*size >= (u64)getpagesize();
	}
	if (stream)
		fclose(stream);
	return found;
}

/* A function must be enabled to answer: enable it for this case. */
static void enable(const struct pci_function *function)
{
	char path[PATH_MAX];
	struct setting setting = { .file = path, .value = "1" };

	path_of(path, sizeof(path), function->name, "enable");
	if (!number_in(function->name, "enable"))
		settings_set(&setting, 1);
}

static void *map_bar(const struct pci_function *function, unsigned int bar,
		     u64 size)
{
	char path[PATH_MAX], file[16];
	void *memory;
	int fd;

	enable(function);
	snprintf(file, sizeof(file), "resource%u", bar);
	path_of(path, sizeof(path), function->name, file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return memory == MAP_FAILED ? NULL : memory;
}

void *pci_map_unused(u64 *size)
{
	DIR *folder = opendir(DEVICES);
	struct pci_function function;
	struct dirent *entry;
	void *memory = NULL;
	unsigned int bar;
	char driver[64];

	while (folder && !memory && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' ||
		    strlen(entry->d_name) >= sizeof(function.name))
			continue;
		strcpy(function.name, entry->d_name);
		driver_of(&function, driver, sizeof(driver));
		if (!driver[0] && memory_of(&function, &bar, size))
			memory = map_bar(&function, bar, *size);
	}
	if (folder)
		closedir(folder);
	if (!memory)
		skip("a PCI function with memory and without a driver",
		     "run it in an x86 target: ./run_all.sh --vm amd64-6.12");
	return memory;
}

void pci_bind(const struct pci_function *function, const char *driver)
{
	char path[PATH_MAX], has[64];

	driver_of(function, has, sizeof(has));
	if (!strcmp(has, driver))
		return;
	if (has[0])
		skip("a PCI function that no driver uses",
		     "unbind the driver that has it, or run it in a target");
	path_of(path, sizeof(path), function->name, "driver_override");
	kernel_file_must_write(path, driver);
	kernel_file_must_write("/sys/bus/pci/drivers_probe", function->name);
	driver_of(function, has, sizeof(has));
	CHECK(!strcmp(has, driver),
	      "%s does not take %s: the kernel log says why", driver,
	      function->name);
}

void pci_unbind(const struct pci_function *function)
{
	char path[PATH_MAX];

	path_of(path, sizeof(path), function->name, "driver/unbind");
	kernel_file_must_write(path, function->name);
}

bool pci_has_iommu(const struct pci_function *function)
{
	char path[PATH_MAX];

	path_of(path, sizeof(path), function->name, "iommu_group");
	return !access(path, F_OK);
}

void *pci_peer_memory(const struct pci_function *function, u64 size)
{
	char path[PATH_MAX];
	void *memory;
	int fd;

	path_of(path, sizeof(path), function->name, "p2pmem/allocate");
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		skip("memory for peer-to-peer DMA (CONFIG_PCI_P2PDMA=y)",
		     "run it on a kernel built with this option, with a driver that provides it");
	CHECK(fd >= 0, "cannot open %s: %s", path, errno_name(errno));
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(memory != MAP_FAILED, "cannot map %s: %s", path,
	      errno_name(errno));
	close(fd);
	return memory;
}

/* A page of the BAR, or MAP_FAILED. */
static void *map_page(const char *name, unsigned int bar)
{
	char path[PATH_MAX], file[16];
	void *memory;
	int fd;

	snprintf(file, sizeof(file), "resource%u", bar);
	path_of(path, sizeof(path), name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	/* I/O ports, and memory that a driver has, cannot be mapped (iomem_is_exclusive()). */
	memory = mmap(NULL, (size_t)getpagesize(), PROT_READ, MAP_SHARED, fd,
		      0);
	close(fd);
	return memory;
}

void *pci_map_memory(void)
{
	DIR *folder = opendir(DEVICES);
	void *memory = MAP_FAILED;
	struct dirent *entry;
	unsigned int bar;

	while (folder && memory == MAP_FAILED && (entry = readdir(folder)))
		for (bar = 0; bar < BARS && memory == MAP_FAILED &&
			      entry->d_name[0] != '.';
		     bar++)
			memory = map_page(entry->d_name, bar);
	if (folder)
		closedir(folder);
	if (memory == MAP_FAILED)
		skip("memory of a PCI function that user space can map",
		     "run it as root, on a machine with PCI that is not locked down");
	return memory;
}
