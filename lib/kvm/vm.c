// SPDX-License-Identifier: GPL-2.0-only
/* VM, vCPUs and the harness's memslots. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "core/options.h"
#include "core/report.h"
#include "kvm/vm.h"

/* Alignment of memory shared with the guest: both may have 64 KiB pages. */
#define SHARED_ALIGN	    0x10000UL
#define TABLE_BYTES_DEFAULT (16UL << 20)

static int device_fd = -1;

int kvm_device_fd(void)
{
	if (device_fd >= 0)
		return device_fd;
	device_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (device_fd >= 0)
		return device_fd;
	if (errno == EACCES || errno == EPERM)
		skip("/dev/kvm, which this user may not open",
		     "run as root or join the group that owns /dev/kvm");
	skip("/dev/kvm",
	     "load kvm-amd, kvm-intel or boot arm64 at EL2 (CONFIG_KVM)");
}

int ioctl_may_fail(int fd, unsigned long request, unsigned long argument)
{
	int result = ioctl(fd, request, argument);

	return result < 0 ? -errno : result;
}

int ioctl_must(int fd, unsigned long request, unsigned long argument,
	       const char *name, const char *file, int line)
{
	int result = ioctl_may_fail(fd, request, argument);

	if (result < 0)
		fail("%s failed: %s (%s:%d)", name, errno_name(-result), file,
		     line);
	return result;
}

int kvm_check_extension(unsigned long capability)
{
	int result = __kvm_ioctl(KVM_CHECK_EXTENSION, capability);

	return result < 0 ? 0 : result;
}

int vm_check_extension(struct vm *vm, unsigned long capability)
{
	int result = __vm_ioctl(vm, KVM_CHECK_EXTENSION, capability);

	return result < 0 ? 0 : result;
}

int __vm_enable_cap(struct vm *vm, u32 capability, u64 argument)
{
	struct kvm_enable_cap cap = {
		.cap = capability,
		.args = { argument },
	};

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

void vm_enable_cap(struct vm *vm, u32 capability, u64 argument)
{
	int error = __vm_enable_cap(vm, capability, argument);

	if (error)
		fail("KVM_ENABLE_CAP %u with %#llx failed: %s", capability,
		     argument, errno_name(-error));
}

static size_t shared_round_up(size_t size)
{
	return (size + SHARED_ALIGN - 1) & ~(SHARED_ALIGN - 1);
}

static void *map_shared(size_t size)
{
	/* Map more for the alignment and unmap the ends. */
	char *area = mmap(NULL, size + SHARED_ALIGN, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *aligned;

	if (area == MAP_FAILED)
		fail("mmap of %zu bytes for the harness failed: %s", size,
		     errno_name(errno));
	aligned = (char *)(((uintptr_t)area + SHARED_ALIGN - 1) &
			   ~(SHARED_ALIGN - 1));
	if (aligned > area)
		munmap(area, aligned - area);
	munmap(aligned + size, area + SHARED_ALIGN - aligned);
	return aligned;
}

static void add_harness_slot(struct vm *vm, u32 id, u64 gpa, void *hva,
			     u64 size, u32 flags)
{
	struct memslot *slot = &vm->harness_slots[id];

	*slot = (struct memslot){
		.vm = vm,
		.id = id,
		.gpa = gpa,
		.size = size,
		.hva = hva,
		.flags = flags,
		.guest_memfd = -1,
	};
	slot_set(slot);
}

u64 vm_alloc_table(struct vm *vm, u64 size)
{
	u64 offset = (vm->table_next + size - 1) & ~(size - 1);

	if (offset + size > vm->system_size)
		fail("the guest's page tables need more than %llu bytes: raise vm_config.table_bytes",
		     vm->config.table_bytes);
	vm->table_next = offset + size;
	return offset;
}

static void open_ring(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	size_t bytes = vm->config.ring_entries * sizeof(struct kvm_dirty_gfn);

	vcpu->ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			  vcpu->fd, vm->page_size * KVM_DIRTY_LOG_PAGE_OFFSET);
	if (vcpu->ring == MAP_FAILED)
		fail("mmap of the dirty ring (%u entries) of vCPU %u failed: %s",
		     vm->config.ring_entries, vcpu->index, errno_name(errno));
}

static void create_vcpu(struct vm *vm, unsigned int index)
{
	struct vcpu *vcpu = &vm->vcpus[index];
	int run_size = kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, 0);

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = vm_ioctl(vm, KVM_CREATE_VCPU, index);
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		fail("mmap of vCPU %u's kvm_run failed: %s", index,
		     errno_name(errno));
	vcpu->cpu_page = (char *)vm->system + index * VCPU_AREA_SIZE;
	vcpu->stack = GPA_SYSTEM + (index + 1) * VCPU_AREA_SIZE;
	vcpu->guest = &vm->control->vcpu[index];
	vcpu->guest->self = vcpu->guest;
	vcpu->guest->index = index;
	vcpu->guest->vcpu_count = vm->vcpu_count;
	vcpu->guest->seed = options()->seed;
	vcpu->guest->hypercall = GPA_HYPERCALL;
	if (vm->config.ring_entries)
		open_ring(vcpu);
}

