// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection's socket: adopted from the daemon after login, killed when it is
 * lost or the session ends. In between TCP calls us.
 */
#include <linux/netlink.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>
#include <net/net_namespace.h>
#include <net/tcp.h>
#include <net/tcp_states.h>

#include "command.h"
#include "connection.h"
#include "main.h"
#include "recovery.h"
#include "repair.h"
#include "reserves.h"
#include "session.h"
#include "text.h"
#include "trace.h"

struct hws_conn *hws_conn_alloc(struct hws_session *session, u8 slot)
{
	struct hws_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	conn->in.keep = kmalloc(HWS_IN_KEEP, GFP_KERNEL);
	if (!conn->in.keep) {
		kfree(conn);
		return NULL;
	}
	conn->session = session;
	conn->slot = slot;
	conn->state = HWS_CONN_FREE;
	init_llist_head(&conn->submitted);
	INIT_WORK(&conn->send_work, hws_send_work);
	INIT_DELAYED_WORK(&conn->retry_work, hws_send_retry_work);
	INIT_WORK(&conn->lost_work, hws_conn_lost_work);
	INIT_DELAYED_WORK(&conn->ping_work, hws_ping_work);
	INIT_DELAYED_WORK(&conn->watch_work, hws_watch_work);
	INIT_DELAYED_WORK(&conn->leave_work, hws_conn_leave_work);
	INIT_WORK(&conn->remove_work, hws_conn_remove_work);
	INIT_WORK(&conn->negotiate_work, hws_negotiate_work);
	INIT_WORK(&conn->clear_work, hws_clear_work);
	INIT_DELAYED_WORK(&conn->strand_timer, hws_strand_timer);
	ratelimit_state_init(&conn->async_events, HZ, 20);
	ratelimit_set_flags(&conn->async_events, RATELIMIT_MSG_ON_RELEASE);
	spin_lock_init(&conn->lock);
	INIT_LIST_HEAD(&conn->requests);
	INIT_LIST_HEAD(&conn->retries);
	INIT_LIST_HEAD(&conn->commands);
	INIT_LIST_HEAD(&conn->unsolicited);
	INIT_LIST_HEAD(&conn->solicited);
	INIT_LIST_HEAD(&conn->open);
	INIT_LIST_HEAD(&conn->held);
	return conn;
}

/* The socket was killed, and no reader of RCU has the connection any more. */
void hws_conn_free(struct hws_conn *conn)
{
	cancel_delayed_work_sync(&conn->retry_work);
	cancel_work_sync(&conn->send_work);
	cancel_delayed_work_sync(&conn->ping_work);
	cancel_delayed_work_sync(&conn->watch_work);
	cancel_delayed_work_sync(&conn->leave_work);
	cancel_delayed_work_sync(&conn->strand_timer);
	kfree(conn->in.keep);
	kfree(conn);
}

/* The first connection that is up, under RCU; NULL when there is none. */
struct hws_conn *hws_conn_any(struct hws_session *session)
{
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn && READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN)
			return conn;
	}
	return NULL;
}

/**
 * hws_conn_lock_sock - lock the connection's socket
 * @conn: the connection
 *
 * Process context.
 *
 * Return: the socket, locked and with a reference, for
 * hws_conn_unlock_sock(); NULL when there is none or it is being killed.
 */
struct sock *hws_conn_lock_sock(struct hws_conn *conn)
{
	struct sock *sk;

	spin_lock_bh(&conn->lock);
	sk = conn->sk;
	if (sk)
		sock_hold(sk);
	spin_unlock_bh(&conn->lock);
	if (!sk)
		return NULL;

	lock_sock(sk);
	if (likely(READ_ONCE(conn->sk) == sk))
		return sk;
	hws_conn_unlock_sock(sk);
	return NULL;
}

void hws_conn_unlock_sock(struct sock *sk)
{
	release_sock(sk);
	sock_put(sk);
}

static void check_state(struct hws_conn *conn, struct sock *sk)
{
	if (sk->sk_err)
		hws_conn_lost(conn, HWS_LOSS_RESET);
	else if (sk->sk_state != TCP_ESTABLISHED)
		hws_conn_lost(conn, HWS_LOSS_CLOSED);
}

