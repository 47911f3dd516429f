// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session's life: made of a connection that has just logged in, found by its
 * number, torn down in one order:
 *
 *	no scan runs any more; the devices go, with the connections up, so that
 *	caches are flushed; logout; the sockets; the class's connection and
 *	session; the host.
 */
#include <linux/blk-mq.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport_iscsi.h>

#include "connection.h"
#include "event.h"
#include "host.h"
#include "log.h"
#include "main.h"
#include "recovery.h"
#include "session.h"
#include "stats.h"
#include "trace.h"

/* A session is on the list from the check for its twin until its end. */
static DEFINE_MUTEX(hws_sessions_lock);
static LIST_HEAD(hws_sessions);

#define NO_SID	U32_MAX		/* the class has given none yet */

static void release(struct kref *ref)
{
	struct hws_session *session = container_of(ref, struct hws_session, ref);
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		if (conn)
			hws_conn_free(conn);
	}
	hws_tasks_free(session);
	/* A reader that found the session may look at these to the end. */
	if (session->cls)
		put_device(&session->cls->dev);
	if (session->shost)
		scsi_host_put(session->shost);
	kfree_rcu(session, rcu);
}

void hws_session_get(struct hws_session *session)
{
	kref_get(&session->ref);
}

/* The session of a host, with a reference; NULL when it has ended. */
struct hws_session *hws_session_hold(struct Scsi_Host *shost)
{
	struct hws_session *session;

	rcu_read_lock();
	session = rcu_dereference(*hws_session_slot(shost));
	if (session && !kref_get_unless_zero(&session->ref))
		session = NULL;
	rcu_read_unlock();
	return session;
}

/* Process context, unless the caller knows of another reference. */
void hws_session_put(struct hws_session *session)
{
	kref_put(&session->ref, release);
}

/* The session with this number, with a reference; NULL when there is none. */
struct hws_session *hws_session_find(u32 sid)
{
	struct hws_session *session, *found = NULL;

	mutex_lock(&hws_sessions_lock);
	list_for_each_entry(session, &hws_sessions, entry) {
		if (session->published && session->sid == sid) {
			hws_session_get(session);
			found = session;
			break;
		}
	}
	mutex_unlock(&hws_sessions_lock);
	return found;
}

/**
 * hws_session_next - walk the sessions by their numbers
 * @from: the lowest number that counts
 *
 * Return: the session with the lowest number that is not below @from, with a
 * reference; NULL when there is none. So a dump goes on after any gap.
 */
struct hws_session *hws_session_next(u32 from)
{
	struct hws_session *session, *best = NULL;

	mutex_lock(&hws_sessions_lock);
	list_for_each_entry(session, &hws_sessions, entry)
		if (session->published && session->sid >= from &&
		    (!best || session->sid < best->sid))
			best = session;
	if (best)
		hws_session_get(best);
	mutex_unlock(&hws_sessions_lock);
	return best;
}

/*
 * Two sessions of one initiator port with one target portal group would
 * reinstate each other for ever (RFC 7143 section 4.4.3.1).
 */
static bool same_nexus(const struct hws_session_config *a,
		       const struct hws_session_config *b)
{
	return !memcmp(a->isid, b->isid, HWS_ISID_LEN) && a->tpgt == b->tpgt &&
	       !strcmp(a->initiator_name, b->initiator_name) &&
	       !strcmp(a->target_name, b->target_name);
}

static int enlist(struct hws_session *session, struct netlink_ext_ack *extack)
{
	struct hws_session *other;
	int ret = 0;

	mutex_lock(&hws_sessions_lock);
	list_for_each_entry(other, &hws_sessions, entry) {
		if (same_nexus(&session->config, &other->config)) {
			NL_SET_ERR_MSG(extack,
				       "a session of this ISID with this target portal group lives");
			ret = -EEXIST;
			break;
		}
	}
	if (!ret)
		list_add_tail(&session->entry, &hws_sessions);
	mutex_unlock(&hws_sessions_lock);
	return ret;
}

/* From here on others find it. */
static void publish(struct hws_session *session)
{
	mutex_lock(&hws_sessions_lock);
	WRITE_ONCE(session->published, true);
	mutex_unlock(&hws_sessions_lock);
}

static void delist(struct hws_session *session)
{
	mutex_lock(&hws_sessions_lock);
	list_del(&session->entry);
	mutex_unlock(&hws_sessions_lock);
}

