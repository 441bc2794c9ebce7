// SPDX-License-Identifier: GPL-2.0-only
/* Running a vCPU, and describing its exits. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "core/clock.h"
#include "kvm/arch.h"
#include "core/report.h"
#include "core/symbol.h"
#include "kvm/vm.h"

#define USEC_PER_MSEC 1000
/* How often vcpu_await() interrupts KVM_RUN. */
#define AWAIT_LOOK_MS 100

/*
 * Only the next KVM_RUN completes an I/O exit (api.rst 5, KVM_EXIT_MMIO): arm64
 * then advances the program counter (kvm_handle_mmio_return()). That must not
 * happen after the registers are set.
 */
void vcpu_complete_exit(struct vcpu *vcpu)
{
	int error;

	if (!vcpu->io_pending)
		return;
	vcpu->run->immediate_exit = 1;
	error = __vcpu_ioctl(vcpu, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
	vcpu->io_pending = false;
	if (error != -EINTR)
		fail("KVM_RUN of vCPU %u with immediate_exit: expected EINTR, got %s",
		     vcpu->index, error < 0 ? errno_name(-error) : "success");
}

void vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument)
{
	vcpu_complete_exit(vcpu);
	vcpu->guest->stop = 0;
	vcpu->guest->call.number = GUEST_CALL_NONE;
	arch_vcpu_start(vcpu, function, argument);
}

/* A string of the image, or a text that says that it is none. */
static const char *image_string(u64 address)
{
	const char *text = (const char *)(uintptr_t)address;

	if (text < __start_guest_image || text >= __stop_guest_image)
		return "(no string of the image)";
	return text;
}

static void __noreturn guest_failed(struct vcpu *vcpu)
{
	const struct guest_call *call = &vcpu->guest->call;
	char text[256], where[256];

	if (call->number == GUEST_CALL_ASSERT)
		fail("guest assertion failed on vCPU %u: %s at %s:%llu (%#llx, %#llx)",
		     vcpu->index, image_string(call->argument[0]),
		     image_string(call->argument[1]), call->argument[2],
		     call->argument[3], call->argument[4]);
	arch_exception_text(vcpu->guest, text, sizeof(text));
	fail("unexpected guest exception on vCPU %u: %s at %s", vcpu->index,
	     text,
	     symbol_text(vcpu->guest->exception.program_counter, where,
			 sizeof(where)));
}

const char *vcpu_exit_text(struct vcpu *vcpu, char *buffer, size_t size)
{
	const struct kvm_run *run = vcpu->run;
	char pc[256];

	symbol_text(arch_program_counter(vcpu), pc, sizeof(pc));
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		snprintf(buffer, size,
			 "%s of %u bytes at gpa %#llx, which no writable slot backs, pc %s",
			 run->mmio.is_write ? "write" : "read", run->mmio.len,
			 run->mmio.phys_addr, pc);
		break;
	case KVM_EXIT_SHUTDOWN:
		snprintf(buffer, size, "triple fault, pc %s", pc);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(buffer, size, "VM entry failed, hardware reason %#llx",

			 run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(buffer, size, "KVM internal error, suberror %u, pc %s",
			 run->internal.suberror, pc);
		break;
	case KVM_EXIT_MEMORY_FAULT:
		snprintf(buffer, size, "memory fault exit, pc %s", pc);
		break;
	default:
		snprintf(buffer, size, "exit reason %u, pc %s",
			 run->exit_reason, pc);
	}
	return buffer;
}

bool vcpu_mmio(const struct vcpu *vcpu, u64 *gpa)
{
	*gpa = vcpu->run->mmio.phys_addr;
	return vcpu->run->exit_reason == KVM_EXIT_MMIO;
}

bool vcpu_access(const struct vcpu *vcpu, struct vcpu_access *access)
{
	const struct kvm_run *run = vcpu->run;

	*access = (struct vcpu_access){
		.gpa = run->mmio.phys_addr,
		.bytes = run->mmio.len,
		.is_store = run->mmio.is_write,
	};
	if (run->exit_reason != KVM_EXIT_MMIO ||
	    access->bytes > sizeof(access->value))
		return false;
	/* Both architectures are little-endian here, host and guest. */
	if (access->is_store)
		memcpy(&access->value, run->mmio.data, access->bytes);
	return true;
}

bool vcpu_answer(struct vcpu *vcpu, u64 value)
{
	struct kvm_run *run = vcpu->run;
	size_t size = 0, i;
	u8 *data = NULL;

	if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write) {
		data = run->mmio.data;
		size = run->mmio.len;
	} else if (run->exit_reason == KVM_EXIT_IO &&
		   run->io.direction == KVM_EXIT_IO_IN) {
		data = (u8 *)run + run->io.data_offset;
		size = (size_t)run->io.size * run->io.count;
	}
	for (i = 0; i < size; i++)
		data[i] = (u8)(value >> i % sizeof(value) * 8);
	return data;
}

