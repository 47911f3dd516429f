// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving PDUs to TCP.
 *
 * The right to send is the socket lock. A submitter puts its task on the
 * connection's lock-free list, and at the last request of a batch it sends, if
 * the socket's spinlock can be had without waiting: TCP's own softirq sends like
 * that, and queuecommand(), under RCU, could not sleep for the lock. A switch to
 * a worker would cost more than the sending does, at any queue depth. What is
 * left over goes to the worker: it locks the socket as a process, gives TCP as
 * much as it takes, and lets go of the lock now and then so that what came in
 * meanwhile (TCP's backlog) is worked off.
 *
 * Headers are copied; pages of data are spliced, and must not change until they
 * are acknowledged: a data digest is computed when a page is given to TCP, so
 * with data digests stable writes are set on the device.
 */
#include <linux/sched/mm.h>
#include <net/tcp.h>
#include <scsi/scsi_cmnd.h>

#include "compat/compat.h"
#include "connection.h"
#include "digest.h"
#include "main.h"
#include "proto/serial.h"
#include "session.h"
#include "stats.h"
#include "task.h"

enum {
	/* calls to TCP until its backlog is worked off */
	CALLS_PER_LOCK = 16,
	/* the same for a submitter, who keeps softirqs off meanwhile */
	CALLS_AT_ONCE = 4,
	/* times that the lock is taken until others get the CPU */
	LOCKS_PER_RUN = 16,
	/* until memory may be had again, when no socket buffer is in flight */
	RETRY_MS = 20,
};

void hws_send_kick(struct hws_conn *conn)
{
	queue_work(hws_send_wq, &conn->send_work);
}

/* On one connection CmdSNs ascend (RFC 7143 section 4.2.2.1). */
static void add_retry(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_task *other;

	list_for_each_entry_reverse(other, &conn->retries, entry)
		if (hws_sn_before(other->cmd_sn, task->cmd_sn))
			break;
	list_add(&task->entry, &other->entry);
}

/**
 * hws_conn_retry - send a command again on the connection that it went out on
 * @conn: the connection, socket locked
 * @task: ACTIVE; the target does not have it
 *
 * From its beginning, with its CmdSN and tag. A data PDU of it that TCP has in part
 * goes out whole before.
 */
void hws_conn_retry(struct hws_conn *conn, struct hws_task *task)
{
	list_del_init(&task->data_entry);
	task->sequences.head = 0;
	task->sequences.count = 0;
	task->state = HWS_TASK_QUEUED;
	add_retry(conn, task);
	hws_send_kick(conn);
}

/* True when there was something. */
static bool take_submitted(struct hws_conn *conn)
{
	struct llist_node *list;
	struct hws_task *task, *next;

	if (llist_empty(&conn->submitted))
		return false;
	list = llist_reverse_order(llist_del_all(&conn->submitted));
	llist_for_each_entry_safe(task, next, list, submit) {
		task->state = HWS_TASK_QUEUED;
		if (task->kind != HWS_TASK_COMMAND)
			list_add_tail(&task->entry, &conn->requests);
		else if (unlikely(task->numbered))
			add_retry(conn, task);
		else
			list_add_tail(&task->entry, &conn->commands);
	}
	return true;
}

/*
 * Takes what was submitted into the queues, in order. Socket locked. Who submitted
 * it kicks only connections that still have something there, so this does, unless
 * the connection is down: then the caller gives it all back.
 */
void hws_conn_take_submitted(struct hws_conn *conn)
{
	if (take_submitted(conn) && READ_ONCE(conn->sk))
		hws_send_kick(conn);
}

static int send_bytes(struct sock *sk, const void *bytes, u32 length, int flags)
{
	struct msghdr msg = { .msg_flags = flags };
	struct kvec vec = { .iov_base = (void *)bytes, .iov_len = length };

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, length);
	return tcp_sendmsg_locked(sk, &msg, length);
}

/*
 * How much of @run bytes at @at may be one fragment of a packet: what lies in
 * one compound page, or in pages that are none. The block layer joins compound
 * pages that are neighbours by chance, but whoever copies a packet to userspace,
 * a target on this machine or a packet capture, is stopped by the kernel's own
 * checks (hardened usercopy) where a fragment leaves the one that it began in.
 */
static u32 one_fragment(struct page *page, u32 at, u32 run)
{
	struct page *p = page + (at >> PAGE_SHIFT);
	struct page *head = compound_head(p);
	u32 length = PAGE_SIZE - offset_in_page(at);

	if (PageCompound(p)) {
		unsigned long skip = page_to_pfn(p) - page_to_pfn(head);

		return min_t(unsigned long, run, page_size(head) -
			     (skip << PAGE_SHIFT) - offset_in_page(at));
	}
	while (length < run && !PageCompound(++p))
		length += PAGE_SIZE;
	return min(run, length);
}

/* A few runs of a command's data; sets @length to what they cover. */
static unsigned int gather(const struct hws_cursor *from, u32 limit,
			   struct bio_vec *bv, u32 *length)
{
	struct hws_cursor c = *from;
	unsigned int n = 0;

