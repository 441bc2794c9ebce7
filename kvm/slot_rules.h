/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM_SET_USER_MEMORY_REGION must reject, and with which errno. */
#ifndef SECMMU_SLOT_RULES_H
#define SECMMU_SLOT_RULES_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/types.h"

/* Number of rules. */
unsigned int slot_rules_count(void);

/* The change that a rule forbids, as text. */
const char *slot_rule_name(unsigned int rule);

/**
 * slot_rule_try() - try a change that a rule forbids
 * @slot: a slot that exists; it stays as it is
 * @other: another slot that does not overlap @slot; NULL: none
 * @unused: id of a slot that does not exist
 * @rule: below slot_rules_count()
 *
 * Fails the case unless KVM rejects the change with the rule's errno
 * (Documentation/virt/kvm/api.rst 4.35, kvm_set_memory_region()).
 *
 * Return: false, having tried nothing, if the rule needs @other and it is NULL.
 */
bool slot_rule_try(const struct memslot *slot, const struct memslot *other,
		   u32 unused, unsigned int rule);

#endif
