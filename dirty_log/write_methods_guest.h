/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_WRITE_METHODS_GUEST_H
#define SECMMU_WRITE_METHODS_GUEST_H

#include "kvm/guest.h"
#include "core/types.h"

/* What is stored next: all bytes of it differ from the last one's. */
static inline u64 next_value(struct guest_vcpu *self)
{
	return ++self->beat * 0x9e3779b97f4a7c15ULL;
}

/* Guest functions; their argument is the address. */
void write_method_store(struct guest_vcpu *self, u64 address);
/* Nothing: what KVM has to do at the next entry, it does. */
void write_method_enter(struct guest_vcpu *self, u64 unused);

#endif