/**
 * hws_conn_event - something came, or the state changed
 * @conn: the connection
 * @sk: its socket, locked
 *
 * From 6.5 on TCP may work off its backlog in the middle of a call that sends,
 * and so call us while it takes the pages of a command whose status may just
 * have come: then the sender comes here again when the call is over. A FIN is
 * told before the data of its own segment is: read first.
 */
void hws_conn_event(struct hws_conn *conn, struct sock *sk)
{
	if (conn->sending) {
		conn->receive_later = true;
		return;
	}
	hws_receive(conn, sk);
	if (likely(sk->sk_state == TCP_ESTABLISHED && !sk->sk_err))
		return;
	/* So is what waits behind the target's pings: who answers them comes here again. */
	if (conn->paused && sk->sk_state == TCP_CLOSE_WAIT && !sk->sk_err)
		return;
	check_state(conn, sk);
}

/*
 * What TCP calls. sk_user_data is ours while sk_callback_lock is held for
 * reading, and the socket is locked by whoever calls.
 */
static void data_ready(struct sock *sk)
{
	struct hws_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (likely(conn))
		hws_conn_event(conn, sk);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void state_change(struct sock *sk)
{
	data_ready(sk);
}

static void error_report(struct sock *sk)
{
	struct hws_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (conn)
		check_state(conn, sk);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void write_space(struct sock *sk)
{
	struct hws_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (conn && sk_stream_is_writeable(sk)) {
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		hws_send_kick(conn);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void install_callbacks(struct hws_conn *conn, struct sock *sk)
{
	conn->saved_data_ready = sk->sk_data_ready;
	conn->saved_state_change = sk->sk_state_change;
	conn->saved_error_report = sk->sk_error_report;
	conn->saved_write_space = sk->sk_write_space;
	sk->sk_data_ready = data_ready;
	sk->sk_state_change = state_change;
	sk->sk_error_report = error_report;
	sk->sk_write_space = write_space;
	sk->sk_user_data = conn;
}

static void restore_callbacks(struct hws_conn *conn, struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = conn->saved_data_ready;
	sk->sk_state_change = conn->saved_state_change;
	sk->sk_error_report = conn->saved_error_report;
	sk->sk_write_space = conn->saved_write_space;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* A TCP socket of the initial network namespace; its file is held. */
static struct socket *tcp_socket(int fd, struct netlink_ext_ack *extack)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock) {
		NL_SET_ERR_MSG(extack, "the descriptor is no socket");
		return ERR_PTR(err);
	}
	sk = sock->sk;
	err = -EPROTONOSUPPORT;
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		NL_SET_ERR_MSG(extack, "the descriptor is no TCP socket");
	else if (sock_net(sk) != &init_net)
		NL_SET_ERR_MSG(extack,
			       "the socket is not in the initial network namespace");
	else
		return sock;
	sockfd_put(sock);
	return ERR_PTR(err);
}

/* Under sk_callback_lock and the socket lock. */
static int may_adopt(struct sock *sk, struct netlink_ext_ack *extack)
{
	if (sk->sk_state != TCP_ESTABLISHED) {
		NL_SET_ERR_MSG(extack, "the socket is not connected");
		return -ENOTCONN;
	}
	if (sk->sk_user_data || inet_csk(sk)->icsk_ulp_ops) {
		NL_SET_ERR_MSG(extack,
			       "the socket already has an upper-layer protocol");
		return -ENOTUNIQ;
	}
	return 0;
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
/*
 * A socket that a process made has the lock class of all sockets that processes
 * use, which page in user memory while locked. Ours never does, and is locked
 * to write pages out: without a class of its own lockdep sees a cycle.
 */
static void set_lock_class(struct sock *sk)
{
	static struct lock_class_key keys[2];
	bool v6 = sk->sk_family == AF_INET6;

	spin_lock_bh(&sk->sk_lock.slock);
	if (!sk->sk_lock.owned)
		lockdep_init_map(&sk->sk_lock.dep_map, "sk_lock-hawser",
				 &keys[v6], 0);
	spin_unlock_bh(&sk->sk_lock.slock);
}
#else
static void set_lock_class(struct sock *sk)
{
}
#endif

static void tune(struct sock *sk)
{
	tcp_sock_set_nodelay(sk);
	lock_sock(sk);
	/* Sent from softirq too; and never wait for what only we can free. */
	sk->sk_allocation = GFP_ATOMIC;
	hws_reserves_mark(sk);
	sk->sk_use_task_frag = false;
	sk->sk_rcvlowat = 1;
	release_sock(sk);
}

static void note_interface(struct sock *sk, struct hws_interface *interface)
{
	struct net_device *dev;

	memset(interface, 0, sizeof(*interface));
	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(sk), sk->sk_bound_dev_if);
	if (dev) {
		strscpy(interface->name, dev->name, sizeof(interface->name));
		interface->address_len = dev->addr_len;
		memcpy(interface->address, dev->dev_addr, dev->addr_len);
	}
	rcu_read_unlock();
}

static void reset_data_path(struct hws_conn *conn)
{
	const struct hws_conn_params *p = &conn->params;
	const struct hws_session_params *s = &conn->session->params;

	memset(&conn->out, 0, offsetof(struct hws_out, head));
	hws_frame_init(&conn->in.frame, p->header_digest, p->data_digest);
	conn->in.task = NULL;
	conn->in.to = conn->in.keep;
	conn->in.room = HWS_IN_KEEP;
	conn->in.kept = 0;
	conn->in.dead = false;
	conn->in.drop = false;
	conn->in.status_seen = false;
	conn->in.late = false;
	conn->read_rules = hws_session_read_rules(conn->session);
	conn->write_rules = (struct hws_write_rules) {
		.first_burst_length = s->first_burst_length,
		.max_burst_length = s->max_burst_length,
		.max_outstanding_r2t = s->max_outstanding_r2t,
		.max_data_segment_length = p->max_xmit_data_segment_length,
		.initial_r2t = s->initial_r2t,
		.immediate_data = s->immediate_data,
		.sequence_in_order = s->data_sequence_in_order,
	};
	conn->exp_stat_sn = p->exp_stat_sn;
	conn->priorities = hws_session_knows_rfc7144(conn->session);
	conn->tmf_active = NULL;
	conn->reassigns = 0;
	conn->ping_active = NULL;
	conn->own_ping = NULL;
	conn->text_active = NULL;
	conn->pong_count = 0;
	conn->last_recv = jiffies;
	conn->sending = false;
	conn->receive_later = false;
	conn->paused = false;
	conn->leaving = false;
	conn->logged_out = false;
	conn->gave_up = false;
	conn->closed = false;
	conn->no_recovery = false;
	conn->window_fresh = false;
	conn->told = false;
	conn->unanswered = 0;
	conn->keepalive.pinged = false;
	conn->loss_time2wait = s->time2wait;
	hws_repair_reset(conn);
}

/**
 * hws_conn_step - something happens to a connection
 * @conn: the connection
 * @event: what
 *
 * Any context; a full barrier when it happens.
 *
 * Return: false when it may not happen in the state that it is in (proto/state.h).
 */
bool hws_conn_step(struct hws_conn *conn, enum hws_conn_event event)
{
	int old = READ_ONCE(conn->state);
	u8 next;

	do {
		next = hws_conn_next(old, event);
		if (!next)
			return false;
	} while (!try_cmpxchg(&conn->state, &old, next));
	trace_hws_conn_state(conn, old, next);
	return true;
}

/**
 * hws_conn_adopt - take over the socket of a finished login
 * @conn: a connection without a socket, under session->control
 * @params: what the login gave
 * @extack: says what is refused
 *
 * From here on the connection is LOGGED_IN. It may be lost at once, because
 * bytes, or a FIN, may already be there.
 *
 * Return: 0; or the errno that the uapi header names, and nothing is changed.
 */
int hws_conn_adopt(struct hws_conn *conn, const struct hws_conn_params *params,
		   struct netlink_ext_ack *extack)
{
	struct socket *sock = tcp_socket(params->fd, extack);
	struct sock *sk;
	int ret;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	sk = sock->sk;
	lock_sock(sk);
	read_lock_bh(&sk->sk_callback_lock);
	ret = may_adopt(sk, extack);
	read_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
	if (!ret && params->data_digest && !conn->session->config.stable_writes) {
		NL_SET_ERR_MSG(extack,
			       "a data digest needs HWS_SESSION_A_STABLE_WRITES");
		ret = -EINVAL;
	}
	if (ret) {
		sockfd_put(sock);
		return ret;
	}
	tune(sk);
	set_lock_class(sk);
	note_interface(sk, &conn->interface);
	if (kernel_getsockname(sock, (struct sockaddr *)&conn->local) < 0 ||
	    kernel_getpeername(sock, (struct sockaddr *)&conn->peer) < 0) {
		NL_SET_ERR_MSG(extack, "the socket is not connected");
		sockfd_put(sock);
		return -ENOTCONN;
	}

	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	ret = may_adopt(sk, extack);
	if (!ret) {
		conn->params = *params;
		reset_data_path(conn);
		install_callbacks(conn, sk);
	}
	write_unlock_bh(&sk->sk_callback_lock);
	if (ret) {
		release_sock(sk);
		sockfd_put(sock);
		return ret;
	}

	spin_lock_bh(&conn->lock);
	conn->sock = sock;
	conn->sk = sk;
	spin_unlock_bh(&conn->lock);
	/* Who sees it up sees what it is: hws_session_dropped(). */
	hws_conn_step(conn, READ_ONCE(conn->state) == HWS_CONN_FREE ?
				    HWS_CONN_EV_ADOPTED :
				    HWS_CONN_EV_REINSTATED);

	/* What came before the callbacks were ours. */
	hws_conn_event(conn, sk);
	release_sock(sk);
	hws_ping_start(conn);
	hws_watch_start(conn);
	return 0;
}

/* Nobody sends one again: who asked may ask over another connection. */
static void end_requests(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	unsigned int i;

	for (i = session->nr_commands; i < session->nr_tasks; i++) {
		struct hws_task *task = &session->tasks[i];

		if (READ_ONCE(task->conn) == conn)
			hws_request_end(task, -ECONNRESET);
	}
}

/**
 * hws_conn_strand - keep the commands of a connection that was killed
 * @conn: the connection, under session->control
 *
 * Those that are stranded already, and may be taken from it this moment, are left to
 * who does (reassign.c).
 */
void hws_conn_strand(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];

		if (!hws_reassign_is_under_way(task) &&
		    READ_ONCE(task->conn) == conn)
			hws_command_strand(task);
	}
}

/**
 * hws_conn_drain - hand back the commands of a connection that was killed
 * @conn: the connection, under session->control
 */
void hws_conn_drain(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];

		if (READ_ONCE(task->conn) == conn)
			hws_command_lost(task);
	}
}

