// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/evidence.h"
#include "ipi_path.h"
#include "ipi_vm.h"
#include "core/report.h"
#include "core/thread.h"

/*
 * Without any progress for so long, an interrupt is lost. The emulated machine of
 * a busy host may stand still, and then so does this thread: of the time between
 * two looks no more counts than a bit.
 */
#define LOST_MS	    5000
#define LOOK_MAX_NS NSEC_PER_SEC
/* Interval at which the host checks, and does its part of an inhibition. */
#define TICK_NS (NSEC_PER_MSEC / 2)
/* A slow machine has so much more time until all has happened that the case is about. */
#define LATE_NS (20 * NSEC_PER_SEC)

/**
 * struct scene - it
 * @config: what happens
 * @vm: the VM
 * @threads: its threads
 * @random: the host's choices
 * @looked: when this thread looked last
 * @now: time that counts so far, in nanoseconds
 * @turns: of each vCPU, interrupts sent when it was last looked at
 * @since: of each vCPU, when that number last changed
 * @pulses: interrupts of the PIC so far
 * @pulsed: when the last was
 * @reinject: what the PIT was told last
 */
struct fixture {
	const struct ipi_config *config;
	struct vm *vm;
	struct vcpu_threads *threads;
	struct random_stream random;
	u64 looked;
	u64 now;
	u64 turns[IPI_VCPUS];
	u64 since[IPI_VCPUS];
	u32 pulses;
	u64 pulsed;
	bool reinject;
};

static const char *const write_method_names[] = {
	[IPI_PHYSICAL] = "fixed interrupt by APIC ID",
	[IPI_LOGICAL] = "fixed interrupt by logical ID",
	[IPI_LOWEST] = "interrupt of lowest priority",
	[IPI_ALL] = "interrupt to all",
	[IPI_OTHERS] = "interrupt to all others",
	[IPI_SELF] = "interrupt to itself",
	[IPI_NMI] = "NMI",
};

static struct ipi_vcpu *part(const struct fixture *fixture, unsigned int index)
{
	return ipi_vcpu_of(fixture->vm->vcpus[index].guest);
}

static enum ipi_role role_of(const struct ipi_config *config,
			     unsigned int index)
{
	unsigned int others = config->vcpus;

	if (config->inhibit != IPI_UNINHIBITED && index == --others)
		return IPI_INHIBITOR;
	/* Who sends to itself halts by itself. */
	if (config->state != IPI_HALTED || config->methods == 1U << IPI_SELF)
		return IPI_SENDER;
	return index < (others + 1) / 2 ? IPI_SENDER : IPI_SLEEPER;
}

static void begin(struct fixture *fixture, const struct ipi_config *config)
{
	struct vm_config vm_config = { .vcpus = config->vcpus,
				       .interrupts = true };
	unsigned int i, last = config->vcpus - 1;

	CHECK(config->vcpus >= 2 && config->vcpus <= IPI_VCPUS,
	      "it takes 2 to %d vCPUs, not %u: say so by --vcpus", IPI_VCPUS,
	      config->vcpus);
	memset(fixture, 0, sizeof(*fixture));
	fixture->config = config;
	fixture->looked = clock_ns();
	case_random(&fixture->random, "host", 0);
	fixture->vm = vm_create(&vm_config);
	if (config->mode == APIC_XAPIC)
		apic_map(fixture->vm);
	if (config->inhibit == IPI_PIT_REINJECT)
		pit_create(fixture->vm);
	if (config->inhibit == IPI_AUTO_EOI)
		apic_enable_synic(&fixture->vm->vcpus[last]);
	if (config->inhibit == IPI_VMRUN)
		svm_prepare(fixture->vm, &part(fixture, last)->nested);
	for (i = 0; i < config->vcpus; i++) {
		struct ipi_vcpu *vcpu = part(fixture, i);

		vcpu->mode = config->mode;
		vcpu->role = role_of(config, i);
		vcpu->inhibit = config->inhibit;
		vcpu->methods = config->methods;
		vcpu->halts = config->state == IPI_HALTED &&
			      config->methods == 1U << IPI_SELF;
	}
}

