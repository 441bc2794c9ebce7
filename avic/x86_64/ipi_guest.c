// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs that send interrupts to each other, and count. */
#include "ipi.h"
#include "core/random.h"

/*
 * How long an inhibition lasts, and how long L2 runs, in iterations of a loop; at most,
 * where it ends once interrupts have come in it.
 */
#define NOTIFIER_TURNS 2000
#define OPEN_TURNS     500000
#define OPEN_TAKEN     8
#define NESTED_TURNS   500
/* An APIC ID that no vCPU has. */
#define OTHER_ID 0x77

static struct ipi_vcpu *part(struct guest_vcpu *self, unsigned int index)
{
	return ipi_vcpu_of(self - self->index + index);
}

static u32 load(const volatile u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void on_interrupt(struct guest_vcpu *self, u64 vector)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);
	u64 number = vector - IPI_FIRST_VECTOR;

	self->beat++;
	if (vector == 2) {
		mine->nmi_got++;
		return;
	}
	if (vector == IPI_PIC_VECTOR + IPI_PIC_LINE) {
		mine->pic_got++;
		pic_end();
		return;
	}
	guest_assert(vector >= IPI_FIRST_VECTOR && number / 16 < IPI_VECTORS &&
		     number % 16 < self->vcpu_count);
	mine->got[number / 16][number % 16]++;
	apic_end(mine->mode);
}

/* No more can be told from here: the host does. */
static void __noreturn wrong(struct ipi_vcpu *mine, unsigned int vcpu,
			     enum ipi_method method)
{
	mine->wrong_method = method;
	__atomic_store_n(&mine->wrong, 1U << vcpu, __ATOMIC_RELEASE);
	for (;;)
		cpu_relax();
}

/* To the logical ID of vCPU 0, which the inhibitor may have at the time, too. */
static bool is_to_alias(const struct ipi_vcpu *mine, u32 targets)
{
	return mine->inhibit == IPI_LDR_ALIAS && targets & 1;
}

/* Has a vCPU what it was sent? */
static bool arrived(struct guest_vcpu *self, unsigned int vcpu,
		    enum ipi_method method)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);
	const struct ipi_vcpu *other = part(self, vcpu);
	u32 want = mine->want[vcpu][method];
	u32 more = load(&other->got[method][self->index]) - want;
	u32 may = other->role == IPI_INHIBITOR ? mine->sent[method].may : 0;

	/* What is missing makes a difference below zero. */
	if ((s32)more > (s32)may)
		wrong(mine, vcpu, method);
	return (s32)more >= 0;
}

/* One of the group has it, and is to have it from now on; nobody else has. */
static bool lowest_arrived(struct guest_vcpu *self)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);
	struct ipi_sent *sent = &mine->sent[IPI_LOWEST];
	unsigned int i, who = 0, count = 0;
	u32 group = sent->targets;

	if (is_to_alias(mine, group))
		group |= 1U << (self->vcpu_count - 1);
	for (i = 0; i < self->vcpu_count; i++) {
		u32 more = load(&part(self, i)->got[IPI_LOWEST][self->index]) -
			   mine->want[i][IPI_LOWEST];

		if (!more)
			continue;
		if (more > 1 || ++count > 1 || !(group & 1U << i))
			wrong(mine, i, IPI_LOWEST);
		who = i;
	}
	if (count)
		mine->want[who][IPI_LOWEST]++;
	return count;
}

static bool nmi_arrived(struct guest_vcpu *self)
{
	struct ipi_vcpu *common = part(self, 0);
	unsigned int i;
	bool all = true;

	for (i = 0; i < self->vcpu_count; i++) {
		s32 more = (s32)(load(&part(self, i)->nmi_got) -
				 common->nmi_want[i]);

		if (more > 0)
			wrong(ipi_vcpu_of(self), i, IPI_NMI);
		all = all && !more;
	}
	if (all)
		__atomic_store_n(&common->nmi_owner, 0, __ATOMIC_RELEASE);
	return all;
}

static bool is_taken(struct guest_vcpu *self, enum ipi_method method)
{
	unsigned int i;
	bool all = true;

	if (method == IPI_LOWEST)
		return lowest_arrived(self);
	if (method == IPI_NMI)
		return nmi_arrived(self);
	for (i = 0; i < self->vcpu_count; i++)
		if (!arrived(self, i, method))
			all = false;
	return all;
}

