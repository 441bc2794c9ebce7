// SPDX-License-Identifier: GPL-2.0-only
/* One thread per vCPU. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/report.h"

/* Leaving KVM_RUN takes microseconds, on a loaded emulator seconds. */
#define LEAVE_MS 30000
/*
 * Longest wait of a vCPU for room in its ring or for unmapped memory, before it
 * checks again.
 */
#define WAIT_MS 100

struct member {
	struct vcpu_threads *threads;
	struct vcpu *vcpu;
	struct thread *thread;
	pthread_t pthread;
	bool pthread_known;
};

struct vcpu_threads {
	struct vm *vm;
	struct vcpu_threads_config config;
	struct thread_group *group;
	struct member *members;
	pthread_mutex_t lock;
	pthread_cond_t room;
	u64 room_count;
	u64 ring_full_exits;
	/* Periods of unmapped memory: current ones, and all so far. */
	pthread_cond_t back;
	unsigned int away;
	u64 absences;
	u64 faults;
	bool paused;
};

static void ignore_signal(int number)
{
	(void)number;
}

static void install_kick(void)
{
	struct sigaction action = { .sa_handler = ignore_signal };

	/* No SA_RESTART: the signal must interrupt KVM_RUN. */
	if (sigaction(SIGUSR1, &action, NULL))
		fail("sigaction(SIGUSR1) failed: %s", errno_name(errno));
}

static void kick(void *argument)
{
	struct member *member = argument;

	/*
	 * The flag first: a signal before KVM_RUN is lost, the flag is not
	 * (api.rst 5, immediate_exit).
	 */
	__atomic_store_n(&member->vcpu->run->immediate_exit, 1,
			 __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&member->pthread_known, __ATOMIC_ACQUIRE))
		pthread_kill(member->pthread, SIGUSR1);
}

static struct timespec wait_limit(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	return until;
}