/* Called by the thread of the inhibiting vCPU, outside of KVM_RUN. */
static void on_sync(struct vcpu *vcpu, void *context)
{
	const struct fixture *fixture = context;
	bool begins = vcpu->guest->call.argument[0];

	if (fixture->config->inhibit == IPI_BLOCK_IRQ)
		apic_block_interrupts(vcpu, begins);
	if (fixture->config->inhibit == IPI_AUTO_EOI)
		apic_set_auto_eoi(vcpu, IPI_NO_VECTOR, begins);
}

/* Who of the last interrupt's targets has how many, for a failure's facts. */
static void tell_sent(const struct fixture *fixture, unsigned int sender,
		      enum ipi_method method)
{
	const struct ipi_vcpu *from = part(fixture, sender);
	unsigned int i;

	for (i = 0; i < fixture->config->vcpus; i++) {
		const struct ipi_vcpu *to = part(fixture, i);

		if (method == IPI_NMI)
			report_info("vCPU %u has taken %u NMIs; %u were sent to it",
				    i, to->nmi_got,
				    part(fixture, 0)->nmi_want[i]);
		else
			report_info("vCPU %u has taken %u of this kind and sender; %u were sent to it",
				    i, to->got[method][sender],
				    from->want[i][method]);
	}
}

static void tell_bits(unsigned int vcpu, const char *what, const u64 bits[4])
{
	report_info("vCPU %u: %s: %#llx %#llx %#llx %#llx, from vector 0 up",
		    vcpu, what, bits[0], bits[1], bits[2], bits[3]);
}

/* All vCPUs have left KVM_RUN. */
static void tell_apics(const struct fixture *fixture)
{
	unsigned int i;

	for (i = 0; i < fixture->config->vcpus; i++) {
		struct apic_state state = apic_state(&fixture->vm->vcpus[i]);

		tell_bits(i, "sent and not taken", state.pending);
		tell_bits(i, "taken and not ended", state.in_service);
	}
}

/* Has somebody not taken what was sent last this way? */
static bool is_missing(const struct fixture *fixture, unsigned int sender,
		       enum ipi_method method)
{
	const struct ipi_vcpu *from = part(fixture, sender);
	bool more = false, less = false;
	unsigned int i;

	for (i = 0; i < fixture->config->vcpus; i++) {
		const struct ipi_vcpu *to = part(fixture, i);

		if (method == IPI_NMI) {
			less |= to->nmi_got < part(fixture, 0)->nmi_want[i];
			continue;
		}
		less |= to->got[method][sender] < from->want[i][method];
		more |= to->got[method][sender] > from->want[i][method];
	}
	/* Of lowest priority, it is wanted of nobody until one has it. */
	return from->sent[method].open && (method == IPI_LOWEST ? !more : less);
}

static void targets_text(u32 targets, char *text, size_t size)
{
	const char *between = "";
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < IPI_VCPUS && used < size; i++) {
		if (!(targets & 1U << i))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%u",
					 between, i);
		between = ", ";
	}
}

static const char *state_text(const struct ipi_config *config)
{
	static const char *const texts[] = {
		[IPI_RUNNING] = "run",
		[IPI_HALTED] = "halt",
		[IPI_MOVING] = "are moved between CPUs",
	};

	return texts[config->state];
}

static void __noreturn fail_lost(struct fixture *fixture, unsigned int sender)
{
	const struct ipi_vcpu *from = part(fixture, sender);
	const char *mode = fixture->config->mode == APIC_X2APIC ? "x2APIC" :
								  "xAPIC";
	enum ipi_method method;
	char text[64];

	vcpu_threads_pause(fixture->threads);
	for (method = 0; method < IPI_METHOD; method++)
		if (is_missing(fixture, sender, method))
			break;
	if (method == IPI_METHOD)
		fail("vCPU %u %s after %d ms, though all interrupts that it sent were taken (%s)",
		     sender, from->halts ? "still halts" : "sends no more",
		     LOST_MS, mode);
	if (ipi_path_loses())
		skip("a processor without erratum 1235, by which AVIC of AMD's family 17h loses interrupts",
		     "use a newer processor, a kernel whose kvm_amd has the parameter enable_ipiv, or kvm_amd.avic=0");
	tell_sent(fixture, sender, method);
	tell_apics(fixture);
	targets_text(from->sent[method].targets, text, sizeof(text));
	fail("an interrupt is lost: %s, number %llu from vCPU %u to %s %s, which %s, is not taken after %d ms (%s)",
	     write_method_names[method], from->sent[method].count, sender,
	     method == IPI_LOWEST ? "one of vCPUs" : "vCPUs", text,
	     state_text(fixture->config), LOST_MS, mode);
}

