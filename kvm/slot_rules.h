/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM_SET_USER_MEMORY_REGION must refuse, with which errno. */
#ifndef SECMMU_SLOT_RULES_H
#define SECMMU_SLOT_RULES_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/types.h"

/* Number of rules. */
unsigned int slot_rules_count(void);

/* What a rule forbids, in words. */
const char *slot_rule_name(unsigned int rule);

/**
 * slot_rule_try() - try what a rule forbids; it must be refused
 * @slot: a slot that exists; stays as it is
 * @other: another one, not overlapping; NULL: none
 * @unused: the id of a slot that does not exist
 * @rule: below slot_rules_count()
 *
 * Fails the case if it is not refused, or by another errno than is due
 * (Documentation/virt/kvm/api.rst 4.35, kvm_set_memory_region()).
 *
 * Return: false if the rule needs @other, and there is none.
 */
bool slot_rule_try(const struct memslot *slot, const struct memslot *other,
		   u32 unused, unsigned int rule);

#endif