/* Wait until the last interrupt that was sent this way has been taken. */
static void settle(struct guest_vcpu *self, enum ipi_method method)
{
	struct ipi_sent *sent = &ipi_vcpu_of(self)->sent[method];

	while (sent->open) {
		if (is_taken(self, method))
			sent->open = 0;
		else
			cpu_relax();
	}
}

static u32 choose_targets(struct guest_vcpu *self, enum ipi_method method,
			  struct random_stream *random)
{
	u32 all = (1U << self->vcpu_count) - 1, me = 1U << self->index;
	u32 named = self->vcpu_count;

	/* The last one is the inhibitor, which may have another APIC ID. */
	if (ipi_vcpu_of(self)->inhibit == IPI_APIC_ID)
		named--;
	switch (method) {
	case IPI_PHYSICAL:
		return 1U << random_below(random, named);
	case IPI_LOGICAL:
	case IPI_LOWEST:
		return (u32)random_between(random, 1, all);
	case IPI_ALL:
		return all;
	case IPI_OTHERS:
		return all & ~me;
	case IPI_NMI:
		/* Not to itself. */
		if (named < 2 || random_chance(random, 1, 4))
			return all & ~me;
		return 1U << (self->index + 1 +
			      random_below(random, named - 1)) %
				     named;
	default:
		return me;
	}
}

static void expect(struct guest_vcpu *self, enum ipi_method method, u32 targets)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self), *common = part(self, 0);
	struct ipi_sent *sent = &mine->sent[method];
	unsigned int i;

	sent->count++;
	sent->targets = targets;
	sent->open = 1;
	if (method == IPI_LOGICAL && is_to_alias(mine, targets))
		sent->may++;
	for (i = 0; i < self->vcpu_count && method != IPI_LOWEST; i++) {
		if (!(targets & 1U << i))
			continue;
		if (method == IPI_NMI)
			common->nmi_want[i]++;
		else
			mine->want[i][method]++;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void send(struct guest_vcpu *self, enum ipi_method method, u32 targets,
		 bool shorthand)
{
	enum apic_mode mode = ipi_vcpu_of(self)->mode;
	u32 vector = ipi_vector(method, self->index);
	u32 one = (u32)__builtin_ctz(targets);

	switch (method) {
	case IPI_PHYSICAL:
		apic_send(mode, one, APIC_FIXED | vector);
		break;
	case IPI_LOGICAL:
		apic_send(mode, targets, APIC_FIXED | APIC_LOGICAL | vector);
		break;
	case IPI_LOWEST:
		apic_send(mode, targets, APIC_LOWEST | APIC_LOGICAL | vector);
		break;
	case IPI_ALL:
		apic_send(mode, 0, APIC_TO_ALL | APIC_FIXED | vector);
		break;
	case IPI_OTHERS:
		apic_send(mode, 0, APIC_TO_OTHER | APIC_FIXED | vector);
		break;
	case IPI_SELF:
		if (mode == APIC_X2APIC && !shorthand)
			apic_send_self(vector);
		else
			apic_send(mode, 0, APIC_TO_SELF | APIC_FIXED | vector);
		break;
	default:
		if (targets & (targets - 1))
			apic_send(mode, 0, APIC_TO_OTHER | APIC_NMI);
		else
			apic_send(mode, one, APIC_NMI);
	}
}

/* All NMIs are one at a time; false if another vCPU has its turn. */
static bool may_send(struct guest_vcpu *self, enum ipi_method method)
{
	u32 nobody = 0;

	return method != IPI_NMI ||
	       __atomic_compare_exchange_n(&part(self, 0)->nmi_owner, &nobody,
					   self->index + 1, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void send_one(struct guest_vcpu *self, struct random_stream *random)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);
	enum ipi_method method;
	u32 targets;

	do {
		method = random_below(random, IPI_METHOD);
	} while (!(mine->methods & 1U << method));
	settle(self, method);
	if (!may_send(self, method)) {
		cpu_relax();
		return;
	}
	targets = choose_targets(self, method, random);
	if (mine->halts)
		interrupts_off();
	expect(self, method, targets);
	send(self, method, targets, random_chance(random, 1, 2));
	/* Pending by now, and nothing else wakes it. */
	if (mine->halts) {
		interrupts_await();
		interrupts_on();
	}
	mine->turns++;
	self->beat++;
}

static void run_sender(struct guest_vcpu *self)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);
	struct random_stream random;
	unsigned int method;

	random_init(&random, self->seed, random_number("ipi", self->index));
	interrupts_on();
	while (!self->stop)
		send_one(self, &random);
	for (method = 0; method < IPI_METHOD; method++)
		settle(self, method);
	__atomic_store_n(&mine->finished, 1, __ATOMIC_RELEASE);
	/* Others may still send to it. */
	for (;;)
		cpu_relax();
}

