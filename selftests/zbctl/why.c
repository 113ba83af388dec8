// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: why the device or a file in debugfs can't be used, and what helps.
 */
#include "zbctl.h"

#include <grp.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MODULE		"/sys/module/zbuddy"
#define DEBUGFS_TYPE	0x64626720

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

bool is_root(void)
{
	return !geteuid();
}

static const char *load_text(void)
{
	return is_root() ? "modprobe zbuddy size=64M" :
			   "ask the administrator to modprobe zbuddy size=64M";
}

static int no_device(const struct zbctl *z, int err)
{
	if (!exists(MODULE))
		return zb_err(err, "%s: no such device: the module is not loaded: %s",
			      z->device, load_text());
	return zb_err(err,
		      "%s: no such device, but the module is loaded: name the right one with --device (the number is in /proc/misc)",
		      z->device);
}

/*
 * Whether the group database lists the user as a member of the group @gid. The
 * process may lack the group nevertheless, until the next login.
 */
static bool in_group_file(gid_t gid, char name[64])
{
	const char *user = getenv("USER");
	FILE *f = fopen("/etc/group", "re");
	struct group *g;
	bool found = false;

	snprintf(name, 64, "%u", gid);
	while (f && (g = fgetgrent(f))) {
		if (g->gr_gid != gid)
			continue;
		snprintf(name, 64, "%s", g->gr_name);
		for (char **m = g->gr_mem; user && *m; m++)
			found |= !strcmp(*m, user);
	}
	if (f)
		fclose(f);
	return found;
}

static int no_permission(const struct zbctl *z, int err)
{
	struct stat st;
	char group[64];

	if (is_root() || stat(z->device, &st))
		return zb_err(err, "%s: permission denied: %s", z->device,
			      strerror(err));
	if ((st.st_mode & 060) != 060)
		return zb_err(err,
			      "%s: permission denied: only root may use it: run zbctl as root, or ask the administrator to make it a group's (udev rule 60-zbuddy.rules)",
			      z->device);
	if (in_group_file(st.st_gid, group))
		return zb_err(err, "%s: permission denied: log in again: you are in group %s now",
			      z->device, group);
	return zb_err(err,
		      "%s: permission denied: it is group %s's: run zbctl as root, or ask the administrator to usermod -a -G %s you",
		      z->device, group, group);
}

/* Why the device can't be opened. */
int open_err(const struct zbctl *z, int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return no_device(z, err);
	case EACCES:
	case EPERM:
		return no_permission(z, err);
	default:
		return zb_err(err, "%s: %s", z->device, strerror(err));
	}
}

/* Why the first ioctl failed, most likely: it is another device. */
int info_err(struct zbctl *z, int err)
{
	if (err == ENOTTY)
		return zb_err(err, "%s: not a zbuddy device: name the right one with --device",
			      z->device);
	return zb_err(err, "%s: %s", z->device, strerror(err));
}

static bool locked_down(void)
{
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";

	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = '\0';
		fclose(f);
	}
	return strchr(line, '[') && !strstr(line, "[none]");
}

static int no_debugfs(const struct zbctl *z, const char *path, int err)
{
	struct statfs fs;

	if (!strncmp(z->debugfs, "/sys/kernel/debug", 17) &&
	    (statfs("/sys/kernel/debug", &fs) || fs.f_type != DEBUGFS_TYPE))
		return zb_err(err,
			      "%s: no such file: debugfs is not mounted: %smount -t debugfs none /sys/kernel/debug",
			      path, is_root() ? "" : "ask the administrator to ");
	if (!exists(MODULE))
		return zb_err(err, "%s: no such file: the module is not loaded: %s",
			      path, load_text());
	return zb_err(err, "%s: no such file: name the right directory with --debugfs",
		      path);
}

/* Why a file in debugfs can't be used. */
int debugfs_err(const struct zbctl *z, const char *path, int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		if (is_root() && locked_down())
			return zb_err(err,
				      "%s: the kernel is locked down, which closes this file also to root: boot without lockdown (Secure Boot), or do without: lists are drained when the last user closes the device",
				      path);
		return zb_err(err, "%s: permission denied: debugfs is root's: run zbctl as root",
			      path);
	case ENOENT:
	case ENOTDIR:
		return no_debugfs(z, path, err);
	default:
		return zb_err(err, "%s: %s", path, strerror(err));
	}
}
