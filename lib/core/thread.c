// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads: their slots in memory shared with the program's first process, their
 * groups, and the watchdog of a group.
 */
#include <errno.h>
#include <numa.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/report.h"
#include "core/thread.h"

#define TEXT_MAX    256
#define STACK_BYTES (512UL << 10)
#define KICK_MS_MAX 20
/* The first slot is that of the thread that runs the case. */
#define SLOTS (THREADS_MAX + 1)

/**
 * enum thread_state - what a thread does
 * @THREAD_FREE: the slot is free
 * @THREAD_WAITS: not started yet
 * @THREAD_RUNS: in its body
 * @THREAD_PAUSED: waits in thread_should_stop()
 * @THREAD_ENDED: its body has returned
 */
enum thread_state {
	THREAD_FREE,
	THREAD_WAITS,
	THREAD_RUNS,
	THREAD_PAUSED,
	THREAD_ENDED,
};

/**
 * struct thread_slot - what the program's first process sees of a thread
 * @name: "GROUP/NAME"
 * @what: what the thread is doing; a literal, which has the same address in all
 *	processes forked from the first one
 * @value: printed behind @what
 * @has_value: whether @value is printed
 * @waits: the thread waits for other threads, so a hang is not its fault
 * @state: enum thread_state
 * @beats: signs of life
 * @silent_ms: milliseconds without one, kept by the watchdog
 *
 * Two cache lines each, so that two threads do not share one.
 */
struct thread_slot {
	char name[THREAD_NAME_MAX];
	const char *what;
	u64 value;
	bool has_value;
	bool waits;
	unsigned int state;
	u64 beats;
	u64 silent_ms;
} __aligned(128);

#define WANT_PAUSE (1U << 0)
#define WANT_STOP  (1U << 1)

/**
 * struct thread - one thread of a group
 * @slot: the thread's entry in the shared list
 * @group: its group; NULL for the thread that runs the case
 * @next: the next thread of the group
 * @function: body
 * @argument: for @function
 * @kick: interrupts a long call
 * @kick_argument: for @kick
 * @progress: counter that the watchdog reads
 * @name: without the group's name
 * @random: the thread's stream
 * @random_begun: whether @random of the thread that runs the case is initialised
 * @thread: as pthread_create() returned it
 * @cpu: CPU to run on; -1: any
 * @node: node to run on; -1: any
 * @parked: waits in thread_should_stop(); under the group's lock
 * @finished: the body has returned; under the group's lock
 * @seen_beats: @slot->beats when the watchdog last looked
 * @seen_progress: *@progress when the watchdog last looked
 */
struct thread {
	struct thread_slot *slot;
	struct thread_group *group;
	struct thread *next;
	thread_function function;
	void *argument;
	void (*kick)(void *argument);
	void *kick_argument;
	const volatile u64 *progress;
	char name[THREAD_NAME_MAX];
	struct random_stream random;
	bool random_begun;
	pthread_t thread;
	int cpu;
	int node;
	bool parked;
	bool finished;
	u64 seen_beats;
	u64 seen_progress;
};

/**
 * struct thread_group - threads that start and stop together
 * @name: for messages
 * @first: the threads
 * @last: where the next thread is linked
 * @size: number of threads
 * @wanted: WANT_PAUSE and WANT_STOP, read by the threads without the lock
 * @lock: protects all members below
 * @changed: signalled when a member below changes
 * @arrived: threads that wait for the common start
 * @begun: the threads may start
 * @idle: threads that are parked or finished
 * @ending: the watchdog must exit
 * @silence_ms: the watchdog's limit, in milliseconds; 0: no watchdog
 * @watchdog: the watchdog's thread
 */
struct thread_group {
	char name[THREAD_NAME_MAX];
	struct thread *first, **last;
	size_t size;
	unsigned int wanted;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t arrived;
	bool begun;
	size_t idle;
	bool ending;
	u64 silence_ms;
	pthread_t watchdog;
};

