// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of protected VMs is taken from the host, as
 * Documentation/virt/kvm/arm/pkvm.rst of 7.2 has it, which is cited below.
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
#include "core/report.h"
#include "core/variant.h"

/* A page that guests use, and a word. */
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

/* The host loads a word; returns the signal that it gets, or 0. */
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
 * delivery of a SIGSEGV", and the guest does not notice. When the VM is closed
 * the page comes back, and nothing that the guest has stored.
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
	      "the host loads %#llx from a page of a protected VM: %s where SIGSEGV is due",
	      word, signal ? strsignal(signal) : "it can read it");
	CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
	      "after the host tried to load, the guest finds another word in its page");
	/* A page that the guest has not had is the host's still. */
	signal = host_load(bare.memory + (PAGE + 1) * bare.page, &word);
	CHECK(!signal, "a page that the guest never touched is gone: %s",
	      strsignal(signal));
	bare_close(&bare);
	signal = host_load(bare.memory + PAGE * bare.page, &word);
	CHECK(!signal, "a page does not come back when its VM is closed: %s",
	      strsignal(signal));
	CHECK(!word,
	      "a page comes back from a protected VM with %#llx in it, which the guest has %s",
	      word, word == WORD ? "stored there" : "not stored");
	/* It is memory again. */
	*(volatile u64 *)(bare.memory + PAGE * bare.page) = ~WORD;
	CHECK(!host_load(bare.memory + PAGE * bare.page, &word) &&
		      word == ~WORD,
	      "a page that came back does not keep what is stored there");
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
	CHECK(!pipe(ends), "no pipe: %s", errno_name(errno));
	bare_create(&bare, true, NULL);
	bare_exchange(&bare, PAGE, WORD);
	written = write(ends[1], bare.memory + PAGE * bare.page, sizeof(seen));
	if (written < 0) {
		CHECK(errno == EFAULT,
		      "write() of a protected VM's memory failed: %s where EFAULT is due",
		      errno_name(errno));
		CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
		      "after a refused write() the guest finds another word");
		report_info("write() was refused");
	} else {
		CHECK(read(ends[0], &seen, sizeof(seen)) == sizeof(seen),
		      "read() of a pipe failed: %s", errno_name(errno));
		CHECK(!seen,
		      "write() of a protected VM's memory gave %#llx, which is not the host's to see",
		      seen);
		error = __bare_exchange(&bare, PAGE, 0, &seen);
		CHECK(error == -EFAULT,
		      "the guest accesses a page that was reclaimed: %s where EFAULT is due",
		      error ? errno_name(-error) : "success");
		report_info("write() reclaimed the page");
	}
	/* The rest of its memory works. */
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
	      "MADV_DONTNEED reached into a protected VM");
	memory = mmap(bare.memory + (PAGE + 1) * bare.page, bare.page,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(memory != MAP_FAILED, "mmap failed: %s", errno_name(errno));
	CHECK(bare_exchange(&bare, PAGE + 1, 0) == WORD + 1,
	      "mmap() over its memory reached into a protected VM");
	bare_close(&bare);
	bare_free(&bare);
}

/* A page that one VM has is no other's, protected or not. */
static void test_two_vms(const struct variant *variant)
{
	struct bare first, second;
	u64 loaded = 0;
	int error;

	bare_need_protected();
	bare_create(&first, true, NULL);
	/* Its code is in memory of its own. */
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
	      "another VM accesses a page of a protected VM, and loads %#llx",
	      loaded);
	report_info("KVM_RUN of the other VM: %s", errno_name(-error));
	CHECK(bare_exchange(&first, PAGE, 0) == WORD,
	      "after another VM tried, the guest finds another word");
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

/* account_locked_vm(): one page for each that the guest has been given. */
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
	      "a VM that has not run has locked memory");
	bare_exchange(&bare, PAGE, WORD);
	kib = 2 * (long)bare.page / 1024;
	CHECK(locked_kib() == before + kib,
	      "a guest has its code and a page, and %ld KiB are accounted as locked where %ld are due",
	      locked_kib() - before, kib);
	drop_capability(CAP_IPC_LOCK);
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit failed: %s",
	      errno_name(errno));
	error = __bare_exchange(&bare, PAGE + 1, WORD, &loaded);
	CHECK(error == -ENOMEM,
	      "a guest takes memory beyond RLIMIT_MEMLOCK: %s where ENOMEM is due",
	      error ? errno_name(-error) : "success");
	CHECK(locked_kib() == before + kib,
	      "memory that was refused is accounted as locked");
	CHECK(bare_exchange(&bare, PAGE, 0) == WORD,
	      "after memory was refused, the guest finds another word");
	bare_close(&bare);
	CHECK(locked_kib() == before,
	      "%ld KiB stay accounted as locked when the VM is closed",
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
