// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arming a rule, and what happens when its probe is hit.
 *
 * Handlers run with preemption off and often with interrupts off, in any
 * context: they allocate nothing, take no lock and print nothing.
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <linux/ktime.h>
#include "prove_compat.h"
#include "prove_rule.h"

/* How long prove_rule_disarm() waits for calls that are under way. */
#define PROVE_DRAIN_MS 1000
/* Calls of one function that may be between entry and return at a time. */
#define PROVE_MAX_ACTIVE 256

#ifdef CONFIG_X86_64
/* Only a return instruction, as the kernel's mitigations want it. */
asm(".pushsection .text, \"ax\"\n"
    ".balign 16\n"
    ".type prove_bare_return, @function\n"
    ".globl prove_bare_return\n"
    "prove_bare_return:\n" ANNOTATE_NOENDBR "\t" ASM_RET
    ".size prove_bare_return, . - prove_bare_return\n"
    ".popsection\n");
NOKPROBE_SYMBOL(prove_bare_return);
#endif

/* What a call leaves from its entry for its return. */
struct pending {
	struct prove_hidden hidden;
	bool unlogged;
};

static bool when_matches(const struct prove_rule *rule, struct pt_regs *regs)
{
	u64 mask;

	if (!rule->when_argument)
		return true;
	mask = GENMASK_ULL(rule->when_bits - 1, 0);
	return ((*prove_argument_register(regs, rule->when_argument) ^
		 (u64)rule->when) &
		mask) == 0;
}

static bool caller_matches(const struct prove_rule *rule, struct pt_regs *regs)
{
	if (!rule->caller_size)
		return true;
	/* Behind the call, so behind the last instruction if that is the call. */
	return prove_return_address(regs) - rule->caller_start <=
	       rule->caller_size;
}
NOKPROBE_SYMBOL(caller_matches);

/* Counts the call, and says whether the action is to be taken. */
static bool applies(struct prove_rule *rule, struct pt_regs *regs)
{
	u64 number;

	atomic64_inc(&rule->hits);
	if (!caller_matches(rule, regs) || !when_matches(rule, regs) ||
	    !prove_owner_matches(rule, regs))
		return false;
	number = atomic64_inc_return(&rule->matched);
	if (rule->action == PROVE_COUNT)
		return false;
	if (number <= rule->after)
		return false;
	number -= rule->after;
	if (rule->every > 1 && number % rule->every)
		return false;
	if (rule->limit && number / rule->every > rule->limit)
		return false;
	return true;
}
NOKPROBE_SYMBOL(applies);

static void note_applied(struct prove_rule *rule)
{
	atomic64_inc(&rule->applied);
	if (!READ_ONCE(rule->first_applied_ns))
		cmpxchg64(&rule->first_applied_ns, 0, ktime_get_mono_fast_ns());
}
NOKPROBE_SYMBOL(note_applied);

static void busy_wait(u64 delay_ns)
{
	u64 end = ktime_get_mono_fast_ns() + delay_ns;

	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
}
NOKPROBE_SYMBOL(busy_wait);

static s64 altered(const struct prove_rule *rule, unsigned long old)
{
	s64 value = sign_extend64(old, rule->bits - 1);

	if (rule->has_value)
		return rule->value;
	if (rule->has_min && value < rule->min)
		return rule->min;
	if (rule->has_max && value > rule->max)
		return rule->max;
	return value;
}
NOKPROBE_SYMBOL(altered);

static int at_entry(struct kprobe *probe, struct pt_regs *regs)
{
	struct prove_rule *rule = container_of(probe, struct prove_rule, probe);
	unsigned long *argument;
	s64 value;

	if (!applies(rule, regs))
		return 0;

	switch (rule->action) {
	case PROVE_SKIP:
		note_applied(rule);
		prove_set_return_value(regs, rule->value);
		prove_return_to_caller(regs);
		return 1;
	case PROVE_DELAY:
		note_applied(rule);
		busy_wait(rule->delay_ns);
		return 0;
	case PROVE_ARGUMENT:
		argument = prove_argument_register(regs, rule->argument);
		value = altered(rule, *argument);
		if ((unsigned long)value != *argument) {
			note_applied(rule);
			*argument = value;
		}
		return 0;
	case PROVE_KEEPLOG:
		argument = prove_argument_register(regs, rule->argument);
		value = *prove_argument_register(regs, rule->argument + 1);
		if (prove_keeplog((void *)*argument, (void *)value))
			note_applied(rule);
		return 0;
	case PROVE_SHORTEN:
		argument = prove_argument_register(regs, rule->argument);
		if (prove_shorten((void *)*argument))
			note_applied(rule);
		return 0;
	default:
		return 0;
	}
}
NOKPROBE_SYMBOL(at_entry);