/* What thread_self() has before threads_share(). */
static struct thread_slot lone_slot = {
	.name = "main thread",
	.what = "starting",
	.state = THREAD_RUNS,
};

/**
 * struct thread_list - the shared memory
 * @used: slots beyond this one were never used
 * @slots: the slots
 */
struct thread_list {
	size_t used;
	struct thread_slot slots[SLOTS];
};

static struct thread_list *list;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

void threads_share(void)
{
	if (list)
		return;
	list = mmap(NULL, sizeof(*list), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (list == MAP_FAILED)
		fail("no memory for the list of threads: %s",
		     errno_name(errno));
	threads_reset("none");
}

void threads_reset(const char *name)
{
	struct thread_slot *own = &list->slots[0];

	memset(list->slots, 0, list->used * sizeof(list->slots[0]));
	snprintf(own->name, sizeof(own->name), "%s", name);
	own->what = "starting";
	own->state = THREAD_RUNS;
	list->used = 1;
}

/* The slot of the thread that runs the case. */
static struct thread_slot *slot_own(void)
{
	return list ? &list->slots[0] : &lone_slot;
}

/* A free slot, for a thread that waits for its start. */
static struct thread_slot *slot_take(const char *name)
{
	struct thread_slot *slot = NULL;
	size_t i;

	if (!list)
		threads_share();
	pthread_mutex_lock(&list_lock);
	for (i = 1; i < SLOTS && !slot; i++)
		if (list->slots[i].state == THREAD_FREE)
			slot = &list->slots[i];
	if (slot) {
		memset(slot, 0, sizeof(*slot));
		/* Cut: only messages show it. */
		snprintf(slot->name, sizeof(slot->name), "%.*s",
			 THREAD_NAME_MAX - 1, name);
		slot->what = "starting";
		__atomic_store_n(&slot->state, THREAD_WAITS, __ATOMIC_RELEASE);
		if (i > list->used)
			list->used = i;
	}
	pthread_mutex_unlock(&list_lock);
	if (!slot)
		fail("more than %u threads at once", THREADS_MAX);
	return slot;
}

static void slot_give(struct thread_slot *slot)
{
	__atomic_store_n(&slot->state, THREAD_FREE, __ATOMIC_RELEASE);
}

static const char *state_text(const struct thread_slot *slot)
{
	switch (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE)) {
	case THREAD_WAITS:
		return " (not started)";
	case THREAD_PAUSED:
		return " (paused)";
	case THREAD_ENDED:
		return " (ended)";
	default:
		return __atomic_load_n(&slot->waits, __ATOMIC_ACQUIRE) ?
			       " (waiting for other threads)" :
			       "";
	}
}

/* "NAME was DOING (STATE)" */
static void slot_text(const struct thread_slot *slot, char *text, size_t size)
{
	const char *what = __atomic_load_n(&slot->what, __ATOMIC_ACQUIRE);
	char value[32] = "";

	if (__atomic_load_n(&slot->has_value, __ATOMIC_RELAXED))
		snprintf(value, sizeof(value), " %llu", slot->value);
	snprintf(text, size, "%s was %s%s%s", slot->name,
		 what ? what : "starting", value, state_text(slot));
}

void threads_report(void)
{
	char text[TEXT_MAX];
	size_t i, used;

	if (!list)
		return;
	used = list->used < SLOTS ? list->used : SLOTS;
	for (i = 0; i < used; i++) {
		const struct thread_slot *slot = &list->slots[i];

		if (slot->state == THREAD_FREE)
			continue;
		slot_text(slot, text, sizeof(text));
		report_info("thread %s; signs of life: %llu, none for %llu ms",
			    text, slot->beats, slot->silent_ms);
	}
}

