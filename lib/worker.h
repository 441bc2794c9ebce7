/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups of threads: begin together, can be paused and stopped, and are watched.
 * A group whose thread hangs fails the case, naming the thread and what it was
 * doing; it never hangs the suite.
 *
 * The list of workers lives in memory shared with the program's first process,
 * which prints it if the case does not end in time.
 */
#ifndef SECMMU_WORKER_H
#define SECMMU_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "random.h"
#include "types.h"

#define WORKERS_MAX	  1200 /* KVM's vCPU limit is 1024 by default */
#define WORKER_NAME_MAX	  48
#define WORKER_SILENCE_MS 10000

struct worker;
struct worker_group;

/**
 * typedef worker_function - the body of a worker
 * @worker: itself
 * @argument: as given to worker_add()
 */
typedef void (*worker_function)(struct worker *worker, void *argument);

/**
 * worker_group_new() - an empty group
 * @name: for messages and random streams; copied
 *
 * Return: the group; freed by worker_group_join().
 */
struct worker_group *worker_group_new(const char *name);

/**
 * worker_group_silence_ms() - how long a worker may show no sign of life
 * @group: the group
 * @milliseconds: limit; 0: no watchdog. WORKER_SILENCE_MS if never called: an
 *	emulated machine on a busy host is slow
 */
void worker_group_silence_ms(struct worker_group *group, u64 milliseconds);

/**
 * worker_add() - add a thread; it begins at worker_group_start()
 * @group: the group, not started yet
 * @name: for messages and random streams; copied
 * @function: what it does
 * @argument: for @function
 *
 * Return: the worker, valid until the group is joined.
 */
struct worker *worker_add(struct worker_group *group, const char *name,
			  worker_function function, void *argument);

/**
 * worker_place_cpu() - hint: run on this CPU
 * @worker: not started yet
 * @cpu: counted among the CPUs that this process may use, modulo their number:
 *	a small machine shares CPUs, it does not fail
 */
void worker_place_cpu(struct worker *worker, unsigned int cpu);

/**
 * worker_move_cpu() - hint: go on on another CPU
 * @worker: started, and its group not joined yet
 * @cpu: as worker_place_cpu() has it, of the CPUs that the caller may use
 */
void worker_move_cpu(struct worker *worker, unsigned int cpu);

/**
 * worker_place_node() - hint: run on the CPUs of this node
 * @worker: not started yet
 * @node: counted among the nodes with CPUs, modulo their number. Without NUMA
 *	nothing happens
 */
void worker_place_node(struct worker *worker, unsigned int node);

/**
 * worker_here_node() - hint: the calling thread goes to the CPUs of this node
 * @node: as worker_place_node() has it
 */
void worker_here_node(unsigned int node);

/**
 * worker_cpu_of_node() - a CPU of a node
 * @node: as worker_place_node() has it
 * @index: which of them, modulo their number
 *
 * Return: the CPU, as worker_place_cpu() has it; 0 if this process may use none.
 */
unsigned int worker_cpu_of_node(unsigned int node, unsigned int index);

/**
 * worker_on_kick() - how to bring a worker out of a long call such as KVM_RUN
 * @worker: not started yet
 * @kick: called by another thread, again and again until the worker has come
 *	to worker_should_stop(), so that a kick that comes too early does no
 *	harm; it must not block
 * @argument: for @kick
 */
void worker_on_kick(struct worker *worker, void (*kick)(void *argument),
		    void *argument);

/**
 * worker_progress() - a counter that moves while the worker lives
 * @worker: not started yet, or the caller itself
 * @counter: read by the watchdog; moves count as signs of life. A vCPU that
 *	stays in the guest has its guest's store counter here. NULL: none
 */
void worker_progress(struct worker *worker, const volatile u64 *counter);

/**
 * worker_group_start() - begin all workers at the same moment
 * @group: the group
 *
 * Returns when all threads have come to their bodies. The watchdog begins.
 */
void worker_group_start(struct worker_group *group);

