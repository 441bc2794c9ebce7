// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "core/clock.h"
#include "core/options.h"
#include "mem/pagemap.h"
#include "core/random.h"
#include "core/report.h"

/* Words of a page that are written and looked at: its ends, and between. */
#define WORDS	8
#define MOVE_MS 5000

/* Of a case before this one a killed child may still be on its way out. */
static u64 used_by_others(int device)
{
	struct deadline deadline = deadline_in_ms(MOVE_MS);
	u64 used;

	do {
		used = hmm_devmem(device, 0).used;
	} while (used && !deadline_passed(deadline) && !sched_yield());
	return used;
}

static void begin(struct device_buffer *buffer)
{
	buffer->seed = options()->seed;
	buffer->version = calloc(buffer->state.pages, sizeof(*buffer->version));
	CHECK(buffer->version, "no memory");
	buffer->mirror = hmm_mirror(buffer->state.device, buffer->state.start,
				    buffer->state.pages * buffer->state.page);
	buffer->used = used_by_others(buffer->state.device);
}

void buffer_new(struct device_buffer *buffer, u64 pages)
{
	static const struct mapping_state_kind nothing = { .name = "cargo" };

	mapping_state_prepare(&buffer->state, &nothing);
	hmm_need_memory(buffer->state.device);
	mapping_state_anonymous(&buffer->state, pages);
	begin(buffer);
}

void buffer_new_written(struct device_buffer *buffer, u64 pages)
{
	buffer_new(buffer, pages);
	buffer_write(buffer, 0, pages);
}

void buffer_new_away(struct device_buffer *buffer)
{
	buffer_new_written(buffer, BUFFER_PAGES);
	buffer_move(buffer, 0, BUFFER_PAGES, HMM_SYSTEM, HMM_IN_DEVMEM(0));
}

void buffer_new_huge(struct device_buffer *buffer)
{
	mapping_state_prepare(&buffer->state, mapping_state_kind_of("thp"));
	hmm_need_huge(buffer->state.device);
	if (buffer->state.pages > hmm_devmem(buffer->state.device, 0).pages)
		skip("huge pages that a bank has room for",
		     "run it on a kernel with smaller pages");
	begin(buffer);
	buffer_write(buffer, 0, buffer->state.pages);
}

void *buffer_page(const struct device_buffer *buffer, u64 number)
{
	return buffer->state.start + number * buffer->state.page;
}

/* Where the words of a page are: the first, the last, and some between. */
static u64 offset_of(const struct device_buffer *buffer, unsigned int word)
{
	return word * (buffer->state.page - sizeof(u64)) / (WORDS - 1) &
	       ~(sizeof(u64) - 1);
}

static u64 content(const struct device_buffer *buffer, u64 number,
		   unsigned int word)
{
	u64 version = buffer->version[number];
	u64 mix = buffer->seed ^ number << 40 ^ version << 8 ^ word;

	return version ? random_splitmix(&mix) | 1 : 0;
}

static volatile u64 *word_at(const struct device_buffer *buffer, u64 number,
			     unsigned int word)
{
	return (volatile u64 *)((unsigned char *)buffer_page(buffer, number) +
				offset_of(buffer, word));
}

void buffer_write(struct device_buffer *buffer, u64 first, u64 count)
{
	unsigned int word;

	for (; count--; first++) {
		buffer->version[first]++;
		for (word = 0; word < WORDS; word++)
			*word_at(buffer, first, word) = content(buffer, first,
								word);
	}
}

void buffer_device_write(struct device_buffer *buffer, u64 first, u64 count)
{
	unsigned int word;

	for (; count--; first++) {
		buffer->version[first]++;
		for (word = 0; word < WORDS; word++)
			hmm_store(buffer->state.device, buffer->mirror,
				  (void *)(uintptr_t)word_at(buffer, first,
							     word),
				  content(buffer, first, word));
	}
}

void buffer_forget(struct device_buffer *buffer, u64 first, u64 count)
{
	memset(buffer->version + first, 0, count * sizeof(*buffer->version));
}

static void judge(const struct device_buffer *buffer, const char *who,
		  u64 number, unsigned int word, u64 found)
{
	u64 expected = content(buffer, number, word);

	CHECK(found == expected,
	      "page %llu, byte %llu: expected %#llx, got %#llx by %s (the page has version %u)",
	      number, offset_of(buffer, word), expected, found, who,
	      buffer->version[number]);
}

void buffer_check(const struct device_buffer *buffer, u64 first, u64 count)
{
	unsigned int word;

	for (; count--; first++)
		for (word = 0; word < WORDS; word++)
			judge(buffer, "a CPU", first, word,
			      *word_at(buffer, first, word));
}

