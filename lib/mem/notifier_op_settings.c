// SPDX-License-Identifier: GPL-2.0-only
/* Settings of kernel threads that invalidate mappings by themselves. */
#include "mem/notifier_op.h"
#include "core/report.h"
#include "core/settings.h"

#define KSM	   "/sys/kernel/mm/ksm/"
#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define BALANCING  "/sys/kernel/debug/sched/numa_balancing/"

/* As often as possible; otherwise a test would rarely see them. */
static struct setting merging[] = {
	{ .file = KSM "pages_to_scan", .value = "1000" },
	{ .file = KSM "sleep_millisecs", .value = "1" },
	{ .file = KSM "run", .value = "1" },
};

static struct setting collapsing[] = {
	{ .file = KHUGEPAGED "pages_to_scan", .value = "4096" },
	{ .file = KHUGEPAGED "alloc_sleep_millisecs", .value = "1" },
	{ .file = KHUGEPAGED "scan_sleep_millisecs", .value = "1" },
};

static struct setting balancing[] = {
	{ .file = BALANCING "scan_delay_ms", .value = "0" },
	{ .file = BALANCING "scan_period_min_ms", .value = "10" },
	{ .file = BALANCING "scan_period_max_ms", .value = "10" },
	{ .file = "/proc/sys/kernel/numa_balancing", .value = "1" },
};

static const struct {
	unsigned int set;
	struct setting *settings;
	size_t count;
	const char *lack;
} groups[] = {
	{ NOTIFIER_BIT(NOTIFIER_MERGE), merging, ARRAY_SIZE(merging),
	  "CONFIG_KSM=y" },
	{ NOTIFIER_BIT(NOTIFIER_KHUGEPAGED), collapsing, ARRAY_SIZE(collapsing),
	  "CONFIG_TRANSPARENT_HUGEPAGE=y" },
	{ NOTIFIER_BIT(NOTIFIER_BALANCE), balancing, ARRAY_SIZE(balancing),
	  "CONFIG_NUMA_BALANCING=y and debugfs with CONFIG_SCHED_DEBUG=y" },
};
#define GROUPS (ARRAY_SIZE(groups))

void notifier_trigger_settings_set(const struct notifier_trigger *trigger)
{
	size_t i;

	for (i = 0; i < GROUPS; i++)
		if (trigger->set & groups[i].set &&
		    !settings_set(groups[i].settings, groups[i].count))
			skip(groups[i].lack,
			     "run it as root, on a kernel built with this option");
}

void notifier_trigger_settings_restore(const struct notifier_trigger *trigger)
{
	size_t i;

	for (i = 0; i < GROUPS; i++)
		if (trigger->set & groups[i].set)
			settings_restore(groups[i].settings, groups[i].count);
}
