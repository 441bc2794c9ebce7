// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harness on a real kernel: guests run, talk, and fail in a way that can be
 * understood. What every other test relies on, one fact a case.
 *
 * It has no line in prove/matrix: it judges the harness and not the kernel, and
 * provokes itself each failure that it must see.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kvm/arch.h"
#include "mem/backing.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/expect.h"
#include "harness_guest.h"
#include "harness_raise.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "kvm/vm.h"

#define MANY_VMS 8
/*
 * By mode, unless --vcpus asks for more: KVM's limit is 4096 in some kernels,
 * which takes an emulated machine minutes.
 */
#define CHECK_VCPUS    40
#define ALL_VCPUS      1024
#define SILENCE_MS     1500
#define SILENCE_END_MS 30000
#define AWAY_MS	       10000

/* Guest addresses that nothing else has, aligned to the largest page of all. */
#define GRANULE_GVA    (1ULL << 45)
#define ALIAS_DISTANCE (1ULL << 40)

static struct harness_area *area_of(struct vcpu *vcpu)
{
	return (struct harness_area *)vcpu->guest->test;
}

static void echo(struct vcpu *vcpu, u64 argument)
{
	u64 i;

	vcpu_start(vcpu, harness_echo, argument);
	for (i = 1; i <= 3; i++) {
		vcpu_run(vcpu, VCPU_SYNC);
		CHECK(vcpu->guest->call.argument[0] == i &&
			      vcpu->guest->call.argument[1] == argument + i,
		      "sync %llu says %llu, %llu", i,
		      vcpu->guest->call.argument[0],
		      vcpu->guest->call.argument[1]);
	}
	vcpu_run(vcpu, VCPU_DONE);
	CHECK(area_of(vcpu)->result[0] == argument &&
		      area_of(vcpu)->result[1] == vcpu->index,
	      "vCPU %u returned %llu, %llu", vcpu->index,
	      area_of(vcpu)->result[0], area_of(vcpu)->result[1]);
}

static void test_hypercall(const struct test_case *test)
{
	struct vm *vm = vm_create(NULL);
	unsigned int i;

	/* A vCPU that has come to its end can be started again. */
	for (i = 0; i < 100; i++)
		echo(&vm->vcpus[0], 1000 + i);
	vm_destroy(vm);
}

static void test_string(const struct test_case *test)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = &vm->vcpus[0];
	const char *text;

	vcpu_start(vcpu, harness_string, 0);
	vcpu_run(vcpu, VCPU_SYNC);
	text = (const char *)(uintptr_t)vcpu->guest->call.argument[0];
	CHECK(text >= __start_guest_image && text < __stop_guest_image,
	      "the guest's string is not in the image");
	CHECK(!strcmp(text, "read-only data of the guest"),
	      "the guest's string reads \"%s\"", text);
	vm_destroy(vm);
}

static void test_random(const struct test_case *test)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct random_stream stream;
	unsigned int i;

	vcpu_start(vcpu, harness_random, 7);
	vcpu_run(vcpu, VCPU_DONE);
	random_init(&stream, options()->seed, 7);
	for (i = 0; i < 32; i++) {
		u64 here = random_below(&stream, 1000 + i);

		CHECK(area_of(vcpu)->result[i] == here,
		      "number %u of the stream is %llu in the guest, %llu here",
		      i, area_of(vcpu)->result[i], here);
	}
	vm_destroy(vm);
}

static void run_guest(guest_function function, u64 argument)
{
	struct vm *vm = vm_create(NULL);

	vcpu_start(&vm->vcpus[0], function, argument);
	vcpu_run(&vm->vcpus[0], VCPU_DONE);
	vm_destroy(vm);
}

static void fail_assertion(void *argument)
{
	run_guest(harness_assert, (u64)(uintptr_t)argument);
}

static void test_assertion(const struct test_case *test)
{
	fail_assertion((void *)41);
	expect_failure(fail_assertion, (void *)42,
		       "argument == 41 at lib/harness_guest.c");
}

static void fail_raise(void *argument)
{
	const struct harness_raise *raise = argument;
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = &vm->vcpus[0];

	vcpu_start(vcpu, raise->function, raise->argument);
	if (raise->prepare)
		raise->prepare(vcpu);
	vcpu_await(vcpu, raise->awaited);
	vcpu_run(vcpu, VCPU_DONE);
}

/* An exception ends the test, and its text says what a person must know. */
static void test_exception(const struct test_case *test)
{
	const struct harness_raise *raise = test->data;

	expect_failure_says(fail_raise, (void *)(uintptr_t)raise, raise->says);
}

static void fail_write_image(void *argument)
{
	run_guest(harness_write_image, 1);
}