	*length = 0;
	while (n < HWS_OUT_VECTORS && *length < limit) {
		u32 run = min(limit - *length, hws_cursor_run(&c));
		u32 at;

		if (!run)
			break;
		at = c.sg->offset + c.skip;
		run = one_fragment(sg_page(c.sg), at, run);
		if (!hws_compat_sendpages_ok(sg_page(c.sg), at, run))
			break;
		bvec_set_page(&bv[n++], sg_page(c.sg) + (at >> PAGE_SHIFT), run,
			      offset_in_page(at));
		*length += run;
		hws_cursor_advance(&c, run);
	}
	return n;
}

/* The digest of @length bytes from the cursor on, page by page. */
static u32 digest_run(u32 crc, const struct hws_cursor *from, u32 length)
{
	struct hws_cursor c = *from;

	while (length) {
		u32 at = c.sg->offset + c.skip;
		u32 n = min3(length, hws_cursor_run(&c),
			     (u32)(PAGE_SIZE - offset_in_page(at)));
		u8 *p = kmap_local_page(sg_page(c.sg) + (at >> PAGE_SHIFT));

		crc = hws_crc32c(crc, p + offset_in_page(at), n);
		kunmap_local(p);
		hws_cursor_advance(&c, n);
		length -= n;
	}
	return crc;
}

/* Pages that TCP may not hold (slab memory) are copied. */
static int send_copied(struct sock *sk, const struct hws_cursor *c, u32 limit,
		       int flags, u32 *tried)
{
	u32 at = c->sg->offset + c->skip;
	u32 n = min3(limit, hws_cursor_run(c),
		     (u32)(PAGE_SIZE - offset_in_page(at)));
	u8 *p = kmap_local_page(sg_page(c->sg) + (at >> PAGE_SHIFT));
	int ret;

	if (n < limit)
		flags |= MSG_MORE;
	ret = send_bytes(sk, p + offset_in_page(at), n, flags);
	kunmap_local(p);
	*tried = n;
	return ret;
}

static int send_command_data(struct hws_conn *conn, struct sock *sk, int flags)
{
	struct bio_vec bv[HWS_OUT_VECTORS];
	struct hws_out *out = &conn->out;
	unsigned int n;
	u32 length;
	int ret;

	n = gather(&out->cursor, out->data_left, bv, &length);
	if (n) {
		if (length < out->data_left)
			flags |= MSG_MORE;
		ret = hws_compat_send_pages(sk, bv, n, length, flags);
	} else if (out->cursor.sg) {
		ret = send_copied(sk, &out->cursor, out->data_left, flags,
				  &length);
	} else {
		return -EIO;
	}
	if (ret <= 0)
		return ret;
	if (out->digest)
		out->crc = digest_run(out->crc, &out->cursor, ret);
	while (ret) {
		u32 step = min_t(u32, ret, hws_cursor_run(&out->cursor));

		hws_cursor_advance(&out->cursor, step);
		out->data_left -= step;
		ret -= step;
	}
	return 1;
}

/* Data of ours, or zeroes in place of a command that is gone. */
static int send_plain_data(struct hws_conn *conn, struct sock *sk, int flags)
{
	struct hws_out *out = &conn->out;
	const u8 *from = out->bytes ?: page_address(ZERO_PAGE(0));
	u32 n = out->bytes ? out->data_left :
			     min_t(u32, out->data_left, PAGE_SIZE);
	int ret;

	if (n < out->data_left)
		flags |= MSG_MORE;
	ret = send_bytes(sk, from, n, flags);
	if (ret <= 0)
		return ret;
	if (out->digest)
		out->crc = hws_crc32c(out->crc, from, ret);
	if (out->bytes)
		out->bytes += ret;
	out->data_left -= ret;
	return 1;
}

/* Pad and digest follow the data; they wait in the head for what is next. */
static void close_data(struct hws_conn *conn)
{
	static const u8 zeroes[HWS_PAD_TO];
	struct hws_out *out = &conn->out;

	/* Where the next sequence of the task most likely goes on. */
	if (out->task && out->task->kind == HWS_TASK_COMMAND)
		out->task->cursor = out->cursor;
	memcpy(out->head, zeroes, out->pad);
	out->head_len = out->pad;
	if (out->digest) {
		__le32 digest;

		digest = cpu_to_le32(~hws_crc32c(out->crc, zeroes, out->pad));
		memcpy(out->head + out->head_len, &digest, sizeof(digest));
		out->head_len += sizeof(digest);
	}
	out->task = NULL;
	out->bytes = NULL;
	out->pad = 0;
	out->digest = false;
}

/*
 * One call to TCP. 1 when it took something, 0 when there is nothing to send,
 * -EAGAIN when the socket is full, any other error when it is broken.
 */
