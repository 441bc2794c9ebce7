// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "clock.h"
#include "crew.h"
#include "evidence.h"
#include "ipi_path.h"
#include "ipi_scene.h"
#include "report.h"
#include "worker.h"

/*
 * Without any progress for so long, an interrupt is lost. The emulated machine of
 * a busy host may stand still, and then so does this thread: of the time between
 * two looks no more counts than a bit.
 */
#define LOST_MS	    5000
#define LOOK_MAX_NS NSEC_PER_SEC
/* How often the host looks, and does its part of the disturbing. */
#define TICK_NS (NSEC_PER_MSEC / 2)
/* A slow machine has so much more time until all has happened that the case is about. */
#define LATE_NS (20 * NSEC_PER_SEC)

/**
 * struct scene - it
 * @config: what happens
 * @vm: the VM
 * @crew: its threads
 * @random: the host's choices
 * @looked: when this thread looked last
 * @now: time that counts so far, in nanoseconds
 * @turns: of each vCPU, interrupts sent when it was last looked at
 * @since: of each vCPU, when that number last changed
 * @pulses: interrupts of the PIC so far
 * @pulsed: when the last was
 * @reinject: what the PIT was told last
 */
struct scene {
	const struct ipi_config *config;
	struct vm *vm;
	struct crew *crew;
	struct random_stream random;
	u64 looked;
	u64 now;
	u64 turns[IPI_VCPUS];
	u64 since[IPI_VCPUS];
	u32 pulses;
	u64 pulsed;
	bool reinject;
};

static const char *const way_names[] = {
	[IPI_PHYSICAL] = "fixed interrupt by APIC ID",
	[IPI_LOGICAL] = "fixed interrupt by logical ID",
	[IPI_LOWEST] = "interrupt of lowest priority",
	[IPI_ALL] = "interrupt to all",
	[IPI_OTHERS] = "interrupt to all others",
	[IPI_SELF] = "interrupt to itself",
	[IPI_NMI] = "NMI",
};

static struct ipi_vcpu *part(const struct scene *scene, unsigned int index)
{
	return ipi_vcpu_of(scene->vm->vcpus[index].guest);
}

static enum ipi_role role_of(const struct ipi_config *config,
			     unsigned int index)
{
	unsigned int others = config->vcpus;

	if (config->disturbance != IPI_UNDISTURBED && index == --others)
		return IPI_DISTURBER;
	/* Who sends to itself halts by itself. */
	if (config->state != IPI_HALTED || config->ways == 1U << IPI_SELF)
		return IPI_SENDER;
	return index < (others + 1) / 2 ? IPI_SENDER : IPI_SLEEPER;
}

static void begin(struct scene *scene, const struct ipi_config *config)
{
	struct vm_config vm_config = { .vcpus = config->vcpus,
				       .interrupts = true };
	unsigned int i, last = config->vcpus - 1;

	CHECK(config->vcpus >= 2 && config->vcpus <= IPI_VCPUS,
	      "it takes 2 to %d vCPUs, not %u: say so by --vcpus", IPI_VCPUS,
	      config->vcpus);
	memset(scene, 0, sizeof(*scene));
	scene->config = config;
	scene->looked = clock_ns();
	case_random(&scene->random, "host", 0);
	scene->vm = vm_create(&vm_config);
	if (config->mode == APIC_XAPIC)
		apic_map(scene->vm);
	if (config->disturbance == IPI_PIT_REINJECT)
		pit_create(scene->vm);
	if (config->disturbance == IPI_AUTO_EOI)
		apic_enable_synic(&scene->vm->vcpus[last]);
	if (config->disturbance == IPI_VMRUN)
		svm_prepare(scene->vm, &part(scene, last)->nested);
	for (i = 0; i < config->vcpus; i++) {
		struct ipi_vcpu *vcpu = part(scene, i);

		vcpu->mode = config->mode;
		vcpu->role = role_of(config, i);
		vcpu->disturbance = config->disturbance;
		vcpu->ways = config->ways;
		vcpu->halts = config->state == IPI_HALTED &&
			      config->ways == 1U << IPI_SELF;
	}
}

