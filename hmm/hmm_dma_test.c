// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_dma_map_pfn() and what belongs to it: each page is mapped for DMA once, at
 * the address that the kind of device has, keeps its flags through later walks,
 * and is unmapped when it is invalidated; and a real device reads and writes
 * there, through an IOMMU that lets it go nowhere else.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/kernel_file.h"
#include "core/report.h"
#include "core/variant.h"
#include "dma_fixture.h"

#define BYTES 1024
/* What a device reaches that does not reach all memory. */
#define NARROW_BITS 28

/* This number of pages takes all 32-bit addresses. */
#define MOST_PAGES (1ULL << 20)

/*
 * hmm_dma_map_alloc(): behind an IOMMU, dma_iova_try_alloc() allocates a contiguous
 * range of addresses. If none is long enough, it keeps a list of addresses
 * (dma_need_unmap()). A device without an IOMMU needs neither and uses the addresses
 * of the memory.
 */
static const struct dma_method dma_methods[] = {
	{ "direct", DMA_PLATFORM, 64, DMA_FIXTURE_PAGES, 0 },
	{ "iova", DMA_EDU, 64, DMA_FIXTURE_PAGES, SECMMU_HMM_DMA_IOVA },
	{ "iova_32", DMA_EDU, 32, DMA_FIXTURE_PAGES, SECMMU_HMM_DMA_IOVA },
	{ "list", DMA_EDU, 32, MOST_PAGES, SECMMU_HMM_DMA_LIST },
};
#define METHOD_IOVA (&dma_methods[1])
#define METHOD_LIST (&dma_methods[3])

struct peer_method;

/**
 * struct variant - how cases of one body differ; each body uses one member
 * @method: how the device's DMA gets to memory
 * @peer: how a device reaches the memory of another
 * @kind: the device
 */
struct variant {
	const struct dma_method *method;
	const struct peer_method *peer;
	enum dma_kind kind;
};

/* Mapped, asked for again, unmapped, unmapped again, mapped again. */
static void test_map(const struct variant *variant)
{
	const struct dma_method *method = variant->method;
	u64 before[DMA_FIXTURE_PAGES], i;
	unsigned int count;
	struct dma_fixture fixture;

	dma_fixture_set(&fixture, method, "written");
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	dma_judge(&fixture, method, DMA_WRITABLE);
	memcpy(before, fixture.addresses, sizeof(before));
	dma_fixture_map(&fixture, SECMMU_HMM_REQ_FAULT);
	dma_judge(&fixture, method, DMA_WRITABLE);
	dma_judge_same(&fixture, before);
	count = dma_fixture_unmap(&fixture);
	CHECK(count == DMA_FIXTURE_PAGES,
	      "%u of %u pages were mapped when unmapped", count,
	      DMA_FIXTURE_PAGES);
	for (i = 0; i < DMA_FIXTURE_PAGES; i++)
		dma_judge_entry(&fixture, i,
				SECMMU_HMM_VALID | SECMMU_HMM_WRITE);
	count = dma_fixture_unmap(&fixture);
	CHECK(!count, "%u pages were still mapped after they were unmapped",
	      count);
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	dma_judge(&fixture, method, DMA_WRITABLE);
}

/*
 * A page that was mapped for reading becomes writable where it is (do_wp_page(),
 * wp_page_reuse(): nobody else has it any more, so nothing is invalidated).
 */
