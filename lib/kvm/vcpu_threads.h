/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A crew: one thread per vCPU, which run a guest function side by side and can
 * be brought out of KVM_RUN and sent back in at any moment.
 */
#ifndef SECMMU_VCPU_THREADS_H
#define SECMMU_VCPU_THREADS_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/thread.h"
#include "core/types.h"

struct vcpu_threads;

/**
 * struct vcpu_threads_config - what a crew does
 * @function: guest function of every vCPU; begun anew when it returns while
 *	nobody asked it to stop. NULL: the vCPUs go on where they are, and their
 *	function does not return but for vcpu_threads_complete()
 * @argument: its second argument
 * @vcpus: how many of the VM's vCPUs, from the first; 0: all. The others stay
 *	the caller's
 * @on_sync: called when the guest calls guest_sync(), by the vCPU's thread; NULL:
 *	the guest just goes on
 * @on_exit: called for VCPU_OTHER and VCPU_REFUSED, by the vCPU's thread: whether
 *	the guest may go on. After a refusal it is for @on_exit to say where, by
 *	vcpu_start(). NULL, or false: the case fails
 * @context: for @on_sync and @on_exit
 * @silence_ms: how long a guest may show no sign of life before the watchdog
 *	ends the test; 0: THREAD_SILENCE_MS
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
 * vcpu_threads_store_nowhere() - struct vcpu_threads_config's @on_exit of guests that may store to
 *	where no writable slot is (slots that the host changes meanwhile)
 * @vcpu: vCPU
 * @event: why it came back
 * @context: not used
 *
 * Return: whether it was such a store, which does nothing.
 */
bool vcpu_threads_store_nowhere(struct vcpu *vcpu, enum vcpu_event event,
				void *context);

/**
 * vcpu_threads_new() - make the threads; they wait for vcpu_threads_start()
 * @vm: VM
 * @config: what to do
 *
 * Return: the crew, freed by vcpu_threads_finish().
 */
struct vcpu_threads *vcpu_threads_new(struct vm *vm,
				      const struct vcpu_threads_config *config);

/**
 * vcpu_threads_start() - all vCPUs begin, together
 * @threads: crew
 */
void vcpu_threads_start(struct vcpu_threads *threads);

/**
 * vcpu_threads_pause() - bring all vCPUs out of KVM_RUN
 * @threads: crew
 *
 * On return every KVM_RUN has returned, so all that the guest has written is
 * written, and nothing new is until vcpu_threads_resume().
 */
void vcpu_threads_pause(struct vcpu_threads *threads);

/**
 * vcpu_threads_resume() - the guest goes on where it was
 * @threads: crew
 */
void vcpu_threads_resume(struct vcpu_threads *threads);

/**
 * vcpu_threads_ring_room() - dirty rings have been reset: who waits for room may go on
 * @threads: crew
 */
void vcpu_threads_ring_room(struct vcpu_threads *threads);

/**
 * vcpu_threads_ring_full_exits() - how often a vCPU came back with a full ring
 * @threads: crew
 *
 * Return: exits, all vCPUs.
 */
u64 vcpu_threads_ring_full_exits(struct vcpu_threads *threads);

/**
 * vcpu_threads_away_begin() - memory that the guest uses goes away, or becomes read-only
 * @threads: crew
 *
 * From here to vcpu_threads_away_end() KVM_RUN may fail with EFAULT (hva_to_pfn() finds no
 * mapping that allows the access), and is tried again once the memory is back. An
 * EFAULT of a KVM_RUN during which no memory was away fails the test.
 *
 * Context: any thread; several may have memory away at the same time.
 */
void vcpu_threads_away_begin(struct vcpu_threads *threads);

/**
 * vcpu_threads_away_end() - the memory is back as it was
 * @threads: crew
 */
void vcpu_threads_away_end(struct vcpu_threads *threads);

/**
 * vcpu_threads_faults() - how often KVM_RUN failed with EFAULT while memory was away
 * @threads: crew
 *
 * Return: failures, all vCPUs.
 */
u64 vcpu_threads_faults(struct vcpu_threads *threads);

/**
 * vcpu_threads_place() - hint: a vCPU's thread goes to another CPU
 * @threads: crew, begun
 * @index: the vCPU
 * @cpu: as thread_pin_cpu() has it
 */
void vcpu_threads_place(struct vcpu_threads *threads, unsigned int index,
			unsigned int cpu);

/**
 * vcpu_threads_complete() - have every guest function return
 * @threads: crew, begun, whose function returns when guest_vcpu.stop is set, and
 *	waits for no other vCPU before. Stays paused
 *
 * What a vCPU has begun it has ended then, so that what several of them count
 * together is in order. Ends the test if anything but the end comes back.
 *
 * Context: the vCPUs run in the calling thread, one after the other.
 */
void vcpu_threads_complete(struct vcpu_threads *threads);

/**
 * vcpu_threads_finish() - stop the vCPUs, end the threads, free the crew
 * @threads: crew, may be paused
 */
void vcpu_threads_finish(struct vcpu_threads *threads);

#endif