static void fail_no_slot(void *argument)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = &vm->vcpus[0];

	vm_map(vm, GPA_TEST, GPA_TEST, 4096, 4096);
	area_of(vcpu)->address = GPA_TEST;
	vcpu_start(vcpu, harness_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
}

static void test_no_memory(const struct test_case *test)
{
	expect_failure(fail_write_image, NULL, "no writable slot backs");
	expect_failure(fail_no_slot, NULL, "gpa 0x100000000");
}

static void fail_silent(void *argument)
{
	const struct vcpu_threads_config config = {
		.function = harness_silent,
		.silence_ms = SILENCE_MS,
	};
	struct vm *vm = vm_create(NULL);
	struct vcpu_threads *threads = vcpu_threads_new(vm, &config);
	struct deadline deadline = deadline_in_ms(SILENCE_END_MS);

	vcpu_threads_start(threads);
	/* The crew's watchdog must end this process, long before the limit. */
	while (!deadline_passed(deadline))
		poll(NULL, 0, 100);
}

static void test_silent(const struct test_case *test)
{
	expect_failure(fail_silent, NULL, "vCPU 0");
}

static void await_stores(struct vcpu_threads *threads, struct vcpu *vcpu,
			 bool faults)
{
	volatile u64 *result = area_of(vcpu)->result;
	struct deadline deadline = deadline_in_ms(AWAY_MS);

	*result = 0;
	while (faults ? !vcpu_threads_faults(threads) : !*result) {
		CHECK(!deadline_passed(deadline), "%s for %u s",
		      faults ? "no KVM_RUN failed" : "the guest did not go on",
		      AWAY_MS / 1000);
		poll(NULL, 0, 1);
	}
}

static void take_away(void *told)
{
	const struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = 1UL << 20,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	const struct vcpu_threads_config config = { .function = harness_store };
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct backing backing;
	struct memslot slot;
	struct vcpu_threads *threads;

	backing_create(&backing, &request);
	slot_add(vm, &slot, SLOT_TEST_FIRST, GPA_TEST, &backing, 0);
	vm_map(vm, GPA_TEST, GPA_TEST, request.size, vm->page_size);
	area_of(vcpu)->address = GPA_TEST;
	area_of(vcpu)->value = 1;
	threads = vcpu_threads_new(vm, &config);
	vcpu_threads_start(threads);
	await_stores(threads, vcpu, false);
	if (told)
		vcpu_threads_away_begin(threads);
	CHECK(!mprotect(backing.hva, request.size, PROT_NONE),
	      "mprotect failed: %s", errno_name(errno));
	await_stores(threads, vcpu, true);
	CHECK(!mprotect(backing.hva, request.size, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	vcpu_threads_away_end(threads);
	await_stores(threads, vcpu, false);
	vcpu_threads_finish(threads);
	vm_destroy(vm);
	backing_destroy(&backing);
}

/* Memory may be away if that is said, and a guest waits for it; else it fails. */
static void test_memory_away(const struct test_case *test)
{
	take_away((void *)1);
	expect_failure(take_away, NULL, "EFAULT");
}

/* Two VMs share nothing, although their guests run the same image. */
static void test_many_vms(const struct test_case *test)
{
	const struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = 1UL << 20,
		.fd = -1,
	};
	struct backing backing[MANY_VMS];
	struct memslot slot[MANY_VMS];
	struct vm *vm[MANY_VMS];
	unsigned int i;

	for (i = 0; i < MANY_VMS; i++) {
		vm[i] = vm_create(NULL);
		backing_create(&backing[i], &request);
		slot_add(vm[i], &slot[i], SLOT_TEST_FIRST, GPA_TEST,
			 &backing[i], 0);
		vm_map(vm[i], GPA_TEST, GPA_TEST, request.size, 4096);
		area_of(&vm[i]->vcpus[0])->address = GPA_TEST + 8 * 100;
		area_of(&vm[i]->vcpus[0])->value = 0xabc000 + i;
		vcpu_start(&vm[i]->vcpus[0], harness_store, 0);
	}
	for (i = MANY_VMS; i-- > 0;)
		vcpu_run(&vm[i]->vcpus[0], VCPU_DONE);
	for (i = 0; i < MANY_VMS; i++) {
		u64 word = ((u64 *)backing[i].hva)[100];

		CHECK(word == 0xabc000 + i,
		      "VM %u's memory holds %#llx after its guest stored %#x",
		      i, word, 0xabc000 + i);
		vm_destroy(vm[i]);
		backing_destroy(&backing[i]);
	}
}

static void test_many_vcpus(const struct test_case *test)
{
	unsigned int limit = kvm_check_extension(KVM_CAP_MAX_VCPUS);
	struct vm_config config = {
		.vcpus = options()->mode == MODE_CHECK ? CHECK_VCPUS :
							 ALL_VCPUS,
	};
	struct vm *vm;
	unsigned int i;

	if (config.vcpus > limit)
		config.vcpus = limit;
	if (options()->vcpus)
		config.vcpus = options()->vcpus;
	vm = vm_create(&config);
	for (i = 0; i < vm->vcpu_count; i++)
		echo(&vm->vcpus[i], i);
	report_info("%u vCPUs, KVM_CAP_MAX_VCPUS is %u", vm->vcpu_count, limit);
	vm_destroy(vm);
}

/*
 * Store through a mapping of one size, load through a mapping of the smallest
 * size elsewhere: both lead to the memory that they should.
 */
static void check_page_size(struct vm *vm, struct memslot *slot, u64 page_size,
			    u64 gva)
{
	const u64 size = slot->size;
	const u64 offsets[] = { 0, vm->granule, size / 2 - 8, size / 2,
				size - 8 };
	struct vcpu *vcpu = &vm->vcpus[0];
	const u64 alias = gva + ALIAS_DISTANCE;
	unsigned int i;

	vm_map(vm, gva, slot->gpa, page_size > size ? page_size : size,
	       page_size);
	vm_map(vm, alias, slot->gpa, size, vm->granule);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 word;

		area_of(vcpu)->address = gva + offsets[i];
		area_of(vcpu)->alias = alias + offsets[i];
		area_of(vcpu)->value = page_size + offsets[i] + 1;
		vcpu_start(vcpu, harness_store, 0);
		vcpu_run(vcpu, VCPU_DONE);
		memcpy(&word, (char *)slot->hva + offsets[i], sizeof(word));
		CHECK(word == area_of(vcpu)->value &&
			      area_of(vcpu)->result[0] == word,
		      "granule %llu, pages of %llu, offset %#llx: stored %#llx, memory holds %#llx, the guest loads %#llx",
		      vm->granule, page_size, offsets[i], area_of(vcpu)->value,
		      word, area_of(vcpu)->result[0]);
	}
}