static void __noreturn fail_wrong(struct fixture *fixture, unsigned int sender)
{
	const struct ipi_vcpu *from = part(fixture, sender);
	enum ipi_method method = from->wrong_method;
	char to[64], who[64];

	vcpu_threads_pause(fixture->threads);
	tell_sent(fixture, sender, method);
	targets_text(from->sent[method].targets, to, sizeof(to));
	targets_text(from->wrong, who, sizeof(who));
	fail("vCPU %s takes an interrupt that was not sent to it, or twice: %s, number %llu from vCPU %u to vCPUs %s",
	     who, write_method_names[method], from->sent[method].count, sender,
	     to);
}

/* Has it all that it sent been taken, while another one's turn it is for NMIs? */
static bool waits_for_turn(const struct fixture *fixture, unsigned int index)
{
	const struct ipi_vcpu *vcpu = part(fixture, index);
	u32 owner = part(fixture, 0)->nmi_owner;
	unsigned int method;

	for (method = 0; method < IPI_METHOD; method++)
		if (vcpu->sent[method].open)
			return false;
	return owner && owner != index + 1;
}

static u64 pass_time(struct fixture *fixture)
{
	u64 now = clock_ns(), gap = now - fixture->looked;

	fixture->looked = now;
	fixture->now += gap < LOOK_MAX_NS ? gap : LOOK_MAX_NS;
	return fixture->now;
}

/* Does everybody who sends get on? */
static void watch(struct fixture *fixture)
{
	u64 now = pass_time(fixture);
	unsigned int i;

	for (i = 0; i < fixture->config->vcpus; i++) {
		const struct ipi_vcpu *vcpu = part(fixture, i);

		if (__atomic_load_n(&vcpu->wrong, __ATOMIC_ACQUIRE))
			fail_wrong(fixture, i);
		if (vcpu->role != IPI_SENDER || vcpu->finished ||
		    vcpu->turns != fixture->turns[i]) {
			fixture->turns[i] = vcpu->turns;
			fixture->since[i] = now;
		}
	}
	/* One who waits for its turn has lost nothing: look for others first. */
	for (i = 0; i < fixture->config->vcpus; i++)
		if (now - fixture->since[i] > LOST_MS * NSEC_PER_MSEC &&
		    !waits_for_turn(fixture, i))
			fail_lost(fixture, i);
}

/* An interrupt of the PIC, once the last one was taken. */
static void pulse(struct fixture *fixture, bool more)
{
	const struct ipi_vcpu *to = part(fixture, fixture->config->vcpus - 1);
	u32 got = to->pic_got;

	CHECK(got <= fixture->pulses,
	      "vCPU %u takes %u interrupts of the PIC where there were %u",
	      fixture->config->vcpus - 1, got, fixture->pulses);
	if (got < fixture->pulses) {
		CHECK(fixture->now - fixture->pulsed < LOST_MS * NSEC_PER_MSEC,
		      "an interrupt is lost: number %u of the PIC is not taken after %d ms",
		      fixture->pulses, LOST_MS);
		return;
	}
	if (!more)
		return;
	/* Before it can take it. */
	fixture->pulses++;
	fixture->pulsed = fixture->now;
	pic_pulse(fixture->vm, IPI_PIC_LINE);
}

/* The PIC's lines do nothing before the guest has begun it. */
static bool has_begun(const struct fixture *fixture)
{
	return part(fixture, fixture->config->vcpus - 1)->inhibited;
}

/* With @more: more of what the host does. */
static void tick(struct fixture *fixture, bool more)
{
	const struct ipi_config *config = fixture->config;
	const struct timespec wait = { .tv_nsec = TICK_NS };

	watch(fixture);
	if (config->state == IPI_MOVING)
		vcpu_threads_place(fixture->threads,
				   random_below(&fixture->random,
						config->vcpus),
				   (unsigned int)random_below(&fixture->random,
							      64));
	if (config->inhibit == IPI_EXTINT && has_begun(fixture))
		pulse(fixture, more);
	if (config->inhibit == IPI_PIT_REINJECT) {
		fixture->reinject = !fixture->reinject;
		pit_set_reinject(fixture->vm, fixture->reinject);
	}
	/* Not to wait for anything: how often is as often as this. */
	nanosleep(&wait, NULL);
}