/* By the thread of the vCPU that disturbs, which has left KVM_RUN. */
static void on_sync(struct vcpu *vcpu, void *context)
{
	const struct scene *scene = context;
	bool begins = vcpu->guest->call.argument[0];

	if (scene->config->disturbance == IPI_BLOCK_IRQ)
		apic_block_interrupts(vcpu, begins);
	if (scene->config->disturbance == IPI_AUTO_EOI)
		apic_set_auto_eoi(vcpu, IPI_NO_VECTOR, begins);
}

/* Who of the last interrupt's targets has how many, for a failure's facts. */
static void tell_sent(const struct scene *scene, unsigned int sender,
		      enum ipi_way way)
{
	const struct ipi_vcpu *from = part(scene, sender);
	unsigned int i;

	for (i = 0; i < scene->config->vcpus; i++) {
		const struct ipi_vcpu *to = part(scene, i);

		if (way == IPI_NMI)
			report_info("vCPU %u has taken %u NMIs; %u were sent to it",
				    i, to->nmi_got,
				    part(scene, 0)->nmi_want[i]);
		else
			report_info("vCPU %u has taken %u of this kind and sender; %u were sent to it",
				    i, to->got[way][sender],
				    from->want[i][way]);
	}
}

static void tell_bits(unsigned int vcpu, const char *what, const u64 bits[4])
{
	report_info("vCPU %u: %s: %#llx %#llx %#llx %#llx, from vector 0 up",
		    vcpu, what, bits[0], bits[1], bits[2], bits[3]);
}

/* All vCPUs have left KVM_RUN. */
static void tell_apics(const struct scene *scene)
{
	unsigned int i;

	for (i = 0; i < scene->config->vcpus; i++) {
		struct apic_state state = apic_state(&scene->vm->vcpus[i]);

		tell_bits(i, "sent and not taken", state.pending);
		tell_bits(i, "taken and not ended", state.in_service);
	}
}

/* Has somebody not taken what was sent last this way? */
static bool is_missing(const struct scene *scene, unsigned int sender,
		       enum ipi_way way)
{
	const struct ipi_vcpu *from = part(scene, sender);
	bool more = false, less = false;
	unsigned int i;

