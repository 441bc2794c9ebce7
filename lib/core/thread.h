/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups of threads: begin together, can be paused and stopped, and are watched.
 * A group whose thread hangs fails the case, naming the thread and what it was
 * doing; it never hangs the suite.
 *
 * The list of workers lives in memory shared with the program's first process,
 * which prints it if the case does not end in time.
 */
#ifndef SECMMU_THREAD_H
#define SECMMU_THREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/random.h"
#include "core/types.h"

#define THREADS_MAX	  1200 /* KVM's vCPU limit is 1024 by default */
#define THREAD_NAME_MAX	  48
#define THREAD_SILENCE_MS 10000

struct thread;
struct thread_group;

/**
 * typedef thread_function - the body of a worker
 * @thread: itself
 * @argument: as given to thread_add()
 */
typedef void (*thread_function)(struct thread *thread, void *argument);

/**
 * thread_group_new() - an empty group
 * @name: for messages and random streams; copied
 *
 * Return: the group; freed by thread_group_join().
 */
struct thread_group *thread_group_new(const char *name);

/**
 * thread_group_silence_ms() - how long a worker may show no sign of life
 * @group: the group
 * @milliseconds: limit; 0: no watchdog. THREAD_SILENCE_MS if never called: an
 *	emulated machine on a busy host is slow
 */
void thread_group_silence_ms(struct thread_group *group, u64 milliseconds);

/**
 * thread_add() - add a thread; it begins at thread_group_start()
 * @group: the group, not started yet
 * @name: for messages and random streams; copied
 * @function: what it does
 * @argument: for @function
 *
 * Return: the worker, valid until the group is joined.
 */
struct thread *thread_add(struct thread_group *group, const char *name,
			  thread_function function, void *argument);

/**
 * thread_pin_cpu() - hint: run on this CPU
 * @thread: not started yet
 * @cpu: counted among the CPUs that this process may use, modulo their number:
 *	a small machine shares CPUs, it does not fail
 */
void thread_pin_cpu(struct thread *thread, unsigned int cpu);

/**
 * thread_move_cpu() - hint: go on on another CPU
 * @thread: started, and its group not joined yet
 * @cpu: as thread_pin_cpu() has it, of the CPUs that the caller may use
 */
void thread_move_cpu(struct thread *thread, unsigned int cpu);

/**
 * thread_pin_node() - hint: run on the CPUs of this node
 * @thread: not started yet
 * @node: counted among the nodes with CPUs, modulo their number. Without NUMA
 *	nothing happens
 */
void thread_pin_node(struct thread *thread, unsigned int node);

/**
 * thread_here_node() - hint: the calling thread goes to the CPUs of this node
 * @node: as thread_pin_node() has it
 */
void thread_here_node(unsigned int node);

/**
 * thread_cpu_of_node() - a CPU of a node
 * @node: as thread_pin_node() has it
 * @index: which of them, modulo their number
 *
 * Return: the CPU, as thread_pin_cpu() has it; 0 if this process may use none.
 */
unsigned int thread_cpu_of_node(unsigned int node, unsigned int index);

/**
 * thread_on_kick() - how to bring a worker out of a long call such as KVM_RUN
 * @thread: not started yet
 * @kick: called by another thread, again and again until the worker has come
 *	to thread_should_stop(), so that a kick that comes too early does no
 *	harm; it must not block
 * @argument: for @kick
 */
void thread_on_kick(struct thread *thread, void (*kick)(void *argument),
		    void *argument);

/**
 * thread_progress() - a counter that moves while the worker lives
 * @thread: not started yet, or the caller itself
 * @counter: read by the watchdog; moves count as signs of life. A vCPU that
 *	stays in the guest has its guest's store counter here. NULL: none
 */
void thread_progress(struct thread *thread, const volatile u64 *counter);

/**
 * thread_group_start() - begin all workers at the same moment
 * @group: the group
 *
 * Returns when all threads have come to their bodies. The watchdog begins.
 */
void thread_group_start(struct thread_group *group);