static void __noreturn fail_exit(struct vcpu *vcpu)
{
	char text[256];

	fail("vCPU %u: %s", vcpu->index,
	     vcpu_exit_text(vcpu, text, sizeof(text)));
}

static enum vcpu_event hypercall_event(struct vcpu *vcpu)
{
	switch (vcpu->guest->call.number) {
	case GUEST_CALL_SYNC:
		return VCPU_SYNC;
	case GUEST_CALL_DONE:
		return VCPU_DONE;
	case GUEST_CALL_EXCEPTION:
		if (vcpu->refusal_allowed)
			return VCPU_REFUSED;
		guest_failed(vcpu);
	case GUEST_CALL_ASSERT:
		guest_failed(vcpu);
	}
	fail("vCPU %u made an unknown hypercall %llu", vcpu->index,
	     vcpu->guest->call.number);
}

/* Only ends KVM_RUN. */
static void note_alarm(int signal)
{
	(void)signal;
}

void vcpu_await(struct vcpu *vcpu, const char *awaited)
{
	struct sigaction action = { .sa_handler = note_alarm };
	/* At intervals: an alarm that precedes KVM_RUN does not end it. */
	suseconds_t interval = awaited ? AWAIT_LOOK_MS * USEC_PER_MSEC : 0;
	struct itimerval timer = { { 0, interval }, { 0, interval } };

	vcpu->awaited = awaited;
	vcpu->await_end = deadline_in_ms(VCPU_AWAIT_MS);
	CHECK(!sigaction(SIGALRM, &action, NULL) &&
		      !setitimer(ITIMER_REAL, &timer, NULL),
	      "cannot set a timer: %s", errno_name(errno));
}

enum vcpu_event __vcpu_run(struct vcpu *vcpu)
{
	int error = __vcpu_ioctl(vcpu, KVM_RUN, 0);
	char text[256];

	vcpu->io_pending = false;
	if (error == -EINTR && vcpu->awaited &&
	    deadline_passed(vcpu->await_end))
		fail("vCPU %u: expected %s, got none in %u ms (%s)",
		     vcpu->index, vcpu->awaited, VCPU_AWAIT_MS,
		     vcpu_exit_text(vcpu, text, sizeof(text)));
	if (error == -EINTR || error == -EAGAIN)
		return VCPU_KICKED;
	if (error == -EFAULT)
		return VCPU_FAULT;
	if (error)
		fail("KVM_RUN of vCPU %u failed: %s", vcpu->index,
		     errno_name(-error));

	vcpu->io_pending = vcpu->run->exit_reason == KVM_EXIT_IO ||
			   vcpu->run->exit_reason == KVM_EXIT_MMIO;
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_INTR:
		return VCPU_KICKED;
	case KVM_EXIT_DIRTY_RING_FULL:
		return VCPU_RING_FULL;
	case KVM_EXIT_MEMORY_FAULT:
		return VCPU_FAULT;
	case KVM_EXIT_INTERNAL_ERROR:
		if (vcpu->refusal_allowed &&
		    vcpu->run->internal.suberror ==
			    KVM_INTERNAL_ERROR_EMULATION)
			return VCPU_REFUSED;
		fail_exit(vcpu);
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_FAIL_ENTRY:
		fail_exit(vcpu);
	}
	if (arch_is_hypercall(vcpu))
		return hypercall_event(vcpu);
	return VCPU_OTHER;
}

static const char *const event_names[] = {
	[VCPU_SYNC] = "a sync hypercall",
	[VCPU_DONE] = "the guest function's end",
	[VCPU_KICKED] = "an interruption",
	[VCPU_RING_FULL] = "a full dirty ring",
	[VCPU_FAULT] = "a memory fault",
	[VCPU_REFUSED] = "the refusal of an instruction",
	[VCPU_OTHER] = "another exit",
};

static const char *events_text(unsigned int events, char *buffer, size_t size)
{
	const char *between = "";
	size_t used = 0;
	unsigned int i;

	for (i = 0; i <= VCPU_OTHER && used < size; i++) {
		if (!(events & 1U << i))
			continue;
		used += snprintf(buffer + used, size - used, "%s%s", between,
				 event_names[i]);
		between = " or ";
	}
	return buffer;
}

enum vcpu_event vcpu_run_one_of(struct vcpu *vcpu, unsigned int expected)
{
	enum vcpu_event event;
	char text[256], wanted[256];

	do {
		event = __vcpu_run(vcpu);
	} while (event == VCPU_KICKED && !(expected & 1U << VCPU_KICKED));
	if (!(expected & 1U << event))
		fail("vCPU %u: expected %s, got %s (%s)", vcpu->index,
		     events_text(expected, wanted, sizeof(wanted)),
		     event_names[event],
		     vcpu_exit_text(vcpu, text, sizeof(text)));
	return event;
}

void vcpu_run(struct vcpu *vcpu, enum vcpu_event expected)
{
	vcpu_run_one_of(vcpu, 1U << expected);
}