static int send_some(struct hws_conn *conn, struct sock *sk)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	struct hws_out *out = &conn->out;
	bool more;
	int ret;

	if (!out->data_left && !out->head_off) {
		if (!sk_stream_memory_free(sk)) {
			/* TCP calls back when there is room (sk_write_space) */
			set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
			if (!sk_stream_memory_free(sk))
				return -EAGAIN;
		}
		hws_out_fill(conn);
	}

	if (out->head_off < out->head_len) {
		more = out->data_left || hws_out_pending(conn);
		out->corked = more;
		ret = send_bytes(sk, out->head + out->head_off,
				 out->head_len - out->head_off,
				 flags | (more ? MSG_MORE : 0));
		if (ret <= 0)
			return ret ?: -EAGAIN;
		HWS_COUNT_CONN(conn, TX_OCTETS, ret);
		out->head_off += ret;
		if (out->head_off == out->head_len)
			out->head_off = out->head_len = 0;
		return 1;
	}

	if (out->data_left) {
		u32 before = out->data_left;

		more = out->pad || out->digest || hws_out_pending(conn);
		out->corked = more;
		if (out->task && out->task->kind == HWS_TASK_COMMAND)
			ret = send_command_data(conn, sk,
						flags | (more ? MSG_MORE : 0));
		else
			ret = send_plain_data(conn, sk,
					      flags | (more ? MSG_MORE : 0));
		if (ret <= 0)
			return ret ?: -EAGAIN;
		HWS_COUNT_CONN(conn, TX_OCTETS, before - out->data_left);
		if (!out->data_left)
			close_data(conn);
		return 1;
	}
	return 0;
}

/* True when the sender should come again: there is more, and room for it. */
static bool send_locked(struct hws_conn *conn, struct sock *sk, int calls)
{
	int ret = 0;

	take_submitted(conn);
	while (calls--) {
		conn->sending = true;
		ret = send_some(conn, sk);
		conn->sending = false;
		if (unlikely(conn->receive_later)) {
			conn->receive_later = false;
			hws_conn_event(conn, sk);
		}
		if (ret <= 0)
			break;
	}
	if (ret >= 0)
		return ret;
	if (ret == -EAGAIN) {
		HWS_COUNT_CONN(conn, SEND_WAITS, 1);
		/*
		 * TCP calls back when the peer has acknowledged something. If
		 * it was memory that lacked, there may be nothing under way.
		 */
		if (sk_stream_memory_free(sk))
			mod_delayed_work(hws_send_wq, &conn->retry_work,
					 msecs_to_jiffies(RETRY_MS));
		return false;
	}
	/*
	 * TCP says by state change or error report what is wrong, and may have
	 * more for us to read; but an error of memory or of our own data has
	 * no other messenger.
	 */
	hws_conn_lost(conn, ret == -ENOMEM || ret == -ENOBUFS ?
		      HWS_LOSS_MEMORY : HWS_LOSS_RESET);
	return false;
}

/*
 * The last call promised TCP more, and then there was none (another connection
 * took what was left of the window): what TCP holds must be let go.
 */
static bool must_push(const struct hws_conn *conn)
{
	return conn->out.corked && !conn->out.data_left && !conn->out.head_len;
}

/*
 * Under RCU: hws_conn_kill() clears conn->sk, and lets go of the socket only
 * when all readers are done.
 */
static void send_at_once(struct hws_conn *conn)
{
	struct sock *sk = READ_ONCE(conn->sk);
	bool again = true;

	if (!sk)
		return;
	local_bh_disable();
	if (spin_trylock(&sk->sk_lock.slock)) {
		if (!sock_owned_by_user_nocheck(sk) &&
		    READ_ONCE(conn->sk) == sk)
			again = send_locked(conn, sk, CALLS_AT_ONCE) ||
				must_push(conn);
		spin_unlock(&sk->sk_lock.slock);
	}
	local_bh_enable();
	if (again)
		hws_send_kick(conn);
}

/**
 * hws_conn_submit - hand a task to its connection
 * @conn: the connection
 * @task: SUBMITTED, with its connection set
 * @last: no other follows at once
 *
 * Any context but hard interrupts, under RCU.
 */
void hws_conn_submit(struct hws_conn *conn, struct hws_task *task, bool last)
{
	llist_add(&task->submit, &conn->submitted);
	if (last)
		send_at_once(conn);
}

void hws_send_retry_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, retry_work);

	hws_send_kick(conn);
}

void hws_send_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(work, struct hws_conn, send_work);
	unsigned int noreclaim = memalloc_noreclaim_save();
	int locks;

	for (locks = 0; locks < LOCKS_PER_RUN; locks++) {
		struct sock *sk = hws_conn_lock_sock(conn);
		bool again, push;

		if (!sk)
			goto out;
		again = send_locked(conn, sk, CALLS_PER_LOCK);
		push = !again && must_push(conn);
		if (push)
			conn->out.corked = false;
		release_sock(sk);
		if (push)
			tcp_sock_set_nodelay(sk);
		sock_put(sk);
		if (!again && llist_empty(&conn->submitted))
			goto out;
	}
	hws_send_kick(conn);
out:
	memalloc_noreclaim_restore(noreclaim);
}
