/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups of threads that start together, can be paused and stopped, and have a
 * watchdog. A thread that hangs fails the case; the reason names the thread and
 * what it was doing.
 *
 * The list of threads is in memory shared with the program's first process, which
 * prints it if the case exceeds its time limit.
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
 * typedef thread_function - the body of a thread
 * @thread: the thread
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
 * thread_group_silence_ms() - set the time limit of a group's watchdog
 * @group: the group, not started yet
 * @milliseconds: a thread without a sign of life for this long fails the case; 0:
 *	no watchdog. THREAD_SILENCE_MS if never called, because an emulated
 *	machine on a busy host is slow
 */
void thread_group_silence_ms(struct thread_group *group, u64 milliseconds);

/**
 * thread_add() - add a thread, which thread_group_start() starts
 * @group: the group, not started yet
 * @name: for messages and random streams; copied
 * @function: the body
 * @argument: for @function
 *
 * Return: the thread, valid until the group is joined.
 */
struct thread *thread_add(struct thread_group *group, const char *name,
			  thread_function function, void *argument);

/**
 * thread_pin_cpu() - hint: run on this CPU
 * @thread: not started yet
 * @cpu: counted among the CPUs that this process may use, modulo their number
 */
void thread_pin_cpu(struct thread *thread, unsigned int cpu);

/**
 * thread_move_cpu() - hint: continue on another CPU
 * @thread: started, and its group not joined yet
 * @cpu: counted as in thread_pin_cpu(), among the CPUs that the caller may use
 */
void thread_move_cpu(struct thread *thread, unsigned int cpu);

/**
 * thread_pin_node() - hint: run on the CPUs of this node
 * @thread: not started yet
 * @node: counted among the nodes with CPUs, modulo their number. Ignored without
 *	NUMA
 */
void thread_pin_node(struct thread *thread, unsigned int node);

/**
 * thread_here_node() - hint: run the calling thread on the CPUs of this node
 * @node: as in thread_pin_node()
 */
void thread_here_node(unsigned int node);

/**
 * thread_cpu_of_node() - a CPU of a node
 * @node: as in thread_pin_node()
 * @index: counted among the node's CPUs, modulo their number
 *
 * Return: the CPU, counted as in thread_pin_cpu(); 0 if this process may use none.
 */
unsigned int thread_cpu_of_node(unsigned int node, unsigned int index);

/**
 * thread_on_kick() - how to interrupt a thread's long call such as KVM_RUN
 * @thread: not started yet
 * @kick: called by another thread, repeatedly until the thread calls
 *	thread_should_stop(), since a kick may precede the long call; must not
 *	block
 * @argument: for @kick
 */
void thread_on_kick(struct thread *thread, void (*kick)(void *argument),
		    void *argument);

/**
 * thread_progress() - name a counter that changes while the thread makes progress
 * @thread: not started yet, or the calling thread
 * @counter: read by the watchdog; a change is a sign of life. For a vCPU that
 *	stays in the guest, the guest's store counter. NULL: none
 */
void thread_progress(struct thread *thread, const volatile u64 *counter);

/**
 * thread_group_start() - start all threads at the same moment, and the watchdog
 * @group: the group
 *
 * Returns once all threads exist and may run their bodies.
 */
void thread_group_start(struct thread_group *group);

/**
 * thread_group_pause() - make all threads wait in thread_should_stop()
 * @group: the group
 * @timeout_ms: a thread that does not wait by then fails the case
 *
 * On return every thread waits in thread_should_stop() or has returned from its
 * body, and its stores are visible to the caller.
 */
void thread_group_pause(struct thread_group *group, u64 timeout_ms);

/**
 * thread_group_resume() - let paused threads continue
 * @group: the group
 *
 * Every thread returns from thread_should_stop() at least once, even if the
 * caller pauses the group again at once.
 */
void thread_group_resume(struct thread_group *group);

/**
 * thread_group_stop() - ask all threads to return; does not wait
 * @group: the group
 */
void thread_group_stop(struct thread_group *group);

/**
 * thread_group_join() - wait until all threads have returned, and free the group
 * @group: the group; stopped by thread_group_stop(), or its threads return by
 *	themselves
 * @timeout_ms: a thread that has not returned by then fails the case. After
 *	thread_group_stop() the kicks are repeated until then
 */
void thread_group_join(struct thread_group *group, u64 timeout_ms);

/**
 * thread_group_size() - number of threads in a group
 * @group: the group
 *
 * Return: their number.
 */
size_t thread_group_size(const struct thread_group *group);

/**
 * thread_should_stop() - condition of every loop of a thread
 * @thread: the calling thread
 *
 * A sign of life. Waits while the group is paused.
 *
 * Return: true once the thread must return from its body.
 */
bool thread_should_stop(struct thread *thread);

/**
 * thread_wanted() - does a pause or a stop wait for this thread?
 * @thread: the calling thread
 *
 * For use after a kick has interrupted a call such as KVM_RUN.
 *
 * Return: true if the thread should call thread_should_stop() soon.
 */
bool thread_wanted(const struct thread *thread);

/**
 * thread_doing() - note what the thread does next; a sign of life
 * @thread: the calling thread, or thread_self()
 * @what: a string literal, which another process prints
 */
void thread_doing(struct thread *thread, const char *what);

/**
 * thread_doing_value() - note what the thread does next, with a number
 * @thread: the calling thread, or thread_self()
 * @what: a string literal such as "harvesting slot"
 * @value: printed behind @what
 */
void thread_doing_value(struct thread *thread, const char *what, u64 value);

/**
 * thread_waits() - note whether the caller waits for other threads
 * @thread: the calling thread, or thread_self()
 * @waits: true: a hang is the fault of a thread that does not wait
 */
void thread_waits(struct thread *thread, bool waits);

/**
 * thread_self() - the calling thread
 *
 * The thread that runs the case has a struct thread as well, which only the case's
 * time limit watches.
 *
 * Return: the thread; never NULL.
 */
struct thread *thread_self(void);

/**
 * thread_name() - a thread's name
 * @thread: any
 *
 * Return: "GROUP/NAME".
 */
const char *thread_name(const struct thread *thread);

/**
 * thread_random() - a thread's private random stream
 * @thread: the calling thread
 *
 * Depends on the seed, the case's name, the thread's name and its index among the
 * group's threads of that name.
 *
 * Return: the stream.
 */
struct random_stream *thread_random(struct thread *thread);

/* The functions below are for cases.c. */

/**
 * threads_share() - allocate the list of threads in shared memory
 *
 * Context: the program's first process, before it forks.
 */
void threads_share(void);

/**
 * threads_reset() - empty the list, and make the caller the thread that runs a case
 * @name: the case
 */
void threads_reset(const char *name);

/**
 * threads_report() - print what every thread is doing
 */
void threads_report(void);

/**
 * threads_suspect() - the thread to blame for a hang: of those that do not wait for
 *	others, the one that has shown no sign of life for longest
 * @text: filled in with "NAME was DOING", one line
 * @size: room in @text
 */
void threads_suspect(char *text, size_t size);

#endif /* SECMMU_THREAD_H */
