// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM writes for asynchronous page faults (Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_ASYNC_PF_EN).
 */
#include <asm/kvm_para.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../write_methods_guest.h"
#include "async.h"
#include "core/clock.h"
#include "msr_list.h"
#include "core/report.h"
#include "mem/uffd.h"
#include "write_methods_x86.h"
#include "core/thread.h"

#define VECTOR_READY 0x51
/* How long KVM may take to tell the guest, of either. */
#define TELL_MS 30000
#define STOP_MS 10000

static void need_async_pf(struct write_vm *fixture)
{
	need_paravirtual(KVM_FEATURE_ASYNC_PF_INT, "KVM_FEATURE_ASYNC_PF_INT");
	write_vm_run(fixture, begin_apic, 0);
	guest_writes_msr(fixture, MSR_KVM_ASYNC_PF_INT, VECTOR_READY);
}

/*
 * Enabling wakes all who wait: kvm_async_pf_wakeup_all() has a token of all ones
 * written, if there was none (kvm_arch_async_page_present()).
 */
static void enable(struct write_vm *fixture, u64 flags)
{
	guest_clears_word(fixture, MSR_KVM_ASYNC_PF_EN);
	write_vm_must(fixture, WORD_PAGE);
	guest_writes_msr(fixture, MSR_KVM_ASYNC_PF_EN,
			 write_vm_address(fixture, WORD_PAGE) |
				 KVM_ASYNC_PF_ENABLED |
				 KVM_ASYNC_PF_DELIVERY_AS_INT | flags);
	write_vm_run(fixture, write_method_enter, 0);
}

static void act_async_pf(struct write_vm *fixture)
{
	enable(fixture, 0);
}

/**
 * struct absent - memory that is not there; lies over stage.own
 * @fd: userfaultfd
 * @start: where it is
 * @size: bytes: a page of the backing, the last one
 * @contents: what was in it, and will be
 * @filled: it is there again
 * @late: it is, since KVM waited for it and did not tell the guest
 * @end: until then it must have told the guest that it is
 */
struct absent {
	int fd;
	void *start;
	u64 size;
	void *contents;
	bool filled;
	bool late;
	struct deadline end;
};

_Static_assert(sizeof(struct absent) <= sizeof(((struct write_vm *)0)->own),
	       "stage.own is too small");

static struct absent *absent_of(struct write_vm *fixture)
{
	return (struct absent *)fixture->own;
}

/* Return: whether it was not there. */
static bool fill(struct absent *absent)
{
	if (__atomic_exchange_n(&absent->filled, true, __ATOMIC_SEQ_CST))
		return false;
	uffd_fill(absent->fd, absent->start, absent->contents, absent->size);
	return true;
}

/* A vCPU that waits in the kernel for the page would wait for ever. */
static void fill_late(struct thread *thread, void *argument)
{
	struct deadline deadline = deadline_in_ms(TELL_MS);
	struct absent *absent = argument;

	while (!thread_should_stop(thread)) {
		thread_doing(thread, "looking whether the page is there again");
		if (deadline_passed(deadline) && fill(absent))
			absent->late = true;
		poll(NULL, 0, 1);
	}
}

static const volatile struct kvm_vcpu_pv_apf_data *
data_of(struct write_vm *fixture)
{
	return (const volatile struct kvm_vcpu_pv_apf_data
			*)((char *)fixture->slot->hva +
			   WORD_PAGE * fixture->page_size);
}

/* A load may map what was absent writable, which is reported then (make_spte()). */
static void may_absent(struct write_vm *fixture)
{
	size_t page = fixture->pages -
		      absent_of(fixture)->size / fixture->page_size;

	for (; page < fixture->pages; page++)
		write_vm_may(fixture, page);
}