	for (i = 0; i < scene->config->vcpus; i++) {
		const struct ipi_vcpu *to = part(scene, i);

		if (way == IPI_NMI) {
			less |= to->nmi_got < part(scene, 0)->nmi_want[i];
			continue;
		}
		less |= to->got[way][sender] < from->want[i][way];
		more |= to->got[way][sender] > from->want[i][way];
	}
	/* Of lowest priority, it is wanted of nobody until one has it. */
	return from->sent[way].open && (way == IPI_LOWEST ? !more : less);
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

static void __noreturn fail_lost(struct scene *scene, unsigned int sender)
{
	const struct ipi_vcpu *from = part(scene, sender);
	const char *mode = scene->config->mode == APIC_X2APIC ? "x2APIC" :
								"xAPIC";
	enum ipi_way way;
	char text[64];

	crew_pause(scene->crew);
	for (way = 0; way < IPI_WAYS; way++)
		if (is_missing(scene, sender, way))
			break;
	if (way == IPI_WAYS)
		fail("vCPU %u %s after %d ms, though all interrupts that it sent were taken (%s)",
		     sender, from->halts ? "still halts" : "sends no more",
		     LOST_MS, mode);
	if (ipi_path_loses())
		skip("a processor without erratum 1235, by which AVIC of AMD's family 17h loses interrupts",
		     "use a newer processor, a kernel whose kvm_amd has the parameter enable_ipiv, or kvm_amd.avic=0");
	tell_sent(scene, sender, way);
	tell_apics(scene);
	targets_text(from->sent[way].targets, text, sizeof(text));
	fail("an interrupt is lost: %s, number %llu from vCPU %u to %s %s, which %s, is not taken after %d ms (%s)",
	     way_names[way], from->sent[way].count, sender,
	     way == IPI_LOWEST ? "one of vCPUs" : "vCPUs", text,
	     state_text(scene->config), LOST_MS, mode);
}

static void __noreturn fail_wrong(struct scene *scene, unsigned int sender)
{
	const struct ipi_vcpu *from = part(scene, sender);
	enum ipi_way way = from->wrong_way;
	char to[64], who[64];

	crew_pause(scene->crew);
	tell_sent(scene, sender, way);
	targets_text(from->sent[way].targets, to, sizeof(to));
	targets_text(from->wrong, who, sizeof(who));
	fail("vCPU %s takes an interrupt that was not sent to it, or twice: %s, number %llu from vCPU %u to vCPUs %s",
	     who, way_names[way], from->sent[way].count, sender, to);
}

/* Has it all that it sent been taken, while another one's turn it is for NMIs? */
static bool waits_for_turn(const struct scene *scene, unsigned int index)
{
	const struct ipi_vcpu *vcpu = part(scene, index);
	u32 owner = part(scene, 0)->nmi_owner;
	unsigned int way;

	for (way = 0; way < IPI_WAYS; way++)
		if (vcpu->sent[way].open)
			return false;
	return owner && owner != index + 1;
}

static u64 pass_time(struct scene *scene)
{
	u64 now = clock_ns(), gap = now - scene->looked;

	scene->looked = now;
	scene->now += gap < LOOK_MAX_NS ? gap : LOOK_MAX_NS;
	return scene->now;
}

/* Does everybody who sends get on? */
static void watch(struct scene *scene)
{
	u64 now = pass_time(scene);
	unsigned int i;

	for (i = 0; i < scene->config->vcpus; i++) {
		const struct ipi_vcpu *vcpu = part(scene, i);

		if (__atomic_load_n(&vcpu->wrong, __ATOMIC_ACQUIRE))
			fail_wrong(scene, i);
		if (vcpu->role != IPI_SENDER || vcpu->finished ||
		    vcpu->turns != scene->turns[i]) {
			scene->turns[i] = vcpu->turns;
			scene->since[i] = now;
		}
	}
	/* One who waits for its turn has lost nothing: look for others first. */
	for (i = 0; i < scene->config->vcpus; i++)
		if (now - scene->since[i] > LOST_MS * NSEC_PER_MSEC &&
		    !waits_for_turn(scene, i))
			fail_lost(scene, i);
}

/* An interrupt of the PIC, once the last one was taken. */
static void pulse(struct scene *scene, bool more)
{
	const struct ipi_vcpu *to = part(scene, scene->config->vcpus - 1);
	u32 got = to->pic_got;

	CHECK(got <= scene->pulses,
	      "vCPU %u takes %u interrupts of the PIC where there were %u",
	      scene->config->vcpus - 1, got, scene->pulses);
	if (got < scene->pulses) {
		CHECK(scene->now - scene->pulsed < LOST_MS * NSEC_PER_MSEC,
		      "an interrupt is lost: number %u of the PIC is not taken after %d ms",
		      scene->pulses, LOST_MS);
		return;
	}
	if (!more)
		return;
	/* Before it can take it. */
	scene->pulses++;
	scene->pulsed = scene->now;
	pic_pulse(scene->vm, IPI_PIC_LINE);
}

/* The PIC's lines do nothing before the guest has begun it. */
static bool has_begun(const struct scene *scene)
{
	return part(scene, scene->config->vcpus - 1)->disturbed;
}

/* With @more: more of what the host does. */
static void tick(struct scene *scene, bool more)
{
	const struct ipi_config *config = scene->config;
	const struct timespec wait = { .tv_nsec = TICK_NS };

	watch(scene);
	if (config->state == IPI_MOVING)
		crew_place(scene->crew,
			   random_below(&scene->random, config->vcpus),
			   (unsigned int)random_below(&scene->random, 64));
	if (config->disturbance == IPI_EXTINT && has_begun(scene))
		pulse(scene, more);
	if (config->disturbance == IPI_PIT_REINJECT) {
		scene->reinject = !scene->reinject;
		pit_set_reinject(scene->vm, scene->reinject);
	}
	/* Not to wait for anything: how often is as often as this. */
	nanosleep(&wait, NULL);
}

static bool all_finished(const struct scene *scene)
{
	unsigned int i;

	for (i = 0; i < scene->config->vcpus; i++)
		if (part(scene, i)->role == IPI_SENDER &&
		    !__atomic_load_n(&part(scene, i)->finished,
				     __ATOMIC_ACQUIRE))
			return false;
	return scene->config->disturbance != IPI_EXTINT ||
	       part(scene, scene->config->vcpus - 1)->pic_got == scene->pulses;
}

/* No vCPU runs, and all was taken: now the counts are exact. */
static void judge(struct scene *scene)
{
	const struct ipi_config *config = scene->config;
	unsigned int from, to, way;

	for (to = 0; to < config->vcpus; to++) {
		const struct ipi_vcpu *vcpu = part(scene, to);

		CHECK(vcpu->nmi_got == part(scene, 0)->nmi_want[to],
		      "vCPU %u has taken %u NMIs in the end, %u were sent to it",
		      to, vcpu->nmi_got, part(scene, 0)->nmi_want[to]);
		for (from = 0; from < config->vcpus; from++) {
			const struct ipi_vcpu *sender = part(scene, from);

			for (way = 0; way < IPI_VECTORS; way++) {
				u32 want = sender->want[to][way];
				u32 got = vcpu->got[way][from];
				u32 may = vcpu->role == IPI_DISTURBER ?
						  sender->sent[way].may :
						  0;

				CHECK(got >= want && got - want <= may,
				      "vCPU %u has taken %u of the %ss from vCPU %u in the end, %u were sent to it",
				      to, got, way_names[way], from, want);
			}
		}
	}
}

static u64 sent_by_all(const struct scene *scene)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < scene->config->vcpus; i++)
		sum += part(scene, i)->turns;
	return sum;
}

