// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loaded into fio (LD_PRELOAD) in the guest: sets the marks (mark.h) around a number of I/Os in
 * the middle of a run, so that neither fio's start nor its end is part of what is measured.
 *
 * It stands in front of libaio's io_getevents() and counts completions. The window begins at the
 * first return that brings the count to FIOWINDOW_SKIP and ends at the first return that has
 * brought FIOWINDOW_COUNT more. Completions come in batches, so the window holds a few I/Os more
 * than asked for; how many, and how long they took, is written to FIOWINDOW_OUT as one line:
 *
 *   <I/Os> <nanoseconds>
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mark.h"

struct io_event;
typedef struct io_context *io_context_t;
typedef int (*io_getevents_t)(io_context_t context, long min_nr, long nr, struct io_event *events,
			      struct timespec *timeout);

__attribute__((visibility("default"))) int io_getevents(io_context_t context, long min_nr, long nr,
							struct io_event *events,
							struct timespec *timeout);

/* One fio job, one thread: nothing here is shared. */
static struct {
	enum { UNSTARTED, BEFORE, WITHIN, AFTER } state;
	io_getevents_t next;
	uint64_t skip;
	uint64_t count;
	uint64_t completed;
	uint64_t begun_at;
	uint64_t begun_ns;
} window;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t env_number(const char *name)
{
	const char *value = getenv(name);
	char *end;
	uint64_t number;

	number = value ? strtoull(value, &end, 10) : 0;
	if (!number || *end) {
		fprintf(stderr, "fiowindow: %s is not a number above 0\n", name);
		exit(1);
	}
	return number;
}

static void window_prepare(void)
{
	window.next = (io_getevents_t)dlsym(RTLD_NEXT, "io_getevents");
	if (!window.next) {
		fprintf(stderr, "fiowindow: %s\n", dlerror());
		exit(1);
	}
	window.skip = env_number("FIOWINDOW_SKIP");
	window.count = env_number("FIOWINDOW_COUNT");
	window.state = BEFORE;
}

static void window_report(uint64_t ns)
{
	const char *path = getenv("FIOWINDOW_OUT");
	FILE *out = path ? fopen(path, "we") : NULL;

	uint64_t ios = window.completed - window.begun_at;

	if (!out || fprintf(out, "%" PRIu64 " %" PRIu64 "\n", ios, ns) < 0 || fclose(out)) {
		perror("fiowindow: FIOWINDOW_OUT");
		exit(1);
	}
}

int io_getevents(io_context_t context, long min_nr, long nr, struct io_event *events,
		 struct timespec *timeout)
{
	int got;

	if (window.state == UNSTARTED)
		window_prepare();
	got = window.next(context, min_nr, nr, events, timeout);
	if (got <= 0)
		return got;

	window.completed += (uint64_t)got;
	if (window.state == BEFORE && window.completed >= window.skip) {
		window.state = WITHIN;
		window.begun_at = window.completed;
		window.begun_ns = now_ns();
		MARK(MARK_BEGIN);
	} else if (window.state == WITHIN && window.completed - window.begun_at >= window.count) {
		MARK(MARK_END);
		window.state = AFTER;
		window_report(now_ns() - window.begun_ns);
	}
	return got;
}