static void test_upgrade(const struct variant *variant)
{
	const struct dma_method *method = variant->method;
	u64 before[DMA_FIXTURE_PAGES];
	struct dma_fixture fixture;
	pid_t child;

	dma_fixture_set(&fixture, method, "written");
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child)
		_exit(0);
	CHECK(waitpid(child, NULL, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	dma_fixture_map(&fixture, SECMMU_HMM_REQ_FAULT);
	dma_judge(&fixture, method, DMA_READABLE);
	memcpy(before, fixture.addresses, sizeof(before));
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	dma_judge(&fixture, method, DMA_WRITABLE);
	dma_judge_same(&fixture, before);
}

/* What is discarded is unmapped, nothing else is, and new pages can be mapped. */
static void test_invalidated(const struct variant *variant)
{
	const struct dma_method *method = variant->method;
	struct dma_fixture fixture;
	unsigned int count;
	u64 i;

	dma_fixture_set(&fixture, method, "written");
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	mapping_state_advise(dma_page(&fixture, 2), 3 * fixture.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	dma_look(fixture.state.device, fixture.state.start,
		 DMA_FIXTURE_PAGES * fixture.state.page, fixture.entries);
	for (i = 0; i < DMA_FIXTURE_PAGES; i++) {
		bool gone = i >= 2 && i < 5;

		CHECK(!gone || !fixture.entries[i],
		      "page %llu was discarded, and its entry is %#llx", i,
		      fixture.entries[i]);
		if (!gone)
			dma_judge_entry(&fixture, i, DMA_WRITABLE);
	}
	count = dma_fixture_unmap(&fixture);
	CHECK(count == DMA_FIXTURE_PAGES - 3,
	      "%u pages were mapped after 3 of %u were discarded", count,
	      DMA_FIXTURE_PAGES);
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	dma_judge(&fixture, method, DMA_WRITABLE);
}

/* Where no page is, and none was asked for, nothing is mapped. */
static void test_hole(const struct variant *variant)
{
	const struct dma_method *method = variant->method;
	struct dma_fixture fixture;
	u64 i;

	dma_fixture_set(&fixture, method, "hole_pmd");
	dma_fixture_map(&fixture, 0);
	for (i = 0; i < DMA_FIXTURE_PAGES; i++)
		CHECK(!fixture.entries[i] &&
			      fixture.addresses[i] == DMA_NOT_MAPPED,
		      "page %llu: nothing is there, and it is mapped at %#llx with entry %#llx",
		      i, fixture.addresses[i], fixture.entries[i]);
	CHECK(!dma_fixture_unmap(&fixture),
	      "a page was mapped where there is none");
	dma_fixture_map(&fixture, SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE);
	dma_judge(&fixture, method, DMA_WRITABLE);
}

/*
 * A device that does not reach the machine's first memory has no such mask
 * (dma_direct_supported()): arm64's begins at 1 GiB in many machines.
 */
static bool reaches_memory(void)
{
	u64 first = kernel_file_number("/proc/zoneinfo", "  start_pfn:");

	return !(first * (u64)getpagesize() >> NARROW_BITS);
}

/* hmm_dma_map_alloc(): a device that would need buffers between cannot do it. */
static void test_narrow(const struct variant *variant)
{
	struct dma_function function;
	int error, expected = -EOPNOTSUPP;
	struct mapping_state state;

	/* An IOMMU gives it addresses that it reaches. */
	if (variant->kind == DMA_PLATFORM && !reaches_memory())
		expected = -EIO;
	mapping_state_prepare(&state, mapping_state_kind_of("written"));
	dma_function(&function, variant->kind);
	error = __dma_alloc(state.device, &function, state.start,
			    DMA_FIXTURE_PAGES * state.page, NARROW_BITS, NULL);
	CHECK(error == expected,
	      "a map for a device that reaches 256 MiB: expected %s, got %s",
	      errno_name(expected), error ? errno_name(error) : "no error");
}

/* ---- a device that does DMA ---- */

/* What the device copies: the end of a page. */
static unsigned char *end_of(const struct dma_fixture *fixture, u64 number)
{
	return dma_page(fixture, number) + fixture->state.page - BYTES;
}

static void fill(unsigned char *buffer, unsigned char seed)
{
	unsigned int i;

	for (i = 0; i < BYTES; i++)
		buffer[i] = (unsigned char)(seed + i * 7);
}

static void test_device_reads(const struct variant *variant)
{
	unsigned char written[BYTES], read[BYTES];
	struct dma_fixture fixture;
	unsigned int number;

	dma_fixture_set(&fixture, variant->method, "written");
	dma_fixture_map(&fixture, SECMMU_HMM_REQ_FAULT);
	for (number = 0; number < DMA_FIXTURE_PAGES;
	     number += DMA_FIXTURE_PAGES - 1) {
		fill(written, (unsigned char)(number + 3));
		memcpy(end_of(&fixture, number), written, BYTES);
		dma_copy(fixture.state.device, end_of(&fixture, number),
			 SECMMU_HMM_READ, read, BYTES);
		CHECK(!memcmp(read, written, BYTES),
		      "the device reads another content of page %u than the CPU wrote",
		      number);
	}
}

static void test_device_writes(const struct variant *variant)
{
	unsigned char written[BYTES];
	struct dma_fixture fixture;
	unsigned int number;

	dma_fixture_set(&fixture, variant->method, "written");
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	for (number = 0; number < DMA_FIXTURE_PAGES;
	     number += DMA_FIXTURE_PAGES - 1) {
		fill(written, (unsigned char)(number + 5));
		dma_copy(fixture.state.device, end_of(&fixture, number),
			 SECMMU_HMM_STORE, written, BYTES);
		CHECK(!memcmp(end_of(&fixture, number), written, BYTES),
		      "the CPU reads another content of page %u than the device wrote",
		      number);
	}
}

/*
 * An unmapped page is out of the device's reach, whatever the CPU has there; and in
 * its reach before, or the rest would say nothing.
 */
static void test_confined(const struct variant *variant)
{
	unsigned char secret[BYTES], other[BYTES];
	struct dma_fixture fixture;

	dma_fixture_set(&fixture, variant->method, "written");
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	fill(secret, 7);
	memcpy(end_of(&fixture, 0), secret, BYTES);
	dma_copy(fixture.state.device, end_of(&fixture, 0), SECMMU_HMM_READ,
		 other, BYTES);
	CHECK(!memcmp(other, secret, BYTES),
	      "the device reads another content of a mapped page than the CPU wrote");
	fill(secret, 9);
	memcpy(end_of(&fixture, 0), secret, BYTES);
	dma_fixture_unmap(&fixture);
	dma_copy_unmapped(fixture.state.device, end_of(&fixture, 0),
			  SECMMU_HMM_READ, other, BYTES);
	CHECK(memcmp(other, secret, BYTES),
	      "the device reads a page after it was unmapped");
	fill(other, 11);
	dma_copy_unmapped(fixture.state.device, end_of(&fixture, 0),
			  SECMMU_HMM_STORE, other, BYTES);
	CHECK(!memcmp(end_of(&fixture, 0), secret, BYTES),
	      "the device writes to a page after it was unmapped");
}

/* Its driver lost the device: calls say so, and all it had was unmapped. */
static void test_gone(const struct variant *variant)
{
	struct dma_fixture fixture;
	int error;

	dma_fixture_set(&fixture, variant->method, "written");
	dma_fixture_map(&fixture, DMA_ALL_REQUESTS);
	dma_function_lost(&fixture.function);
	error = __dma_map(fixture.state.device, fixture.state.start,
			  DMA_FIXTURE_PAGES * fixture.state.page,
			  DMA_ALL_REQUESTS, fixture.entries, fixture.addresses,
			  NULL);
	CHECK(error == -ENODEV,
	      "mapping for a device that is gone: expected ENODEV, got %s",
	      error ? errno_name(error) : "no error");
	mapping_state_advise(fixture.state.start,
			     DMA_FIXTURE_PAGES * fixture.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	dma_free(fixture.state.device);
}

/* ---- memory of a peer ---- */

/**
 * struct peer_method - how one device reaches the memory of another
 * @kind: who does
 * @flags: of an entry then, or 0 if it cannot
 */
struct peer_method {
	const char *name;
	enum dma_kind kind;
	u64 flags;
};

/*
 * pci_p2pdma_map_type(): the provider itself has no bridge between, so bus
 * addresses do; two functions at the root go through the host bridge, if the CPU
 * is known to let them; what is on no PCI bus cannot.
 */
static const struct peer_method peer_methods[] = {
	{ "bus", DMA_PEER, SECMMU_HMM_DMA_MAPPED | SECMMU_HMM_DMA_PEER_BUS },
	{ "bridge", DMA_EDU, SECMMU_HMM_DMA_MAPPED | SECMMU_HMM_DMA_PEER },
	{ "none", DMA_PLATFORM, 0 },
};

static void judge_peer_page(const struct peer_method *method, u64 entry,
			    u64 address)
{
	u64 flags = SECMMU_HMM_VALID | SECMMU_HMM_WRITE |
		    SECMMU_HMM_DEVICE_PAGE | method->flags;

	CHECK((entry & ~SECMMU_HMM_PAGE_MASK) == flags,
	      "a page of a peer: expected the entry's flags %#llx, got %#llx",
	      flags, entry & ~SECMMU_HMM_PAGE_MASK);
	CHECK((address == DMA_NOT_MAPPED) == !method->flags,
	      "a page of a peer is mapped at %#llx", address);
	/* No bridge here translates (pci_p2pdma_bus_addr_map()). */
	CHECK(!(method->flags & SECMMU_HMM_DMA_PEER_BUS) ||
		      address == (entry & SECMMU_HMM_PAGE_MASK) *
					 (u64)getpagesize(),
	      "a page of a peer has bus address %#llx, and is page frame %#llx",
	      address, entry & SECMMU_HMM_PAGE_MASK);
}

static void test_peer(const struct variant *variant)
{
	const struct peer_method *method = variant->peer;
	const u64 size = DMA_FIXTURE_PAGES * (u64)getpagesize();
	unsigned char written[BYTES], read[BYTES];
	struct dma_function client;
	unsigned int failed, count;
	struct dma_fixture fixture = { .state = {
					       .page = (u64)getpagesize() } };
	unsigned int wanted = method->flags ? DMA_FIXTURE_PAGES : 0;
	int round, error;
	u64 i;

	fixture.state.start = dma_peer_memory(size);
	fixture.state.device = hmm_open();
	dma_function(&client, method->kind);
	dma_alloc(fixture.state.device, &client, fixture.state.start, size, 64);
	/* Twice: what is mapped stays so, and nothing fails for having failed. */
	for (round = 0; round < 2; round++) {
		error = __dma_map(fixture.state.device, fixture.state.start,
				  size, DMA_ALL_REQUESTS, fixture.entries,
				  fixture.addresses, &failed);
		CHECK(!error, "memory of a peer cannot be mapped: %s",
		      errno_name(error));
		CHECK(failed == DMA_FIXTURE_PAGES - wanted,
		      "expected %u of %u pages of a peer not to be mapped, got %u",
		      DMA_FIXTURE_PAGES - wanted, DMA_FIXTURE_PAGES, failed);
		for (i = 0; i < DMA_FIXTURE_PAGES; i++)
			judge_peer_page(method, fixture.entries[i],
					fixture.addresses[i]);
	}
	if (method->kind == DMA_EDU) {
		fill(written, 13);
		memcpy(end_of(&fixture, 0), written, BYTES);
		dma_copy(fixture.state.device, end_of(&fixture, 0),
			 SECMMU_HMM_READ, read, BYTES);
		CHECK(!memcmp(read, written, BYTES),
		      "the device reads another content of its peer than the CPU wrote");
	}
	count = dma_fixture_unmap(&fixture);
	CHECK(count == wanted, "%u of %u pages of a peer were mapped", count,
	      DMA_FIXTURE_PAGES);
}

/* ---- what the driver has to refuse ---- */

static void test_refused(void)
{
	u64 page = (u64)getpagesize();
	const u64 start = 1 << 30, end = start + DMA_FIXTURE_PAGES * page;
	const struct {
		const char *what;
		struct secmmu_hmm_dma_alloc alloc;
		int error;
	} wrong[] = {
		{ "an empty range",
		  { .start = start, .end = start, .mask_bits = 64 },
		  -EINVAL },
		{ "too many pages",
		  { .end = (SECMMU_HMM_DMA_PAGES + 1) * page, .mask_bits = 64 },
		  -EINVAL },
		{ "no address bits",
		  { .start = start, .end = end, .mask_bits = 0 },
		  -EINVAL },
		{ "too many address bits",
		  { .start = start, .end = end, .mask_bits = 65 },
		  -EINVAL },
		{ "a device that there is not",
		  { .start = start, .end = end, .mask_bits = 64 },
		  -ENODEV },
	};
	struct secmmu_hmm_dma_range range = { .start = start, .end = end };
	struct dma_function platform;
	int device = hmm_open(), error;
	size_t i;

	dma_function(&platform, DMA_PLATFORM);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct secmmu_hmm_dma_alloc alloc = wrong[i].alloc;

		error = __hmm_call(device, SECMMU_HMM_DMA_ALLOC, &alloc);
		CHECK(error == wrong[i].error,
		      "a map of %s: expected %s, got %s", wrong[i].what,
		      errno_name(wrong[i].error),
		      error ? errno_name(error) : "no error");
	}
	error = __hmm_call(device, SECMMU_HMM_DMA_LOOK, &range);
	CHECK(error == -ENOENT, "without a map: expected ENOENT, got %s",
	      error ? errno_name(error) : "no error");
	dma_alloc(device, &platform, (void *)(uintptr_t)start,
		  DMA_FIXTURE_PAGES * page, 64);
	error = __dma_alloc(device, &platform, (void *)(uintptr_t)start,
			    DMA_FIXTURE_PAGES * page, 64, NULL);
	CHECK(error == -EBUSY, "a second map: expected EBUSY, got %s",
	      error ? errno_name(error) : "no error");
	range.end += page;
	error = __hmm_call(device, SECMMU_HMM_DMA_LOOK, &range);
	CHECK(error == -EINVAL,
	      "behind the end of the map: expected EINVAL, got %s",
	      error ? errno_name(error) : "no error");
	range.end = end;
	error = __hmm_call(device, SECMMU_HMM_DMA_LOOK, &range);
	CHECK(error == -EFAULT,
	      "entries where no memory is: expected EFAULT, got %s",
	      error ? errno_name(error) : "no error");
}

/* ---- the cases ---- */

static const struct dimension methods[] = {
	DIMENSION_ROWS(struct variant, method, dma_methods),
};

static const struct dimension peers[] = {
	DIMENSION_ROWS(struct variant, peer, peer_methods),
};

static const struct scenario scenarios[] = {
	SCENARIO("map", test_map, struct variant, methods),
	SCENARIO("upgrade", test_upgrade, struct variant, methods),
	SCENARIO("invalidated", test_invalidated, struct variant, methods),
	SCENARIO("hole", test_hole, struct variant, methods),
	SCENARIO_ONE("narrow/direct", test_narrow, struct variant,
		     FIXED(struct variant, .kind = DMA_PLATFORM),
		     .needs = { .config = "CONFIG_ZONE_DMA" }),
	SCENARIO_ONE("narrow/iova", test_narrow, struct variant,
		     FIXED(struct variant, .kind = DMA_EDU)),
	SCENARIO_ONE("device_reads/iova", test_device_reads, struct variant,
		     FIXED(struct variant, .method = METHOD_IOVA)),
	SCENARIO_ONE("device_reads/list", test_device_reads, struct variant,
		     FIXED(struct variant, .method = METHOD_LIST)),
	SCENARIO_ONE("device_writes/iova", test_device_writes, struct variant,
		     FIXED(struct variant, .method = METHOD_IOVA)),
	SCENARIO_ONE("device_writes/list", test_device_writes, struct variant,
		     FIXED(struct variant, .method = METHOD_LIST)),
	SCENARIO_ONE("confined/iova", test_confined, struct variant,
		     FIXED(struct variant, .method = METHOD_IOVA)),
	SCENARIO_ONE("gone/iova", test_gone, struct variant,
		     FIXED(struct variant, .method = METHOD_IOVA)),
	SCENARIO("peer", test_peer, struct variant, peers),
	{ .name = "refused", .run_alone = test_refused },
};

TEST_PROGRAM(
	"hmm_dma_test",
	"pages of a mirror are mapped for DMA by hmm_dma_map_pfn() once, and unmapped when they are invalidated",
	scenarios, .needs = HMM_NEEDS)
