// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text exchanges in full feature phase: by hand (admin.c), and the one that a target
 * asks for by an Asynchronous Message (RFC 7143 section 11.9.1, event 4).
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "connection.h"
#include "log.h"
#include "main.h"
#include "proto/declared.h"
#include "recovery.h"
#include "session.h"
#include "task.h"
#include "text.h"

enum {
	TEXT_TIMEOUT = 30,	/* seconds for a whole exchange */
};

static int exchange_once(struct hws_session *session, struct hws_conn *conn,
			 struct hws_exchange *x)
{
	struct hws_task *task = hws_request_get(session, HWS_TASK_TEXT);
	struct hws_request *r;
	bool mine = true;
	int ret;

	if (!task)
		return -EBUSY;
	r = task->request;
	r->data = x->text;
	r->answer = x->answer;
	hws_text_init(&r->text, x->length, HWS_TEXT_MAX);
	ret = hws_request_submit(task, conn, false);
	if (!ret)
		ret = hws_request_wait(task, conn, TEXT_TIMEOUT * HZ, &mine);
	if (mine) {
		x->answered = r->text.received;
		r->data = NULL;
		r->answer = NULL;
		hws_request_put(task);
	} else {
		x->text = NULL;		/* the target may still be at it */
		x->answer = NULL;
	}
	return ret;
}

/**
 * hws_text_exchange - ask a target, and wait for all of its answer
 * @session: the session
 * @conn: one of its connections
 * @x: what is asked, and room for the answer; it loses its memory when the exchange is
 *	given up
 *
 * Process context.
 *
 * Return: 0; -ENOMEM without room for an answer; -EBUSY when neither we nor the target
 * had room for the exchange; -EMSGSIZE for an answer over HWS_TEXT_MAX; -EPROTO for one
 * that breaks the rules; -ETIMEDOUT, -ENOTCONN or -ECONNRESET.
 */
int hws_text_exchange(struct hws_session *session, struct hws_conn *conn,
		      struct hws_exchange *x)
{
	int tries, ret = -ENOMEM;

	x->answer = kvmalloc(HWS_TEXT_MAX, GFP_KERNEL);
	for (tries = 0; x->answer && tries < HWS_BUSY_TRIES; tries++) {
		if (tries)
			msleep(HWS_BUSY_WAIT_MS);
		ret = exchange_once(session, conn, x);
		if (ret != -EBUSY)
			break;
	}
	return ret;
}

/**
 * hws_negotiate - answer the target's wish to negotiate
 * @conn: the connection, under its socket lock
 *
 * By an empty Text Request, at once; one that is under way will do.
 */
void hws_negotiate(struct hws_conn *conn)
{
	const struct hws_task *text = conn->text_active;

	if (text && text->state == HWS_TASK_ACTIVE && !text->request->abandoned)
		return;
	hws_session_get(conn->session);
	if (!queue_work(hws_control_wq, &conn->negotiate_work))
		hws_session_put(conn->session);
}

/**
 * hws_text_answered - an exchange has all of its answer
 * @conn: the connection, under its socket lock
 * @r: the request
 *
 * Whoever began it: what the target declares holds before anything else is sent, for
 * that acknowledges the answer.
 */
void hws_text_answered(struct hws_conn *conn, const struct hws_request *r)
{
	u32 length;

	if (hws_text_declared(r->answer, r->text.received, &length) !=
	    HWS_DECLARED_LENGTH)
		return;
	hws_notice(conn->session,
		   "the target's MaxRecvDataSegmentLength is %u now, it was %u",
		   length, conn->params.max_xmit_data_segment_length);
	conn->params.max_xmit_data_segment_length = length;
	conn->write_rules.max_data_segment_length = length;
}

/* A Logout in the place of an exchange is allowed too. */
static void log_in_anew(struct hws_conn *conn, const char *why)
{
	struct sock *sk = hws_conn_lock_sock(conn);

	if (!sk)
		return;
	hws_notice(conn->session, "%s: logging in anew to negotiate", why);
	hws_conn_leave(conn, conn->session->params.time2wait,
		       HWS_LEAVE_PATIENCE);
	hws_conn_unlock_sock(sk);
}

void hws_negotiate_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(work, struct hws_conn,
					     negotiate_work);
	struct hws_session *session = conn->session;
	struct hws_exchange x = { NULL };
	u32 length;
	int ret;

	ret = hws_text_exchange(session, conn, &x);
	if (ret == -ENOTCONN || ret == -ECONNRESET)
		goto out;
	if (ret) {
		log_in_anew(conn, "the exchange failed");
		goto out;
	}
	switch (hws_text_declared(x.answer, x.answered, &length)) {
	case HWS_DECLARED_NOTHING:
	case HWS_DECLARED_LENGTH:	/* hws_text_answered() */
		break;
	case HWS_DECLARED_OTHER:
		log_in_anew(conn, "the target wants what only a login can give");
		break;
	case HWS_DECLARED_BROKEN:
		log_in_anew(conn, "the target's text is broken");
		break;
	}
out:
	kvfree(x.answer);
	hws_session_put(session);
}
