// SPDX-License-Identifier: GPL-2.0-only
/* One thread per vCPU. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crew.h"
#include "report.h"

/* A vCPU leaves KVM_RUN in microseconds; a loaded emulator may take seconds. */
#define LEAVE_MS 30000
/* How long a vCPU waits, for room in its ring or for memory that is away,
 * before it looks around again.
 */
#define WAIT_MS 100

struct member {
	struct crew *crew;
	struct vcpu *vcpu;
	struct worker *worker;
	pthread_t thread;
	bool thread_known;
};

struct crew {
	struct vm *vm;
	struct crew_config config;
	struct worker_group *group;
	struct member *members;
	pthread_mutex_t lock;
	pthread_cond_t room;
	u64 room_count;
	u64 ring_full_exits;
	/* Memory that is away: how often now, and how often so far. */
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

	/* No SA_RESTART: the signal's only work is to end KVM_RUN. */
	if (sigaction(SIGUSR1, &action, NULL))
		fail("sigaction(SIGUSR1) failed: %s", errno_name(errno));
}

static void kick(void *argument)
{
	struct member *member = argument;

	/*
	 * First the flag, then the signal: a signal that comes before KVM_RUN
	 * begins is lost, the flag is not (api.rst, 5, immediate_exit).
	 */
	__atomic_store_n(&member->vcpu->run->immediate_exit, 1,
			 __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&member->thread_known, __ATOMIC_ACQUIRE))
		pthread_kill(member->thread, SIGUSR1);
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

static void wait_for_room(struct crew *crew, struct member *member)
{
	struct timespec until = wait_limit();
	u64 seen;

	pthread_mutex_lock(&crew->lock);
	crew->ring_full_exits++;
	seen = crew->room_count;
	worker_doing(member->worker, "waiting for room in its dirty ring");
	while (seen == crew->room_count && !worker_wanted(member->worker))
		if (pthread_cond_timedwait(&crew->room, &crew->lock, &until) ==
		    ETIMEDOUT)
			break;
	pthread_mutex_unlock(&crew->lock);
}

bool crew_store_nowhere(struct vcpu *vcpu, enum vcpu_event event, void *context)
{
	u64 gpa;

	(void)context;
	return event == VCPU_OTHER && vcpu_mmio(vcpu, &gpa) &&
	       vcpu->run->mmio.is_write;
}

/*
 * How many absences there have been before KVM_RUN, without those that go on:
 * more of them afterwards, and memory was away meanwhile.
 */
static u64 absences_over(struct crew *crew)
{
	u64 over;

	pthread_mutex_lock(&crew->lock);
	over = crew->absences - crew->away;
	pthread_mutex_unlock(&crew->lock);
	return over;
}

/* Not at once: some kernels print a line for each failure. */
static bool wait_for_memory(struct crew *crew, struct member *member, u64 over)
{
	struct timespec until = wait_limit();
	bool was_away;

	pthread_mutex_lock(&crew->lock);
	was_away = crew->absences > over;
	crew->faults += was_away;
	worker_doing(member->worker, "waiting for memory that is away");
	while (was_away && crew->away && !worker_wanted(member->worker))
		if (pthread_cond_timedwait(&crew->back, &crew->lock, &until) ==
		    ETIMEDOUT)
			break;
	pthread_mutex_unlock(&crew->lock);
	return was_away;
}

