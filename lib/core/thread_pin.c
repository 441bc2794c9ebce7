// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a worker runs.
 */
#include <numa.h>
#include <pthread.h>
#include <sched.h>

#include "core/thread_group.h"

/* A hint only: what cannot be done leaves the thread where it is. */
void thread_send_to_cpu(pthread_t thread, unsigned int number)
{
	cpu_set_t allowed, one;
	unsigned int cpu, count;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	count = (unsigned int)CPU_COUNT(&allowed);
	if (!count)
		return;
	number %= count;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		if (number--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(thread, sizeof(one), &one);
		return;
	}
}

void thread_move_cpu(struct thread *thread, unsigned int cpu)
{
	thread_send_to_cpu(thread->thread, cpu);
}

/*
 * The CPUs of the node that is number @number of those with CPUs, modulo their
 * number. Return: the node; -1 without NUMA.
 */
static int find_node(unsigned int number, struct bitmask *cpus)
{
	unsigned int count = 0;
	int node, last, pass;

	last = numa_max_node();
	/* The first pass counts the nodes with CPUs, the second finds ours. */
	for (pass = 0; pass < 2; pass++) {
		for (node = 0; node <= last; node++) {
			if (numa_node_to_cpus(node, cpus) ||
			    !numa_bitmask_weight(cpus))
				continue;
			if (!pass)
				count++;
			else if (!number--)
				return node;
		}
		if (!count)
			break;
		number %= count;
	}
	return -1;
}

void thread_here_node(unsigned int number)
{
	struct bitmask *cpus;
	int node;

	if (numa_available() < 0)
		return;
	cpus = numa_allocate_cpumask();
	node = find_node(number, cpus);
	if (node >= 0)
		numa_run_on_node(node);
	numa_free_cpumask(cpus);
}

unsigned int thread_cpu_of_node(unsigned int number, unsigned int index)
{
	unsigned int cpu, usable = 0, count = 0, pass, found = 0;
	struct bitmask *cpus;
	cpu_set_t allowed;

	if (numa_available() < 0 ||
	    sched_getaffinity(0, sizeof(allowed), &allowed))
		return 0;
	cpus = numa_allocate_cpumask();
	/* As above: count those of the node, then find ours. */
	for (pass = 0; find_node(number, cpus) >= 0 && pass < 2; pass++) {
		for (cpu = usable = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &allowed))
				continue;
			usable++;
			if (cpu >= cpus->size ||
			    !numa_bitmask_isbitset(cpus, cpu))
				continue;
			if (!pass)
				count++;
			else if (!index--)
				found = usable - 1;
		}
		if (!count)
			break;
		index %= count;
	}
	numa_free_cpumask(cpus);
	return found;
}