/**
 * worker_group_pause() - have all workers wait in worker_should_stop()
 * @group: the group
 * @timeout_ms: a worker that is not there by then fails the case, by name
 *
 * On return every worker waits in worker_should_stop() or has returned from its
 * body: nothing that belongs to a worker runs, and what it did is visible to
 * the caller.
 */
void worker_group_pause(struct worker_group *group, u64 timeout_ms);

/**
 * worker_group_resume() - end of worker_group_pause()
 * @group: the group
 *
 * Every worker returns from worker_should_stop() once at least, even if the
 * next pause comes at once.
 */
void worker_group_resume(struct worker_group *group);

/**
 * worker_group_stop() - ask all workers to end; does not wait
 * @group: the group
 */
void worker_group_stop(struct worker_group *group);

/**
 * worker_group_join() - wait for all workers to end, and free the group
 * @group: the group; stopped by worker_group_stop(), or its workers end by
 *	themselves
 * @timeout_ms: if one has not ended by then the case fails, naming it and what
 *	it was doing. While a stop is wanted, kicks are repeated
 */
void worker_group_join(struct worker_group *group, u64 timeout_ms);

/**
 * worker_group_size() - how many workers were added
 * @group: the group
 *
 * Return: their number.
 */
size_t worker_group_size(const struct worker_group *group);

/**
 * worker_should_stop() - to be asked in every loop of a worker
 * @worker: itself
 *
 * Counts as a sign of life. Waits here while the group is paused.
 *
 * Return: true once the worker is to end.
 */
bool worker_should_stop(struct worker *worker);

/**
 * worker_wanted() - is somebody waiting for this worker?
 * @worker: itself
 *
 * To be asked after a call such as KVM_RUN came back by a kick.
 *
 * Return: true if the worker should soon come to worker_should_stop().
 */
bool worker_wanted(const struct worker *worker);

/**
 * worker_doing() - say what comes next; a sign of life
 * @worker: itself; worker_self() if not at hand
 * @what: a string that stays (a literal): it is printed by another process
 */
void worker_doing(struct worker *worker, const char *what);

/**
 * worker_doing_value() - say what comes next, with a figure
 * @worker: itself; worker_self() if not at hand
 * @what: a string that stays (a literal), such as "harvesting slot"
 * @value: printed behind it
 */
void worker_doing_value(struct worker *worker, const char *what, u64 value);

/**
 * worker_waits() - say whether the caller waits for other workers
 * @worker: itself; worker_self() if not at hand
 * @waits: it does: a hang is the fault of one that does not
 */
void worker_waits(struct worker *worker, bool waits);

/**
 * worker_self() - the worker that calls
 *
 * Return: the calling thread's worker. The thread that runs the case has one,
 * too, which no watchdog but the case's deadline looks at. Never NULL.
 */
struct worker *worker_self(void);

/**
 * worker_name() - a worker's name
 * @worker: any
 *
 * Return: "GROUP/NAME".
 */
const char *worker_name(const struct worker *worker);

/**
 * worker_random() - a worker's own random stream
 * @worker: itself
 *
 * Depends on the seed, the case's name, the worker's name and its number among
 * those of that name in the group.
 *
 * Return: the stream; for the worker only.
 */
struct random_stream *worker_random(struct worker *worker);

/*
 * The rest is between worker.c and cases.c.
 */

/**
 * workers_share() - set up the list of workers, to be shared by fork()
 *
 * Called in the program's first process, before it forks.
 */
void workers_share(void);

/**
 * workers_reset() - empty the list and make the caller the case's own thread
 * @name: the case
 */
void workers_reset(const char *name);

/**
 * workers_report() - print what every worker is doing
 */
void workers_report(void);

/**
 * workers_suspect() - the worker that does not wait for others, and has shown no
 * sign of life for longest
 * @text: gets "NAME was DOING", one line
 * @size: room in @text
 */
void workers_suspect(char *text, size_t size);

#endif /* SECMMU_WORKER_H */