void buffer_device_check(const struct device_buffer *buffer, u64 first,
			 u64 count)
{
	u64 *words = malloc(buffer->state.page);
	unsigned int word;

	CHECK(words, "no memory");
	for (; count--; first++) {
		struct secmmu_hmm_access access = {
			.address = (uintptr_t)buffer_page(buffer, first),
			.length = buffer->state.page,
			.buffer = (uintptr_t)words,
			.mirror = buffer->mirror,
			.operation = SECMMU_HMM_READ,
		};
		int error = __hmm_access(buffer->state.device, &access);

		CHECK(!error, "the device cannot read page %llu: %s", first,
		      errno_name(error));
		for (word = 0; word < WORDS; word++)
			judge(buffer, "the device", first, word,
			      words[offset_of(buffer, word) / sizeof(*words)]);
	}
	free(words);
}

static struct secmmu_hmm_migrate move(const struct device_buffer *buffer,
				      u64 first, u64 count, unsigned int from,
				      unsigned int to, unsigned int flags)
{
	struct deadline deadline = deadline_in_ms(MOVE_MS);
	struct secmmu_hmm_migrate sum = { 0 }, last;

	do {
		last = hmm_migrate(buffer->state.device,
				   buffer_page(buffer, first),
				   count * buffer->state.page, from, to, flags);
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

void buffer_move(const struct device_buffer *buffer, u64 first, u64 count,
		 unsigned int from, unsigned int to)
{
	move(buffer, first, count, from, to, 0);
}

void buffer_move_whole(const struct device_buffer *buffer, unsigned int from,
		       unsigned int to)
{
	u64 pages = buffer->state.pages;
	struct secmmu_hmm_migrate moved = move(buffer, 0, pages, from, to,
					       SECMMU_HMM_HUGE);

	CHECK(moved.whole == pages,
	      "a huge page of %llu pages was to move as such, and %llu did",
	      pages, moved.whole);
}

void buffer_walk(const struct device_buffer *buffer, int device, u64 first,
		 u64 count, u32 requests, u64 *entries)
{
	static const u64 none[BUFFER_PAGES];
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)buffer_page(buffer, first),
		.end = (uintptr_t)buffer_page(buffer, first + count),
		.entries = (uintptr_t)entries,
		.default_flags = requests,
	};
	int error = hmm_walk(device, &walk, none);

	CHECK(!error, "hmm_range_fault() failed: %s", errno_name(error));
}

/* One page: what hmm_range_fault() and the page map say of it. */
static void look(const struct device_buffer *buffer, u64 number, u64 *entry,
		 u64 *mapped)
{
	struct pagemap *pagemap = pagemap_open();

	buffer_walk(buffer, buffer->state.device, number, 1, 0, entry);
	pagemap_read(pagemap, buffer_page(buffer, number), mapped, 1);
	pagemap_close(pagemap);
}

void buffer_judge_away(const struct device_buffer *buffer, u64 first, u64 count,
		       bool huge)
{
	const u64 valid = SECMMU_HMM_VALID | SECMMU_HMM_DEVICE_PAGE;
	u64 entry, mapped, order;

	for (; count--; first++) {
		look(buffer, first, &entry, &mapped);
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

void buffer_judge_here(const struct device_buffer *buffer, u64 first, u64 count)
{
	const u64 valid = SECMMU_HMM_VALID | SECMMU_HMM_DEVICE_PAGE;
	u64 entry, mapped;

	for (; count--; first++) {
		look(buffer, first, &entry, &mapped);
		CHECK((entry & valid) == SECMMU_HMM_VALID,
		      "page %llu is in the system's memory, and hmm_range_fault() says %#llx",
		      first, entry);
		CHECK(mapped & PAGEMAP_PRESENT,
		      "page %llu is in the system's memory, and its page map entry is %#llx",
		      first, mapped);
	}
}

void buffer_judge_used(const struct device_buffer *buffer, u64 pages)
{
	u64 used = hmm_devmem(buffer->state.device, 0).used;

	CHECK(used == buffer->used + pages,
	      "%llu pages of the device's memory are in use, where %llu are needed",
	      used - buffer->used, pages);
}

void buffer_judge_home(const struct device_buffer *buffer)
{
	u64 pages = buffer->state.pages;

	buffer_check(buffer, 0, pages);
	buffer_judge_here(buffer, 0, pages);
	buffer_judge_used(buffer, 0);
}

void buffer_fork(struct device_buffer *buffer,
		 void (*act)(struct device_buffer *buffer))
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		act(buffer);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	CHECK(!status, "the child ended with status %#x", status);
}
