/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One rule: a kernel function, what to do to it, when, and for whom.
 */
#ifndef PROVE_RULE_H
#define PROVE_RULE_H

#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/types.h>

#define PROVE_LINE_MAX	   512	/* one rule as text, bytes */
#define PROVE_NAME_MAX	   128	/* one function name, bytes with the NUL */
#define PROVE_REASON_MAX   256	/* why a rule was refused, bytes with the NUL */
#define PROVE_RULES_MAX	   32	/* rules of one open file */
#define PROVE_FILES_MAX	   64	/* open files */
#define PROVE_DELAY_MAX_US 2000 /* a delay is a busy-wait: keep it short */
#define PROVE_COUNT_MAX	   1000000000ULL /* every=, after=, limit= */

enum prove_action {
	PROVE_COUNT,	/* change nothing, only count */
	PROVE_SKIP,	/* return at once, with a given value */
	PROVE_DELAY,	/* busy-wait at entry, or at return */
	PROVE_RETURN,	/* set or clamp the returned value */
	PROVE_ARGUMENT, /* set or clamp an argument */
	PROVE_UNLOG,	/* hide meanwhile that a memslot is logged */
	PROVE_KEEPLOG,	/* a memslot looks logged when it is no more */
	PROVE_SHORTEN,	/* a range of guest memory ends a page early */
};

/**
 * struct prove_rule - a rule, as parsed, and its probe and counters
 * @link: in the list of the open file that owns it
 * @names: the functions to try, in order, separated by commas
 * @function: the one that is probed
 * @action: what to do
 * @at_return: the probe is on the function's return (a kretprobe)
 * @value: for PROVE_SKIP the returned value; for PROVE_RETURN and
 *	PROVE_ARGUMENT, if @has_value, the value to set
 * @min: lower bound if @has_min
 * @max: upper bound if @has_max
 * @has_value: @value was given
 * @has_min: @min was given
 * @has_max: @max was given
 * @bits: width of the value that @min and @max compare: 8, 16, 32 or 64.
 *	The upper part of a register that holds a narrower type is undefined.
 * @argument: which argument PROVE_ARGUMENT, PROVE_UNLOG, PROVE_KEEPLOG and
 *	PROVE_SHORTEN mean, from 1
 * @delay_ns: for PROVE_DELAY
 * @every: apply at every n-th match
 * @after: let so many matches pass first
 * @limit: apply at most so often; 0: no limit
 * @owner: only for this process and its descendants; NULL: for everybody
 * @owner_number: its number, for the report
 * @kvm_argument: this argument is a struct kvm whose creator's process counts
 *	instead of the current one; 0: none
 * @vcpu_argument: the same, by a struct kvm_vcpu
 * @when_argument: match only if this argument has the value @when; 0: always
 * @when: the value
 * @when_bits: how many of the argument's low bits are compared
 * @caller: match only calls from this function; empty: from anywhere
 * @caller_start: its code's first address
 * @caller_size: its length, bytes; 0: any caller
 * @hits: how often the function ran
 * @matched: of these, for the right process and argument
 * @applied: of these, how often the action was taken
 * @first_applied_ns: CLOCK_MONOTONIC of the first time; 0: never
 * @hidden: memslots that PROVE_UNLOG hides something of at the moment
 * @probe: the probe at entry
 * @return_probe: the probe at return, if @at_return
 */
struct prove_rule {
	struct list_head link;
	char names[PROVE_LINE_MAX];
	char function[PROVE_NAME_MAX];
	enum prove_action action;
	bool at_return;
	s64 value, min, max;
	bool has_value, has_min, has_max;
	unsigned int bits;
	unsigned int argument;
	u64 delay_ns;
	u64 every, after, limit;
	struct pid *owner;
	int owner_number;
	unsigned int kvm_argument, vcpu_argument;
	unsigned int when_argument;
	s64 when;
	unsigned int when_bits;
	char caller[PROVE_NAME_MAX];
	unsigned long caller_start, caller_size;
	atomic64_t hits, matched, applied;
	u64 first_applied_ns;
	atomic_t hidden;
	struct kprobe probe;
	struct kretprobe return_probe;
};

/* prove_parse.c */
struct prove_rule *prove_rule_parse(char *line, char *reason);
void prove_rule_free(struct prove_rule *rule);
const char *prove_action_name(enum prove_action action);

/* prove_probe.c */
int prove_rule_arm(struct prove_rule *rule, char *reason);
void prove_rule_disarm(struct prove_rule *rule);
unsigned long prove_rule_missed(const struct prove_rule *rule);
void *prove_rule_address(const struct prove_rule *rule);

/* prove_owner.c */
bool prove_owner_matches(const struct prove_rule *rule, struct pt_regs *regs);

/* prove_unlog.c */
#if IS_ENABLED(CONFIG_KVM)
#define PROVE_HAS_KVM 1
#else
#define PROVE_HAS_KVM 0
#endif
struct kvm;
struct kvm *prove_kvm_of(const struct prove_rule *rule, struct pt_regs *regs);
struct mm_struct *prove_kvm_mm(struct kvm *kvm);
struct kvm_memory_slot;

/**
 * struct prove_hidden - what prove_unlog() hides
 * @kvm: the VM
 * @srcu: its read lock
 * @slot: the memslot; NULL: nothing is hidden
 * @bitmap: its dirty bitmap, where that is hidden
 */
struct prove_hidden {
	struct kvm *kvm;
	int srcu;
	struct kvm_memory_slot *slot;
	unsigned long *bitmap;
};

bool prove_unlog(struct kvm *kvm, const void *structure,
		 struct prove_hidden *hidden);
void prove_relog(struct prove_hidden *hidden);
bool prove_keeplog(struct kvm_memory_slot *old, struct kvm_memory_slot *new);
bool prove_shorten(void *range);

#endif /* PROVE_RULE_H */
