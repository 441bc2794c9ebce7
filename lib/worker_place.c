// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a worker runs.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <numa.h>
#include <pthread.h>
#include <sched.h>

#include "worker_group.h"

/* A hint only: what cannot be done leaves the thread where it is. */
void worker_send_to_cpu(pthread_t thread, unsigned int number)
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

void worker_move_cpu(struct worker *worker, unsigned int cpu)
{
	worker_send_to_cpu(worker->thread, cpu);
}

void worker_go_to_node(unsigned int number)
{
	struct bitmask *cpus;
	unsigned int count = 0;
	int node, last, pass;

	if (numa_available() < 0)
		return;
	cpus = numa_allocate_cpumask();
	last = numa_max_node();
	/* The first pass counts the nodes with CPUs, the second finds ours. */
	for (pass = 0; pass < 2; pass++) {
		for (node = 0; node <= last; node++) {
			if (numa_node_to_cpus(node, cpus) ||
			    !numa_bitmask_weight(cpus))
				continue;
			if (!pass) {
				count++;
			} else if (!number--) {
				numa_run_on_node(node);
				goto out;
			}
		}
		if (!count)
			break;
		number %= count;
	}
out:
	numa_free_cpumask(cpus);
}
