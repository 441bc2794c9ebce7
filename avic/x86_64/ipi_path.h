/* SPDX-License-Identifier: GPL-2.0-only */
/* Which way interrupts went: through KVM's own local APIC, or hardware's. */
#ifndef AVIC_IPI_PATH_H
#define AVIC_IPI_PATH_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/types.h"

struct ipi_path;

/**
 * ipi_path_begin() - look from now on
 * @vm: VM, none of whose vCPUs runs
 *
 * Return: freed by ipi_path_end().
 */
struct ipi_path *ipi_path_begin(struct vm *vm);

/**
 * ipi_path_end() - say which way it was
 * @path: begun
 * @interrupts: how many were sent
 */
void ipi_path_end(struct ipi_path *path, u64 interrupts);

/**
 * ipi_path_loses() - does the processor itself lose interrupts?
 *
 * AMD's family 17h (Zen 1 and 2), and Hygon's 18h, may read a stale is-running
 * bit when they send one by AVIC (erratum 1235). KVM works around that from
 * the release on that has the parameter enable_ipiv (avic_want_avic_enabled()).
 *
 * Return: true where AVIC is on, on such a processor, without that.
 */
bool ipi_path_loses(void);

#endif /* AVIC_IPI_PATH_H */
