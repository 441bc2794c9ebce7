// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ledger oracle, fed with histories that are right and with histories that are
 * wrong; and the mirror's share of what a host changes itself.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "core/expect.h"
#include "dirty/ledger.h"
#include "dirty/mirror.h"
#include "core/report.h"

#define PAGES 64
#define PAGE  4096
#define VCPUS 3

/* A slot, and what its guest and its host do. */
struct history {
	u8 *memory;
	struct ledger_entry *entries;
	struct ledger *ledger;
	struct ledger_drop *drop;
	u64 sequence;
};

static void begin(struct history *history)
{
	history->memory = calloc(PAGES, PAGE);
	history->entries = calloc(VCPUS * PAGES, sizeof(*history->entries));
	CHECK(history->memory && history->entries, "out of memory");
	history->ledger = ledger_new("slot 8", history->memory, PAGES, PAGE,
				     VCPUS, history->entries);
	history->drop = ledger_drop_new(history->ledger);
	history->sequence = 0;
}

static void end(struct history *history)
{
	ledger_drop_free(history->drop);
	ledger_free(history->ledger);
	free(history->entries);
	free(history->memory);
}

static struct ledger_entry *entry_of(const struct history *history, u32 vcpu,
				     size_t page)
{
	return &history->entries[vcpu * PAGES + page];
}

static u64 *word_of(const struct history *history, u32 vcpu, size_t page)
{
	return (u64 *)(history->memory + page * PAGE +
		       ledger_offset(vcpu, page, PAGE));
}

static void store(struct history *history, u32 vcpu, size_t page)
{
	ledger_store(entry_of(history, vcpu, page),
		     word_of(history, vcpu, page), vcpu, ++history->sequence);
}

/* The guest's store goes to a page that the host does not look at any more. */
static void store_astray(struct history *history, u32 vcpu, size_t page)
{
	u64 elsewhere;

	ledger_store(entry_of(history, vcpu, page), &elsewhere, vcpu,
		     ++history->sequence);
}

static void zero(struct history *history, size_t page, size_t count)
{
	memset(history->memory + page * PAGE, 0, count * PAGE);
}

static void drop(struct history *history, size_t page, size_t count)
{
	ledger_drop_begin(history->ledger, history->drop, page, count);
	zero(history, page, count);
	ledger_drop_end(history->ledger, history->drop);
}

static void judge(void *argument)
{
	const struct history *history = argument;

	ledger_judge(history->ledger);
}

static void must_hold(const struct history *history, size_t words)
{
	size_t found = ledger_judge(history->ledger);

	CHECK(found == words, "%zu words hold a store, %zu should", found,
	      words);
}

static enum ledger_sight look(const struct history *history, u32 vcpu,
			      size_t page)
{
	u64 found;

	return ledger_look(entry_of(history, vcpu, page),
			   word_of(history, vcpu, page), vcpu, &found);
}

static void test_offsets(const struct test_case *test)
{
	u64 seen[PAGE / 8] = { 0 }, vcpu;

	for (vcpu = 0; vcpu < LEDGER_VCPUS_MAX; vcpu++)
		CHECK(!seen[ledger_offset(vcpu, 5, PAGE) / 8]++,
		      "two vCPUs have one word in a page");
}

static void test_accepts(const struct test_case *test)
{
	struct history history;
	u32 vcpu;
	size_t page;

	begin(&history);
	must_hold(&history, 0);
	for (page = 0; page < PAGES; page += 3)
		for (vcpu = 0; vcpu < VCPUS; vcpu++)
			store(&history, vcpu, page);
	must_hold(&history, (PAGES + 2) / 3 * VCPUS);
	drop(&history, 0, PAGES);
	must_hold(&history, 0);
	store(&history, 1, 6);
	store(&history, 1, 6);
	must_hold(&history, 1);
	CHECK(look(&history, 1, 6) == LEDGER_FINE, "its own store is foreign");
	end(&history);
}

