// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deliberate faults, like those in planted.c: calls of functions of a higher layer, one of
 * them in a macro. For style.sh this file is in the lowest layer of the core. No program
 * includes it.
 */
struct zb_instance;

unsigned long zb_instance_free_pages(const struct zb_instance *inst);
void zb_instance_drain_all(struct zb_instance *inst);
unsigned long planted_call_up(struct zb_instance *inst);

#define PLANTED_DRAIN(inst)	zb_instance_drain_all(inst)

unsigned long planted_call_up(struct zb_instance *inst)
{
	PLANTED_DRAIN(inst);
	return zb_instance_free_pages(inst);
}
