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

static uint64_t entry_value(struct hammer_guest *this, uint64_t number)
{
	return SECMMU_AVIC_VALID | (this->backing + number * 4096) |
	       (random_chance(&this->random, 1, 2) ? SECMMU_AVIC_RUNNING : 0) |
	       random_below(&this->random, IDS);
}

/* The backing page stays what it is: the shadow follows. */
static void merge(struct hammer_guest *this, uint64_t number)
{
	uint64_t value = entry_value(this, number);
	uint64_t address = this->table + number * 8;

	switch (random_below(&this->random, 8)) {
	case 0:
		STORE(uint8_t, address, value);
		break;
	case 1:
		STORE(uint16_t, address, value);
		break;
	case 2:
		STORE(uint32_t, address + 4, value >> 32);
		break;
	case 3:
		STORE(uint8_t, address + 7, value >> 56);
		break;
	default:
		STORE(uint64_t, address, value);
	}
}

static void burst(struct hammer_guest *this, uint64_t number)
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		merge(this, number);
	this->writes += BURST;
}

/* What the shadow cannot follow, or does not know of. */
static void break_rules(struct hammer_guest *this, uint64_t number)
{
	uint64_t address = this->table + number * 8;

	switch (random_below(&this->random, 6)) {
	case 0:
		STORE(uint64_t, address, 0);
		break;
	case 1:
		STORE(uint64_t, address, entry_value(this, number + 1));
		break;
	case 2:
		/* Half of it is the next entry's. */
		STORE(uint64_t, address + 4, random_u64(&this->random));
		break;
	case 3:
		STORE(uint64_t, address, random_u64(&this->random));
		break;
	case 4:
		burst(this, number);
		break;
	default:
		number = random_below(&this->random, SECMMU_AVIC_ENTRIES);
		STORE(uint64_t, this->table + number * 8,
		      entry_value(this, number));
	}
}

void hammer_run(struct guest_vcpu *self, uint64_t unused)
{
	struct hammer_guest *this = hammer_of(self);

	(void)unused;
	while (!self->stop) {
		uint64_t number = random_below(&this->random, HAMMER_SHARED);

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

void hammer_store(struct guest_vcpu *self, uint64_t unused)
{
	struct hammer_guest *this = hammer_of(self);
	uint64_t address = this->table + self->index * 8;
	uint64_t value = SECMMU_AVIC_VALID |
			 (this->backing + self->index * 4096ULL);

	(void)unused;
	while (!self->stop) {
		value ^= SECMMU_AVIC_RUNNING;
		STORE(uint64_t, address, value);
		this->writes++;
		self->beat++;
	}
}