static void run_member(struct worker *worker, void *argument)
{
	struct member *member = argument;
	struct vcpu *vcpu = member->vcpu;
	struct crew *crew = member->crew;
	enum vcpu_event event;
	u64 over, gpa;
	char text[256];

	member->thread = pthread_self();
	__atomic_store_n(&member->thread_known, true, __ATOMIC_RELEASE);
	while (!worker_should_stop(worker)) {
		__atomic_store_n(&vcpu->run->immediate_exit, 0,
				 __ATOMIC_SEQ_CST);
		worker_doing_value(worker, "KVM_RUN, guest stores so far",
				   vcpu->guest->beat);
		over = absences_over(crew);
		event = __vcpu_run(vcpu);
		switch (event) {
		case VCPU_KICKED:
			break;
		case VCPU_SYNC:
			if (crew->config.on_sync)
				crew->config.on_sync(vcpu,
						     crew->config.context);
			break;
		case VCPU_DONE:
			if (!crew->config.function)
				fail("vCPU %u: the guest function returned, which nobody has asked it to",
				     vcpu->index);
			vcpu_start(vcpu, crew->config.function,
				   crew->config.argument);
			break;
		case VCPU_RING_FULL:
			wait_for_room(crew, member);
			break;
		case VCPU_FAULT:
			if (wait_for_memory(crew, member, over))
				break;
			fail("KVM_RUN of vCPU %u failed: EFAULT; the guest touched memory that the host cannot provide (%s)",
			     vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
		case VCPU_OTHER:
		case VCPU_REFUSED:
			if (crew->config.on_exit &&
			    crew->config.on_exit(vcpu, event,
						 crew->config.context))
				break;
			if (event == VCPU_OTHER && vcpu_mmio(vcpu, &gpa) &&
			    wait_for_memory(crew, member, over))
				/* emulator_read_write_onepage() */
				skip("a KVM whose guests wait for memory that is away",
				     "run it in a target: this KVM emulates guests' accesses, and takes those to such memory for accesses to a device");
			fail("vCPU %u: unexpected exit: %s", vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
		}
	}
}

static void add_member(struct crew *crew, unsigned int index)
{
	struct member *member = &crew->members[index];
	char name[WORKER_NAME_MAX];

	member->crew = crew;
	member->vcpu = &crew->vm->vcpus[index];
	snprintf(name, sizeof(name), "vCPU %u", index);
	member->worker = worker_add(crew->group, name, run_member, member);
	worker_on_kick(member->worker, kick, member);
	worker_progress(member->worker, &member->vcpu->guest->beat);
	worker_place_cpu(member->worker, index);
}

struct crew *crew_new(struct vm *vm, const struct crew_config *config)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	pthread_condattr_t attributes;
	unsigned int i;

	if (!crew)
		fail("out of memory for a crew");
	install_kick();
	crew->vm = vm;
	crew->config = *config;
	if (!crew->config.vcpus)
		crew->config.vcpus = vm->vcpu_count;
	crew->members = calloc(crew->config.vcpus, sizeof(*crew->members));
	if (!crew->members)
		fail("out of memory for a crew of %u", crew->config.vcpus);
	pthread_mutex_init(&crew->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&crew->room, &attributes);
	pthread_cond_init(&crew->back, &attributes);
	pthread_condattr_destroy(&attributes);
	crew->group = worker_group_new("crew");
	if (config->silence_ms)
		worker_group_silence_ms(crew->group, config->silence_ms);
	for (i = 0; i < crew->config.vcpus; i++)
		add_member(crew, i);
	return crew;
}

void crew_start(struct crew *crew)
{
	unsigned int i;

	/*
	 * Here and not in the threads: it writes to the guest's stack, which no
	 * log reports, and whoever has started a crew may begin to log.
	 */
	for (i = 0; crew->config.function && i < crew->config.vcpus; i++)
		vcpu_start(crew->members[i].vcpu, crew->config.function,
			   crew->config.argument);
	worker_group_start(crew->group);
}

void crew_pause(struct crew *crew)
{
	if (crew->paused)
		return;
	worker_group_pause(crew->group, LEAVE_MS);
	crew->paused = true;
}

void crew_resume(struct crew *crew)
{
	if (!crew->paused)
		return;
	worker_group_resume(crew->group);
	crew->paused = false;
}

void crew_place(struct crew *crew, unsigned int index, unsigned int cpu)
{
	worker_move_cpu(crew->members[index].worker, cpu);
}

void crew_ring_room(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->room_count++;
	pthread_cond_broadcast(&crew->room);
	pthread_mutex_unlock(&crew->lock);
}

u64 crew_ring_full_exits(struct crew *crew)
{
	u64 exits;

	pthread_mutex_lock(&crew->lock);
	exits = crew->ring_full_exits;
	pthread_mutex_unlock(&crew->lock);
	return exits;
}

void crew_away_begin(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->away++;
	crew->absences++;
	pthread_mutex_unlock(&crew->lock);
}

void crew_away_end(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->away--;
	pthread_cond_broadcast(&crew->back);
	pthread_mutex_unlock(&crew->lock);
}

u64 crew_faults(struct crew *crew)
{
	u64 faults;

	pthread_mutex_lock(&crew->lock);
	faults = crew->faults;
	pthread_mutex_unlock(&crew->lock);
	return faults;
}

void crew_complete(struct crew *crew)
{
	unsigned int i;

	crew_pause(crew);
	for (i = 0; i < crew->config.vcpus; i++) {
		struct vcpu *vcpu = crew->members[i].vcpu;

		worker_doing_value(worker_self(), "completing vCPU", i);
		/* Left set by the kick that brought it here. */
		vcpu->run->immediate_exit = 0;
		vcpu->guest->stop = 1;
		vcpu_run(vcpu, VCPU_DONE);
	}
}

void crew_finish(struct crew *crew)
{
	worker_group_stop(crew->group);
	crew_resume(crew);
	worker_group_join(crew->group, LEAVE_MS);
	pthread_cond_destroy(&crew->room);
	pthread_cond_destroy(&crew->back);
	pthread_mutex_destroy(&crew->lock);
	free(crew->members);
	free(crew);
}
