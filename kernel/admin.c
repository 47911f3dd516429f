// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests by hand: a ping with data, a task management function, a Text
 * exchange.
 */
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "admin.h"
#include "command.h"
#include "connection.h"
#include "event.h"
#include "main.h"
#include "session.h"
#include "task.h"
#include "text.h"

enum {
	PING_TIMEOUT = 30,	/* seconds, when the connection has none */
};

struct admin_work {
	struct work_struct work;
	struct hws_session *session;
	struct hws_conn *conn;		/* lives as long as the session */
	u32 id;
	u32 size;
	struct hws_exchange exchange;
	u8 function;
	bool has_lun;
	u8 lun[HWS_LUN_BYTES];
};

static struct admin_work *begin(struct hws_session *session,
				struct hws_conn *conn, u32 id,
				work_func_t function)
{
	struct admin_work *w;

	if (atomic_inc_return(&session->admin_requests) > HWS_ADMIN_REQUESTS) {
		atomic_dec(&session->admin_requests);
		return ERR_PTR(-EBUSY);
	}
	w = kzalloc(sizeof(*w), GFP_KERNEL);
	if (!w) {
		atomic_dec(&session->admin_requests);
		return ERR_PTR(-ENOMEM);
	}
	INIT_WORK(&w->work, function);
	hws_session_get(session);
	w->session = session;
	w->conn = conn;
	w->id = id;
	return w;
}

static void end(struct admin_work *w)
{
	atomic_dec(&w->session->admin_requests);
	hws_session_put(w->session);
	kvfree(w->exchange.text);
	kvfree(w->exchange.answer);
	kfree(w);
}

static int ping(struct admin_work *w, u64 *rtt_ns)
{
	unsigned int timeout = w->conn->params.ping_timeout ?: PING_TIMEOUT;
	struct hws_task *task = hws_request_get(w->session, HWS_TASK_PING);
	struct hws_request *r;
	bool mine;
	int ret;

	if (!task)
		return -EBUSY;
	r = task->request;
	r->length = w->size;
	if (w->size) {
		r->data = kmalloc(w->size, GFP_KERNEL);
		if (!r->data) {
			hws_request_put(task);
			return -ENOMEM;
		}
		get_random_bytes(r->data, w->size);
	}
	ret = hws_request_submit(task, w->conn, false);
	if (ret) {
		hws_request_put(task);
		return ret;
	}
	ret = hws_request_wait(task, w->conn, timeout * HZ, &mine);
	if (mine) {
		*rtt_ns = r->ended_ns - r->began_ns;
		hws_request_put(task);
	}
	return ret;
}

static void ping_work(struct work_struct *work)
{
	struct admin_work *w = container_of(work, struct admin_work, work);
	u64 rtt_ns = 0;
	int ret = ping(w, &rtt_ns);

	hws_event_ping(w->session, w->id, w->size, -ret, ret ? 0 : rtt_ns);
	end(w);
}

int hws_admin_ping(struct hws_session *session, struct hws_conn *conn, u32 id,
		   u32 size)
{
	struct admin_work *w = begin(session, conn, id, ping_work);

	if (IS_ERR(w))
		return PTR_ERR(w);
	w->size = size;
	queue_work(hws_control_wq, &w->work);
	return 0;
}

static unsigned int tmf_timeout(const struct hws_session *session, u8 function)
{
	switch (function) {
	case HWS_TMF_LU_RESET:
		return session->config.lu_reset_tmo;
	case HWS_TMF_TARGET_WARM_RESET:
	case HWS_TMF_TARGET_COLD_RESET:
	case HWS_TMF_I_T_NEXUS_RESET:
		return session->config.tgt_reset_tmo;
	default:
		return session->config.abort_tmo;
	}
}

static void tmf_work(struct work_struct *work)
{
	struct admin_work *w = container_of(work, struct admin_work, work);
	struct hws_tmf_args args = {
		.function = w->function,
		.lun = w->has_lun ? w->lun : NULL,
		.timeout = tmf_timeout(w->session, w->function),
	};
	u8 response = 0;
	int ret = hws_tmf(w->session, w->conn, &args, &response);

	hws_event_tmf(w->session, w->id, w->function, args.lun, -ret, response);
	end(w);
}

int hws_admin_tmf(struct hws_session *session, struct hws_conn *conn, u32 id,
		  u8 function, const u8 *lun, struct netlink_ext_ack *extack)
{
	struct admin_work *w;

	if (function > HWS_TMF_TASK_REASSIGN &&
	    !hws_session_knows_rfc7144(session)) {
		NL_SET_ERR_MSG(extack,
			       "iSCSIProtocolLevel is below 2, which the function needs (RFC 7144 section 6.3)");
		return -EOPNOTSUPP;
	}
	w = begin(session, conn, id, tmf_work);
	if (IS_ERR(w))
		return PTR_ERR(w);
	w->function = function;
	w->has_lun = lun;
	if (lun)
		memcpy(w->lun, lun, sizeof(w->lun));
	queue_work(hws_control_wq, &w->work);
	return 0;
}

static void text_work(struct work_struct *work)
{
	struct admin_work *w = container_of(work, struct admin_work, work);
	int ret = hws_text_exchange(w->session, w->conn, &w->exchange);

	hws_event_text(w->session, w->id, -ret, w->exchange.answer,
		       ret ? 0 : w->exchange.answered);
	end(w);
}

/**
 * hws_admin_text - begin a Text exchange
 * @session: the session
 * @conn: one of its connections
 * @id: comes back in the event
 * @text: what is asked
 * @length: bytes of it, at most HWS_TEXT_MAX
 *
 * Process context. The end is HWS_EVENT_TEXT.
 *
 * Return: 0, -EBUSY or -ENOMEM.
 */
int hws_admin_text(struct hws_session *session, struct hws_conn *conn, u32 id,
		   const u8 *text, u32 length)
{
	u8 *copy = kvmalloc(length ?: 1, GFP_KERNEL);
	struct admin_work *w;

	if (!copy)
		return -ENOMEM;
	w = begin(session, conn, id, text_work);
	if (IS_ERR(w)) {
		kvfree(copy);
		return PTR_ERR(w);
	}
	memcpy(copy, text, length);
	w->exchange.text = copy;
	w->exchange.length = length;
	queue_work(hws_control_wq, &w->work);
	return 0;
}