/*
 * Empty, but it must be there: without it the kernel may turn the probe into
 * a jump (optprobe), or put it on the function's ftrace site without the right
 * to change the instruction pointer, and a skip would be ignored.
 */
static void after_entry(struct kprobe *probe, struct pt_regs *regs,
			unsigned long flags)
{
}
NOKPROBE_SYMBOL(after_entry);

static struct prove_rule *rule_of(struct kretprobe_instance *instance)
{
	struct kretprobe *probe = get_kretprobe(instance);

	/* NULL while the probe is being removed. */
	return probe ? container_of(probe, struct prove_rule, return_probe) :
		       NULL;
}
NOKPROBE_SYMBOL(rule_of);

/* Returns 0 to have the return handled too, 1 not to. */
static int before_return(struct kretprobe_instance *instance,
			 struct pt_regs *regs)
{
	struct prove_rule *rule = rule_of(instance);
	struct pending *pending = (void *)instance->data;
	const void *structure;

	if (!rule || !applies(rule, regs))
		return 1;
	pending->unlogged = false;
	if (rule->action == PROVE_UNLOG) {
		structure =
			(const void *)*prove_argument_register(regs,
							       rule->argument);
		pending->unlogged = prove_unlog(prove_kvm_of(rule, regs),
						structure, &pending->hidden);
		if (!pending->unlogged)
			return 1;
		atomic_inc(&rule->hidden);
		note_applied(rule);
	}
	return 0;
}
NOKPROBE_SYMBOL(before_return);

static int at_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct prove_rule *rule = rule_of(instance);
	struct pending *pending = (void *)instance->data;
	unsigned long old = regs_return_value(regs);
	s64 value;

	if (pending->unlogged)
		prove_relog(&pending->hidden);
	if (!rule)
		return 0;
	if (pending->unlogged)
		atomic_dec(&rule->hidden);
	if (rule->action == PROVE_DELAY) {
		note_applied(rule);
		busy_wait(rule->delay_ns);
	} else if (rule->action == PROVE_RETURN) {
		value = altered(rule, old);
		if (value != sign_extend64(old, rule->bits - 1)) {
			note_applied(rule);
			prove_set_return_value(regs, value);
		}
	}
	return 0;
}
NOKPROBE_SYMBOL(at_return);

static int register_probe(struct prove_rule *rule)
{
	/* A second try with another name must start from a clean structure. */
	memset(&rule->probe, 0, sizeof(rule->probe));
	memset(&rule->return_probe, 0, sizeof(rule->return_probe));
	if (rule->at_return) {
		rule->return_probe.kp.symbol_name = rule->function;
		rule->return_probe.entry_handler = before_return;
		rule->return_probe.handler = at_return;
		rule->return_probe.data_size = sizeof(struct pending);
		rule->return_probe.maxactive = PROVE_MAX_ACTIVE;
		return register_kretprobe(&rule->return_probe);
	}
	rule->probe.symbol_name = rule->function;
	rule->probe.pre_handler = at_entry;
	rule->probe.post_handler = after_entry;
	return register_kprobe(&rule->probe);
}

static void explain(const char *function, int error, char *reason)
{
	const char *why;

	switch (error) {
	case -ENOENT:
		why = "no such function in this kernel (inlined, renamed, or its module is not loaded): see /proc/kallsyms and choose another";
		break;
	case -EINVAL:
	case -EILSEQ:
		why = "it may not be probed (notrace, on the kprobe blacklist, or not the start of a function): see /sys/kernel/debug/kprobes/blacklist";
		break;
	case -EBUSY:
		why = "a live patch or another probe already redirects it";
		break;
	case -EOPNOTSUPP:
		why = "this kernel cannot probe functions: CONFIG_KPROBES and CONFIG_KRETPROBES are needed";
		break;
	default:
		why = "registering the probe failed";
		break;
	}
	scnprintf(reason, PROVE_REASON_MAX, "%s: %s (errno %d)", function, why,
		  -error);
}

