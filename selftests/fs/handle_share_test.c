// SPDX-License-Identifier: GPL-2.0
/* Handles and descriptors of the same buffers in several processes and threads at once. */
#include "handle.h"

#include <pthread.h>
#include <sys/wait.h>

/* Another process makes a handle of its own from a passed descriptor, and is killed. */
TEST_F(fs, passed_to_another_process)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	struct zb_ioc_from_file from;
	int pair[2], dev;
	pid_t pid;
	char *p;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	if (!pid) {
		close(b.fd);
		close(self->zb.fd);
		dev = zb_open();
		if (zb_from_file(dev, zb_recv_fd(pair[1]), &from))
			_exit(1);
		p = zb_map_at(dev, LENGTH, from.mmap_offset);
		zb_fill(p, 0, LENGTH, 21);
		if (write(pair[1], "", 1) != 1)
			_exit(2);
		for (;;)
			pause();
	}
	ASSERT_EQ(0, zb_send_fd(pair[0], b.fd));
	close(b.fd);
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	ASSERT_EQ(1, read(pair[0], &dev, 1));
	EXPECT_GE(self->zb.free - LENGTH, zb_free_bytes(self->zb.fd));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_ALL_FREE();
}

#define NR_MOVED	32

/* Buffers that live as descriptors only are moved while they are read and mapped. */
TEST_F(fs, compaction_moves_files)
{
	long moved = zb_vmstat("pgmigrate_success");
	struct both b[NR_MOVED];
	char *p[NR_MOVED];
	int i;

	if (access(ZB_DEBUGFS "compact", W_OK))
		SKIP(return, "no debugfs file compact");
	for (i = 0; i < NR_MOVED; i++) {
		b[i] = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
		p[i] = map_file(b[i].fd, LENGTH);
		ASSERT_NE(MAP_FAILED, (void *)p[i]);
		zb_fill(p[i], 0, LENGTH, i);
		EXPECT_EQ(0, zb_free(self->zb.fd, b[i].a.handle));
	}
	for (i = 1; i < NR_MOVED; i += 2) {
		munmap(p[i], LENGTH);
		close(b[i].fd);
	}
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, zb_write_file(ZB_DEBUGFS "compact", "1"));
	moved = zb_vmstat("pgmigrate_success") - moved;
	EXPECT_LT(0, moved);
	TH_LOG("%ld pages moved", moved);
	for (i = 0; i < NR_MOVED; i += 2)
		EXPECT_TRUE(zb_filled(p[i], 0, LENGTH, i)) TH_LOG("buffer %d", i);
}

struct racer {
	int dev, fd, stop;
	unsigned int seed, odd;
	struct zb_ioc_alloc a;
};

/* Random operations on the same few handles; counts results that must not occur. */
static void race_once(struct racer *r)
{
	__u32 nr = 1 + (__u32)rand_r(&r->seed) % 16;
	struct zb_ioc_from_file from;
	struct zb_ioc_query q;
	int rc = 0, fd;
	char *p;

	switch (rand_r(&r->seed) % 6) {
	case 0:
		rc = zb_from_file(r->dev, r->fd, &from);
		r->odd += rc != 0;
		break;
	case 1:
	case 2:
		rc = zb_free(r->dev, nr);
		break;
	case 3:
		rc = zb_query(r->dev, nr, &q);
		r->odd += !rc && q.length != LENGTH;
		break;
	case 4:
		fd = zb_to_file(r->dev, nr, ZB_FILE_RDWR | ZB_FILE_CLOEXEC);
		rc = fd < 0 ? fd : 0;
		if (fd >= 0) {
			p = map_file(fd, LENGTH);
			/* another thread may not have written to a new buffer yet */
			r->odd += *p && *p != 'h';
			close(fd);
			munmap(p, LENGTH);
		}
		break;
	case 5:
		r->odd += zb_alloc_length(r->dev, LENGTH, ZB_GFP_ANYZONE, &r->a) != 0;
		p = zb_map(r->dev, &r->a);
		if ((void *)p != MAP_FAILED) {
			*p = 'h';
			munmap(p, LENGTH);
		}
		/* Another thread may have freed it already. */
		zb_free(r->dev, r->a.handle);
	}
	r->odd += rc && rc != -ENOENT;
}

static void *race_thread(void *arg)
{
	struct racer *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		race_once(r);
	return NULL;
}

/* Threads make, use and free handles of one buffer, and of others beside it. */
TEST_F(fs, race)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	struct racer r[4];
	pthread_t threads[4];
	int dev = zb_open(), i;

	ASSERT_EQ(4, pwrite(b.fd, "hhhh", 4, 0));
	for (i = 0; i < 4; i++) {
		r[i] = (struct racer){ .dev = dev, .fd = b.fd, .seed = (unsigned int)i };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_thread, &r[i]));
	}
	zb_sleep_ms(1000);
	for (i = 0; i < 4; i++) {
		__atomic_store_n(&r[i].stop, 1, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, r[i].odd);
	}
	close(dev);
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	close(b.fd);
	EXPECT_ALL_FREE();
}

TEST_HARNESS_MAIN
