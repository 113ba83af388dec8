# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared by `kernel`, `run` and `build`: the cache folder, locks, logs, tools, apt.
#
# Results of slow steps are kept below $ZB_CACHE, in folders whose names identify
# their inputs. A folder is valid only if it contains the file `.complete`, which is
# written last, so that an interrupted step is repeated. Building elsewhere and
# renaming does not work because the build tree of a kernel contains its own path.

# Without this, `$(...)` would continue after an error.
shopt -s inherit_errexit

# Services run without HOME, which some tools need.
export HOME="${HOME:-/root}"

ZB_CACHE=${ZB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/zbuddy}

# The release of the stock guest, and the suite with its newest kernels.
ZB_RELEASE=trixie
ZB_KERNELS=$ZB_RELEASE-backports
ZB_SERIES=7.2
ZB_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# `kernel` overrides these for kernels of other releases.
ZB_APT=$ZB_CACHE/apt
ZB_SUITES="$ZB_RELEASE $ZB_KERNELS"
ZB_ARCHS=amd64

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 126
}

# quietly LOG COMMAND...: write the output to LOG and show its end on failure.
# `if COMMAND` would disable `set -e` inside a function, so it is not used here.
quietly() {
	local log=$1 status=0
	shift
	mkdir -p "${log%/*}"
	set +e
	(set -e; "$@" </dev/null >>"$log" 2>&1)
	status=$?
	set -e
	[[ $status -ne 0 ]] || return 0
	tail -n 25 "$log" >&2
	die "failed: ${*:1:2}; whole log: $log"
}

# locked NAME COMMAND...: run COMMAND under an exclusive lock. Child processes inherit
# the lock, so that one that outlives this script, for example after SIGTERM, can
# finish undisturbed.
locked() {
	local name=$1
	shift
	mkdir -p "$ZB_CACHE/locks"
	(
		flock -w 3 9 || { say "waiting for another process to finish ($name)"; flock 9; }
		"$@"
	) 9>"$ZB_CACHE/locks/$name"
}

complete() {
	[[ -e $1/.complete ]]
}

# make_once DIR FUNCTION: run FUNCTION DIR in an empty DIR unless DIR is complete.
make_once() {
	complete "$1" || locked "${1##*/}" __make_once "$@"
}

__make_once() {
	complete "$1" && return
	remove_tree "$1"
	mkdir -p "$1"
	"$2" "$1"
	touch "$1/.complete"
}

# An interrupted chroot may still have the host's /sys or /dev mounted in it.
remove_tree() {
	[[ ! -e $1 ]] || ! grep -qF " $(readlink -f "$1")/" /proc/self/mountinfo ||
		die "a filesystem is still mounted below $1"
	rm -rf --one-file-system -- "$1"
}

# confined COMMAND...: run COMMAND in namespaces of its own; its mounts and processes
# go away when this script ends.
confined() {
	setpriv --pdeathsig KILL unshare --mount --propagation private \
		--pid --fork --kill-child --mount-proc "$@"
}

# newest_complete PREFIX SUFFIX: print the newest complete folder of that name, if any.
newest_complete() {
	local dir found=
	while read -r dir; do
		if complete "$dir"; then
			found=$dir
		fi
	done < <(compgen -G "$ZB_CACHE/$1-[0-9]*$2" | sort -V)
	[[ $found ]] && echo "$found" # else fail
}

# hash_of FILE...: print a short hash of the contents (`-` is standard input).
hash_of() {
	cat -- "$@" | sha256sum | cut -c1-12
}

# --- kinds of kernels --------------------------------------------------------

# Options of guest/run for two NUMA nodes, each with half of the memory, a CPU and a CMA area.
# shellcheck disable=SC2034  # for the scripts that include this
two_nodes=(-a 'numa_cma=0:256M,1:256M' -q
	"-object memory-backend-ram,id=m0,size=1G -object memory-backend-ram,id=m1,size=1G
	-numa node,memdev=m0,cpus=0 -numa node,memdev=m1,cpus=1")

zb_guest=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

# debian_kernels: print the table without its comments.
debian_kernels() {
	grep -v '^#' "$zb_guest/kernels"
}

# kind_row KIND: print its line of the table; fails if there is none.
kind_row() {
	debian_kernels | awk -v kind="$1" '$1 == kind { print; found = 1 } END { exit !found }'
}

arch_of_flavour() {
	case $1 in
	*arm64) echo arm64 ;;
	*) echo amd64 ;;
	esac
}

# check_kind KIND
check_kind() {
	[[ $1 == @(stock|debug|kcsan|uml) ]] || kind_row "$1" >/dev/null ||
		die "unknown kind of kernel $1: choose one of stock, debug, kcsan, uml," \
			"$(debian_kernels | cut -f1 | paste -sd' ')"
}

# make_arguments FOLDER: print the make arguments to build for the kernel in FOLDER.
make_arguments() {
	echo "KDIR=$(cat "$1/kdir")"
	[[ ! -e $1/cross ]] || cat "$1/cross"
}

# objects_of COMPILER: print the folder in which ccache keeps objects. Every clone of the tree
# and every kernel whose modules the same compiler builds share it.
objects_of() {
	mkdir -p "$ZB_CACHE/ccache/$1"
	echo "$ZB_CACHE/ccache/$1"
}

# --- tools of the host -----------------------------------------------------

as_root() {
	[[ $EUID -eq 0 ]] || die "must run as root (mounts, chroot and package installation)"
}

