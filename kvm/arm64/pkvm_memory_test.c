// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of protected VMs is taken from the host. Quotations are from
 * Documentation/virt/kvm/arm/pkvm.rst of 7.2.
 */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bare.h"
#include "core/io.h"
#include "core/report.h"
#include "core/variant.h"

/* A page that guests access, and the word that they store. */
#define PAGE 3
#define WORD 0x5ec3300112233445ULL

struct variant {
	bool protected_guest; /* the other VM */
};

static sigjmp_buf trap;

static void on_trap(int signal)
{
	siglongjmp(trap, signal);
}

/* The host loads a word. Returns the signal that it gets, or 0. */
static int host_load(const char *address, u64 *word)
{
	struct sigaction action = { .sa_handler = on_trap }, before[2];
	int signal;

	sigaction(SIGSEGV, &action, &before[0]);
	sigaction(SIGBUS, &action, &before[1]);
	signal = sigsetjmp(trap, 1);
	if (!signal)
		*word = *(const volatile u64 *)address;
	sigaction(SIGSEGV, &before[0], NULL);
	sigaction(SIGBUS, &before[1], NULL);
	return signal;
}

/*
 * "Accessing pVM memory that has not been shared back will result in the
 * delivery of a SIGSEGV", and the guest does not notice. When the VM is closed,
 * the page comes back to the host without the guest's contents.
 */
static void test_donated(void)
{
	struct bare bare;
	u64 word = 0;
	int signal;

	bare_need_protected();
	bare_create(&bare, true, NULL);
	bare_exchange(&bare, PAGE, WORD);
	signal = host_load(bare.memory + PAGE * bare.page, &word);
	CHECK(signal == SIGSEGV,
	      "a load from a page of a protected VM: expected SIGSEGV, got %s, value %#llx",
	      signal ? strsignal(signal) : "success", word);
	CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
	      "after the host tried to load, the guest loads another word than it stored");
	/* A page that the guest has not accessed still belongs to the host. */
	signal = host_load(bare.memory + (PAGE + 1) * bare.page, &word);
	CHECK(!signal,
	      "a load from a page that the guest never accessed: expected success, got %s",
	      strsignal(signal));
	bare_close(&bare);
	signal = host_load(bare.memory + PAGE * bare.page, &word);
	CHECK(!signal,
	      "a load from a page of a closed VM: expected success, got %s",
	      strsignal(signal));
	CHECK(!word,
	      "a page comes back from a protected VM with %#llx in it, which the guest has %s",
	      word, word == WORD ? "stored there" : "not stored");
	/* The host can use the page again. */
	*(volatile u64 *)(bare.memory + PAGE * bare.page) = ~WORD;
	CHECK(!host_load(bare.memory + PAGE * bare.page, &word) &&
		      word == ~WORD,
	      "a page that came back does not keep the host's store");
	bare_free(&bare);
}

/*
 * "If a system call accesses pVM memory [...] it will either return -EFAULT or
 * forcefully reclaim the memory pages. Reclaimed memory is zeroed [...] and a
 * subsequent attempt to access it in the pVM will return -EFAULT".
 */
static void test_system_call(void)
{
	struct bare bare;
	u64 seen = 0;
	int ends[2], error;
	ssize_t written;

	bare_need_protected();
	CHECK(!pipe(ends), "pipe failed: %s", errno_name(errno));
	bare_create(&bare, true, NULL);
	bare_exchange(&bare, PAGE, WORD);
	written = write(ends[1], bare.memory + PAGE * bare.page, sizeof(seen));
	if (written < 0) {
		CHECK(errno == EFAULT,
		      "write() of a protected VM's memory: expected EFAULT, got %s",
		      errno_name(errno));
		CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
		      "after write() failed, the guest loads another word than it stored");
		report_info("write() failed with EFAULT");
	} else {
		io_must_read(ends[0], &seen, sizeof(seen), IO_NEXT, "a pipe");
		CHECK(!seen,
		      "write() of a protected VM's memory: expected 0 or EFAULT, got %#llx",
		      seen);
		error = __bare_exchange(&bare, PAGE, 0, &seen);
		CHECK(error == -EFAULT,
		      "the guest accesses a page that was reclaimed: expected EFAULT, got %s",
		      error ? errno_name(-error) : "success");
		report_info("write() reclaimed the page");
	}
	/* The rest of the guest's memory still works. */
	if (written < 0)
		bare_exchange(&bare, PAGE + 1, WORD);
	bare_close(&bare);
	bare_free(&bare);
	close(ends[0]);
	close(ends[1]);
}

/* "Changes to the VMM address space [...] are not reflected in the guest." */
static void test_notifiers(void)
{
	struct bare bare;
	void *memory;

	bare_need_protected();
	bare_create(&bare, true, NULL);
	bare_exchange(&bare, PAGE, WORD);
	bare_exchange(&bare, PAGE + 1, WORD + 1);
	CHECK(!madvise(bare.memory + PAGE * bare.page, bare.page,
		       MADV_DONTNEED),
	      "MADV_DONTNEED failed: %s", errno_name(errno));
	CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
	      "MADV_DONTNEED changed memory of a protected VM");
	memory = mmap(bare.memory + (PAGE + 1) * bare.page, bare.page,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(memory != MAP_FAILED, "mmap failed: %s", errno_name(errno));
	CHECK(bare_exchange(&bare, PAGE + 1, 0) == WORD + 1,
	      "mmap() over its memory changed memory of a protected VM");
	bare_close(&bare);
	bare_free(&bare);
}

