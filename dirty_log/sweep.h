/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mapping-size oracle for a scene whose guest is at work: a vCPU that does
 * nothing else touches all slots while the others are paused.
 */
#ifndef SECMMU_SWEEP_H
#define SECMMU_SWEEP_H

#include <stdbool.h>

#include "mapping.h"
#include "scene.h"
#include "types.h"

/**
 * struct sweep - who touches, and what was found
 * @scene: VM and slots
 * @vcpu: the vCPU; one of the others would first end what it was about
 * @access: WRITER_STORE, or WRITER_REWRITE where the guest needs what is there
 * @probe: how the kernel is asked
 * @before: mappings before logging
 * @stores: stores so far
 * @recovered: how often sweep_check_recovered() has judged
 */
struct sweep {
	struct scene *scene;
	struct vcpu *vcpu;
	enum writer_access access;
	struct mapping_probe probe;
	struct mapping_sizes before;
	u64 stores;
	u64 recovered;
};

/**
 * sweep_open() - find out how the slots are mapped
 * @sweep: filled in
 * @scene: scene, not logged yet
 * @vcpu: who touches; the caller's thread runs it
 * @access: how it touches
 *
 * Context: no vCPU of the scene runs.
 */
void sweep_open(struct sweep *sweep, struct scene *scene, struct vcpu *vcpu,
		enum writer_access access);

/**
 * sweep_close() - done with it
 * @sweep: opened
 */
void sweep_close(struct sweep *sweep);

/**
 * sweep_check_logged() - what is logged is not mapped huge where it is written
 * @sweep: opened
 *
 * Does nothing unless every slot is logged: KVM counts mappings for the whole VM.
 * Otherwise touches all of them, which is in the log then.
 *
 * Context: no vCPU of the scene runs; everything dirty was harvested.
 */
void sweep_check_logged(struct sweep *sweep);

/**
 * sweep_check_recovered() - huge mappings are back
 * @sweep: opened
 *
 * Does nothing where the host does not map the slots huge.
 *
 * Context: no vCPU of the scene runs, no slot is logged.
 */
void sweep_check_recovered(struct sweep *sweep);

#endif