/* What the case is about and has not happened yet, NULL if all has. */
static const char *missing(const struct scene *scene)
{
	const struct ipi_config *config = scene->config;
	unsigned int way, i;

	for (way = 0; way < IPI_WAYS; way++) {
		u64 sent = 0;

		for (i = 0; i < config->vcpus; i++)
			sent += part(scene, i)->sent[way].count;
		if (config->ways & 1U << way && !sent)
			return way_names[way];
	}
	if (config->disturbance != IPI_UNDISTURBED && !has_begun(scene))
		return "disturbance";
	if (config->disturbance == IPI_EXTINT && !scene->pulses)
		return "interrupt of the PIC";
	return NULL;
}

static void tell(const struct scene *scene)
{
	const struct ipi_config *config = scene->config;

	report_info("%llu interrupts sent", sent_by_all(scene));
	if (config->disturbance == IPI_EXTINT)
		report_info("%u interrupts of the PIC", scene->pulses);
	if (config->disturbance != IPI_UNDISTURBED)
		report_info("disturbed %llu times",
			    part(scene, config->vcpus - 1)->disturbed);
}

void ipi_run(const struct ipi_config *config)
{
	struct crew_config crew_config = { .function = ipi_run_guest,
					   .on_sync = on_sync };
	struct ipi_path *path;
	struct scene scene;
	u64 until;
	unsigned int i;

	begin(&scene, config);
	path = ipi_path_begin(scene.vm);
	crew_config.context = &scene;
	scene.crew = crew_new(scene.vm, &crew_config);
	crew_start(scene.crew);
	until = clock_ns() + config->duration_ns;
	while (clock_ns() < until ||
	       (missing(&scene) && clock_ns() < until + LATE_NS))
		tick(&scene, true);
	for (i = 0; i < config->vcpus; i++)
		scene.vm->vcpus[i].guest->stop = 1;
	while (!all_finished(&scene))
		tick(&scene, false);
	crew_finish(scene.crew);
	judge(&scene);
	CHECK(!missing(&scene), "no %s: the case says nothing of it",
	      missing(&scene));
	apic_judge_possible(scene.vm);
	tell(&scene);
	ipi_path_end(path, sent_by_all(&scene));
	vm_destroy(scene.vm);
}
