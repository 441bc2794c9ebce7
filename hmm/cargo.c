// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cargo.h"
#include "clock.h"
#include "options.h"
#include "pagemap.h"
#include "random.h"
#include "report.h"

/* Words of a page that are written and looked at: its ends, and between. */
#define WORDS	8
#define MOVE_MS 5000

/* Of a case before this one a killed child may still be on its way out. */
static u64 used_by_others(int device)
{
	struct deadline deadline = deadline_in_ms(MOVE_MS);
	u64 used;

	do {
		used = hmm_bank(device, 0).used;
	} while (used && !deadline_passed(deadline) && !sched_yield());
	return used;
}

static void begin(struct cargo *cargo)
{
	cargo->seed = options()->seed;
	cargo->version = calloc(cargo->place.pages, sizeof(*cargo->version));
	CHECK(cargo->version, "no memory");
	cargo->mirror = hmm_mirror(cargo->place.device, cargo->place.start,
				   cargo->place.pages * cargo->place.page);
	cargo->used = used_by_others(cargo->place.device);
}

void cargo_new(struct cargo *cargo, u64 pages)
{
	static const struct place_kind nothing = { .name = "cargo" };

	place_prepare(&cargo->place, &nothing);
	hmm_need_memory(cargo->place.device);
	place_anonymous(&cargo->place, pages);
	begin(cargo);
}

void cargo_new_written(struct cargo *cargo, u64 pages)
{
	cargo_new(cargo, pages);
	cargo_write(cargo, 0, pages);
}

void cargo_new_away(struct cargo *cargo)
{
	cargo_new_written(cargo, CARGO_PAGES);
	cargo_move(cargo, 0, CARGO_PAGES, HMM_SYSTEM, HMM_IN_BANK(0));
}

void cargo_new_huge(struct cargo *cargo)
{
	place_prepare(&cargo->place, place_kind_of("thp"));
	hmm_need_whole(cargo->place.device);
	if (cargo->place.pages > hmm_bank(cargo->place.device, 0).pages)
		skip("huge pages that a bank has room for",
		     "run it on a kernel with smaller pages");
	begin(cargo);
	cargo_write(cargo, 0, cargo->place.pages);
}

void *cargo_page(const struct cargo *cargo, u64 number)
{
	return cargo->place.start + number * cargo->place.page;
}

/* Where the words of a page are: the first, the last, and some between. */
static u64 offset_of(const struct cargo *cargo, unsigned int word)
{
	return word * (cargo->place.page - sizeof(u64)) / (WORDS - 1) &
	       ~(sizeof(u64) - 1);
}

static u64 content(const struct cargo *cargo, u64 number, unsigned int word)
{
	u64 version = cargo->version[number];
	u64 mix = cargo->seed ^ number << 40 ^ version << 8 ^ word;

	return version ? random_splitmix(&mix) | 1 : 0;
}

static volatile u64 *word_at(const struct cargo *cargo, u64 number,
			     unsigned int word)
{
	return (volatile u64 *)((unsigned char *)cargo_page(cargo, number) +
				offset_of(cargo, word));
}

void cargo_write(struct cargo *cargo, u64 first, u64 count)
{
	unsigned int word;

	for (; count--; first++) {
		cargo->version[first]++;
		for (word = 0; word < WORDS; word++)
			*word_at(cargo, first, word) = content(cargo, first,
							       word);
	}
}

void cargo_device_write(struct cargo *cargo, u64 first, u64 count)
{
	unsigned int word;

	for (; count--; first++) {
		cargo->version[first]++;
		for (word = 0; word < WORDS; word++)
			hmm_store(cargo->place.device, cargo->mirror,
				  (void *)(uintptr_t)word_at(cargo, first,
							     word),
				  content(cargo, first, word));
	}
}

void cargo_forget(struct cargo *cargo, u64 first, u64 count)
{
	memset(cargo->version + first, 0, count * sizeof(*cargo->version));
}

static void judge(const struct cargo *cargo, const char *who, u64 number,
		  unsigned int word, u64 found)
{
	u64 expected = content(cargo, number, word);

	CHECK(found == expected,
	      "page %llu, byte %llu: %s reads %#llx, where %#llx belongs (the page's version %u)",
	      number, offset_of(cargo, word), who, found, expected,
	      cargo->version[number]);
}

void cargo_check(const struct cargo *cargo, u64 first, u64 count)
{
	unsigned int word;

	for (; count--; first++)
		for (word = 0; word < WORDS; word++)
			judge(cargo, "a CPU", first, word,
			      *word_at(cargo, first, word));
}

void cargo_device_check(const struct cargo *cargo, u64 first, u64 count)
{
	u64 *buffer = malloc(cargo->place.page);
	unsigned int word;

	CHECK(buffer, "no memory");
	for (; count--; first++) {
		struct secmmu_hmm_access access = {
			.address = (uintptr_t)cargo_page(cargo, first),
			.length = cargo->place.page,
			.buffer = (uintptr_t)buffer,
			.mirror = cargo->mirror,
			.operation = SECMMU_HMM_READ,
		};
		int error = __hmm_access(cargo->place.device, &access);

		CHECK(!error, "the device cannot read page %llu: %s", first,
		      errno_name(error));
		for (word = 0; word < WORDS; word++)
			judge(cargo, "the device", first, word,
			      buffer[offset_of(cargo, word) / sizeof(*buffer)]);
	}
	free(buffer);
}

