/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts between vCPUs, every one of which is accounted for.
 *
 * A fixed interrupt that comes while one of its vector is pending is one with it
 * (there is one bit for each in the IRR). So every sender has a vector of its own
 * for each way of sending, and sends by it again only when all have it: then
 * each must be taken exactly once. NMIs have no vector: one sender at a time.
 */
#ifndef AVIC_IPI_H
#define AVIC_IPI_H

#include <stddef.h>

#include "kvm/x86_64/apic.h"
#include "kvm/guest.h"
#include "kvm/x86_64/svm.h"
#include "core/types.h"

/* enum ipi_method - ways of sending */
enum ipi_method {
	IPI_PHYSICAL, /* fixed, to one vCPU by its APIC ID */
	IPI_LOGICAL,  /* fixed, to some vCPUs by their logical IDs */
	IPI_LOWEST,   /* lowest priority: to one of some vCPUs */
	IPI_ALL,      /* fixed, to all and itself */
	IPI_OTHERS,   /* fixed, to all but itself */
	IPI_SELF,     /* fixed, to itself */
	IPI_NMI,      /* NMI, to one or to all but itself */
	IPI_METHOD,
};

/* Those that have a vector. */
#define IPI_VECTORS IPI_NMI

/* What a vCPU other than the senders does meanwhile; it is sent to as well. */
enum ipi_inhibit {
	IPI_UNINHIBITED,
	IPI_BLOCK_IRQ, /* the host blocks its interrupts for a while */
	IPI_LDR_ALIAS, /* takes the logical ID of vCPU 0, too, and back */
	IPI_APIC_ID,   /* takes an APIC ID that is not its own, and back */
	IPI_EXTINT,    /* gets interrupts of the PIC, often when it is closed */
	IPI_PIT_REINJECT, /* the host has the PIT catch up with ticks, or not */
	IPI_AUTO_EOI, /* the host gives it a vector that needs no end, or not */
	IPI_VMRUN,    /* has a guest of its own */
	IPI_INHIBITS,
};

/* enum ipi_role - what a vCPU is for */
enum ipi_role {
	IPI_SENDER,    /* sends, and is sent to while it runs */
	IPI_SLEEPER,   /* is sent to while it halts */
	IPI_INHIBITOR, /* see enum ipi_inhibit */
};

#define IPI_VCPUS	 APIC_LOGICAL_MAX
#define IPI_FIRST_VECTOR 0x40
/* Of the PIC's line 0, and the one that is used; and one that nobody sends. */
#define IPI_PIC_VECTOR 0x20
#define IPI_PIC_LINE   3
#define IPI_NO_VECTOR  0xf1

/* The vectors of one way are of one priority. */
static inline u32 ipi_vector(enum ipi_method method, unsigned int sender)
{
	return IPI_FIRST_VECTOR + (u32)method * 16 + sender;
}

/**
 * struct ipi_sent - what a sender has sent by one way
 * @count: interrupts so far
 * @targets: of the last one, bits of vCPUs: who has to get it, or (lowest
 *	priority) one of whom
 * @open: somebody may not have it yet
 * @may: how many may also have reached the inhibitor (its logical ID is another's)
 */
struct ipi_sent {
	u64 count;
	u32 targets;
	u32 open;
	u32 may;
	u32 reserved;
};

/**
 * struct ipi_vcpu - a vCPU's part of the control block; lies over guest_vcpu.test
 * @mode: enum apic_mode
 * @role: enum ipi_role
 * @inhibit: enum ipi_inhibit
 * @methods: bits of ways to send
 * @halts: a sender of interrupts to itself halts until it has them
 * @finished: told to stop, and all it had sent were taken
 * @wrong: bit of a vCPU that has more than it was sent, with @wrong_method
 * @wrong_method: see @wrong
 * @turns: interrupts sent, all ways
 * @got: by way and sender: interrupts taken here
 * @want: by vCPU and way: interrupts of this sender that it has to have taken
 * @sent: by way
 * @nmi_got: NMIs taken here
 * @nmi_want: in vCPU 0's part, of all: NMIs that it has to have taken
 * @nmi_owner: in vCPU 0's part: whose turn it is to send NMIs, from 1
 * @ready: in vCPU 0's part: how many vCPUs can be sent to
 * @pic_got: interrupts of the PIC taken here
 * @inhibited: how often the inhibitor changed its state
 * @nested: the inhibitor's guest
 */
struct ipi_vcpu {
	u32 mode;
	u32 role;
	u32 inhibit;
	u32 methods;
	u32 halts;
	volatile u32 finished;
	volatile u32 wrong;
	volatile u32 wrong_method;
	volatile u64 turns;
	volatile u32 got[IPI_VECTORS][IPI_VCPUS];
	volatile u32 want[IPI_VCPUS][IPI_VECTORS];
	struct ipi_sent sent[IPI_METHOD];
	volatile u32 nmi_got;
	volatile u32 nmi_want[IPI_VCPUS];
	volatile u32 nmi_owner;
	volatile u32 ready;
	volatile u32 pic_got;
	volatile u64 inhibited;
	struct svm_nested nested;
};

_Static_assert(sizeof(struct ipi_vcpu) <= GUEST_TEST_AREA,
	       "test area too small");

static inline struct ipi_vcpu *ipi_vcpu_of(struct guest_vcpu *guest)
{
	return (struct ipi_vcpu *)guest->test;
}

/* Guest function of all vCPUs; does not return. */
void ipi_run_guest(struct guest_vcpu *self, u64 unused);

#endif /* AVIC_IPI_H */