static void check_config(struct vm_config *config)
{
	int limit = kvm_check_extension(KVM_CAP_MAX_VCPUS);

	if (!config->vcpus)
		config->vcpus = 1;
	if (!config->table_bytes)
		config->table_bytes = TABLE_BYTES_DEFAULT;
	if (config->vcpus > (unsigned int)(limit > 0 ? limit : 1))
		skip("more vCPUs than KVM_CAP_MAX_VCPUS allows",
		     "ask for fewer by --vcpus");
}

/* Each vCPU is a file: the usual soft limit of 1024 is below KVM's maximum. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int __vm_create_only(const struct vm_config *config)
{
	int fd;

	/* A watchdog's signal may interrupt KVM_CREATE_VM. */
	do {
		fd = __kvm_ioctl(KVM_CREATE_VM, arch_vm_type(config));
	} while (fd == -EINTR);
	return fd;
}

static void create_vm_file(struct vm *vm)
{
	vm->fd = __vm_create_only(&vm->config);
	if (vm->fd < 0)
		fail("KVM_CREATE_VM failed: %s", errno_name(-vm->fd));
}

/* Must come before the first slot: kvm_vm_ioctl_enable_cap() of arm64. */
static void enable_eager_split(struct vm *vm)
{
	if (!vm_check_extension(vm, KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES))
		skip("KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE",
		     "use arm64 from 6.5 on, from 7.3 on without kvm-arm.mode=protected");
	vm_enable_cap(vm, KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE,
		      vm->config.eager_split);
}

struct vm *vm_create(const struct vm_config *config)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	u64 image = (u64)(uintptr_t)__start_guest_image;
	u64 image_size = __stop_guest_image - __start_guest_image;
	size_t areas;
	unsigned int i;

	if (!vm)
		fail("out of memory for a VM");
	if (config)
		vm->config = *config;
	check_config(&vm->config);
	raise_file_limit();
	vm->page_size = getpagesize();
	vm->vcpu_count = vm->config.vcpus;
	vm->vcpus = calloc(vm->vcpu_count, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		fail("out of memory for %u vCPUs", vm->vcpu_count);
	create_vm_file(vm);

	/*
	 * Both must come before the first vCPU:
	 * kvm_vm_ioctl_enable_dirty_log_ring().
	 */
	if (vm->config.ring_entries)
		vm_enable_cap(vm, vm->config.ring_capability,
			      vm->config.ring_entries *
				      sizeof(struct kvm_dirty_gfn));
	/* Must come after the ring and before the first slot: api.rst 7.36. */
	if (vm->config.ring_with_bitmap)
		vm_enable_cap(vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0);
	if (vm->config.manual_protect)
		vm_enable_cap(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			      vm->config.manual_protect);

	if (vm->config.eager_split)
		enable_eager_split(vm);

	vm->control_size = vm->vcpu_count * sizeof(struct guest_vcpu);
	vm->control_size = shared_round_up(vm->control_size);
	vm->control = map_shared(vm->control_size);
	/* The guest maps the vCPUs' areas, not the page tables behind them. */
	areas = shared_round_up(vm->vcpu_count * VCPU_AREA_SIZE);
	vm->system_size = areas + shared_round_up(vm->config.table_bytes);
	if (vm->system_size > GPA_CONTROL - GPA_SYSTEM)
		fail("%u vCPUs and %llu bytes of page tables do not fit the system slot",
		     vm->vcpu_count, vm->config.table_bytes);
	vm->system = map_shared(vm->system_size);
	vm->table_next = areas;

	add_harness_slot(vm, SLOT_IMAGE, image, __start_guest_image, image_size,
			 KVM_MEM_READONLY);
	add_harness_slot(vm, SLOT_SYSTEM, GPA_SYSTEM, vm->system,
			 vm->system_size, 0);
	add_harness_slot(vm, SLOT_CONTROL, GPA_CONTROL, vm->control,
			 vm->control_size, 0);
	arch_vm_init(vm);
	for (i = 0; i < vm->vcpu_count; i++)
		create_vcpu(vm, i);
	arch_tables_init(vm);
	vm_map(vm, image, image, image_size, vm->granule);
	vm_map(vm, GPA_SYSTEM, GPA_SYSTEM, areas, vm->granule);
	vm_map(vm, (u64)(uintptr_t)vm->control, GPA_CONTROL, vm->control_size,
	       vm->granule);
	for (i = 0; i < vm->vcpu_count; i++)
		arch_vcpu_init(&vm->vcpus[i]);
	vm->stats = evidence_stats_open(vm->fd);
	return vm;
}

