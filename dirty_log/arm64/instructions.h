/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions that write by one instruction each; the argument is where. */
#ifndef SECMMU_INSTRUCTIONS_H
#define SECMMU_INSTRUCTIONS_H

#include "kvm/guest.h"
#include "core/types.h"

#define WRITES_BY(name) void by_##name(struct guest_vcpu *self, u64 address)

WRITES_BY(strb);
WRITES_BY(str_post);
WRITES_BY(stlr);
WRITES_BY(stp);
WRITES_BY(stnp);
WRITES_BY(stxr);
WRITES_BY(stxp);
WRITES_BY(cas);
WRITES_BY(casp);
WRITES_BY(swp);
WRITES_BY(ldadd);
WRITES_BY(steor);
WRITES_BY(zva);
WRITES_BY(str_q);
WRITES_BY(st1);

#undef WRITES_BY

/* Enable what vector instructions need. */
void vectors_on(struct guest_vcpu *self, u64 unused);

/* A hypervisor call: PV_TIME_ST. */
void ask_stolen_time(struct guest_vcpu *self, u64 unused);

#endif