static void wait_for_room(struct vcpu_threads *threads, struct member *member)
{
	struct timespec until = wait_limit();
	u64 seen;

	pthread_mutex_lock(&threads->lock);
	threads->ring_full_exits++;
	seen = threads->room_count;
	thread_doing(member->thread, "waiting for room in its dirty ring");
	while (seen == threads->room_count && !thread_wanted(member->thread))
		if (pthread_cond_timedwait(&threads->room, &threads->lock,
					   &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&threads->lock);
}

bool vcpu_threads_store_nowhere(struct vcpu *vcpu, enum vcpu_event event,
				void *context)
{
	u64 gpa;

	(void)context;
	return event == VCPU_OTHER && vcpu_mmio(vcpu, &gpa) &&
	       vcpu->run->mmio.is_write;
}

/*
 * Number of periods that were over before KVM_RUN. If more have started
 * afterwards, memory was unmapped during KVM_RUN.
 */
static u64 absences_over(struct vcpu_threads *threads)
{
	u64 over;

	pthread_mutex_lock(&threads->lock);
	over = threads->absences - threads->away;
	pthread_mutex_unlock(&threads->lock);
	return over;
}

/* Wait before the retry: some kernels print a line for each failure. */
static bool wait_for_memory(struct vcpu_threads *threads, struct member *member,
			    u64 over)
{
	struct timespec until = wait_limit();
	bool was_away;

	pthread_mutex_lock(&threads->lock);
	was_away = threads->absences > over;
	threads->faults += was_away;
	thread_doing(member->thread, "waiting for unmapped memory");
	while (was_away && threads->away && !thread_wanted(member->thread))
		if (pthread_cond_timedwait(&threads->back, &threads->lock,
					   &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&threads->lock);
	return was_away;
}

static void run_member(struct thread *thread, void *argument)
{
	struct member *member = argument;
	struct vcpu *vcpu = member->vcpu;
	struct vcpu_threads *threads = member->threads;
	enum vcpu_event event;
	u64 over, gpa;
	char text[256];

	member->pthread = pthread_self();
	__atomic_store_n(&member->pthread_known, true, __ATOMIC_RELEASE);
	while (!thread_should_stop(thread)) {
		__atomic_store_n(&vcpu->run->immediate_exit, 0,
				 __ATOMIC_SEQ_CST);
		thread_doing_value(thread, "KVM_RUN, guest stores so far",
				   vcpu->guest->beat);
		over = absences_over(threads);
		event = __vcpu_run(vcpu);
		switch (event) {
		case VCPU_KICKED:
			break;
		case VCPU_SYNC:
			if (threads->config.on_sync)
				threads->config.on_sync(vcpu,
							threads->config.context);
			break;
		case VCPU_DONE:
			if (!threads->config.function)
				fail("vCPU %u: the guest function returned unexpectedly",
				     vcpu->index);
			vcpu_start(vcpu, threads->config.function,
				   threads->config.argument);
			break;
		case VCPU_RING_FULL:
			wait_for_room(threads, member);
			break;
		case VCPU_FAULT:
			if (wait_for_memory(threads, member, over))
				break;
			fail("KVM_RUN of vCPU %u failed: EFAULT; the guest accessed memory that the host cannot provide (%s)",
			     vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
		case VCPU_OTHER:
		case VCPU_REFUSED:
			if (threads->config.on_exit &&
			    threads->config.on_exit(vcpu, event,
						    threads->config.context))
				break;
			if (event == VCPU_OTHER && vcpu_mmio(vcpu, &gpa) &&
			    wait_for_memory(threads, member, over))
				/* emulator_read_write_onepage() */
				skip("a KVM whose guests wait for unmapped memory",
				     "run it in a target: this KVM emulates guests' accesses, and treats accesses to unmapped memory as MMIO");
			fail("vCPU %u: unexpected exit: %s", vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
		}
	}
}

static void add_member(struct vcpu_threads *threads, unsigned int index)
{
	struct member *member = &threads->members[index];
	char name[THREAD_NAME_MAX];

	member->threads = threads;
	member->vcpu = &threads->vm->vcpus[index];
	snprintf(name, sizeof(name), "vCPU %u", index);
	member->thread = thread_add(threads->group, name, run_member, member);
	thread_on_kick(member->thread, kick, member);
	thread_progress(member->thread, &member->vcpu->guest->beat);
	thread_pin_cpu(member->thread, index);
}

struct vcpu_threads *vcpu_threads_new(struct vm *vm,
				      const struct vcpu_threads_config *config)
{
	struct vcpu_threads *threads = calloc(1, sizeof(*threads));
	pthread_condattr_t attributes;
	unsigned int i;

	if (!threads)
		fail("out of memory for vCPU threads");
	install_kick();
	threads->vm = vm;
	threads->config = *config;
	if (!threads->config.vcpus)
		threads->config.vcpus = vm->vcpu_count;
	threads->members = calloc(threads->config.vcpus,
				  sizeof(*threads->members));
	if (!threads->members)
		fail("out of memory for %u vCPU threads",
		     threads->config.vcpus);
	pthread_mutex_init(&threads->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&threads->room, &attributes);
	pthread_cond_init(&threads->back, &attributes);
	pthread_condattr_destroy(&attributes);
	threads->group = thread_group_new("vCPUs");
	if (config->silence_ms)
		thread_group_silence_ms(threads->group, config->silence_ms);
	for (i = 0; i < threads->config.vcpus; i++)
		add_member(threads, i);
	return threads;
}

void vcpu_threads_start(struct vcpu_threads *threads)
{
	unsigned int i;

	/*
	 * Not in the threads: it writes to the guest's stack, which no log
	 * reports, and the caller may enable logging right after.
	 */
	for (i = 0; threads->config.function && i < threads->config.vcpus; i++)
		vcpu_start(threads->members[i].vcpu, threads->config.function,
			   threads->config.argument);
	thread_group_start(threads->group);
}

void vcpu_threads_pause(struct vcpu_threads *threads)
{
	if (threads->paused)
		return;
	thread_group_pause(threads->group, LEAVE_MS);
	threads->paused = true;
}

void vcpu_threads_resume(struct vcpu_threads *threads)
{
	if (!threads->paused)
		return;
	thread_group_resume(threads->group);
	threads->paused = false;
}

void vcpu_threads_place(struct vcpu_threads *threads, unsigned int index,
			unsigned int cpu)
{
	thread_move_cpu(threads->members[index].thread, cpu);
}

void vcpu_threads_ring_room(struct vcpu_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->room_count++;
	pthread_cond_broadcast(&threads->room);
	pthread_mutex_unlock(&threads->lock);
}

u64 vcpu_threads_ring_full_exits(struct vcpu_threads *threads)
{
	u64 exits;

	pthread_mutex_lock(&threads->lock);
	exits = threads->ring_full_exits;
	pthread_mutex_unlock(&threads->lock);
	return exits;
}

void vcpu_threads_away_begin(struct vcpu_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->away++;
	threads->absences++;
	pthread_mutex_unlock(&threads->lock);
}

void vcpu_threads_away_end(struct vcpu_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->away--;
	pthread_cond_broadcast(&threads->back);
	pthread_mutex_unlock(&threads->lock);
}

u64 vcpu_threads_faults(struct vcpu_threads *threads)
{
	u64 faults;

	pthread_mutex_lock(&threads->lock);
	faults = threads->faults;
	pthread_mutex_unlock(&threads->lock);
	return faults;
}

void vcpu_threads_complete(struct vcpu_threads *threads)
{
	unsigned int i;

	vcpu_threads_pause(threads);
	for (i = 0; i < threads->config.vcpus; i++) {
		struct vcpu *vcpu = threads->members[i].vcpu;

		thread_doing_value(thread_self(), "completing vCPU", i);
		/* Set by the kick that took the vCPU out of KVM_RUN. */
		vcpu->run->immediate_exit = 0;
		vcpu->guest->stop = 1;
		vcpu_run(vcpu, VCPU_DONE);
	}
}

void vcpu_threads_finish(struct vcpu_threads *threads)
{
	thread_group_stop(threads->group);
	vcpu_threads_resume(threads);
	thread_group_join(threads->group, LEAVE_MS);
	pthread_cond_destroy(&threads->room);
	pthread_cond_destroy(&threads->back);
	pthread_mutex_destroy(&threads->lock);
	free(threads->members);
	free(threads);
}
