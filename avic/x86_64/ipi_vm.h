/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs that send interrupts to each other while AVIC may be inhibited; checks delivery. */
#ifndef AVIC_IPI_VM_H
#define AVIC_IPI_VM_H

#include "kvm/x86_64/apic.h"
#include "ipi.h"
#include "core/types.h"

/* enum ipi_state - what those do that are sent to */
enum ipi_state {
	IPI_RUNNING,
	IPI_HALTED,
	IPI_MOVING, /* run, and the host moves their threads between its CPUs */
};

/**
 * struct ipi_config - what happens
 * @mode: how the guest reaches its local APICs
 * @methods: bits of enum ipi_method
 * @state: what those do that are sent to
 * @inhibit: what else happens
 * @vcpus: number of vCPUs, 2 to IPI_VCPUS; with @inhibit, the last one inhibits
 * @duration_ns: for how long
 */
struct ipi_config {
	enum apic_mode mode;
	u32 methods;
	enum ipi_state state;
	enum ipi_inhibit inhibit;
	unsigned int vcpus;
	u64 duration_ns;
};

/**
 * ipi_run() - a VM whose vCPUs send interrupts, all of which must be taken once
 * @config: what happens
 *
 * Fails the case if one is not taken within some seconds, or is taken twice, or
 * by a vCPU that it was not sent to. Says which way the interrupts went: through
 * KVM's own local APIC, or hardware's.
 */
void ipi_run(const struct ipi_config *config);

#endif /* AVIC_IPI_VM_H */