/* A probe that is never hit tells where a function is, its symbol how long. */
static int find_caller(struct prove_rule *rule, char *reason)
{
	struct kprobe probe = { .symbol_name = rule->caller };
	char symbol[KSYM_SYMBOL_LEN];
	unsigned long offset, size;
	const char *numbers;
	int error;

	if (!rule->caller[0])
		return 0;
	error = register_kprobe(&probe);
	if (error) {
		explain(rule->caller, error, reason);
		return error;
	}
	sprint_symbol(symbol, (unsigned long)probe.addr);
	numbers = strrchr(symbol, '+');
	if (!numbers || sscanf(numbers, "+%lx/%lx", &offset, &size) != 2 ||
	    !size) {
		scnprintf(reason, PROVE_REASON_MAX,
			  "from=%s: its size cannot be told from '%s'",
			  rule->caller, symbol);
		error = -EINVAL;
	} else {
		rule->caller_start = (unsigned long)probe.addr - offset;
		rule->caller_size = size;
	}
	unregister_kprobe(&probe);
	return error;
}

/**
 * prove_rule_arm() - put the probe of a rule into the kernel
 * @rule: the rule; of the names that it lists, the first that can be probed
 *	is taken: what one compiler inlines, another keeps
 * @reason: where to put why that failed, PROVE_REASON_MAX bytes. It tells of
 *	the first name, the one that was wanted.
 *
 * Return: 0, or the negative errno of the first name.
 */
int prove_rule_arm(struct prove_rule *rule, char *reason)
{
	char *names = rule->names;
	int first_error = 0;
	char *name;
	int error;

	error = find_caller(rule, reason);
	if (error)
		return error;

	while ((name = strsep(&names, ",")) != NULL) {
		if (!*name)
			continue;
		if (strscpy(rule->function, name, sizeof(rule->function)) < 0) {
			scnprintf(reason, PROVE_REASON_MAX,
				  "function=: a name is longer than %d characters",
				  PROVE_NAME_MAX - 1);
			return -ENAMETOOLONG;
		}
		error = register_probe(rule);
		if (!error)
			return 0;
		if (!first_error) {
			first_error = error;
			explain(rule->function, error, reason);
		}
	}
	if (!first_error)
		scnprintf(reason, PROVE_REASON_MAX, "function=: no name given");
	return first_error ? first_error : -EINVAL;
}

/**
 * prove_rule_disarm() - take the probe of a rule out of the kernel
 * @rule: an armed rule. When this returns, no handler of it is running.
 */
void prove_rule_disarm(struct prove_rule *rule)
{
	unsigned int milliseconds;

	if (!rule->at_return) {
		unregister_kprobe(&rule->probe);
		return;
	}
	/*
	 * Returns are not handled once the probe is gone, and what is hidden
	 * would stay so. So take no new calls, and let those end that are
	 * under way; what PROVE_UNLOG is for takes microseconds.
	 */
	disable_kretprobe(&rule->return_probe);
	for (milliseconds = 0; milliseconds < PROVE_DRAIN_MS; milliseconds++) {
		if (!atomic_read(&rule->hidden))
			break;
		msleep(1);
	}
	unregister_kretprobe(&rule->return_probe);
}

/**
 * prove_rule_missed() - calls that the probe could not handle
 * @rule: an armed rule
 *
 * The kernel does not handle a probe that is hit within a probe's handler, nor
 * a return while too many calls of the function are pending.
 */
unsigned long prove_rule_missed(const struct prove_rule *rule)
{
	if (rule->at_return)
		return rule->return_probe.nmissed +
		       rule->return_probe.kp.nmissed;
	return rule->probe.nmissed;
}

/**
 * prove_rule_address() - where the probe sits
 * @rule: an armed rule
 */
void *prove_rule_address(const struct prove_rule *rule)
{
	return rule->at_return ? rule->return_probe.kp.addr : rule->probe.addr;
}