static struct secmmu_hmm_migrate move(const struct cargo *cargo, u64 first,
				      u64 count, unsigned int from,
				      unsigned int to, unsigned int flags)
{
	struct deadline deadline = deadline_in_ms(MOVE_MS);
	struct secmmu_hmm_migrate sum = { 0 }, last;

	do {
		last = hmm_migrate(cargo->place.device,
				   cargo_page(cargo, first),
				   count * cargo->place.page, from, to, flags);
		CHECK(!last.refused, "there is no room for %llu of %llu pages",
		      last.refused, count);
		sum.pages += last.pages;
		sum.whole += last.whole;
	} while (sum.pages < count && !deadline_passed(deadline));
	CHECK(sum.pages == count,
	      "%llu pages were to move from %u to %u (0: the system's memory), and %llu did",
	      count, from, to, sum.pages);
	return sum;
}

void cargo_move(const struct cargo *cargo, u64 first, u64 count,
		unsigned int from, unsigned int to)
{
	move(cargo, first, count, from, to, 0);
}

void cargo_move_whole(const struct cargo *cargo, unsigned int from,
		      unsigned int to)
{
	u64 pages = cargo->place.pages;
	struct secmmu_hmm_migrate moved = move(cargo, 0, pages, from, to,
					       SECMMU_HMM_WHOLE);

	CHECK(moved.whole == pages,
	      "a huge page of %llu pages was to move as such, and %llu did",
	      pages, moved.whole);
}

void cargo_walk(const struct cargo *cargo, int device, u64 first, u64 count,
		u32 requests, u64 *entries)
{
	static const u64 none[CARGO_PAGES];
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)cargo_page(cargo, first),
		.end = (uintptr_t)cargo_page(cargo, first + count),
		.entries = (uintptr_t)entries,
		.default_flags = requests,
	};
	int error = hmm_walk(device, &walk, none);

	CHECK(!error, "hmm_range_fault() failed: %s", errno_name(error));
}

/* One page: what hmm_range_fault() and the page map say of it. */
static void look(const struct cargo *cargo, u64 number, u64 *entry, u64 *mapped)
{
	struct pagemap *pagemap = pagemap_open();

	cargo_walk(cargo, cargo->place.device, number, 1, 0, entry);
	pagemap_read(pagemap, cargo_page(cargo, number), mapped, 1);
	pagemap_close(pagemap);
}

void cargo_judge_away(const struct cargo *cargo, u64 first, u64 count,
		      bool huge)
{
	const u64 valid = SECMMU_HMM_VALID | SECMMU_HMM_DEVICE_PAGE;
	u64 entry, mapped, order;

	for (; count--; first++) {
		look(cargo, first, &entry, &mapped);
		order = entry >> SECMMU_HMM_ORDER_SHIFT & SECMMU_HMM_ORDER_MASK;
		CHECK((entry & valid) == valid,
		      "page %llu is in the device's memory, and hmm_range_fault() says %#llx",
		      first, entry);
		CHECK(!(mapped & PAGEMAP_PRESENT) && mapped & PAGEMAP_SWAPPED,
		      "page %llu is in the device's memory, and its page map entry is %#llx",
		      first, mapped);
		CHECK(huge ? order : !order,
		      "page %llu is in the device's memory as part of a %s page, and hmm_range_fault() says order %llu",
		      first, huge ? "huge" : "small", order);
	}
}

void cargo_judge_here(const struct cargo *cargo, u64 first, u64 count)
{
	const u64 valid = SECMMU_HMM_VALID | SECMMU_HMM_DEVICE_PAGE;
	u64 entry, mapped;

	for (; count--; first++) {
		look(cargo, first, &entry, &mapped);
		CHECK((entry & valid) == SECMMU_HMM_VALID,
		      "page %llu is in the system's memory, and hmm_range_fault() says %#llx",
		      first, entry);
		CHECK(mapped & PAGEMAP_PRESENT,
		      "page %llu is in the system's memory, and its page map entry is %#llx",
		      first, mapped);
	}
}

void cargo_judge_used(const struct cargo *cargo, u64 pages)
{
	u64 used = hmm_bank(cargo->place.device, 0).used;

	CHECK(used == cargo->used + pages,
	      "%llu pages of the device's memory are in use, where %llu are needed",
	      used - cargo->used, pages);
}

void cargo_judge_home(const struct cargo *cargo)
{
	u64 pages = cargo->place.pages;

	cargo_check(cargo, 0, pages);
	cargo_judge_here(cargo, 0, pages);
	cargo_judge_used(cargo, 0);
}

void cargo_fork(struct cargo *cargo, void (*act)(struct cargo *cargo))
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		act(cargo);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	CHECK(!status, "the child ended with status %#x", status);
}
