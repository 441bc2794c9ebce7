// SPDX-License-Identifier: GPL-2.0-only
/*
 * A rule as text: words "key=value" in any order, separated by blanks.
 * prove/README.md lists them. Everything is checked here, so that the probe
 * handlers need not.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "prove_compat.h"
#include "prove_rule.h"

static const char *const action_names[] = {
	[PROVE_COUNT] = "count",       [PROVE_SKIP] = "skip",
	[PROVE_DELAY] = "delay",       [PROVE_RETURN] = "return",
	[PROVE_ARGUMENT] = "argument", [PROVE_UNLOG] = "unlog",
	[PROVE_KEEPLOG] = "keeplog",   [PROVE_SHORTEN] = "shorten",
};

/**
 * prove_action_name() - the word of a rule's text that stands for an action
 * @action: the action
 */
const char *prove_action_name(enum prove_action action)
{
	return action_names[action];
}

static int refuse(char *reason, const char *format, ...) __printf(2, 3);

static int refuse(char *reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(reason, PROVE_REASON_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int parse_signed(const char *key, const char *text, s64 *value,
			char *reason)
{
	unsigned long long large;
	long long number;

	if (!kstrtoll(text, 0, &number)) {
		*value = number;
		return 0;
	}
	if (!kstrtoull(text, 0, &large)) {
		*value = (s64)large;
		return 0;
	}
	return refuse(reason, "%s=%s: not a number of 64 bits", key, text);
}

static int parse_bounded(const char *key, const char *text, u64 low, u64 high,
			 u64 *value, char *reason)
{
	unsigned long long number;

	if (kstrtoull(text, 0, &number) || number < low || number > high)
		return refuse(reason,
			      "%s=%s: must be a number from %llu to %llu", key,
			      text, low, high);
	*value = number;
	return 0;
}

static int parse_argument(const char *key, const char *text,
			  unsigned int *number, char *reason)
{
	u64 value;
	int error = parse_bounded(key, text, 1, PROVE_ARGUMENTS, &value,
				  reason);

	if (!error)
		*number = value;
	return error;
}

static int parse_bits(const char *key, const char *text, unsigned int *bits,
		      char *reason)
{
	u64 value;

	if (parse_bounded(key, text, 8, 64, &value, reason) ||
	    (value != 8 && value != 16 && value != 32 && value != 64))
		return refuse(reason, "%s=%s: must be 8, 16, 32 or 64", key,
			      text);
	*bits = value;
	return 0;
}

/* when=ARGUMENT:VALUE[:BITS] */
static int parse_when(struct prove_rule *rule, char *text, char *reason)
{
	char *argument = strsep(&text, ":");
	char *value = strsep(&text, ":");

	if (!value)
		return refuse(
			reason,
			"when=%s: must be ARGUMENT:VALUE or ARGUMENT:VALUE:BITS",
			argument);
	rule->when_bits = 64;
	if (parse_argument("when", argument, &rule->when_argument, reason) ||
	    parse_signed("when", value, &rule->when, reason))
		return -EINVAL;
	return text ? parse_bits("when", text, &rule->when_bits, reason) : 0;
}

static int parse_owner(struct prove_rule *rule, const char *text, char *reason)
{
	u64 number;

	put_pid(rule->owner);
	rule->owner = NULL;
	if (!strcmp(text, "any"))
		return 0;
	if (parse_bounded("owner", text, 1, INT_MAX, &number, reason))
		return -EINVAL;
	rule->owner = find_get_pid(number);
	rule->owner_number = number;
	if (!rule->owner)
		return refuse(reason, "owner=%s: no such process", text);
	return 0;
}

static int parse_action(struct prove_rule *rule, const char *text, char *reason)
{
	int action = match_string(action_names, ARRAY_SIZE(action_names), text);

	if (action < 0)
		return refuse(
			reason,
			"action=%s: must be count, skip, delay, return, argument, unlog, keeplog or shorten",
			text);
	rule->action = action;
	return 0;
}

static int parse_at(struct prove_rule *rule, const char *text, char *reason)
{
	if (strcmp(text, "entry") && strcmp(text, "return"))
		return refuse(reason, "at=%s: must be entry or return", text);
	rule->at_return = !strcmp(text, "return");
	return 0;
}

static int parse_word(struct prove_rule *rule, char *word, char *reason)
{
	char *text = word;
	char *key = strsep(&text, "=");
	u64 number;

	if (!text || !*text)
		return refuse(reason,
			      "'%s': a rule consists of words key=value", key);
	if (!strcmp(key, "function")) {
		strscpy(rule->names, text, sizeof(rule->names));
		return 0;
	}
	if (!strcmp(key, "from")) {
		if (strscpy(rule->caller, text, sizeof(rule->caller)) < 0)
			return refuse(reason,
				      "from=: longer than %d characters",
				      PROVE_NAME_MAX - 1);
		return 0;
	}
	if (!strcmp(key, "action"))
		return parse_action(rule, text, reason);
	if (!strcmp(key, "at"))
		return parse_at(rule, text, reason);
	if (!strcmp(key, "value")) {
		rule->has_value = true;
		return parse_signed(key, text, &rule->value, reason);
	}
	if (!strcmp(key, "min")) {
		rule->has_min = true;
		return parse_signed(key, text, &rule->min, reason);
	}
	if (!strcmp(key, "max")) {
		rule->has_max = true;
		return parse_signed(key, text, &rule->max, reason);
	}
	if (!strcmp(key, "bits"))
		return parse_bits(key, text, &rule->bits, reason);
	if (!strcmp(key, "argument"))
		return parse_argument(key, text, &rule->argument, reason);
	if (!strcmp(key, "kvm"))
		return parse_argument(key, text, &rule->kvm_argument, reason);
	if (!strcmp(key, "vcpu"))
		return parse_argument(key, text, &rule->vcpu_argument, reason);
	if (!strcmp(key, "when"))
		return parse_when(rule, text, reason);
	if (!strcmp(key, "owner"))
		return parse_owner(rule, text, reason);
	if (!strcmp(key, "microseconds")) {
		if (parse_bounded(key, text, 1, PROVE_DELAY_MAX_US, &number,
				  reason))
			return -EINVAL;
		rule->delay_ns = number * NSEC_PER_USEC;
		return 0;
	}
	if (!strcmp(key, "every"))
		return parse_bounded(key, text, 1, PROVE_COUNT_MAX,
				     &rule->every, reason);
	if (!strcmp(key, "after"))
		return parse_bounded(key, text, 0, PROVE_COUNT_MAX,
				     &rule->after, reason);
	if (!strcmp(key, "limit"))
		return parse_bounded(key, text, 0, PROVE_COUNT_MAX,
				     &rule->limit, reason);
	return refuse(reason, "'%s': no such key; see prove/README.md", key);
}

static int check_rule(struct prove_rule *rule, char *reason)
{
	const char *action = prove_action_name(rule->action);
	bool clamps = rule->has_min || rule->has_max;

	if (!rule->names[0])
		return refuse(reason,
			      "function= is missing: which function is meant?");
	if (rule->has_min && rule->has_max && rule->min > rule->max)
		return refuse(reason, "min=%lld is greater than max=%lld",
			      rule->min, rule->max);
	if (rule->kvm_argument && rule->vcpu_argument)
		return refuse(reason, "kvm= and vcpu= exclude each other");
	if (!PROVE_HAS_KVM && (rule->kvm_argument || rule->vcpu_argument))
		return refuse(reason,
			      "kvm= and vcpu= need a kernel with CONFIG_KVM");
	if (clamps && rule->has_value)
		return refuse(reason,
			      "value= and min=, max= exclude each other");

	switch (rule->action) {
	case PROVE_COUNT:
		return 0;
	case PROVE_SKIP:
		if (clamps || rule->at_return)
			return refuse(
				reason,
				"action=skip takes value=, and no min=, max=, at=return");
		return 0;
	case PROVE_DELAY:
		if (!rule->delay_ns)
			return refuse(reason,
				      "action=delay needs microseconds=");
		return 0;
	case PROVE_RETURN:
		rule->at_return = true;
		if (!clamps && !rule->has_value)
			return refuse(reason,
				      "action=return needs value=, min= or max=");
		return 0;
	case PROVE_ARGUMENT:
		if (rule->at_return || !rule->argument ||
		    (!clamps && !rule->has_value))
			return refuse(
				reason,
				"action=argument needs argument= and one of value=, min=, max=, and no at=return");
		return 0;
	case PROVE_UNLOG:
		rule->at_return = true;
		if (!rule->argument ||
		    (!rule->kvm_argument && !rule->vcpu_argument))
			return refuse(
				reason,
				"action=unlog needs argument=, and kvm= or vcpu=");
		return 0;
	case PROVE_KEEPLOG:
		if (rule->at_return || !rule->argument ||
		    rule->argument == PROVE_ARGUMENTS)
			return refuse(
				reason,
				"action=keeplog needs argument=, with another behind it, and no at=return");
		return 0;
	case PROVE_SHORTEN:
		if (rule->at_return || !rule->argument)
			return refuse(
				reason,
				"action=shorten needs argument=, and no at=return");
		return 0;
	}
	return refuse(reason, "action %s is not handled", action);
}

/**
 * prove_rule_parse() - make a rule of a line of text
 * @line: the text; it is cut to pieces
 * @reason: where to put why it was refused, PROVE_REASON_MAX bytes
 *
 * Without owner= the rule is for the process that writes it and its
 * descendants.
 *
 * Return: the rule, not armed yet, for prove_rule_free(); or an ERR_PTR.
 */
struct prove_rule *prove_rule_parse(char *line, char *reason)
{
	struct prove_rule *rule = kzalloc(sizeof(*rule), GFP_KERNEL_ACCOUNT);
	char *word;
	int error;

	if (!rule) {
		refuse(reason, "out of memory");
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&rule->link);
	rule->bits = 64;
	rule->every = 1;
	rule->owner = get_pid(task_tgid(current));
	rule->owner_number = task_tgid_nr(current);

	while ((word = strsep(&line, " \t")) != NULL) {
		if (!*word)
			continue;
		error = parse_word(rule, word, reason);
		if (error)
			goto refused;
	}
	error = check_rule(rule, reason);
	if (error)
		goto refused;
	return rule;
refused:
	prove_rule_free(rule);
	return ERR_PTR(error);
}

/**
 * prove_rule_free() - forget a rule that is not armed
 * @rule: the rule
 */
void prove_rule_free(struct prove_rule *rule)
{
	put_pid(rule->owner);
	kfree(rule);
}