/* Begun before the action ended, not done before it began: either is right. */
static void test_in_doubt(const struct test_case *test)
{
	struct history history;

	begin(&history);
	ledger_drop_begin(history.ledger, history.drop, 4, 2);
	store(&history, 0, 4);
	store(&history, 0, 5);
	zero(&history, 4, 1);
	ledger_drop_end(history.ledger, history.drop);
	must_hold(&history, 1);
	CHECK(look(&history, 0, 5) == LEDGER_FINE,
	      "a store in doubt must not be there");
	end(&history);

	/* The vCPU was stopped between the beginning and the end of a store. */
	begin(&history);
	store(&history, 2, 9);
	entry_of(&history, 2, 9)->begun = ++history.sequence;
	must_hold(&history, 1);
	*word_of(&history, 2, 9) = stamp(2, history.sequence);
	must_hold(&history, 1);
	end(&history);
}

static void test_astray(const struct test_case *test)
{
	struct history history;

	begin(&history);
	store(&history, 0, 1);
	store_astray(&history, 0, 1);
	expect_failure(judge, &history,
		       "page 1: a guest's store is not in memory");
	end(&history);

	begin(&history);
	store(&history, 1, 7);
	drop(&history, 7, 1);
	store_astray(&history, 1, 7);
	expect_failure(judge, &history, "a guest's store is not in memory");
	end(&history);

	/* It is gone, and its page was not in the range. */
	begin(&history);
	store(&history, 1, 8);
	drop(&history, 7, 1);
	zero(&history, 8, 1);
	expect_failure(judge, &history, "a guest's store is not in memory");
	end(&history);
}

static void test_back(const struct test_case *test)
{
	struct history history;
	u64 before;

	begin(&history);
	store(&history, 0, 3);
	before = *word_of(&history, 0, 3);
	drop(&history, 3, 1);
	*word_of(&history, 0, 3) = before;
	CHECK(look(&history, 0, 3) == LEDGER_DEAD,
	      "the guest takes what was dropped for alive");
	expect_failure(judge, &history, "what was taken away is back");
	end(&history);
}

static void test_foreign(const struct test_case *test)
{
	struct history history;

	begin(&history);
	store(&history, 0, 3);
	*word_of(&history, 0, 3) = stamp(1, 1);
	CHECK(look(&history, 0, 3) == LEDGER_FOREIGN,
	      "another vCPU's store is taken for its own");
	expect_failure(judge, &history, "it holds what was never stored");
	*word_of(&history, 0, 3) = stamp(0, 99);
	expect_failure(judge, &history, "it holds what was never stored");
	store(&history, 0, 3);
	*word_of(&history, 0, 3) = stamp(0, 1);
	CHECK(look(&history, 0, 3) == LEDGER_FOREIGN,
	      "an older store is taken for the last");
	end(&history);
}

static void test_mirror(const struct test_case *test)
{
	struct mirror_mismatch mismatch;
	struct history history;
	struct mirror *mirror;

	begin(&history);
	mirror = mirror_new("slot 8", history.memory, PAGES, PAGE);
	store(&history, 0, 10);
	store(&history, 0, 11);
	mirror_copy_all(mirror);
	drop(&history, 10, 1);
	CHECK(!mirror_compare(mirror, &mismatch) && mismatch.page == 10,
	      "what the host changed was not seen");
	mirror_copy(mirror, 10, 1);
	mirror_judge(mirror);
	store(&history, 0, 10);
	CHECK(!mirror_compare(mirror, &mismatch) && mismatch.page == 10,
	      "a lost write behind the host's change was not seen");
	mirror_free(mirror);
	end(&history);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "offsets", .run = test_offsets },
		{ .name = "accepts", .run = test_accepts },
		{ .name = "in_doubt", .run = test_in_doubt },
		{ .name = "astray", .run = test_astray },
		{ .name = "back", .run = test_back },
		{ .name = "foreign", .run = test_foreign },
		{ .name = "mirror", .run = test_mirror },
	};
	static const struct program program = {
		.name = "ledger_test",
		.summary =
			"the ledger objects to stores that went astray and to nothing else",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, &program);
}