static void teardown_work(struct work_struct *work);

static struct hws_session *alloc(const struct hws_session_config *config,
				 const struct hws_session_params *params)
{
	struct hws_session *session = kzalloc(sizeof(*session), GFP_KERNEL);
	struct hws_conn *conn;

	if (!session)
		return NULL;
	kref_init(&session->ref);
	session->config = *config;
	session->params = *params;
	session->sid = NO_SID;
	session->state = HWS_SESSION_FAILED;
	ratelimit_state_init(&session->log_limit, HWS_LOG_INTERVAL * HZ,
			     HWS_LOG_BURST);
	mutex_init(&session->control);
	mutex_init(&session->scan_lock);
	spin_lock_init(&session->lock);
	init_waitqueue_head(&session->state_wait);
	INIT_WORK(&session->teardown_work, teardown_work);
	INIT_WORK(&session->expire_work, hws_session_expire_work);
	hws_scan_init(session);
	RCU_INIT_POINTER(session->plan, &session->plans[0]);
	session->plan_readers = get_state_synchronize_rcu();

	conn = hws_conn_alloc(session, 0);
	if (!conn)
		goto fail;
	rcu_assign_pointer(session->conns[0], conn);
	if (hws_tasks_alloc(session, params))
		goto fail;
	return session;
fail:
	hws_session_put(session);
	return NULL;
}

static int add_host(struct hws_session *session)
{
	struct Scsi_Host *shost;
	int ret;

	shost = scsi_host_alloc(&hws_host_template, sizeof(session));
	if (!shost)
		return -ENOMEM;
	RCU_INIT_POINTER(*hws_session_slot(shost), session);
	hws_host_setup(shost, session);
	session->shost = scsi_host_get(shost);
	ret = scsi_add_host(shost, NULL);
	if (ret) {
		scsi_host_put(shost);
		return ret;
	}
	/*
	 * As for other disks with a queue for each CPU, no scheduler unless somebody
	 * sets one: the target has its own. For tags that are unique in the
	 * host the block layer would take one, with 2,048 requests a disk.
	 */
	shost->tag_set.flags |= BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	return 0;
}

static int add_class_session(struct hws_session *session)
{
	struct iscsi_cls_session *cls;
	int ret;

	cls = iscsi_alloc_session(session->shost, &hws_transport,
				  sizeof(session));
	if (!cls)
		return -ENOMEM;
	*(struct hws_session **)cls->dd_data = session;
	cls->recovery_tmo = session->config.recovery_tmo;
	get_device(&cls->dev);
	session->cls = cls;
	ret = iscsi_add_session(cls, 0);
	if (ret)
		iscsi_free_session(cls);
	else
		session->sid = cls->sid;
	return ret;
}

static int add_class_conn(struct hws_session *session)
{
	struct iscsi_cls_conn *cls_conn;
	int ret;

	cls_conn = iscsi_alloc_conn(session->cls, sizeof(session), 0);
	if (!cls_conn)
		return -ENOMEM;
	*(struct hws_session **)cls_conn->dd_data = session;
	session->cls_conn = cls_conn;
	ret = iscsi_add_conn(cls_conn);
	if (ret)
		iscsi_put_conn(cls_conn);
	return ret;
}

static void remove_class_session(struct hws_session *session)
{
	iscsi_remove_session(session->cls);
	iscsi_free_session(session->cls);
}

static void remove_host(struct hws_session *session)
{
	scsi_remove_host(session->shost);
	scsi_host_put(session->shost);
}

/**
 * hws_session_create - a session of a connection that has logged in
 * @config: what it keeps
 * @params: what its login negotiated
 * @conn_params: the connection
 * @extack: says what is refused
 *
 * Return: the session with a reference for the caller, or an errno that the
 * uapi header names.
 */
struct hws_session *hws_session_create(const struct hws_session_config *config,
				       const struct hws_session_params *params,
				       const struct hws_conn_params *conn_params,
				       struct netlink_ext_ack *extack)
{
	struct hws_session *session;
	struct hws_conn *conn;
	int ret;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	session = alloc(config, params);
	if (!session) {
		ret = -ENOMEM;
		goto put_module;
	}
	/* The class shows the record's portal from the beginning. */
	conn = rcu_dereference_raw(session->conns[0]);
	conn->params = *conn_params;
	strscpy(session->config.portal_address, conn_params->persistent_address,
		sizeof(session->config.portal_address));
	session->config.portal_port = conn_params->persistent_port;
	ret = enlist(session, extack);
	if (ret)
		goto put_session;
	ret = add_host(session);
	if (ret)
		goto delist_session;
	ret = add_class_session(session);
	if (ret)
		goto remove_scsi_host;
	ret = add_class_conn(session);
	if (ret)
		goto remove_session;

