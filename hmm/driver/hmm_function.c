// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does the DMA of hmm_dma.c: a platform device of our own, which has no IOMMU
 * and is on no bus, and PCI functions that were bound to this driver on purpose
 * (driver_override in sysfs: the driver has no table of its own, so it takes no
 * device from anybody). Of these,
 * - QEMU's "edu" (docs/specs/edu.rst there) can be told to copy to or from any bus
 *   address: it reaches exactly what an IOMMU lets it reach;
 * - one with memory in a prefetchable BAR provides that for peer-to-peer DMA, and
 *   user space maps it by p2pmem/allocate in sysfs.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "hmm_compat.h"
#include "hmm_function.h"

#if HMM_HAS_DMA
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_SOURCE	0x80
#define EDU_DESTINATION 0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_RUN		BIT(0)
#define EDU_TO_MEMORY	BIT(1)
/*
 * Its own memory, as its DMA engine sees it: a page, but QEMU 7.2 aborts if all of
 * it is to be copied at once (edu_check_range()).
 */
#define EDU_MEMORY 0x40000
/* It begins 100 ms after it was told to. */
#define EDU_TIMEOUT_MS 5000
/* What memory of a peer must be a multiple of, to have a struct page. */
#define PEER_BYTES SZ_2M

static DEFINE_MUTEX(functions_lock);
static LIST_HEAD(functions);
static struct platform_device *platform;

static struct hmm_function *function_new(struct device *dev, const char *name)
{
	struct hmm_function *function = kzalloc(sizeof(*function), GFP_KERNEL);

	if (!function)
		return NULL;
	kref_init(&function->references);
	function->dev = dev;
	strscpy(function->name, name, sizeof(function->name));
	mutex_init(&function->engine);
	INIT_LIST_HEAD(&function->maps);
	return function;
}

static void function_free(struct kref *references)
{
	kfree(container_of(references, struct hmm_function, references));
}

static void function_publish(struct hmm_function *function)
{
	mutex_lock(&functions_lock);
	list_add_tail(&function->all, &functions);
	mutex_unlock(&functions_lock);
}

/*
 * Its device is being removed: afterwards no map of it is left, and none can be
 * made. Waits for hmm_dma.lock of each map at most.
 */
static void function_end(struct hmm_function *function)
{
	mutex_lock(&functions_lock);
	list_del(&function->all);
	mutex_unlock(&functions_lock);
	hmm_dma_revoke(function);
	kref_put(&function->references, function_free);
}

/**
 * hmm_function_find() - by its name
 * @name: what is asked for, as user space gave it
 *
 * Return: the function, for hmm_function_release(), or NULL.
 */
struct hmm_function *hmm_function_find(const char *name)
{
	struct hmm_function *function, *found = NULL;

	mutex_lock(&functions_lock);
	list_for_each_entry(function, &functions, all) {
		if (!strncmp(function->name, name, sizeof(function->name))) {
			found = function;
			kref_get(&found->references);
			break;
		}
	}
	mutex_unlock(&functions_lock);
	return found;
}

/**
 * hmm_function_release() - it is not needed any more
 * @function: from hmm_function_find()
 */
void hmm_function_release(struct hmm_function *function)
{
	kref_put(&function->references, function_free);
}

/* One of the two steps of a copy. */
static int edu_run(struct hmm_function *function, dma_addr_t source,
		   dma_addr_t destination, size_t bytes, u64 direction)
{
	ktime_t end = ktime_add_ms(ktime_get(), EDU_TIMEOUT_MS);

	writeq(source, function->registers + EDU_SOURCE);
	writeq(destination, function->registers + EDU_DESTINATION);
	writeq(bytes, function->registers + EDU_COUNT);
	writeq(EDU_RUN | direction, function->registers + EDU_COMMAND);
	while (readq(function->registers + EDU_COMMAND) & EDU_RUN) {
		if (ktime_after(ktime_get(), end)) {
			/* It may still write to the page between: never again. */
			function->stuck = true;
			return -EIO;
		}
		usleep_range(1000, 2000);
	}
	return 0;
}

/**
 * hmm_function_copy() - have the device read or write memory
 * @function: with hmm_dma.lock of a map of it that is not gone
 * @address: for the device, of the memory
 * @buffer: the bytes
 * @bytes: how many, at most SECMMU_HMM_DMA_COPY_BYTES
 * @write: whether memory is written
 *
 * Return: 0; -EOPNOTSUPP if it is no device that can; -EIO if it does not.
 */
