/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest writes of every kind to tracked pages, and what KVM has to tell of each:
 * one callback for a write, or one for each page that it touches; a locked
 * instruction also writes if it changes nothing.
 */
#ifndef AVIC_TRACK_H
#define AVIC_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

/* enum track_kind - how a guest writes */
enum track_kind {
	TRACK_MOV,	  /* 1, 2, 4, 8 bytes */
	TRACK_MOVNTI,	  /* 4, 8 */
	TRACK_MOVUPS,	  /* 16 */
	TRACK_MOVNTDQ,	  /* 16, aligned */
	TRACK_VMOVUPS,	  /* 32 */
	TRACK_PUSH,	  /* 8 */
	TRACK_XCHG,	  /* 1, 2, 4, 8 */
	TRACK_OR,	  /* 1, 2, 4, 8; without lock */
	TRACK_XADD,	  /* 1, 2, 4, 8; locked, as all that follow */
	TRACK_BTS,	  /* 2, 4, 8: bit number value[0] */
	TRACK_CMPXCHG,	  /* 1, 2, 4, 8: value[0] if it is value[1] */
	TRACK_CMPXCHG8B,  /* 8: the same */
	TRACK_CMPXCHG16B, /* 16: value[0..1] if it is value[2..3] */
	TRACK_STOS,	  /* 1, 2, 4, 8: count times */
	TRACK_MOVS,	  /* 1, 2, 4, 8: count times, value[] again and again */
	TRACK_FXSAVE,	  /* 512 */
	TRACK_SIDT,	  /* 10 */
	TRACK_KINDS,
};

/**
 * struct track_op - one instruction
 * @gva: where it writes; equal to the guest physical address
 * @value: by kind
 * @result: coming out: what the instruction found there, if it says so
 * @kind: enum track_kind
 * @size: bytes
 * @count: of TRACK_STOS, TRACK_MOVS, at most TRACK_REPEAT
 */
struct track_op {
	uint64_t gva;
	uint64_t value[4];
	uint64_t result;
	uint32_t kind;
	uint16_t size;
	uint16_t count;
};

#define TRACK_OPS    24
#define TRACK_REPEAT 64

/**
 * struct track_list - what track_run() is to do; lies over guest_vcpu.test
 * @count: number of instructions
 * @op: they
 */
struct track_list {
	uint64_t count;
	struct track_op op[TRACK_OPS];
};

static inline struct track_list *track_list_of(struct guest_vcpu *guest)
{
	return (struct track_list *)guest->test;
}

/* Guest functions: one after the other. With vectors: SSE, and AVX if asked. */
void track_run(struct guest_vcpu *self, uint64_t vectors);

#define TRACK_SSE 1
#define TRACK_AVX 2

#endif /* AVIC_TRACK_H */
