/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A place in a command's scatterlist, found by its offset in the command's
 * data. Data comes and goes in order nearly always, so a step forward is cheap
 * and a step back starts from the front.
 */
#ifndef _HWS_CURSOR_H
#define _HWS_CURSOR_H

#include <linux/highmem.h>
#include <linux/scatterlist.h>

struct hws_cursor {
	struct scatterlist *first;
	struct scatterlist *sg;		/* NULL once past the end */
	u32 skip;			/* bytes into @sg */
	u32 pos;			/* bytes into the data */
};

static inline void hws_cursor_init(struct hws_cursor *c,
				   struct scatterlist *first)
{
	c->first = first;
	c->sg = first;
	c->skip = 0;
	c->pos = 0;
}

/* Bytes at hand without a gap; 0 only past the end. */
static inline u32 hws_cursor_run(const struct hws_cursor *c)
{
	return c->sg ? c->sg->length - c->skip : 0;
}

/* @n is at most hws_cursor_run(). */
static inline void hws_cursor_advance(struct hws_cursor *c, u32 n)
{
	c->pos += n;
	c->skip += n;
	if (c->sg && c->skip == c->sg->length) {
		c->sg = sg_next(c->sg);
		c->skip = 0;
	}
}

static inline void hws_cursor_seek(struct hws_cursor *c, u32 pos)
{
	if (likely(c->pos == pos))
		return;
	if (pos < c->pos)
		hws_cursor_init(c, c->first);
	while (c->pos < pos && c->sg)
		hws_cursor_advance(c, min(pos - c->pos, hws_cursor_run(c)));
}

/* Copies into the data and moves on. Any context; false if it ends too early. */
static inline bool hws_cursor_fill(struct hws_cursor *c, const u8 *from, u32 len)
{
	while (len) {
		u32 at, n = min(len, hws_cursor_run(c));
		struct page *page;
		u8 *to;

		if (!n)
			return false;
		at = c->sg->offset + c->skip;
		n = min_t(u32, n, PAGE_SIZE - offset_in_page(at));
		page = sg_page(c->sg) + (at >> PAGE_SHIFT);
		to = kmap_local_page(page);
		memcpy(to + offset_in_page(at), from, n);
		flush_dcache_page(page);
		kunmap_local(to);
		hws_cursor_advance(c, n);
		from += n;
		len -= n;
	}
	return true;
}

#endif /* _HWS_CURSOR_H */
