// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "helper_thread.h"
#include "hmm_device.h"
#include "core/report.h"

#define JOIN_MS 20000

static void run(struct thread *thread, void *argument)
{
	struct helper_thread *helper = argument;

	__atomic_store_n(&helper->thread, gettid(), __ATOMIC_RELEASE);
	thread_doing(thread, "waiting for its cue");
	while (sem_wait(&helper->cue))
		CHECK(errno == EINTR, "sem_wait failed: %s", errno_name(errno));
	thread_doing(thread, "acting");
	helper->act(helper->argument);
	__atomic_store_n(&helper->done, true, __ATOMIC_RELEASE);
}

void helper_thread_new(struct helper_thread *helper, const char *name,
		       void (*act)(void *argument), void *argument)
{
	*helper = (struct helper_thread){ .act = act, .argument = argument };
	CHECK(!sem_init(&helper->cue, 0, 0), "sem_init failed: %s",
	      errno_name(errno));
	helper->group = thread_group_new(name);
	/* It waits for as long as the test wants. */
	thread_group_silence_ms(helper->group, 0);
	thread_add(helper->group, "actor", run, helper);
	thread_group_start(helper->group);
	while (!__atomic_load_n(&helper->thread, __ATOMIC_ACQUIRE))
		sched_yield();
}

void helper_thread_cue(struct helper_thread *helper)
{
	sem_post(&helper->cue);
}

bool helper_thread_is_done(const struct helper_thread *helper)
{
	return __atomic_load_n(&helper->done, __ATOMIC_ACQUIRE);
}

void helper_thread_join(struct helper_thread *helper)
{
	thread_group_join(helper->group, JOIN_MS);
	sem_destroy(&helper->cue);
}

static void act_as_device(void *argument)
{
	struct device_act *act = argument;

	act->error = __hmm_access(act->device, &act->access);
}

void device_helper(struct helper_thread *helper, struct device_act *act,
		   int device, unsigned int mirror,
		   enum secmmu_hmm_operation operation, const void *address)
{
	act->device = device;
	act->access = (struct secmmu_hmm_access){
		.address = (uintptr_t)address,
		.length = sizeof(act->word),
		.buffer = (uintptr_t)&act->word,
		.mirror = mirror,
		.operation = operation,
	};
	helper_thread_new(helper, "device", act_as_device, act);
}