/**
 * thread_group_pause() - have all workers wait in thread_should_stop()
 * @group: the group
 * @timeout_ms: a worker that is not there by then fails the case, by name
 *
 * On return every worker waits in thread_should_stop() or has returned from its
 * body: nothing that belongs to a worker runs, and what it did is visible to
 * the caller.
 */
void thread_group_pause(struct thread_group *group, u64 timeout_ms);

/**
 * thread_group_resume() - end of thread_group_pause()
 * @group: the group
 *
 * Every worker returns from thread_should_stop() once at least, even if the
 * next pause comes at once.
 */
void thread_group_resume(struct thread_group *group);

/**
 * thread_group_stop() - ask all workers to end; does not wait
 * @group: the group
 */
void thread_group_stop(struct thread_group *group);

/**
 * thread_group_join() - wait for all workers to end, and free the group
 * @group: the group; stopped by thread_group_stop(), or its workers end by
 *	themselves
 * @timeout_ms: if one has not ended by then the case fails, naming it and what
 *	it was doing. While a stop is wanted, kicks are repeated
 */
void thread_group_join(struct thread_group *group, u64 timeout_ms);

/**
 * thread_group_size() - how many workers were added
 * @group: the group
 *
 * Return: their number.
 */
size_t thread_group_size(const struct thread_group *group);

/**
 * thread_should_stop() - to be asked in every loop of a worker
 * @thread: itself
 *
 * Counts as a sign of life. Waits here while the group is paused.
 *
 * Return: true once the worker is to end.
 */
bool thread_should_stop(struct thread *thread);

/**
 * thread_wanted() - is somebody waiting for this worker?
 * @thread: itself
 *
 * To be asked after a call such as KVM_RUN came back by a kick.
 *
 * Return: true if the worker should soon come to thread_should_stop().
 */
bool thread_wanted(const struct thread *thread);

/**
 * thread_doing() - say what comes next; a sign of life
 * @thread: itself; thread_self() if not at hand
 * @what: a string that stays (a literal): it is printed by another process
 */
void thread_doing(struct thread *thread, const char *what);

/**
 * thread_doing_value() - say what comes next, with a figure
 * @thread: itself; thread_self() if not at hand
 * @what: a string that stays (a literal), such as "harvesting slot"
 * @value: printed behind it
 */
void thread_doing_value(struct thread *thread, const char *what, u64 value);

/**
 * thread_waits() - say whether the caller waits for other workers
 * @thread: itself; thread_self() if not at hand
 * @waits: it does: a hang is the fault of one that does not
 */
void thread_waits(struct thread *thread, bool waits);

/**
 * thread_self() - the worker that calls
 *
 * Return: the calling thread's worker. The thread that runs the case has one,
 * too, which no watchdog but the case's deadline looks at. Never NULL.
 */
struct thread *thread_self(void);

/**
 * thread_name() - a worker's name
 * @thread: any
 *
 * Return: "GROUP/NAME".
 */
const char *thread_name(const struct thread *thread);

/**
 * thread_random() - a worker's own random stream
 * @thread: itself
 *
 * Depends on the seed, the case's name, the worker's name and its number among
 * those of that name in the group.
 *
 * Return: the stream; for the worker only.
 */
struct random_stream *thread_random(struct thread *thread);

/*
 * The rest is between worker.c and cases.c.
 */

/**
 * threads_share() - set up the list of workers, to be shared by fork()
 *
 * Called in the program's first process, before it forks.
 */
void threads_share(void);

/**
 * threads_reset() - empty the list and make the caller the case's own thread
 * @name: the case
 */
void threads_reset(const char *name);

/**
 * threads_report() - print what every worker is doing
 */
void threads_report(void);

/**
 * threads_suspect() - the worker that does not wait for others, and has shown no
 * sign of life for longest
 * @text: gets "NAME was DOING", one line
 * @size: room in @text
 */
void threads_suspect(char *text, size_t size);

#endif /* SECMMU_THREAD_H */
