// SPDX-License-Identifier: GPL-2.0-only
/* A VM without the harness. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "bare.h"
#include "core/report.h"
#include "kvm/arm64/state_arm64.h"

/* An address outside every slot. */
#define GPA_REPORT 0x40000000UL

char *bare_new_memory(void)
{
	/*
	 * x0 address, x1 word or 0, x2 GPA_REPORT:
	 *	cbz x1, 1f; str x1, [x0]; 1: ldr x3, [x0]; str x3, [x2]; b .
	 */
	static const u32 code[] = { 0xb4000041, 0xf9000001, 0xf9400003,
				    0xf9000043, 0x14000000 };
	u64 size = BARE_PAGES * (u64)getpagesize();
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE))
		fail("out of memory for a guest: %s", errno_name(errno));
	memcpy(memory, code, sizeof(code));
	__builtin___clear_cache(memory, memory + sizeof(code));
	return memory;
}

void bare_need_protected(void)
{
	const struct vm_config config = { .protected_guest = true };
	int fd = __vm_create_only(&config);

	if (fd < 0)
		skip("protected VMs",
		     "use a kernel from 7.2 on, with kvm-arm.mode=protected");
	close(fd);
}

void bare_create(struct bare *bare, bool protected_guest, char *memory)
{
	const struct vm_config config = { .protected_guest = protected_guest };
	int run_size = kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, 0);
	struct vcpu *vcpu = &bare->vcpu;

	memset(bare, 0, sizeof(*bare));
	bare->page = (u64)getpagesize();
	bare->guest = aligned_alloc(4096, sizeof(*bare->guest));
	if (!bare->guest)
		fail("out of memory for a vCPU");
	memset(bare->guest, 0, sizeof(*bare->guest));
	bare->vm.vcpus = vcpu;
	bare->vm.vcpu_count = 1;
	bare->vm.fd = __vm_create_only(&config);
	if (bare->vm.fd < 0)
		fail("KVM_CREATE_VM of a %s VM failed: %s",
		     protected_guest ? "protected" : "normal",
		     errno_name(-bare->vm.fd));
	vcpu->vm = &bare->vm;
	vcpu->guest = bare->guest;
	vcpu->fd = vm_ioctl(&bare->vm, KVM_CREATE_VCPU, 0);
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		fail("mmap of a kvm_run failed: %s", errno_name(errno));
	arm64_reset(vcpu);
	bare->memory = memory ? memory : bare_new_memory();
	bare->slot = (struct memslot){
		.vm = &bare->vm,
		.id = SLOT_TEST_FIRST,
		.size = BARE_PAGES * bare->page,
		.hva = bare->memory,
		.guest_memfd = -1,
	};
	slot_set(&bare->slot);
}

void bare_close(struct bare *bare)
{
	munmap(bare->vcpu.run, kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, 0));
	close(bare->vcpu.fd);
	close(bare->vm.fd);
	free(bare->guest);
}

void bare_free(struct bare *bare)
{
	munmap(bare->memory, BARE_PAGES * bare->page);
}

int __bare_exchange(struct bare *bare, unsigned int page, u64 store,
		    u64 *loaded)
{
	struct vcpu *vcpu = &bare->vcpu;
	u64 gpa;
	int error;

	/* The vCPU starts at address 0, at the code. */
	vcpu_start(vcpu, NULL, store);
	arm64_set_register(vcpu, REG_CORE(regs.regs[0]), page * bare->page);
	arm64_set_register(vcpu, REG_CORE(regs.regs[2]), GPA_REPORT);
	do {
		error = __vcpu_ioctl(vcpu, KVM_RUN, 0);
	} while (error == -EINTR);
	if (error)
		return error;
	CHECK(vcpu_mmio(vcpu, &gpa) && gpa == GPA_REPORT,
	      "expected the guest's report of its load, got exit reason %u, address %#llx",
	      vcpu->run->exit_reason, gpa);
	vcpu->io_pending = true;
	memcpy(loaded, vcpu->run->mmio.data, sizeof(*loaded));
	return 0;
}

u64 bare_exchange(struct bare *bare, unsigned int page, u64 store)
{
	u64 loaded = 0;
	int error = __bare_exchange(bare, page, store, &loaded);

	CHECK(!error,
	      "KVM_RUN of a guest that accesses page %u: expected success, got %s",
	      page, errno_name(-error));
	CHECK(!store || loaded == store,
	      "page %u: the guest stored %#llx and loads %#llx", page, store,
	      loaded);
	return loaded;
}