int hmm_function_copy(struct hmm_function *function, dma_addr_t address,
		      void *buffer, size_t bytes, bool write)
{
	int error;

	if (!function->registers)
		return -EOPNOTSUPP;
	mutex_lock(&function->engine);
	if (function->stuck) {
		error = -EIO;
	} else if (write) {
		memcpy(function->bounce, buffer, bytes);
		error = edu_run(function, function->bounce_address, EDU_MEMORY,
				bytes, 0);
		if (!error)
			error = edu_run(function, EDU_MEMORY, address, bytes,
					EDU_TO_MEMORY);
	} else {
		error = edu_run(function, address, EDU_MEMORY, bytes, 0);
		if (!error)
			error = edu_run(function, EDU_MEMORY,
					function->bounce_address, bytes,
					EDU_TO_MEMORY);
		if (!error)
			memcpy(buffer, function->bounce, bytes);
	}
	mutex_unlock(&function->engine);
	return error;
}

/* The first BAR that can be memory of a peer. */
static int add_peer_memory(struct pci_dev *pci)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		unsigned long flags = pci_resource_flags(pci, bar);

		if ((flags & IORESOURCE_MEM) && (flags & IORESOURCE_PREFETCH) &&
		    IS_ALIGNED(pci_resource_start(pci, bar), PEER_BYTES) &&
		    pci_resource_len(pci, bar) &&
		    IS_ALIGNED(pci_resource_len(pci, bar), PEER_BYTES))
			return pci_p2pdma_add_resource(pci, bar, 0, 0);
	}
	return 0;
}

static int pci_bind(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct hmm_function *function;
	int error = pcim_enable_device(pci);

	if (error)
		return error;
	pci_set_master(pci);
	error = dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(64));
	if (error)
		return error;
	/* A kernel without CONFIG_PCI_P2PDMA has no memory of peers. */
	error = add_peer_memory(pci);
	if (error && error != -EOPNOTSUPP)
		return error;
	function = function_new(&pci->dev, pci_name(pci));
	if (!function)
		return -ENOMEM;
	if (pci->vendor == EDU_VENDOR && pci->device == EDU_DEVICE) {
		function->bounce =
			dmam_alloc_coherent(&pci->dev,
					    SECMMU_HMM_DMA_COPY_BYTES,
					    &function->bounce_address,
					    GFP_KERNEL);
		if (function->bounce)
			function->registers = pcim_iomap(pci, 0, 0);
		if (!function->registers) {
			kref_put(&function->references, function_free);
			return -ENOMEM;
		}
	}
	pci_set_drvdata(pci, function);
	function_publish(function);
	return 0;
}

static void pci_unbind(struct pci_dev *pci)
{
	function_end(pci_get_drvdata(pci));
}

static const struct pci_device_id no_table[] = { {} };

static struct pci_driver pci_functions = {
	.name = "secmmu_hmm",
	.id_table = no_table,
	.probe = pci_bind,
	.remove = pci_unbind,
};

/**
 * hmm_functions_init() - at the module's begin
 */
int hmm_functions_init(void)
{
	struct hmm_function *function;
	int error;

	platform = platform_device_register_simple("secmmu_hmm",
						   PLATFORM_DEVID_NONE, NULL,
						   0);
	if (IS_ERR(platform))
		return PTR_ERR(platform);
	function = function_new(&platform->dev, "platform");
	if (!function) {
		error = -ENOMEM;
		goto out_platform;
	}
	error = pci_register_driver(&pci_functions);
	if (error)
		goto out_function;
	platform_set_drvdata(platform, function);
	function_publish(function);
	return 0;

out_function:
	kref_put(&function->references, function_free);
out_platform:
	platform_device_unregister(platform);
	return error;
}

/**
 * hmm_functions_exit() - at the module's end
 *
 * Its files are closed then, so there are no maps.
 */
void hmm_functions_exit(void)
{
	pci_unregister_driver(&pci_functions);
	function_end(platform_get_drvdata(platform));
	platform_device_unregister(platform);
}
#else
int hmm_functions_init(void)
{
	return 0;
}

void hmm_functions_exit(void)
{
}
#endif