void threads_suspect(char *text, size_t size)
{
	const struct thread_slot *own = slot_own(), *suspect = own;
	size_t i;

	/*
	 * The thread that runs the case, unless it waits for others: then the
	 * one that was silent longest, without those that wait as well.
	 */
	if (list && __atomic_load_n(&own->waits, __ATOMIC_ACQUIRE)) {
		u64 longest = 0;

		for (i = 1; i < list->used && i < SLOTS; i++) {
			const struct thread_slot *slot = &list->slots[i];

			if (slot->state != THREAD_RUNS ||
			    __atomic_load_n(&slot->waits, __ATOMIC_ACQUIRE))
				continue;
			if (suspect == own || slot->silent_ms > longest) {
				suspect = slot;
				longest = slot->silent_ms;
			}
		}
	}
	slot_text(suspect, text, size);
}

static struct thread own_thread;
static __thread struct thread *self;

struct thread *thread_self(void)
{
	if (self)
		return self;
	own_thread.slot = slot_own();
	return &own_thread;
}

const char *thread_name(const struct thread *thread)
{
	return thread->slot->name;
}

struct random_stream *thread_random(struct thread *thread)
{
	if (!thread->group && !thread->random_begun) {
		case_random(&thread->random, thread->slot->name, 0);
		thread->random_begun = true;
	}
	return &thread->random;
}

size_t thread_group_size(const struct thread_group *group)
{
	return group->size;
}

static void beat(struct thread *thread)
{
	/* Only this thread counts, so no locked addition is needed. */
	u64 beats = __atomic_load_n(&thread->slot->beats, __ATOMIC_RELAXED);

	__atomic_store_n(&thread->slot->beats, beats + 1, __ATOMIC_RELAXED);
}

static void doing(struct thread *thread, const char *what, bool has_value,
		  u64 value)
{
	struct thread_slot *slot = thread->slot;

	/*
	 * A reader may see the new text with the old value. It prints a message
	 * about a thread that is stuck, and that thread is not in here.
	 */
	__atomic_store_n(&slot->value, value, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->has_value, has_value, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->what, what, __ATOMIC_RELEASE);
	beat(thread);
}

void thread_doing(struct thread *thread, const char *what)
{
	doing(thread, what, false, 0);
}

void thread_doing_value(struct thread *thread, const char *what, u64 value)
{
	doing(thread, what, true, value);
}

void thread_waits(struct thread *thread, bool waits)
{
	__atomic_store_n(&thread->slot->waits, waits, __ATOMIC_RELEASE);
}

/* Sleep until the group changes, or @milliseconds; called with the lock held. */
static void group_wait(struct thread_group *group, u64 milliseconds)
{
	struct timespec until;
	u64 at = clock_ns() + milliseconds * NSEC_PER_MSEC;

	until.tv_sec = (time_t)(at / NSEC_PER_SEC);
	until.tv_nsec = (long)(at % NSEC_PER_SEC);
	pthread_cond_timedwait(&group->changed, &group->lock, &until);
}

/* Move a thread to a CPU that the caller may use; on an error it stays. */
static void send_to_cpu(pthread_t thread, unsigned int number)
{
	cpu_set_t allowed, one;
	unsigned int cpu, count;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	count = (unsigned int)CPU_COUNT(&allowed);
	if (!count)
		return;
	number %= count;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		if (number--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(thread, sizeof(one), &one);
		return;
	}
}

void thread_move_cpu(struct thread *thread, unsigned int cpu)
{
	send_to_cpu(thread->thread, cpu);
}

/*
 * Fill in the CPUs of a node, counted among the nodes with CPUs, modulo their
 * number. Return: the kernel's number of the node; -1 without NUMA.
 */
static int find_node(unsigned int number, struct bitmask *cpus)
{
	unsigned int count = 0;
	int node, last, pass;

	last = numa_max_node();
	/* The first pass counts the nodes with CPUs, the second finds ours. */
	for (pass = 0; pass < 2; pass++) {
		for (node = 0; node <= last; node++) {
			if (numa_node_to_cpus(node, cpus) ||
			    !numa_bitmask_weight(cpus))
				continue;
			if (!pass)
				count++;
			else if (!number--)
				return node;
		}
		if (!count)
			break;
		number %= count;
	}
	return -1;
}

