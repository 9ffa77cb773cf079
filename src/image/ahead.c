/* A ring of buffers between two threads. */
#include "image/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS     16
#define SLOT_SIZE ((size_t)128 * 1024)

struct slot {
	uint8_t *data;
	ssize_t len; /* 0: the end; below: a failure */
};

struct ahead {
	tar_read_fn read;
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[SLOTS];
	unsigned first, n; /* filled slots */
	size_t at;         /* used of the first one */
	bool stop;
	struct err error; /* of the slot with a failure */
};

/* A slot to fill: false if nobody wants it any more. */
static bool await_room(struct ahead *a, struct slot **ret)
{
	bool stop;

	(void)pthread_mutex_lock(&a->lock);
	while (a->n == SLOTS && !a->stop)
		(void)pthread_cond_wait(&a->changed, &a->lock);
	*ret = &a->slots[(a->first + a->n) % SLOTS];
	stop = a->stop;
	(void)pthread_mutex_unlock(&a->lock);
	return !stop;
}

static void *run(void *arg)
{
	struct ahead *a = arg;
	struct slot *s;

	while (await_room(a, &s)) {
		s->len = a->read(a->ctx, s->data, SLOT_SIZE, &a->error);
		(void)pthread_mutex_lock(&a->lock);
		a->n++;
		(void)pthread_cond_signal(&a->changed);
		(void)pthread_mutex_unlock(&a->lock);
		if (s->len <= 0)
			break;
	}
	return NULL;
}

int ahead_new(tar_read_fn read, void *ctx, struct ahead **ret)
{
	struct ahead *a = calloc(1, sizeof(*a));
	uint8_t *data = malloc(SLOTS * SLOT_SIZE);
	int r = a && data ? 0 : -ENOMEM;

	if (r == 0) {
		a->read = read;
		a->ctx = ctx;
		(void)pthread_mutex_init(&a->lock, NULL);
		(void)pthread_cond_init(&a->changed, NULL);
		for (unsigned i = 0; i < SLOTS; i++)
			a->slots[i].data = data + i * SLOT_SIZE;
		r = -pthread_create(&a->thread, NULL, run, a);
	}
	if (r < 0) {
		free(data);
		free(a);
		return r;
	}
	*ret = a;
	/* cppcheck-suppress memleak ; the slots hold it */
	return 0;
}

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	(void)pthread_mutex_lock(&a->lock);
	a->stop = true;
	(void)pthread_cond_signal(&a->changed);
	(void)pthread_mutex_unlock(&a->lock);
	(void)pthread_join(a->thread, NULL);
	(void)pthread_cond_destroy(&a->changed);
	(void)pthread_mutex_destroy(&a->lock);
	free(a->slots[0].data);
	free(a);
}

ssize_t ahead_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct ahead *a = ctx;
	struct slot *s;
	size_t n;

	(void)pthread_mutex_lock(&a->lock);
	while (a->n == 0)
		(void)pthread_cond_wait(&a->changed, &a->lock);
	s = &a->slots[a->first];
	(void)pthread_mutex_unlock(&a->lock);
	/* The end and a failure stay where they are. */
	if (s->len <= 0) {
		if (s->len < 0)
			*e = a->error;
		return s->len;
	}
	n = MIN(len, (size_t)s->len - a->at);
	memcpy(buf, s->data + a->at, n);
	a->at += n;
	if (a->at < (size_t)s->len)
		return (ssize_t)n;
	a->at = 0;
	(void)pthread_mutex_lock(&a->lock);
	a->first = (a->first + 1) % SLOTS;
	a->n--;
	(void)pthread_cond_signal(&a->changed);
	(void)pthread_mutex_unlock(&a->lock);
	return (ssize_t)n;
}
