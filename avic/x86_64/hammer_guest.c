// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs that write to a physical-ID table, rightly and wrongly. */
#include "hammer.h"

_Static_assert(sizeof(struct hammer_guest) <= GUEST_TEST_AREA,
	       "test area too small");

/* APIC IDs that are used: there are fewer vCPUs, and so some are nobody's. */
#define IDS 80
/* Writes of a burst, for the count that stops a flood. */
#define BURST 200

#define STORE(type, address, value) \
	(*(volatile type *)(uintptr_t)(address) = (type)(value))

static u64 entry_value(struct hammer_guest *this, u64 number)
{
	return SECMMU_AVIC_VALID | (this->backing + number * 4096) |
	       (random_chance(&this->random, 1, 2) ? SECMMU_AVIC_RUNNING : 0) |
	       random_below(&this->random, IDS);
}

/* The backing page stays what it is: the shadow follows. */
static void merge(struct hammer_guest *this, u64 number)
{
	u64 value = entry_value(this, number);
	u64 address = this->table + number * 8;

	switch (random_below(&this->random, 8)) {
	case 0:
		STORE(u8, address, value);
		break;
	case 1:
		STORE(u16, address, value);
		break;
	case 2:
		STORE(u32, address + 4, value >> 32);
		break;
	case 3:
		STORE(u8, address + 7, value >> 56);
		break;
	default:
		STORE(u64, address, value);
	}
}

static void burst(struct hammer_guest *this, u64 number)
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		merge(this, number);
	this->writes += BURST;
}

/* What the shadow cannot follow, or does not know of. */
static void break_rules(struct hammer_guest *this, u64 number)
{
	u64 address = this->table + number * 8;

	switch (random_below(&this->random, 6)) {
	case 0:
		STORE(u64, address, 0);
		break;
	case 1:
		STORE(u64, address, entry_value(this, number + 1));
		break;
	case 2:
		/* Half of it is the next entry's. */
		STORE(u64, address + 4, random_u64(&this->random));
		break;
	case 3:
		STORE(u64, address, random_u64(&this->random));
		break;
	case 4:
		burst(this, number);
		break;
	default:
		number = random_below(&this->random, SECMMU_AVIC_ENTRIES);
		STORE(u64, this->table + number * 8, entry_value(this, number));
	}
}

void hammer_run(struct guest_vcpu *self, u64 unused)
{
	struct hammer_guest *this = hammer_of(self);

	(void)unused;
	while (!self->stop) {
		u64 number = random_below(&this->random, HAMMER_SHARED);

		if (random_chance(&this->random, 1, 2))
			number = HAMMER_SHARED + self->index * HAMMER_OWN +
				 random_below(&this->random, HAMMER_OWN);
		if (this->merge_only || random_chance(&this->random, 99, 100))
			merge(this, number);
		else
			break_rules(this, number);
		this->writes++;
		self->beat++;
	}
}

void hammer_store(struct guest_vcpu *self, u64 unused)
{
	struct hammer_guest *this = hammer_of(self);
	u64 address = this->table + self->index * 8;
	u64 value = SECMMU_AVIC_VALID | (this->backing + self->index * 4096ULL);

	(void)unused;
	while (!self->stop) {
		value ^= SECMMU_AVIC_RUNNING;
		STORE(u64, address, value);
		this->writes++;
		self->beat++;
	}
}
