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

#include "kvm/guest.h"
#include "core/random.h"
#include "kvm/stamp.h"
#include "kvm/x86_64/svm.h"
#include "core/types.h"

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
 * @count: of TRACK_STOS, TRACK_MOVS, at most TRACK_REPEAT; of TRACK_CMPXCHG, 1:
 *	compare with what is there
 */
struct track_op {
	u64 gva;
	u64 value[4];
	u64 result;
	u32 kind;
	u16 size;
	u16 count;
};

#define TRACK_OPS    24
#define TRACK_REPEAT 64

/**
 * struct track_list - what track_run() is to do; lies over guest_vcpu.test
 * @count: number of instructions
 * @op: they
 */
struct track_list {
	u64 count;
	struct track_op op[TRACK_OPS];
};

/**
 * struct track_nested - what track_nested_run() is to do; lies over guest_vcpu.test
 * @list: for L2
 * @nested: L2
 */
struct track_nested {
	struct track_list list;
	struct svm_nested nested;
};

static inline struct track_nested *track_nested_of(struct guest_vcpu *guest)
{
	return (struct track_nested *)guest->test;
}

static inline struct track_list *track_list_of(struct guest_vcpu *guest)
{
	return (struct track_list *)guest->test;
}

#define TRACK_SSE 1
#define TRACK_AVX 2

/*
 * A storm: every vCPU writes to its own parts of a few pages in all ways, and to
 * words that all share. What comes next follows from its random stream alone, so
 * that the host knows it, too.
 *
 * A page has, in this order: the end of a zone that goes across the border from
 * the page before, shared words, a slice for each vCPU, the beginning of the
 * next zone. Zone n is for vCPU n modulo their number.
 */
#define STORM_PAGES	  4
#define STORM_ZONE	  64
#define STORM_SHARED	  64
#define STORM_SHARED_AT	  STORM_ZONE
#define STORM_SLICES_AT	  (STORM_ZONE + STORM_SHARED)
#define STORM_SLICES_SIZE (4096 - STORM_SLICES_AT - STORM_ZONE)

/**
 * struct write_storm - what storm_run() is to do; lies over guest_vcpu.test
 * @gpa: the first of STORM_PAGES pages
 * @random: the vCPU's stream
 * @sequence: instructions so far
 */
struct write_storm {
	u64 gpa;
	struct random_stream random;
	volatile u64 sequence;
};

static inline struct write_storm *storm_of(struct guest_vcpu *guest)
{
	return (struct write_storm *)guest->test;
}

/* What a vCPU does next. */
static inline void storm_next(struct random_stream *random, u32 index,
			      u32 vcpus, u64 gpa, u64 sequence,
			      struct track_op *op)
{
	u64 page = random_below(random, STORM_PAGES);
	u64 where = random_below(random, 8);
	u64 slice = STORM_SLICES_SIZE / vcpus & ~7ULL;
	u64 bytes;

	op->kind = TRACK_MOV;
	op->size = 8;
	op->count = 1;
	op->gva = gpa + page * 4096;
	op->value[0] = stamp(index, sequence);
	op->value[1] = ~op->value[0];
	if (where == 0) {
		if (random_chance(random, 1, 2))
			op->kind = TRACK_XCHG;
		op->gva += STORM_SHARED_AT +
			   8 * random_below(random, STORM_SHARED / 8);
		return;
	}
	op->size = (u16)(1U << random_below(random, 4));
	if (where == 1 && op->size > 1 && page + 1 < STORM_PAGES &&
	    page % vcpus == index) {
		if (random_chance(random, 1, 2))
			op->kind = TRACK_XADD;
		op->gva += 4095 - random_below(random, op->size - 1);
		return;
	}
	switch (random_below(random, 8)) {
	case 0:
		op->kind = TRACK_XCHG;
		break;
	case 1:
		op->kind = TRACK_OR;
		break;
	case 2:
		op->kind = TRACK_XADD;
		break;
	case 3:
		op->kind = TRACK_CMPXCHG;
		op->count = (u16)random_below(random, 2);
		break;
	case 4:
		op->kind = TRACK_STOS;
		op->count = (u16)random_between(random, 1, 8);
		break;
	}
	bytes = op->size * (op->kind == TRACK_STOS ? op->count : 1U);
	op->gva += STORM_SLICES_AT + index * slice +
		   random_below(random, slice - bytes + 1);
}

/**
 * struct track_remap - what track_remap_run() is to do; lies over guest_vcpu.test
 * @entry: guest address of a page table's entry, in a tracked page
 * @value: what is to be written there, one after the other; 0: the end
 * @window: guest address that the entry maps
 */
struct track_remap {
	u64 entry;
	u64 value[TRACK_REPEAT];
	u64 window;
};

static inline struct track_remap *track_remap_of(struct guest_vcpu *guest)
{
	return (struct track_remap *)guest->test;
}

/*
 * Guest functions: one after the other, with TRACK_*; the same by a guest of the
 * guest's; a storm until stopped; and a page table that is written to, after each
 * time of which the page that is mapped now gets the number of the time, from 1.
 */
void track_run(struct guest_vcpu *self, u64 vectors);
void track_nested_run(struct guest_vcpu *self, u64 vectors);
void storm_run(struct guest_vcpu *self, u64 unused);
void track_remap_run(struct guest_vcpu *self, u64 unused);

#endif /* AVIC_TRACK_H */