static bool all_finished(const struct fixture *fixture)
{
	unsigned int i;

	for (i = 0; i < fixture->config->vcpus; i++)
		if (part(fixture, i)->role == IPI_SENDER &&
		    !__atomic_load_n(&part(fixture, i)->finished,
				     __ATOMIC_ACQUIRE))
			return false;
	return fixture->config->inhibit != IPI_EXTINT ||
	       part(fixture, fixture->config->vcpus - 1)->pic_got ==
		       fixture->pulses;
}

/* No vCPU runs, and all was taken: now the counts are exact. */
static void judge(struct fixture *fixture)
{
	const struct ipi_config *config = fixture->config;
	unsigned int from, to, method;

	for (to = 0; to < config->vcpus; to++) {
		const struct ipi_vcpu *vcpu = part(fixture, to);

		CHECK(vcpu->nmi_got == part(fixture, 0)->nmi_want[to],
		      "vCPU %u has taken %u NMIs in the end, %u were sent to it",
		      to, vcpu->nmi_got, part(fixture, 0)->nmi_want[to]);
		for (from = 0; from < config->vcpus; from++) {
			const struct ipi_vcpu *sender = part(fixture, from);

			for (method = 0; method < IPI_VECTORS; method++) {
				u32 want = sender->want[to][method];
				u32 got = vcpu->got[method][from];
				u32 may = vcpu->role == IPI_INHIBITOR ?
						  sender->sent[method].may :
						  0;

				CHECK(got >= want && got - want <= may,
				      "vCPU %u has taken %u of the %ss from vCPU %u in the end, %u were sent to it",
				      to, got, write_method_names[method], from,
				      want);
			}
		}
	}
}

static u64 sent_by_all(const struct fixture *fixture)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < fixture->config->vcpus; i++)
		sum += part(fixture, i)->turns;
	return sum;
}

/* What the case is about and has not happened yet, NULL if all has. */
static const char *missing(const struct fixture *fixture)
{
	const struct ipi_config *config = fixture->config;
	unsigned int method, i;

	for (method = 0; method < IPI_METHOD; method++) {
		u64 sent = 0;

		for (i = 0; i < config->vcpus; i++)
			sent += part(fixture, i)->sent[method].count;
		if (config->methods & 1U << method && !sent)
			return write_method_names[method];
	}
	if (config->inhibit != IPI_UNINHIBITED && !has_begun(fixture))
		return "inhibitor";
	if (config->inhibit == IPI_EXTINT && !fixture->pulses)
		return "interrupt of the PIC";
	return NULL;
}

static void tell(const struct fixture *fixture)
{
	const struct ipi_config *config = fixture->config;

	report_info("%llu interrupts sent", sent_by_all(fixture));
	if (config->inhibit == IPI_EXTINT)
		report_info("%u interrupts of the PIC", fixture->pulses);
	if (config->inhibit != IPI_UNINHIBITED)
		report_info("inhibited %llu times",
			    part(fixture, config->vcpus - 1)->inhibited);
}

void ipi_run(const struct ipi_config *config)
{
	struct vcpu_threads_config vcpu_threads_config = {
		.function = ipi_run_guest, .on_sync = on_sync
	};
	struct ipi_path *path;
	struct fixture fixture;
	u64 until;
	unsigned int i;

	begin(&fixture, config);
	path = ipi_path_begin(fixture.vm);
	vcpu_threads_config.context = &fixture;
	fixture.threads = vcpu_threads_new(fixture.vm, &vcpu_threads_config);
	vcpu_threads_start(fixture.threads);
	until = clock_ns() + config->duration_ns;
	while (clock_ns() < until ||
	       (missing(&fixture) && clock_ns() < until + LATE_NS))
		tick(&fixture, true);
	for (i = 0; i < config->vcpus; i++)
		fixture.vm->vcpus[i].guest->stop = 1;
	while (!all_finished(&fixture))
		tick(&fixture, false);
	vcpu_threads_finish(fixture.threads);
	judge(&fixture);
	CHECK(!missing(&fixture), "no %s: the case says nothing of it",
	      missing(&fixture));
	apic_judge_possible(fixture.vm);
	tell(&fixture);
	ipi_path_end(path, sent_by_all(&fixture));
	vm_destroy(fixture.vm);
}
