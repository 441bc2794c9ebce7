// SPDX-License-Identifier: GPL-2.0-only
/*
 * AVIC and Intel's APICv deliver most interrupts without KVM. What KVM has to do
 * then is in its trace events; what it has to do without them is an exit of the
 * sender for each interrupt, and more for each end of one.
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/evidence.h"
#include "ipi_path.h"
#include "core/report.h"

#define AMD_PARAMETERS	 "/sys/module/kvm_amd/parameters/"
#define INTEL_PARAMETERS "/sys/module/kvm_intel/parameters/"

static const char *const events[] = {
	"kvm/kvm_avic_incomplete_ipi",
	"kvm/kvm_avic_unaccelerated_access",
	"kvm/kvm_avic_doorbell",
	"kvm/kvm_apicv_inhibit_changed",
	NULL,
};

/**
 * struct ipi_path - a look at the way
 * @vcpus: how many
 * @stats: of each vCPU; NULL where the kernel has none
 * @exits: that it had at the beginning
 * @trace: of @events; NULL without AVIC
 */
struct ipi_path {
	unsigned int vcpus;
	struct evidence_stats **stats;
	u64 exits;
	struct evidence_trace *trace;
};

static bool parameter(const char *path)
{
	FILE *file = fopen(path, "re");
	int first;

	if (!file)
		return false;
	first = fgetc(file);
	fclose(file);
	return first == 'Y' || first == '1';
}

bool ipi_path_loses(void)
{
	unsigned int eax, ebx, ecx, edx, family;

	if (!parameter(AMD_PARAMETERS "avic") ||
	    !access(AMD_PARAMETERS "enable_ipiv", F_OK) ||
	    !__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return false;
	family = eax >> 8 & 15;
	if (family == 15)
		family += eax >> 20 & 255;
	return family == 0x17 || family == 0x18;
}

static u64 exits(const struct ipi_path *path)
{
	u64 sum = 0, value;
	unsigned int i;

	for (i = 0; i < path->vcpus; i++)
		if (path->stats[i] &&
		    evidence_stat(path->stats[i], "exits", &value))
			sum += value;
	return sum;
}

struct ipi_path *ipi_path_begin(struct vm *vm)
{
	const struct evidence_trace_request request = { .events = events };
	struct ipi_path *path = calloc(1, sizeof(*path));
	struct shortage shortage;
	unsigned int i;

	CHECK(path, "out of memory");
	path->vcpus = vm->vcpu_count;
	path->stats = calloc(path->vcpus, sizeof(struct evidence_stats *));
	CHECK(path->stats, "out of memory");
	for (i = 0; i < path->vcpus; i++)
		path->stats[i] = evidence_stats_open(vm->vcpus[i].fd);
	if (parameter(AMD_PARAMETERS "avic")) {
		path->trace = evidence_trace_start(&request, &shortage);
		if (!path->trace)
			report_info("AVIC is not looked at: needs %s",
				    shortage.what);
	}
	path->exits = exits(path);
	return path;
}

static void tell(const struct ipi_path *path)
{
	size_t incomplete, unaccelerated;

	if (parameter(INTEL_PARAMETERS "enable_apicv"))
		report_info("path: Intel's APICv");
	else if (!parameter(AMD_PARAMETERS "avic"))
		report_info("path: KVM's own local APIC");
	if (!path->trace)
		return;
	evidence_trace_stop(path->trace);
	incomplete = evidence_trace_count(path->trace,
					  "kvm_avic_incomplete_ipi");
	unaccelerated = evidence_trace_count(path->trace,
					     "kvm_avic_unaccelerated_access");
	report_info("path: AVIC: %zu interrupts that KVM had to complete, %zu other accesses, %zu doorbells, %zu inhibitions%s",
		    incomplete, unaccelerated,
		    evidence_trace_count(path->trace, "kvm_avic_doorbell"),
		    evidence_trace_count(path->trace,
					 "kvm_apicv_inhibit_changed"),
		    evidence_trace_lost(path->trace) ? ", and more" : "");
}

void ipi_path_end(struct ipi_path *path, u64 interrupts)
{
	unsigned int i;

	tell(path);
	if (path->stats[0] && interrupts)
		report_value("exits_per_interrupt",
			     (double)(exits(path) - path->exits) /
				     (double)interrupts,
			     "");
	evidence_trace_close(path->trace);
	for (i = 0; i < path->vcpus; i++)
		evidence_stats_close(path->stats[i]);
	free(path->stats);
	free(path);
}
