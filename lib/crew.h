/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A crew: one thread per vCPU, which run a guest function side by side and can
 * be brought out of KVM_RUN and sent back in at any moment.
 */
#ifndef SECMMU_CREW_H
#define SECMMU_CREW_H

#include <stdbool.h>

#include "vm.h"
#include "worker.h"
#include "types.h"

struct crew;

/**
 * struct crew_config - what a crew does
 * @function: guest function of every vCPU; begun anew when it returns while
 *	nobody asked it to stop. NULL: the vCPUs go on where they are, and their
 *	function does not return but for crew_complete()
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
 *	ends the test; 0: WORKER_SILENCE_MS
 */
struct crew_config {
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
 * crew_store_nowhere() - struct crew_config's @on_exit of guests that may store to
 *	where no writable slot is (slots that the host changes meanwhile)
 * @vcpu: vCPU
 * @event: why it came back
 * @context: not used
 *
 * Return: whether it was such a store, which does nothing.
 */
bool crew_store_nowhere(struct vcpu *vcpu, enum vcpu_event event,
			void *context);

/**
 * crew_new() - make the threads; they wait for crew_start()
 * @vm: VM
 * @config: what to do
 *
 * Return: the crew, freed by crew_finish().
 */
struct crew *crew_new(struct vm *vm, const struct crew_config *config);

/**
 * crew_start() - all vCPUs begin, together
 * @crew: crew
 */
void crew_start(struct crew *crew);

/**
 * crew_pause() - bring all vCPUs out of KVM_RUN
 * @crew: crew
 *
 * On return every KVM_RUN has returned, so all that the guest has written is
 * written, and nothing new is until crew_resume().
 */
void crew_pause(struct crew *crew);

/**
 * crew_resume() - the guest goes on where it was
 * @crew: crew
 */
void crew_resume(struct crew *crew);

/**
 * crew_ring_room() - dirty rings have been reset: who waits for room may go on
 * @crew: crew
 */
void crew_ring_room(struct crew *crew);

/**
 * crew_ring_full_exits() - how often a vCPU came back with a full ring
 * @crew: crew
 *
 * Return: exits, all vCPUs.
 */
u64 crew_ring_full_exits(struct crew *crew);

/**
 * crew_away_begin() - memory that the guest uses goes away, or becomes read-only
 * @crew: crew
 *
 * From here to crew_away_end() KVM_RUN may fail with EFAULT (hva_to_pfn() finds no
 * mapping that allows the access), and is tried again once the memory is back. An
 * EFAULT of a KVM_RUN during which no memory was away fails the test.
 *
 * Context: any thread; several may have memory away at the same time.
 */
void crew_away_begin(struct crew *crew);

/**
 * crew_away_end() - the memory is back as it was
 * @crew: crew
 */
void crew_away_end(struct crew *crew);

/**
 * crew_faults() - how often KVM_RUN failed with EFAULT while memory was away
 * @crew: crew
 *
 * Return: failures, all vCPUs.
 */
u64 crew_faults(struct crew *crew);

/**
 * crew_place() - hint: a vCPU's thread goes to another CPU
 * @crew: crew, begun
 * @index: the vCPU
 * @cpu: as worker_place_cpu() has it
 */
void crew_place(struct crew *crew, unsigned int index, unsigned int cpu);

/**
 * crew_complete() - have every guest function return
 * @crew: crew, begun, whose function returns when guest_vcpu.stop is set, and
 *	waits for no other vCPU before. Stays paused
 *
 * What a vCPU has begun it has ended then, so that what several of them count
 * together is in order. Ends the test if anything but the end comes back.
 *
 * Context: the vCPUs run in the calling thread, one after the other.
 */
void crew_complete(struct crew *crew);

/**
 * crew_finish() - stop the vCPUs, end the threads, free the crew
 * @crew: crew, may be paused
 */
void crew_finish(struct crew *crew);

#endif