/* Page tables of one granule, with all sizes of pages that it has. */
static void test_granule(const struct test_case *test)
{
	const struct vm_config config = { .granule = test->number[0] };
	const struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = 4UL << 20,
		.fd = -1,
	};
	struct vm *vm = vm_create(&config);
	struct backing backing;
	struct memslot slot;
	const u64 *sizes;
	size_t count, i;

	sizes = arch_page_sizes(vm, &count);
	CHECK(vm->granule == config.granule && sizes[0] == config.granule,
	      "a VM with a granule of %llu bytes has %llu", config.granule,
	      vm->granule);
	backing_create(&backing, &request);
	slot_add(vm, &slot, SLOT_TEST_FIRST, GPA_TEST, &backing, 0);
	for (i = 0; i < count; i++)
		check_page_size(vm, &slot, sizes[i],
				GRANULE_GVA + i * 2 * ALIAS_DISTANCE);
	report_info("%zu sizes of pages", count);
	vm_destroy(vm);
	backing_destroy(&backing);
}

static const struct test_case table[] = {
	{ .name = "hypercall", .run = test_hypercall },
	{ .name = "string", .run = test_string },
	{ .name = "random", .run = test_random },
	{ .name = "assertion", .run = test_assertion },
	{ .name = "no_memory", .run = test_no_memory },
	{ .name = "memory_away", .run = test_memory_away },
	{ .name = "silent_guest", .run = test_silent },
	{ .name = "many_vms", .run = test_many_vms },
	{ .name = "many_vcpus", .run = test_many_vcpus, .timeout_s = 600 },
};

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = ARRAY_SIZE(table), granules, raises, i;
	const u64 *granule = vm_granules(&granules);
	const struct harness_raise *raise = harness_raises(&raises);

	(void)options;
	if (count + granules + raises > max)
		fail("more than %zu cases", max);
	memcpy(cases, table, sizeof(table));
	for (i = 0; i < raises; i++, count++) {
		cases[count] = (struct test_case){
			.run = test_exception,
			.data = &raise[i],
		};
		snprintf(cases[count].name, sizeof(cases[count].name),
			 "exception/%s", raise[i].name);
	}
	for (i = 0; i < granules; i++, count++) {
		cases[count] = (struct test_case){
			.run = test_granule,
			.number = { granule[i] },
		};
		snprintf(cases[count].name, sizeof(cases[count].name),
			 "guest_granule/%lluk", granule[i] >> 10);
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "harness_test",
		.summary =
			"guests run, talk, and fail in a way that can be understood",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