static void answer(struct write_vm *fixture, enum vcpu_event event)
{
	struct guest_vcpu *guest = fixture->vcpu->guest;
	struct absent *absent = absent_of(fixture);

	CHECK(event == VCPU_SYNC, "the guest came back for something else");
	write_vm_must(fixture, WORD_PAGE);
	may_absent(fixture);
	switch (guest->call.argument[0]) {
	case ASYNC_ABSENT:
		/* Before anybody looks at the whole of memory. */
		fill(absent);
		CHECK(data_of(fixture)->flags == KVM_PV_REASON_PAGE_NOT_PRESENT,
		      "the guest has a page fault, at %#llx, of which KVM says %#x",
		      guest->call.argument[1], data_of(fixture)->flags);
		write_vm_judge(fixture, "KVM has told of an absent page",
			       false);
		break;
	case ASYNC_CLEARED:
		CHECK(!data_of(fixture)->token,
		      "KVM tells of a page before the guest lets it");
		write_vm_judge(fixture, "the guest has cleared the word",
			       false);
		absent->end = deadline_in_ms(TELL_MS);
		break;
	default:
		if (data_of(fixture)->token) {
			write_vm_judge(fixture, "KVM has told of the page",
				       false);
			async_fault_of(guest)->ready = true;
			break;
		}
		CHECK(!deadline_passed(absent->end),
		      "KVM did not tell the guest in %d ms that its page is there",
		      TELL_MS);
		poll(NULL, 0, 1);
	}
}

/* A page of the backing goes, and comes back when somebody says so. */
static void take_away(struct write_vm *fixture)
{
	struct backing *backing = &fixture->exact.fixture.backing[0];
	struct absent *absent = absent_of(fixture);
	int error;

	*absent = (struct absent){
		.fd = uffd_open(),
		.size = backing_is_hugetlb(backing->kind) ? backing->page_size :
							    fixture->page_size,
	};
	absent->start = (char *)fixture->slot->hva + fixture->slot->size -
			absent->size;
	absent->contents = malloc(absent->size);
	CHECK(absent->contents, "out of memory for a page");
	memcpy(absent->contents, absent->start, absent->size);
	uffd_register(absent->fd, absent->start, absent->size, UFFD_MISSING);
	error = backing_discard(backing, fixture->slot->size - absent->size,
				absent->size);
	CHECK(!error, "memory cannot be discarded: %s", errno_name(-error));
}

/*
 * A page that is missing by userfaultfd is one that KVM does not get without
 * waiting (FOLL_NOWAIT, handle_userfault()), and nobody brings it but this test:
 * swap space that is memory (zram) would be read at once, any other sometimes. KVM
 * tells the guest by a page fault (apf_put_user_notpresent()), and, when the page
 * is there and the guest has taken notice of what was written before, that it is
 * (apf_put_user_ready()).
 */
static void act_absent(struct write_vm *fixture)
{
	struct absent *absent = absent_of(fixture);
	struct thread_group *group;

	enable(fixture, KVM_ASYNC_PF_SEND_ALWAYS);
	write_vm_judge(fixture, "asynchronous page faults enabled", false);
	take_away(fixture);
	group = thread_group_new("absent page");
	thread_add(group, "rescuer", fill_late, absent);
	thread_group_start(group);
	*async_fault_of(fixture->vcpu->guest) = (struct async_fault){
		.data = write_vm_address(fixture, WORD_PAGE),
	};
	write_vm_run_exits(fixture, touch_absent,
			   fixture->slot->gpa + fixture->slot->size -
				   absent->size,
			   answer);
	thread_group_stop(group);
	thread_group_join(group, STOP_MS);
	CHECK(!absent->late &&
		      async_fault_of(fixture->vcpu->guest)->faults == 1,
	      "a page was not there, and KVM told the guest so %llu times%s",
	      async_fault_of(fixture->vcpu->guest)->faults,
	      absent->late ? ", but waited for it" : "");
	close(absent->fd);
	free(absent->contents);
	/* The load has come to its end; the word was judged. */
	may_absent(fixture);
}

static const struct write_method methods[] = {
	{ .name = "async_pf",
	  .plan = "the token of an asynchronous page fault that is done",
	  .interrupts = true,
	  .need = need_async_pf,
	  .act = act_async_pf },
	{ .name = "async_pf_absent",
	  .plan = "that a page is not there, and that it is, for an asynchronous page fault",
	  .interrupts = true,
	  .need = need_async_pf,
	  .act = act_absent },
};

const struct write_method_table *write_methods_async(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
