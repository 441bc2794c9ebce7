/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPU threads: one thread per vCPU. They run a guest function concurrently and
 * can be taken out of KVM_RUN and sent back at any time.
 */
#ifndef SECMMU_VCPU_THREADS_H
#define SECMMU_VCPU_THREADS_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/thread.h"
#include "core/types.h"

struct vcpu_threads;

/**
 * struct vcpu_threads_config - what the vCPUs run
 * @function: guest function of every vCPU; started again when it returns. NULL:
 *	the vCPUs continue where they are, and their function returns only in
 *	vcpu_threads_complete()
 * @argument: its second argument
 * @vcpus: number of the VM's vCPUs to run, from the first; 0: all. The caller
 *	keeps the others
 * @on_sync: called in the vCPU's thread on guest_sync(); NULL: the guest
 *	continues
 * @on_exit: called in the vCPU's thread on VCPU_OTHER and VCPU_REFUSED; returns
 *	true if the guest continues. After VCPU_REFUSED it must call
 *	vcpu_start(). NULL or false: the case fails
 * @context: argument of @on_sync and @on_exit
 * @silence_ms: longest time without progress before the watchdog fails the
 *	case, milliseconds; 0: THREAD_SILENCE_MS
 */
struct vcpu_threads_config {
	guest_function function;
	u64 argument;
	unsigned int vcpus;
	void (*on_sync)(struct vcpu *vcpu, void *context);
	bool (*on_exit)(struct vcpu *vcpu, enum vcpu_event event,
			void *context);
	void *context;
	unsigned int silence_ms;
};

/**
 * vcpu_threads_store_nowhere() - @on_exit that ignores stores outside writable
 *	slots
 * @vcpu: vCPU
 * @event: why KVM_RUN returned
 * @context: not used
 *
 * Return: true if the exit was such a store, for slots that the host changes
 * meanwhile.
 */
bool vcpu_threads_store_nowhere(struct vcpu *vcpu, enum vcpu_event event,
				void *context);

/**
 * vcpu_threads_new() - create the threads; they wait for vcpu_threads_start()
 * @vm: VM
 * @config: what they run
 *
 * Return: the threads, for vcpu_threads_finish().
 */
struct vcpu_threads *vcpu_threads_new(struct vm *vm,
				      const struct vcpu_threads_config *config);

/**
 * vcpu_threads_start() - start all vCPUs together
 * @threads: vCPU threads
 */
void vcpu_threads_start(struct vcpu_threads *threads);

/**
 * vcpu_threads_pause() - take all vCPUs out of KVM_RUN
 * @threads: vCPU threads
 *
 * On return every KVM_RUN has returned: all guest writes are complete, and
 * there are no others until vcpu_threads_resume().
 */
void vcpu_threads_pause(struct vcpu_threads *threads);

/**
 * vcpu_threads_resume() - continue the guest where it was
 * @threads: vCPU threads
 */
void vcpu_threads_resume(struct vcpu_threads *threads);

/**
 * vcpu_threads_ring_room() - dirty rings were reset: wake vCPUs that wait for
 *	room
 * @threads: vCPU threads
 */
void vcpu_threads_ring_room(struct vcpu_threads *threads);

/**
 * vcpu_threads_ring_full_exits() - number of exits with a full ring
 * @threads: vCPU threads
 *
 * Return: exits of all vCPUs.
 */
u64 vcpu_threads_ring_full_exits(struct vcpu_threads *threads);

/**
 * vcpu_threads_away_begin() - guest memory is about to be unmapped or made
 *	read-only
 * @threads: vCPU threads
 *
 * Until vcpu_threads_away_end(), KVM_RUN may fail with EFAULT (hva_to_pfn()
 * finds no mapping that allows the access) and is retried when the memory is
 * restored. An EFAULT at another time fails the case.
 *
 * Context: any thread; several threads may have unmapped memory at a time.
 */
void vcpu_threads_away_begin(struct vcpu_threads *threads);

/**
 * vcpu_threads_away_end() - the memory is restored
 * @threads: vCPU threads
 */
void vcpu_threads_away_end(struct vcpu_threads *threads);

/**
 * vcpu_threads_faults() - number of EFAULTs of KVM_RUN while memory was
 *	unmapped
 * @threads: vCPU threads
 *
 * Return: failures of all vCPUs.
 */
u64 vcpu_threads_faults(struct vcpu_threads *threads);

/**
 * vcpu_threads_place() - move a vCPU's thread to another CPU
 * @threads: started
 * @index: the vCPU
 * @cpu: as for thread_pin_cpu()
 */
void vcpu_threads_place(struct vcpu_threads *threads, unsigned int index,
			unsigned int cpu);

/**
 * vcpu_threads_complete() - have every guest function return
 * @threads: started; the guest function returns when guest_vcpu.stop is set,
 *	without waiting for another vCPU. They stay paused
 *
 * Operations that a vCPU has started are complete then, so that counters shared
 * by vCPUs are consistent. Fails the case on an event other than the return.
 *
 * Context: the vCPUs run one after the other in the calling thread.
 */
void vcpu_threads_complete(struct vcpu_threads *threads);

/**
 * vcpu_threads_finish() - stop the vCPUs, join and free the threads
 * @threads: vCPU threads; may be paused
 */
void vcpu_threads_finish(struct vcpu_threads *threads);

#endif