static void spin(struct guest_vcpu *self, unsigned int turns)
{
	while (turns--)
		cpu_relax();
	self->beat++;
}

/* As long as it takes for some interrupts to come, if they do. */
static void spin_open(struct guest_vcpu *self)
{
	u64 enough = self->beat + OPEN_TAKEN;
	unsigned int turns = OPEN_TURNS;

	while (turns-- && self->beat < enough)
		cpu_relax();
	self->beat++;
}

static void run_nested(struct guest_vcpu *self, u64 turns)
{
	for (;;) {
		u64 i;

		for (i = 0; i < turns; i++)
			cpu_relax();
		svm_call();
	}
}

/* Interrupts come to L2's vCPU, and are L1's. */
static void notifier_trigger_nested(struct guest_vcpu *self)
{
	u64 code = svm_run(&ipi_vcpu_of(self)->nested);

	guest_assert_equal(code == SVM_EXIT_INTR || code == SVM_EXIT_NMI ||
				   code == SVM_EXIT_VMMCALL,
			   true);
}

static void inhibit(struct guest_vcpu *self, const struct ipi_vcpu *mine)
{
	switch (mine->inhibit) {
	case IPI_BLOCK_IRQ:
		guest_sync(self, true, 0);
		spin(self, NOTIFIER_TURNS);
		guest_sync(self, false, 0);
		break;
	case IPI_AUTO_EOI:
		guest_sync(self, true, 0);
		spin_open(self);
		guest_sync(self, false, 0);
		break;
	case IPI_LDR_ALIAS:
		apic_set_logical(1U << self->index | 1);
		spin_open(self);
		apic_set_logical(1U << self->index);
		break;
	case IPI_APIC_ID:
		apic_set_id(OTHER_ID);
		spin_open(self);
		apic_set_id(self->index);
		break;
	case IPI_EXTINT:
		interrupts_off();
		spin(self, NOTIFIER_TURNS);
		interrupts_on();
		break;
	case IPI_VMRUN:
		notifier_trigger_nested(self);
		break;
	default:
		break;
	}
}

static void run_inhibitor(struct guest_vcpu *self)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);

	if (mine->inhibit == IPI_EXTINT)
		apic_accept_pic(mine->mode, IPI_PIC_VECTOR);
	if (mine->inhibit == IPI_VMRUN)
		svm_begin(self, &mine->nested, run_nested, NESTED_TURNS);
	interrupts_on();
	for (;;) {
		inhibit(self, mine);
		mine->inhibited++;
		spin(self, NOTIFIER_TURNS);
	}
}

void ipi_run_guest(struct guest_vcpu *self, u64 unused)
{
	struct ipi_vcpu *mine = ipi_vcpu_of(self);
	struct ipi_vcpu *common = part(self, 0);

	(void)unused;
	self->interrupt = on_interrupt;
	apic_begin(self, mine->mode);
	/* As the inhibitor does, and from the first interrupt on. */
	if (mine->role == IPI_INHIBITOR && mine->inhibit == IPI_LDR_ALIAS)
		apic_set_logical(1U << self->index | 1);
	/* Nobody sends before all can be sent to. */
	__atomic_fetch_add(&common->ready, 1, __ATOMIC_SEQ_CST);
	while (load(&common->ready) < self->vcpu_count)
		cpu_relax();
	while (mine->role == IPI_SLEEPER)
		interrupts_await();
	if (mine->role == IPI_SENDER)
		run_sender(self);
	run_inhibitor(self);
}
