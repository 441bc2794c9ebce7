// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose call is it? A rule is for one process and its descendants, so that
 * the rest of the machine, and other VMs in it, keep a whole kernel.
 */
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include "prove_compat.h"
#include "prove_rule.h"

/* The suite's own chain is prove.sh, program, case: a few more do no harm. */
#define PROVE_GENERATIONS 16

/*
 * Probe handlers run with preemption off, which keeps every task that is
 * reachable from @task allocated (tasks are freed by RCU). @task itself may
 * come from a structure that was not one, hence the careful reads.
 */
static bool descends_from(struct task_struct *task, const struct pid *owner)
{
	struct task_struct *leader, *parent;
	struct pid *pid;
	int generation;

	for (generation = 0; task && generation < PROVE_GENERATIONS;
	     generation++) {
		if (get_kernel_nofault(leader, &task->group_leader) ||
		    get_kernel_nofault(pid, &leader->thread_pid))
			return false;
		if (pid == owner)
			return true;
		if (get_kernel_nofault(parent, &leader->real_parent) ||
		    parent == leader)
			return false;
		task = parent;
	}
	return false;
}

/**
 * prove_owner_matches() - does this call belong to the rule's process?
 * @rule: the rule
 * @regs: the registers at the function's first instruction
 *
 * If the rule says which argument holds the VM, the process that created the
 * VM decides, whoever is running; else the current process does.
 */
bool prove_owner_matches(const struct prove_rule *rule, struct pt_regs *regs)
{
	struct task_struct *task = current;
	struct mm_struct *mm;

	if (!rule->owner)
		return true;
	if (rule->kvm_argument || rule->vcpu_argument) {
		mm = prove_kvm_mm(prove_kvm_of(rule, regs));
		if (!mm)
			return false;
		if (mm != current->mm) {
#ifdef CONFIG_MEMCG
			if (get_kernel_nofault(task, &mm->owner))
				return false;
#else
			return false;
#endif
		}
	}
	return descends_from(task, rule->owner);
}