# missing_packages COMMAND-OR-FILE:PACKAGE...: print the packages whose command or file
# is missing on this machine.
missing_packages() {
	local pair what
	for pair; do
		what=${pair%%:*}
		if [[ $what == /* ]]; then
			[[ -e $what ]] || echo "${pair#*:}"
		else
			command -v "$what" >/dev/null || echo "${pair#*:}"
		fi
	done
}

# need COMMAND-OR-FILE:PACKAGE...: install only what is missing. check.sh
# announces its packages before the first step, so each pair must be in its list.
need() {
	local pair missing
	for pair; do
		[[ ! ${ZB_PACKAGES:-} || " $ZB_PACKAGES " == *" $pair "* ]] ||
			die "$pair is needed, but the file packages does not list it for this part"
	done
	missing=$(missing_packages "$@" | sort -u)
	# shellcheck disable=SC2086  # several packages
	[[ ! $missing ]] || locked host-packages install $missing
}

# packages_of PART-OR-@GROUP: print its pairs from the file packages, including those of
# its groups, separated by blanks.
packages_of() {
	local name pairs word all=''
	while read -r name pairs; do
		[[ $name == "$1" ]] || continue
		for word in $pairs; do
			[[ $word != @* ]] || word=$(packages_of "$word")
			all+=" $word"
		done
	done <"$zb_guest/../ci/packages"
	[[ $all ]] || die "the file packages does not have a line for $1"
	echo "${all# }"
}

install() {
	local log=$ZB_CACHE/logs/packages.log
	as_root
	mkdir -p "${log%/*}"
	say "installing on this machine: $*"
	host_apt "$log" "$@" && return
	apt-get -o DPkg::Lock::Timeout=600 update >>"$log" 2>&1 || true
	quietly "$log" host_apt "$log" "$@"
}

# A service that a package starts must not inherit our lock.
host_apt() {
	local log=$1
	shift
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -y \
		--no-install-recommends install "$@" </dev/null >>"$log" 2>&1 9>&-
}

# --- Debian packages besides the host's own -----------------------------------
#
# The host may run another Debian release, or Ubuntu. apt's own tools read the indexes
# of the guest's release, with separate state, cache and sources.

# The Debian mirror that this machine uses, or else the default of mmdebstrap.
debian_mirror() {
	local uri
	# shellcheck disable=SC2016  # apt fills these in
	uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' |
		sed -n 's/^Debian|Debian|main|//p' | head -n 1)
	if [[ -z $uri ]]; then
		need mmdebstrap:mmdebstrap
		uri=$(mmdebstrap_mirror)
	fi
	[[ $uri ]] || die "found no Debian mirror in apt's configuration"
	echo "$uri"
}

# A setup hook that prints the sources and then fails before anything is downloaded.
mmdebstrap_mirror() {
	local dir
	dir=$(mktemp -d)
	# shellcheck disable=SC2016  # $1 is for the hook
	mmdebstrap --variant=extract --setup-hook='cat "$1/etc/apt/sources.list" >&2; false' \
		"$ZB_RELEASE" "$dir/root" 2>&1 </dev/null |
		sed -n "s/^deb .*\(\(http\|https\|file\|cdrom\|copy\):[^ ]*\) $ZB_RELEASE main.*/\1/p" | head -n 1
	rm -rf "$dir"
}

guest_sources() {
	local suite uri
	uri=$(debian_mirror)
	for suite in $ZB_SUITES; do
		echo "deb [signed-by=$ZB_KEYRING] $uri $suite main"
	done
}

# guest_apt TOOL ARGUMENT...: run apt-get or apt-cache for the guest's release.
guest_apt() {
	local tool=$1 dir=$ZB_APT
	shift
	"$tool" -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir/cache" -o Dir::Etc::sourcelist="$dir/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o APT::Architecture=amd64 \
		-o APT::Architectures="$ZB_ARCHS" -o APT::Sandbox::User=root \
		-o APT::Default-Release="$ZB_KERNELS" "$@"
}

# Skip the update if it is recent: another process may be reading the index.
guest_apt_update() {
	local dir=$ZB_APT
	[[ ! $(find "$dir/updated" -mmin -10 2>/dev/null) ]] || return 0
	need "$ZB_KEYRING:debian-archive-keyring"
	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial}
	touch "$dir/status"
	guest_sources >"$dir/sources.list"
	quietly "$ZB_CACHE/logs/apt.log" guest_apt apt-get update
	touch "$dir/updated"
}

# newest_package SERIES-REGEX BEFORE AFTER: print the newest package name that matches.
newest_package() {
	guest_apt apt-cache search --names-only "^$2$1$3\$" | cut -d' ' -f1 | sort -V | tail -n 1
}

# pick_package BEFORE MIDDLE AFTER: print the newest package of our kernel series, or
# of any series if there is none.
pick_package() {
	local name
	name=$(newest_package "${ZB_SERIES/./\\.}$2" "$1" "$3")
	if [[ -z $name ]]; then
		name=$(newest_package '[0-9]+\.[0-9]+'"$2" "$1" "$3")
		[[ $name ]] || die "$ZB_KERNELS does not have a package $1*"
		say "$ZB_KERNELS does not have $ZB_SERIES any more, using $name"
	fi
	echo "$name"
}

package_version() {
	guest_apt apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'
}

# unpack_package NAME DIR: unpack the files of a package without installing it.
unpack_package() {
	local dir=$2/.deb
	mkdir -p "$dir"
	(cd "$dir" && guest_apt apt-get download "$1")
	dpkg-deb -x "$dir"/*.deb "$2"
	rm -rf "$dir"
}