/* A page of a protected VM cannot be mapped by another VM, protected or not. */
static void test_two_vms(const struct variant *variant)
{
	struct bare first, second;
	u64 loaded = 0;
	int error;

	bare_need_protected();
	bare_create(&first, true, NULL);
	/* The second VM's code is in other memory. */
	bare_create(&second, variant->protected_guest, NULL);
	bare_exchange(&first, PAGE, WORD);
	slot_delete(&second.slot);
	second.slot.size = PAGE * second.page;
	slot_set(&second.slot);
	second.slot.id++;
	second.slot.gpa = PAGE * second.page;
	second.slot.hva = first.memory + PAGE * first.page;
	second.slot.size = second.page;
	slot_set(&second.slot);
	error = __bare_exchange(&second, PAGE, 0, &loaded);
	CHECK(error,
	      "another VM accesses a page of a protected VM: expected an error, got %#llx",
	      loaded);
	report_info("KVM_RUN of the other VM: %s", errno_name(-error));
	CHECK(bare_exchange(&first, PAGE, 0) == WORD,
	      "after another VM's access, the guest loads another word than it stored");
	bare_close(&second);
	bare_close(&first);
	bare_free(&second);
	bare_free(&first);
}

/* VmLck, in KiB. */
static long locked_kib(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &kib);
	if (status)
		fclose(status);
	CHECK(kib >= 0, "no VmLck in /proc/self/status");
	return kib;
}

static void drop_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	CHECK(!syscall(SYS_capget, &header, data), "capget failed: %s",
	      errno_name(errno));
	data[capability / 32].effective &= ~(1U << capability % 32);
	CHECK(!syscall(SYS_capset, &header, data), "capset failed: %s",
	      errno_name(errno));
}

/* account_locked_vm(): one page for each page that the guest has. */
static void test_accounting(void)
{
	const struct rlimit none = { 0, 0 };
	long before = locked_kib(), kib;
	u64 loaded;
	struct bare bare;
	int error;

	bare_need_protected();
	bare_create(&bare, true, NULL);
	CHECK(locked_kib() == before,
	      "a VM that has not run: expected no locked memory, got %ld KiB",
	      locked_kib() - before);
	bare_exchange(&bare, PAGE, WORD);
	kib = 2 * (long)bare.page / 1024;
	CHECK(locked_kib() == before + kib,
	      "a guest with its code and a page: expected %ld KiB locked, got %ld",
	      kib, locked_kib() - before);
	drop_capability(CAP_IPC_LOCK);
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit failed: %s",
	      errno_name(errno));
	error = __bare_exchange(&bare, PAGE + 1, WORD, &loaded);
	CHECK(error == -ENOMEM,
	      "a guest accesses memory beyond RLIMIT_MEMLOCK: expected ENOMEM, got %s",
	      error ? errno_name(-error) : "success");
	CHECK(locked_kib() == before + kib,
	      "a rejected page: expected %ld KiB locked, got %ld", kib,
	      locked_kib() - before);
	CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
	      "after a rejected page, the guest loads another word than it stored");
	bare_close(&bare);
	CHECK(locked_kib() == before,
	      "after the VM was closed: expected no locked memory, got %ld KiB",
	      locked_kib() - before);
	bare_free(&bare);
}

static const struct choice other_vms[] = {
	CHOICE("two_protected", true,
	       .plan = "a page of a protected VM cannot be mapped by another protected VM"),
	CHOICE("two_normal", false,
	       .plan = "a page of a protected VM cannot be mapped by a normal VM"),
};

static const struct dimension two_dimensions[] = {
	DIMENSION_TABLE(struct variant, protected_guest, other_vms),
};

static const struct scenario scenarios[] = {
	{ .name = "memory/donated",
	  .plan = "the host gets SIGSEGV; a closed VM's page comes back zeroed",
	  .run_alone = test_donated },
	{ .name = "memory/system_call",
	  .plan = "a system call gets EFAULT, or the page is zeroed and lost to the guest",
	  .run_alone = test_system_call },
	{ .name = "memory/notifiers",
	  .plan = "MADV_DONTNEED and mmap() over the memory do not change the guest's",
	  .run_alone = test_notifiers },
	SCENARIO("memory", test_two_vms, struct variant, two_dimensions,
		 .sampling = SAMPLE_ALL),
	{ .name = "memory/accounting",
	  .plan = "guest pages count as VmLck and are limited by RLIMIT_MEMLOCK",
	  .run_alone = test_accounting },
};

TEST_PROGRAM("pkvm_memory_test",
	     "the host and other VMs have no access to a protected VM's memory",
	     scenarios, .needs = { .root = true, .kvm = true })
