// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_range_fault() names the first page of a huge page of device memory for
 * whichever page of it a walk begins at (hmm-device-huge-page.md).
 *
 *	gcc -O2 -static -I ../../hmm/driver hmm-device-huge-page.c -o huge-page
 *	insmod secmmu_hmm.ko; ./huge-page
 *
 * Exit code 0: both walks say the same of each page. 1: not. 4: cannot be tried.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "secmmu_hmm.h"

#define HUGE_SIZE (2UL << 20)
#define PAGES	  8

static uint64_t walked[PAGES], alone[PAGES];
static int device;

static void walk(const char *start, unsigned int pages, uint64_t *entries)
{
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + pages * 4096UL,
		.entries = (uintptr_t)entries,
	};

	if (ioctl(device, SECMMU_HMM_WALK, &walk) || walk.error)
		err(4, "SECMMU_HMM_WALK");
}

int main(void)
{
	char *area = mmap(NULL, 2 * HUGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct secmmu_hmm_migrate migrate = { .to = 1,
					      .flags = SECMMU_HMM_HUGE };
	int i, wrong = 0;

	area = (char *)(((uintptr_t)area + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1));
	madvise(area, HUGE_SIZE, MADV_HUGEPAGE);
	memset(area, 1, HUGE_SIZE);
	device = open(SECMMU_HMM_DEVICE, O_RDWR);
	if (device < 0)
		err(4, "%s", SECMMU_HMM_DEVICE);
	migrate.start = (uintptr_t)area;
	migrate.end = migrate.start + HUGE_SIZE;
	if (ioctl(device, SECMMU_HMM_MIGRATE, &migrate))
		err(4, "SECMMU_HMM_MIGRATE");
	if (!migrate.whole)
		errx(4, "no huge page moved to the device as such");
	/* All from the huge page's first on, then each by itself. */
	walk(area, PAGES, walked);
	for (i = 0; i < PAGES; i++) {
		walk(area + i * 4096UL, 1, &alone[i]);
		wrong += alone[i] != walked[i];
		printf("page %d: in a walk from the first page on %#llx, alone %#llx%s\n",
		       i, (unsigned long long)walked[i],
		       (unsigned long long)alone[i],
		       alone[i] == walked[0] && i ? ", which is page 0" : "");
	}
	printf("%d of %d pages differ\n", wrong, PAGES);
	return wrong > 0;
}