void vm_destroy(struct vm *vm)
{
	int run_size = kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, 0);
	size_t ring_bytes = vm->config.ring_entries *
			    sizeof(struct kvm_dirty_gfn);
	unsigned int i;

	for (i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		munmap(vcpu->run, run_size);
		if (vcpu->ring)
			munmap(vcpu->ring, ring_bytes);
		close(vcpu->fd);
	}
	if (vm->stats)
		evidence_stats_close(vm->stats);
	close(vm->fd);
	munmap(vm->system, vm->system_size);
	munmap(vm->control, vm->control_size);
	free(vm->vcpus);
	free(vm);
}

u64 vm_map_size(const u64 *sizes, size_t count, u64 from, u64 to, u64 size,
		u64 limit)
{
	while (count-- > 1)
		if (sizes[count] <= limit && sizes[count] <= size &&
		    !(from % sizes[count]) && !(to % sizes[count]))
			return sizes[count];
	return sizes[0];
}

void vm_map(struct vm *vm, u64 gva, u64 gpa, u64 size, u64 page_size)
{
	const u64 *sizes;
	u64 end = gva + size, mapped;
	size_t count;

	sizes = arch_page_sizes(vm, &count);
	if ((gva ^ gpa) % sizes[0])
		fail("guest address %#llx cannot map gpa %#llx by pages of %llu bytes",
		     gva, gpa, sizes[0]);
	gpa -= gva % sizes[0];
	gva -= gva % sizes[0];
	while (gva < end) {
		mapped = vm_map_size(sizes, count, gva, gpa, end - gva,
				     page_size);
		arch_map_page(vm, gva, gpa, mapped);
		gva += mapped;
		gpa += mapped;
	}
}

static void map_control_of(struct vm *vm, const struct vm *other)
{
	vm_map(vm, (u64)(uintptr_t)other->control, GPA_CONTROL,
	       vm->control_size, vm->granule);
}

void vm_twin(struct vm *to, struct vm *from)
{
	if (to->granule != from->granule ||
	    to->vcpu_count != from->vcpu_count ||
	    to->system_size != from->system_size ||
	    to->table_root != from->table_root)
		fail("these VMs cannot be twins: they differ in vCPUs or page tables");
	map_control_of(from, to);
	memcpy(to->system, from->system, to->system_size);
	to->table_next = from->table_next;
}

void vm_hand_over_control(struct vm *to, const struct vm *from)
{
	memcpy(to->control, from->control, to->control_size);
}

bool vm_stat(struct vm *vm, const char *name, u64 *value)
{
	return vm->stats && evidence_stat(vm->stats, name, value);
}
