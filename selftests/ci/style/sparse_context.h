/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lock annotations for sparse, included before anything else.
 *
 * Newer kernels define these annotations for clang only and leave them empty for
 * sparse, which then cannot detect an unreleased lock. This header replaces the
 * kernel's and defines them for sparse, which counts held locks without telling
 * them apart. Functions that may fail to take a lock do not change the count.
 */
#ifndef _LINUX_COMPILER_CONTEXT_ANALYSIS_H
#define _LINUX_COMPILER_CONTEXT_ANALYSIS_H

#define __zb_context(in, out)	__attribute__((context(zb, in, out)))

#define __must_hold(...)		__zb_context(1, 1)
#define __must_hold_shared(...)		__zb_context(1, 1)
#define __must_not_hold(...)
#define __acquires(...)			__zb_context(0, 1)
#define __acquires_shared(...)		__zb_context(0, 1)
#define __releases(...)			__zb_context(1, 0)
#define __releases_shared(...)		__zb_context(1, 0)
#define __acquire(lock)			__context__(zb, 1)
#define __acquire_shared(lock)		__context__(zb, 1)
#define __release(lock)			__context__(zb, -1)
#define __release_shared(lock)		__context__(zb, -1)
#define __acquires_ret
#define __acquires_shared_ret
#define __acquire_ret(call, lock)	(call)
#define __acquire_shared_ret(call, lock) (call)
#define __cond_acquires(ret, lock)
#define __cond_acquires_shared(ret, lock)
#define __cond_releases(ret, lock)

/* The macros that the lock headers of the kernel use. */
#define __acquires_ctx_lock(...)	__zb_context(0, 1)
#define __acquires_shared_ctx_lock(...)	__zb_context(0, 1)
#define __releases_ctx_lock(...)	__zb_context(1, 0)
#define __releases_shared_ctx_lock(...)	__zb_context(1, 0)
#define __acquire_ctx_lock(lock)	__context__(zb, 1)
#define __acquire_shared_ctx_lock(lock)	__context__(zb, 1)
#define __release_ctx_lock(lock)	__context__(zb, -1)
#define __release_shared_ctx_lock(lock)	__context__(zb, -1)
#define __try_acquires_ctx_lock(...)
#define __try_acquires_shared_ctx_lock(...)
#define __try_acquire_ctx_lock(lock, ret)	(ret)
#define __try_acquire_shared_ctx_lock(lock, ret) (ret)
#define __requires_ctx_lock(...)
#define __requires_shared_ctx_lock(...)
#define __excludes_ctx_lock(...)
#define __assumes_ctx_lock(...)
#define __assumes_shared_ctx_lock(...)
#define __assume_ctx_lock(lock)		do { } while (0)
#define __assume_shared_ctx_lock(lock)	do { } while (0)
#define __returns_ctx_lock(...)

/* Annotations that sparse does not support. */
#define __ctx_lock_type(name)
#define __reentrant_ctx_lock
#define __guarded_by(...)
#define __pt_guarded_by(...)
#define __no_context_analysis
#define __context_unsafe(why)
#define context_unsafe(...)		({ __VA_ARGS__; })
#define context_unsafe_alias(p)
#define disable_context_analysis()
#define enable_context_analysis()
#define context_lock_struct(name, ...)	struct __VA_ARGS__ name
#define token_context_lock(name, ...)					\
	struct __ctx_lock_##name {};					\
	extern const struct __ctx_lock_##name *name
#define token_context_lock_instance(kind, name)				\
	extern const struct __ctx_lock_##kind *name

#endif /* _LINUX_COMPILER_CONTEXT_ANALYSIS_H */
