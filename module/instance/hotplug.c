// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU hotplug. The lists of a CPU that goes offline are drained, and it does not count any more
 * among the CPUs that use the zones, on whose number the limits of the lists depend.
 */
#include <linux/cpuhotplug.h>

#include "hotplug.h"
#include "instance.h"

static enum cpuhp_state hotplug_state;

static int cpu_online_lists(unsigned int cpu, struct hlist_node *node)
{
	zb_drain_cpu_online(hlist_entry(node, struct zb_instance, cpuhp), cpu);
	return 0;
}

static int cpu_offline_lists(unsigned int cpu, struct hlist_node *node)
{
	zb_drain_cpu_offline(hlist_entry(node, struct zb_instance, cpuhp), cpu);
	return 0;
}

/**
 * zb_hotplug_add() - register an instance for CPU hotplug
 * @inst: the instance, whose pool is complete
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_hotplug_add(struct zb_instance *inst)
{
	return cpuhp_state_add_instance_nocalls(hotplug_state, &inst->cpuhp);
}

/**
 * zb_hotplug_remove() - undo zb_hotplug_add()
 * @inst: the instance
 *
 * Context: may sleep.
 */
void zb_hotplug_remove(struct zb_instance *inst)
{
	cpuhp_state_remove_instance_nocalls(hotplug_state, &inst->cpuhp);
}

/**
 * zb_hotplug_init() - set up the CPU hotplug state that all instances share
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_hotplug_init(void)
{
	int state = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "zbuddy:drain",
					    cpu_online_lists, cpu_offline_lists);

	if (state < 0)
		return state;
	hotplug_state = state;
	return 0;
}

/**
 * zb_hotplug_exit() - undo zb_hotplug_init(), after the last zb_hotplug_remove()
 *
 * Context: may sleep.
 */
void zb_hotplug_exit(void)
{
	cpuhp_remove_multi_state(hotplug_state);
}