	mutex_lock(&session->control);
	ret = hws_session_activate(session, conn, params, conn_params, extack);
	mutex_unlock(&session->control);
	if (ret)
		goto remove_conn;
	hws_session_get(session);
	publish(session);

	hws_info(session, "logged in");
	hws_event_session(session, HWS_EVENT_SESSION_NEW);
	if (config->scan == HWS_SCAN_AUTO)
		hws_scan_start(session);
	return session;

remove_conn:
	iscsi_remove_conn(session->cls_conn);
	iscsi_put_conn(session->cls_conn);
remove_session:
	remove_class_session(session);
remove_scsi_host:
	remove_host(session);
delist_session:
	delist(session);
put_session:
	hws_session_put(session);
put_module:
	module_put(THIS_MODULE);
	return ERR_PTR(ret);
}

/* Over one of them for all; then they go, whatever state they are in. */
static void close_connections(struct hws_session *session)
{
	struct hws_conn *conn;
	bool agreed = false;
	unsigned int i;

	mutex_lock(&session->control);
	session->leaving = true;
	rcu_read_lock();
	conn = hws_conn_any(session);
	rcu_read_unlock();
	mutex_unlock(&session->control);
	if (conn)
		agreed = hws_conn_log_out(conn, HWS_LOGOUT_CLOSE_SESSION);

	mutex_lock(&session->control);
	session->logged_out = agreed;
	hws_session_fail(session);
	mutex_unlock(&session->control);
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		conn = rcu_dereference_raw(session->conns[i]);
		if (!conn)
			continue;
		flush_work(&conn->lost_work);
		flush_work(&conn->clear_work);
		cancel_delayed_work_sync(&conn->strand_timer);
	}
}

static void teardown_work(struct work_struct *work)
{
	struct hws_session *session = container_of(work, struct hws_session,
						   teardown_work);
	bool up;

	/*
	 * A loss from before may have blocked the devices, one from now on does
	 * not any more. A scan that waits for them must be let go first.
	 */
	hws_recovery_settle(session);
	rcu_read_lock();
	up = hws_conn_any(session);
	rcu_read_unlock();
	if (!up)
		hws_session_fail_io(session);
	hws_scan_stop(session);

	mutex_lock(&session->scan_lock);
	scsi_remove_target(&session->cls->dev);
	mutex_unlock(&session->scan_lock);

	close_connections(session);
	iscsi_remove_conn(session->cls_conn);
	iscsi_put_conn(session->cls_conn);
	remove_class_session(session);
	remove_host(session);
	RCU_INIT_POINTER(*hws_session_slot(session->shost), NULL);
	delist(session);

	hws_info(session, "ended");
	hws_event_session(session, HWS_EVENT_SESSION_REMOVED);
	hws_session_put(session);	/* the list's */
	hws_session_put(session);	/* this work's */
	module_put(THIS_MODULE);
}

/* Also one that lets what it has under way end before it logs out. */
static bool has_open_connection(struct hws_session *session)
{
	bool found = false;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HWS_CONNECTIONS_MAX && !found; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);
		int state = conn ? READ_ONCE(conn->state) : HWS_CONN_FREE;

		found = state == HWS_CONN_LOGGED_IN ||
			state == HWS_CONN_IN_LOGOUT;
	}
	rcu_read_unlock();
	return found;
}

/**
 * hws_session_delete - begin the end of a session
 * @session: the session
 *
 * Return: 0 when it is under way, from now or from before.
 */
int hws_session_delete(struct hws_session *session)
{
	mutex_lock(&session->control);
	if (hws_session_set_state(session, HWS_SESSION_CLOSING)) {
		/* What waits for a connection would wait for ever. */
		if (!has_open_connection(session))
			hws_session_drain(session);
		hws_session_get(session);
		queue_work(hws_teardown_wq, &session->teardown_work);
	}
	mutex_unlock(&session->control);
	return 0;
}