void thread_here_node(unsigned int number)
{
	struct bitmask *cpus;
	int node;

	if (numa_available() < 0)
		return;
	cpus = numa_allocate_cpumask();
	node = find_node(number, cpus);
	if (node >= 0)
		numa_run_on_node(node);
	numa_free_cpumask(cpus);
}

unsigned int thread_cpu_of_node(unsigned int number, unsigned int index)
{
	unsigned int cpu, usable = 0, count = 0, pass, found = 0;
	struct bitmask *cpus;
	cpu_set_t allowed;

	if (numa_available() < 0 ||
	    sched_getaffinity(0, sizeof(allowed), &allowed))
		return 0;
	cpus = numa_allocate_cpumask();
	/* The first pass counts the node's CPUs, the second finds ours. */
	for (pass = 0; find_node(number, cpus) >= 0 && pass < 2; pass++) {
		for (cpu = usable = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &allowed))
				continue;
			usable++;
			if (cpu >= cpus->size ||
			    !numa_bitmask_isbitset(cpus, cpu))
				continue;
			if (!pass)
				count++;
			else if (!index--)
				found = usable - 1;
		}
		if (!count)
			break;
		index %= count;
	}
	numa_free_cpumask(cpus);
	return found;
}

/* Has the thread shown a sign of life since the watchdog last looked? */
static bool lives(struct thread *thread)
{
	const volatile u64 *progress = __atomic_load_n(&thread->progress,
						       __ATOMIC_ACQUIRE);
	u64 beats = __atomic_load_n(&thread->slot->beats, __ATOMIC_RELAXED);
	u64 moved = progress ? *progress : 0;
	bool alive = beats != thread->seen_beats ||
		     moved != thread->seen_progress ||
		     __atomic_load_n(&thread->slot->state, __ATOMIC_ACQUIRE) !=
			     THREAD_RUNS;

	thread->seen_beats = beats;
	thread->seen_progress = moved;
	return alive;
}

static void *watchdog(void *argument)
{
	struct thread_group *group = argument;
	u64 period = group->silence_ms / 16 + 1, last = clock_ns();

	pthread_mutex_lock(&group->lock);
	while (!group->ending) {
		struct thread *thread;
		u64 now, passed;

		group_wait(group, period);
		now = clock_ns();
		passed = (now - last) / NSEC_PER_MSEC;
		if (passed < period)
			continue; /* woken by something else */
		last = now;
		/*
		 * If the watchdog itself did not run for long (a busy host, a
		 * stopped emulator), neither did the threads.
		 */
		if (passed > 2 * period)
			passed = 2 * period;

		for (thread = group->first; thread; thread = thread->next) {
			char suspect[TEXT_MAX];
			u64 silent;

			silent = lives(thread) ?
					 0 :
					 thread->slot->silent_ms + passed;
			__atomic_store_n(&thread->slot->silent_ms, silent,
					 __ATOMIC_RELAXED);
			if (silent < group->silence_ms)
				continue;
			threads_report();
			slot_text(thread->slot, suspect, sizeof(suspect));
			fail("thread without a sign of life for %llu ms: %s",
			     silent, suspect);
		}
	}
	pthread_mutex_unlock(&group->lock);
	return NULL;
}

struct thread_group *thread_group_new(const char *name)
{
	struct thread_group *group = calloc(1, sizeof(*group));
	pthread_condattr_t attributes;

