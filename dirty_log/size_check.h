/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mapping-size oracle for a scene whose guest is at work: a vCPU that does
 * nothing else touches all slots while the others are paused.
 */
#ifndef SECMMU_SIZE_CHECK_H
#define SECMMU_SIZE_CHECK_H

#include <stdbool.h>

#include "dirty/mapping.h"
#include "dirty/dirty_vm.h"
#include "core/types.h"

/**
 * struct size_check - who touches, and what was found
 * @fixture: VM and slots
 * @vcpu: the vCPU; one of the others would first end what it was about
 * @access: WRITER_STORE, or WRITER_REWRITE where the guest needs what is there
 * @probe: how the kernel is asked
 * @before: mappings before logging
 * @recovered: how often size_check_check_recovered() has judged
 */
struct size_check {
	struct dirty_vm *fixture;
	struct vcpu *vcpu;
	enum writer_access access;
	struct mapping_probe probe;
	struct mapping_sizes before;
	u64 recovered;
};

/**
 * size_check_open() - find out how the slots are mapped
 * @size_check: filled in
 * @fixture: scene, not logged yet
 * @vcpu: who touches; the caller's thread runs it
 * @access: how it touches
 *
 * Context: no vCPU of the scene runs.
 */
void size_check_open(struct size_check *size_check, struct dirty_vm *fixture,
		     struct vcpu *vcpu, enum writer_access access);

/**
 * size_check_close() - done with it
 * @size_check: opened
 */
void size_check_close(struct size_check *size_check);

/**
 * size_check_check_logged() - what is logged is not mapped huge where it is written
 * @size_check: opened
 *
 * Does nothing unless every slot is logged: KVM counts mappings for the whole VM.
 * Otherwise touches all of them, which is in the log then.
 *
 * Context: no vCPU of the scene runs; everything dirty was harvested.
 */
void size_check_check_logged(struct size_check *size_check);

/**
 * size_check_check_recovered() - huge mappings are back
 * @size_check: opened
 *
 * Does nothing where the host does not map the slots huge.
 *
 * Context: no vCPU of the scene runs, no slot is logged.
 */
void size_check_check_recovered(struct size_check *size_check);

#endif
