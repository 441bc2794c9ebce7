/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions that write by one instruction each; see instructions_guest.c. */
#ifndef SECMMU_INSTRUCTIONS_H
#define SECMMU_INSTRUCTIONS_H

#include "kvm/guest.h"
#include "core/types.h"

/* What rep_stosq() writes, bytes. */
#define STOS_BYTES 16384
/* What rep_movsq() and rep_movsb() write, bytes. */
#define MOVS_BYTES 2048

/* The argument is the address. */
#define WRITES_BY(name)                                       \
	void by_##name(struct guest_vcpu *self, u64 address); \
	void emulated_##name(struct guest_vcpu *self, u64 address)

WRITES_BY(mov);
WRITES_BY(mov_byte);
WRITES_BY(movnti);
WRITES_BY(xchg);
WRITES_BY(lock_add);
WRITES_BY(lock_btc);
WRITES_BY(lock_xadd);
WRITES_BY(lock_cmpxchg);
WRITES_BY(lock_cmpxchg_fails);
WRITES_BY(lock_cmpxchg8b);
WRITES_BY(lock_cmpxchg16b);
WRITES_BY(push);
WRITES_BY(rep_stosq);
WRITES_BY(rep_stosq_down);
WRITES_BY(rep_movsq);
WRITES_BY(rep_movsb);
WRITES_BY(fistp);
WRITES_BY(movaps);
WRITES_BY(movups);
WRITES_BY(movntdq);
WRITES_BY(maskmovdqu);
WRITES_BY(fxsave);
WRITES_BY(xsave);
WRITES_BY(vmovups);
WRITES_BY(vmaskmovpd);

#undef WRITES_BY

/* The same as rep_stosq, as many words as test[1] says. */
void emulated_stos(struct guest_vcpu *self, u64 address);

/* Between memory and what is none: see write_methods_emulated.c. */
void movs_from(struct guest_vcpu *self, u64 address);
void ins_to(struct guest_vcpu *self, u64 address);

#endif
