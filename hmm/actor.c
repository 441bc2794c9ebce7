// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "actor.h"
#include "hmm_device.h"
#include "report.h"

#define JOIN_MS 20000

static void run(struct worker *worker, void *argument)
{
	struct actor *actor = argument;

	__atomic_store_n(&actor->thread, gettid(), __ATOMIC_RELEASE);
	worker_doing(worker, "waiting for its cue");
	while (sem_wait(&actor->cue))
		CHECK(errno == EINTR, "sem_wait failed: %s", errno_name(errno));
	worker_doing(worker, "acting");
	actor->act(actor->argument);
	__atomic_store_n(&actor->done, true, __ATOMIC_RELEASE);
}

void actor_new(struct actor *actor, const char *name,
	       void (*act)(void *argument), void *argument)
{
	*actor = (struct actor){ .act = act, .argument = argument };
	CHECK(!sem_init(&actor->cue, 0, 0), "sem_init failed: %s",
	      errno_name(errno));
	actor->group = worker_group_new(name);
	/* It waits for as long as the test wants. */
	worker_group_silence_ms(actor->group, 0);
	worker_add(actor->group, "actor", run, actor);
	worker_group_start(actor->group);
	while (!__atomic_load_n(&actor->thread, __ATOMIC_ACQUIRE))
		sched_yield();
}

void actor_cue(struct actor *actor)
{
	sem_post(&actor->cue);
}

bool actor_is_done(const struct actor *actor)
{
	return __atomic_load_n(&actor->done, __ATOMIC_ACQUIRE);
}

void actor_join(struct actor *actor)
{
	worker_group_join(actor->group, JOIN_MS);
	sem_destroy(&actor->cue);
}

static void act_as_device(void *argument)
{
	struct device_act *act = argument;

	act->error = __hmm_access(act->device, &act->access);
}

void device_actor(struct actor *actor, struct device_act *act, int device,
		  unsigned int mirror, enum secmmu_hmm_operation operation,
		  const void *address)
{
	act->device = device;
	act->access = (struct secmmu_hmm_access){
		.address = (uintptr_t)address,
		.length = sizeof(act->word),
		.buffer = (uintptr_t)&act->word,
		.mirror = mirror,
		.operation = operation,
	};
	actor_new(actor, "device", act_as_device, act);
}