	if (!group)
		fail("no memory for the thread group %s", name);
	snprintf(group->name, sizeof(group->name), "%s", name);
	group->last = &group->first;
	group->silence_ms = THREAD_SILENCE_MS;
	pthread_mutex_init(&group->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&group->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return group;
}

void thread_group_silence_ms(struct thread_group *group, u64 milliseconds)
{
	group->silence_ms = milliseconds;
}

struct thread *thread_add(struct thread_group *group, const char *name,
			  thread_function function, void *argument)
{
	struct thread *thread = calloc(1, sizeof(*thread)), *other;
	char full_name[2 * THREAD_NAME_MAX + 32];
	size_t same = 0;

	if (!thread)
		fail("no memory for the thread %s/%s", group->name, name);
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	for (other = group->first; other; other = other->next)
		same += !strcmp(other->name, thread->name);

	snprintf(full_name, sizeof(full_name), "%s/%s", group->name,
		 thread->name);
	case_random(&thread->random, full_name, same);
	/* The second and later threads of one name get a number. */
	if (same)
		snprintf(full_name, sizeof(full_name), "%s/%s.%zu", group->name,
			 thread->name, same);
	thread->slot = slot_take(full_name);
	thread->group = group;
	thread->function = function;
	thread->argument = argument;
	thread->cpu = -1;
	thread->node = -1;
	*group->last = thread;
	group->last = &thread->next;
	group->size++;
	return thread;
}

void thread_pin_cpu(struct thread *thread, unsigned int cpu)
{
	thread->cpu = (int)cpu;
}

void thread_pin_node(struct thread *thread, unsigned int node)
{
	thread->node = (int)node;
}

void thread_on_kick(struct thread *thread, void (*kick)(void *argument),
		    void *argument)
{
	thread->kick = kick;
	thread->kick_argument = argument;
}

void thread_progress(struct thread *thread, const volatile u64 *counter)
{
	__atomic_store_n(&thread->progress, counter, __ATOMIC_RELEASE);
}

static void set_state(struct thread *thread, enum thread_state state)
{
	__atomic_store_n(&thread->slot->state, state, __ATOMIC_RELEASE);
}

static void *thread_main(void *argument)
{
	struct thread *thread = argument;
	struct thread_group *group = thread->group;

	self = thread;
	if (thread->node >= 0)
		thread_here_node((unsigned int)thread->node);
	if (thread->cpu >= 0)
		send_to_cpu(pthread_self(), (unsigned int)thread->cpu);

	pthread_mutex_lock(&group->lock);
	group->arrived++;
	pthread_cond_broadcast(&group->changed);
	while (!group->begun)
		pthread_cond_wait(&group->changed, &group->lock);
	pthread_mutex_unlock(&group->lock);

	set_state(thread, THREAD_RUNS);
	thread->function(thread, thread->argument);
	set_state(thread, THREAD_ENDED);

	pthread_mutex_lock(&group->lock);
	thread->finished = true;
	group->idle++;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
	return NULL;
}

bool thread_wanted(const struct thread *thread)
{
	const struct thread_group *group = thread->group;

	return group && __atomic_load_n(&group->wanted, __ATOMIC_ACQUIRE);
}

bool thread_should_stop(struct thread *thread)
{
	struct thread_group *group = thread->group;
	unsigned int wanted;

	beat(thread);
	if (!group)
		return false; /* the thread that runs the case */
	wanted = __atomic_load_n(&group->wanted, __ATOMIC_ACQUIRE);
	if (!wanted)
		return false;
	if (wanted & WANT_STOP)
		return true;

	pthread_mutex_lock(&group->lock);
	if (group->wanted == WANT_PAUSE) {
		set_state(thread, THREAD_PAUSED);
		thread->parked = true;
		group->idle++;
		pthread_cond_broadcast(&group->changed);
		while (thread->parked)
			pthread_cond_wait(&group->changed, &group->lock);
		set_state(thread, THREAD_RUNS);
	}
	wanted = group->wanted;
	pthread_mutex_unlock(&group->lock);
	beat(thread);
	return wanted & WANT_STOP;
}

static void start_thread(struct thread_group *group, pthread_t *thread,
			 void *(*function)(void *), void *argument)
{
	pthread_attr_t attributes;
	int error;

	/* Some machines cannot map a thousand stacks of the default 8 MiB. */
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	error = pthread_create(thread, &attributes, function, argument);
	pthread_attr_destroy(&attributes);
	if (error)
		fail("cannot create a thread for group %s (%zu threads): %s; raise the limit of processes (ulimit -u) or use fewer vCPUs",
		     group->name, group->size, errno_name(error));
}

void thread_group_start(struct thread_group *group)
{
	struct thread *thread;

	for (thread = group->first; thread; thread = thread->next)
		start_thread(group, &thread->thread, thread_main, thread);
	/* All threads exist before one of them changes a mapping. */
	if (group->silence_ms)
		start_thread(group, &group->watchdog, watchdog, group);

	pthread_mutex_lock(&group->lock);
	while (group->arrived < group->size)
		pthread_cond_wait(&group->changed, &group->lock);
	group->begun = true;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

static void want(struct thread_group *group, unsigned int wanted)
{
	struct thread *thread;

	pthread_mutex_lock(&group->lock);
	__atomic_store_n(&group->wanted, wanted, __ATOMIC_RELEASE);
	/*
	 * Unpark the threads here, and not when they notice: each then runs
	 * between two pauses in a row, and the second pause does not count a
	 * thread as idle that is about to leave.
	 */
	for (thread = group->first; thread && wanted != WANT_PAUSE;
	     thread = thread->next) {
		group->idle -= thread->parked;
		thread->parked = false;
	}
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

/* Wait until all threads are parked or finished; called with the lock held. */
static void wait_idle(struct thread_group *group, u64 timeout_ms,
		      const char *what, bool only_finished)
{
	struct deadline deadline = deadline_in_ms(timeout_ms);
	struct deadline next_kick = deadline_in_ms(0);
	struct thread *caller = thread_self();
	u64 pause = 1;

	thread_waits(caller, true);
	for (;;) {
		struct thread *thread, *late = NULL;
		bool kick = group->wanted && deadline_passed(next_kick);
		char suspect[TEXT_MAX];

		if (!only_finished && group->idle == group->size)
			break;
		for (thread = group->first; thread; thread = thread->next) {
			if (thread->finished ||
			    (!only_finished && thread->parked))
				continue;
			late = thread;
			/* Repeated: a kick may precede the long call. */
			if (kick && thread->kick)
				thread->kick(thread->kick_argument);
		}
		if (!late)
			break;
		if (deadline_passed(deadline)) {
			threads_report();
			slot_text(late->slot, suspect, sizeof(suspect));
			fail("thread did not %s within %llu ms: %s", what,
			     timeout_ms, suspect);
		}
		beat(caller);
		if (kick) {
			next_kick = deadline_in_ms(pause);
			if (pause < KICK_MS_MAX)
				pause *= 2;
		}
		group_wait(group, group->wanted ?
					  deadline_left_ms(next_kick) + 1 :
					  KICK_MS_MAX);
	}
	thread_waits(caller, false);
}

void thread_group_pause(struct thread_group *group, u64 timeout_ms)
{
	want(group, group->wanted | WANT_PAUSE);
	pthread_mutex_lock(&group->lock);
	wait_idle(group, timeout_ms, "pause", false);
	pthread_mutex_unlock(&group->lock);
}

void thread_group_resume(struct thread_group *group)
{
	want(group, group->wanted & ~WANT_PAUSE);
}

void thread_group_stop(struct thread_group *group)
{
	want(group, group->wanted | WANT_STOP);
}

void thread_group_join(struct thread_group *group, u64 timeout_ms)
{
	struct thread *thread, *next;

	pthread_mutex_lock(&group->lock);
	if (group->begun)
		wait_idle(group, timeout_ms, "end", true);
	group->ending = true;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);

	if (group->begun && group->silence_ms)
		pthread_join(group->watchdog, NULL);
	for (thread = group->first; thread; thread = next) {
		next = thread->next;
		if (group->begun)
			pthread_join(thread->thread, NULL);
		slot_give(thread->slot);
		free(thread);
	}
	pthread_cond_destroy(&group->changed);
	pthread_mutex_destroy(&group->lock);
	free(group);
}
