// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: why the device, a file in debugfs or a handle cannot be used, and the remedy.
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
			   "ask the administrator to run modprobe zbuddy size=64M";
}

static int no_device(const struct zbctl *z)
{
	if (!exists(MODULE))
		return zb_err("%s: no such device: the module is not loaded: %s",
			      z->device, load_text());
	return zb_err("%s: no such device, but the module is loaded: name the right one with --device (the number is in /proc/misc)",
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
		return zb_err("%s: permission denied: %s", z->device,
			      strerror(err));
	if ((st.st_mode & 060) != 060)
		return zb_err("%s: permission denied: only root may use it: run zbctl as root, or ask the administrator to open it to a group (udev rule 60-zbuddy.rules)",
			      z->device);
	if (in_group_file(st.st_gid, group))
		return zb_err("%s: permission denied: you were added to group %s after you logged in: log in again",
			      z->device, group);
	return zb_err("%s: permission denied: only group %s may use it: run zbctl as root, or ask the administrator to run usermod -a -G %s USER",
		      z->device, group, group);
}

/* Explain why the device cannot be opened. */
int open_err(const struct zbctl *z, int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return no_device(z);
	case EACCES:
	case EPERM:
		return no_permission(z, err);
	default:
		return zb_err("%s: %s", z->device, strerror(err));
	}
}

/* Explain why the first ioctl failed; most likely it is another device. */
int info_err(struct zbctl *z, int err)
{
	if (err == ENOTTY)
		return zb_err("%s: not a zbuddy device: name the right one with --device",
			      z->device);
	return zb_err("%s: %s", z->device, strerror(err));
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

static int no_debugfs(const struct zbctl *z, const char *path)
{
	struct statfs fs;

	if (!strncmp(z->debugfs, "/sys/kernel/debug", 17) &&
	    (statfs("/sys/kernel/debug", &fs) || fs.f_type != DEBUGFS_TYPE))
		return zb_err("%s: no such file: debugfs is not mounted: %smount -t debugfs none /sys/kernel/debug",
			      path, is_root() ? "" : "ask the administrator to ");
	if (!exists(MODULE))
		return zb_err("%s: no such file: the module is not loaded: %s",
			      path, load_text());
	return zb_err("%s: no such file: name the right directory with --debugfs",
		      path);
}

/* Root is refused by lockdown, or because a container or a security module restricts it. */
static int no_debugfs_for_root(const char *path, int err)
{
	bool drain = strlen(path) > 6 && !strcmp(path + strlen(path) - 6, "/drain");
	const char *also =
		", or close the device: the lists are drained when its last user is gone";

	if (!locked_down())
		return zb_err("%s: root may not use it: %s: run zbctl outside of a container, or see the log of the security module",
			      path, strerror(err));
	return zb_err("%s: the kernel is locked down, so that not even root may use this file: boot without lockdown (Secure Boot)%s",
		      path, drain ? also : "");
}

/* Explain why a file in debugfs cannot be used. */
int debugfs_err(const struct zbctl *z, const char *path, int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		if (is_root())
			return no_debugfs_for_root(path, err);
		return zb_err("%s: permission denied: only root may use debugfs: run zbctl as root",
			      path);
	case ENOENT:
	case ENOTDIR:
		return no_debugfs(z, path);
	default:
		return zb_err("%s: %s", path, strerror(err));
	}
}

/* Explain why a command on a handle failed. */
int buffer_err(const char *what, __u32 handle, int err)
{
	switch (err) {
	case ENOENT:
		return zb_err("%s: handle %u does not belong to this open file",
			      what, handle);
	case EPERM:
		return zb_err("%s: handle %u: physical addresses require CAP_SYS_RAWIO: run zbctl as root",
			      what, handle);
	case EACCES:
		return zb_err("%s: handle %u: the device is not open for writing",
			      what, handle);
	case EOPNOTSUPP:
		return zb_err("%s: this kernel does not support it: see the features in zbctl info",
			      what);
	case EMFILE:
		return zb_err("%s: too many open files: raise the limit with ulimit -n",
			      what);
	default:
		return zb_err("%s: handle %u: %s", what, handle,
			      strerror(err));
	}
}