/**
 * hws_conn_kill - end a connection's socket
 * @conn: in state CLEANUP, so that nothing new is submitted; under
 *	session->control
 * @clean: a logout was answered: close in order instead of resetting
 *
 * The order: no more callbacks, no more sending, the socket reset (queued pages
 * would otherwise go out later, with new contents, for the daemon's copy of the
 * descriptor keeps the socket alive), submitters gone. Only then may its tasks be
 * touched: our own requests end, the commands are the caller's
 * (hws_conn_drain() or hws_conn_strand()).
 */
void hws_conn_kill(struct hws_conn *conn, bool clean)
{
	struct socket *sock = conn->sock;
	struct sock *sk = sock->sk;

	hws_ping_stop(conn);
	hws_watch_stop(conn);
	restore_callbacks(conn, sk);
	lock_sock(sk);
	spin_lock_bh(&conn->lock);
	conn->sk = NULL;
	conn->sock = NULL;
	spin_unlock_bh(&conn->lock);
	release_sock(sk);
	/* Only now: a receiver may have been about to arm it. */
	cancel_delayed_work_sync(&conn->leave_work);
	WRITE_ONCE(conn->leave_phase, HWS_LEAVING_NOT);
	cancel_work_sync(&conn->send_work);

	if (clean)
		kernel_sock_shutdown(sock, SHUT_RDWR);
	else
		tcp_abort(sk, ECONNABORTED);
	/* An ordinary grace period is longer than the rest of a recovery. */
	synchronize_rcu_expedited();
	hws_conn_take_submitted(conn);
	end_requests(conn);
	sockfd_put(sock);
}

/**
 * hws_socket_prepare - let a socket that will be connected use the reserves
 * @fd: a TCP socket of the caller
 * @extack: says what is refused
 */
int hws_socket_prepare(int fd, struct netlink_ext_ack *extack)
{
	struct socket *sock = tcp_socket(fd, extack);

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	lock_sock(sock->sk);
	hws_reserves_mark(sock->sk);
	release_sock(sock->sk);
	sockfd_put(sock);
	return 0;
}
