// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plants one fault of a chosen kind, so that a debug run can show that the
 * kernel's checkers work and that the console scan sees them:
 *
 *	echo KIND > /sys/module/planted/parameters/plant
 *
 * Some kinds blind others: a KASAN report and a lockdep report each switch
 * lockdep off, so tests/vm/planted/plant gives the order.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

#define LEAKS 16

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(atomic);

/* A parameter, for the optimiser would see through a constant's faults. */
static unsigned int object_size = 40;

static int plant_kasan(void)
{
	u8 *object = kmalloc(object_size, GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	/* KASAN reports the read; nothing beyond the object is changed. */
	pr_info("byte after the end: %u\n", READ_ONCE(object[object_size]));
	kfree(object);
	return 0;
}

static int plant_lockdep(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

/* Several, for the last pointer may live on in a register or on a stack. */
static int plant_kmemleak(void)
{
	int i;

	for (i = 0; i < LEAKS; i++) {
		u8 *object = kmalloc(object_size, GFP_KERNEL);

		if (!object)
			return -ENOMEM;
		memset(object, i + 1, object_size);
	}
	return 0;
}

static void never_runs(struct timer_list *timer)
{
}

static int plant_debug_objects(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return -ENOMEM;
	timer_setup(timer, never_runs, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	/* Freed while it is armed; DEBUG_OBJECTS reports and disarms it. */
	kfree(timer);
	return 0;
}

static int plant_atomic_sleep(void)
{
	spin_lock(&atomic);
	might_sleep();
	spin_unlock(&atomic);
	return 0;
}

/* The caller has told failslab to fail what this module allocates. */
static int plant_fault_injection(void)
{
	u8 *object = kmalloc(object_size, GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	kfree(object);
	return 0;
}

static const struct {
	const char *kind;
	int (*plant)(void);
} faults[] = {
	{ "kasan", plant_kasan },
	{ "lockdep", plant_lockdep },
	{ "kmemleak", plant_kmemleak },
	{ "debug-objects", plant_debug_objects },
	{ "atomic-sleep", plant_atomic_sleep },
	{ "fault-injection", plant_fault_injection },
};

static int plant_set(const char *value, const struct kernel_param *param)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (sysfs_streq(value, faults[i].kind))
			return faults[i].plant();
	return -EINVAL;
}

static const struct kernel_param_ops plant_ops = { .set = plant_set };

module_param(object_size, uint, 0444);
MODULE_PARM_DESC(object_size, "bytes of each object that a fault is about");
module_param_cb(plant, &plant_ops, NULL, 0200);
MODULE_PARM_DESC(plant, "the kind of fault to plant");

static int __init planted_init(void)
{
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Faults planted for a debug kernel to find");
MODULE_LICENSE("GPL");
