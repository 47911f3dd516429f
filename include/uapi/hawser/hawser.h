/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The channel between the Hawser kernel module and its userspace: one generic
 * netlink family, "hawser", with one multicast group, "events".
 *
 * Rules that hold for every command
 *
 *  - The caller needs CAP_NET_ADMIN, for dumps too. The family exists in the
 *    initial network namespace only, and so must every socket handed over.
 *  - Attributes are validated strictly: an unknown, missing, oversized or
 *    out-of-range attribute is refused with an extended ack that points at it
 *    or says its name.
 *  - A command may be repeated after an answer was lost. What the repetition
 *    returns is said at each command.
 *  - Nothing waits for a target, a disk or a time-out. Commands that start such
 *    work return when it is queued, and an event tells its end.
 *  - Events are hints and may be lost. The next receive then fails with ENOBUFS,
 *    whether the listener's queue was full or there was no memory for an event.
 *    Dumps are the truth: each message of a dump carries HWS_A_GENERATION, which
 *    moves with every change of state, and a dump that a change interrupted is
 *    flagged NLM_F_DUMP_INTR.
 *  - Integers are in host byte order. LUNs, ISIDs are bytes as on the wire.
 *  - Times are in seconds unless the name ends in _MS or _NS.
 *
 * Login happens in userspace on an ordinary TCP socket. When the login phase
 * has ended, the descriptor is handed over (HWS_CMD_SESSION_NEW for the first
 * connection of a new session, HWS_CMD_CONN_ADOPT for every other); from then
 * on the module owns the data stream. The caller closes its descriptor when it
 * likes: the module holds its own reference.
 */
#ifndef _UAPI_HAWSER_HAWSER_H
#define _UAPI_HAWSER_HAWSER_H

#include <linux/types.h>

#define HWS_GENL_NAME		"hawser"
#define HWS_GENL_VERSION	1
#define HWS_GENL_MCGRP_EVENTS	"events"

/*
 * Moves whenever a program built for the previous number would misread the
 * family. Userspace compares it with HWS_A_ABI before anything else.
 */
#define HWS_ABI			1

#define HWS_NAME_MAX		223	/* iSCSI name, RFC 7143 section 4.2.7.1 */
#define HWS_ALIAS_MAX		255
#define HWS_ADDRESS_MAX		255	/* host name or numeric address */
#define HWS_IFACE_MAX		64
#define HWS_USERNAME_MAX	255	/* CHAP_N */
#define HWS_KEY_MAX		256	/* HWS_SESSION_A_OWNER_KEY */
#define HWS_ISID_LEN		6
#define HWS_LUN_LEN		8
#define HWS_CONNECTIONS_MAX	64	/* in one session */
#define HWS_CMDS_MAX_MIN	2	/* HWS_SESSION_A_CMDS_MAX */
#define HWS_CMDS_MAX_MAX	4096
#define HWS_QUEUE_DEPTH_MAX	1024
#define HWS_PING_MAX		4096	/* bytes of ping data */
#define HWS_TEXT_MAX		65024	/* bytes of text, either way */
#define HWS_RECOVERY_TMO_MAX	2147483	/* seconds, 24 days */
#define HWS_R2T_MAX		64	/* MaxOutstandingR2T that is taken */

/**
 * enum hws_cmd - the commands
 *
 * @HWS_CMD_GET_INFO: what module this is.
 *	Request: nothing.
 *	Reply: HWS_A_ABI, HWS_A_MODULE_VERSION, HWS_A_GENERATION.
 *
 * @HWS_CMD_SOCKET_PREPARE: let a TCP socket that is about to be connected use
 *	the memory reserves (SOCK_MEMALLOC), so that a login can reach the disk
 *	that the machine swaps to. Only the module may set this on a socket.
 *	Request: HWS_A_FD. Reply: none. Repetition: harmless.
 *
 * @HWS_CMD_SESSION_NEW: make a session of a connection that has just finished
 *	the leading login: SCSI host, class session, devices (scanned in the
 *	background when HWS_SESSION_A_SCAN says so).
 *	Request: HWS_A_SESSION with every attribute marked "new" at &enum
 *	hws_session_attr, HWS_A_CONNECTION with those marked "adopt" at &enum
 *	hws_conn_attr.
 *	Reply: HWS_A_SID, HWS_A_HOST.
 *	Errors: EEXIST when a session with the same initiator name, ISID, target
 *	name and portal group tag lives (RFC 7143 section 4.4.3.1); EBADF, ENOTSOCK, EPROTONOSUPPORT, ENOTCONN
 *	for the descriptor; ENOTUNIQ when the socket already has an upper-layer
 *	protocol.
 *
 * @HWS_CMD_SESSION_GET: one session, or all of them as a dump.
 *	Request: HWS_A_SID (not in a dump).
 *	Reply, one message a session: HWS_A_GENERATION, HWS_A_SID, HWS_A_HOST,
 *	HWS_A_SESSION, and HWS_A_CONNECTION once a connection.
 *
 * @HWS_CMD_SESSION_SET: change a live session.
 *	Request: HWS_A_SID, HWS_A_SESSION with any of the attributes marked
 *	"set", HWS_A_CONNECTION with HWS_CONN_A_CID and any marked "set".
 *	All or nothing. Repetition: harmless.
 *
 * @HWS_CMD_SESSION_DEL: end a session: devices unbound with the connections
 *	up (so caches are flushed), logout, sockets closed, host removed. A
 *	session without a connection fails its outstanding I/O first.
 *	Request: HWS_A_SID. The end is HWS_EVENT_SESSION_REMOVED. Repetition: 0
 *	while it is under way, ENOENT afterwards.
 *
 * @HWS_CMD_CONN_RESERVE: announce a login for a connection of a live session,
 *	before the first login PDU is sent, and learn the numbers it needs.
 *	Request: HWS_A_SID, HWS_A_ADOPT_KIND, HWS_CONN_A_CID in HWS_A_CONNECTION.
 *	Reply: HWS_A_COOKIE; HWS_A_SESSION with HWS_SESSION_A_CMD_SN and
 *	HWS_SESSION_A_TSIH; HWS_A_CONNECTION with HWS_CONN_A_EXP_STAT_SN.
 *	A newer reservation of the same connection replaces an older one, whose
 *	cookie is then refused with ESTALE (so a daemon that was killed in the
 *	middle of a login leaves nothing behind).
 *	Errors: ENOENT (no such session; for HWS_ADOPT_SESSION also: no such
 *	connection), EISCONN (the connection is up; for HWS_ADOPT_SESSION: any
 *	is), ENOTCONN (HWS_ADOPT_JOIN: no connection of the session is up), EBUSY
 *	(what the connection had before it was lost is still being dealt with, or
 *	it, or the last that was up, is being logged out), ENOSPC (the session
 *	has HWS_CONNECTIONS_MAX, or as many as HWS_SESSION_A_MAX_CONNECTIONS
 *	allows), ESHUTDOWN (the session is being ended), EOPNOTSUPP (this kind is not supported by this module).
 *
 * @HWS_CMD_CONN_RELEASE: give a reservation up.
 *	Request: HWS_A_SID, HWS_A_COOKIE. Repetition: ESTALE.
 *
 * @HWS_CMD_CONN_ADOPT: hand over the connection that was reserved.
 *	Request: HWS_A_SID, HWS_A_COOKIE, HWS_A_CONNECTION with the attributes
 *	marked "adopt"; for HWS_ADOPT_SESSION also HWS_A_SESSION with those
 *	marked "adopt". For the other kinds that is optional: the session keeps
 *	its parameters, and of HWS_SESSION_A_EXP_CMD_SN and
 *	HWS_SESSION_A_MAX_CMD_SN it takes what is ahead, as of any PDU (RFC 7143
 *	section 4.2.2.1).
 *	Errors: as HWS_CMD_SESSION_NEW, and ESTALE for a cookie that is not the
 *	newest.
 *
 * @HWS_CMD_CONN_DROP: close a connection at once, as if the network had: its
 *	recovery follows. For administrators and tests.
 *	Request: HWS_A_SID, HWS_A_CONNECTION with HWS_CONN_A_CID.
 *	Repetition: ENOTCONN.
 *
 * @HWS_CMD_PING: send a NOP-Out with data and wait for its echo.
 *	Request: HWS_A_SID, HWS_A_PING with HWS_PING_A_ID and HWS_PING_A_SIZE;
 *	HWS_A_CONNECTION with HWS_CONN_A_CID (any connection when absent).
 *	The end is HWS_EVENT_PING. EBUSY: too many pings are under way.
 *	EMSGSIZE: more than the target takes in one data segment.
 *
 * @HWS_CMD_TMF: a task management function by hand, RFC 7143 section 11.5.1.
 *	Request: HWS_A_SID, HWS_A_TMF with HWS_TMF_A_ID, HWS_TMF_A_FUNCTION and
 *	HWS_TMF_A_LUN (not for resets of the target or the nexus). The end is
 *	HWS_EVENT_TMF.
 *
 * @HWS_CMD_SCAN: look for logical units that came, went or changed.
 *	Request: HWS_A_SID. The end is HWS_EVENT_SCAN. Repetition: one more scan.
 *
 * @HWS_CMD_STATS_GET: the counters of one session, or of all as a dump.
 *	Request: HWS_A_SID (not in a dump).
 *	Reply, one message a session: HWS_A_SID, HWS_A_STATS (the session's
 *	own), HWS_A_CONNECTION once a connection with HWS_CONN_A_CID and
 *	HWS_CONN_A_STATS.
 *
 * @HWS_CMD_EVENT: never a request; the command of every multicast message:
 *	HWS_A_GENERATION, HWS_A_EVENT, HWS_A_SID and what &enum hws_event says.
 *
 * @HWS_CMD_TEXT: a Text exchange, RFC 7143 sections 11.10 and 11.11: the text in as
 *	many requests as it takes, and the whole answer. One at a time on a
 *	connection, a second one waits. The requests are immediate: they take no
 *	CmdSN, so one that a lost connection swallows leaves no hole behind.
 *	Request: HWS_A_SID, HWS_A_TEXT with HWS_TEXT_A_ID and HWS_TEXT_A_TEXT;
 *	HWS_A_CONNECTION with HWS_CONN_A_CID (any connection when absent).
 *	The end is HWS_EVENT_TEXT. EBUSY: too many requests by hand are under
 *	way. Repetition: one more exchange.
 *
 * @HWS_CMD_CONN_REMOVE: log a connection out and take it out of its session.
 *	What was given to it and not sent goes to the others; what was sent is
 *	waited for first.
 *	Request: HWS_A_SID, HWS_A_CONNECTION with HWS_CONN_A_CID. The end is
 *	HWS_EVENT_CONNECTION_REMOVED. One that is lost is taken out at once.
 *	Errors: ENOENT (no such connection), EBUSY (no other connection of the
 *	session is up: that is HWS_CMD_SESSION_DEL), ESHUTDOWN. Repetition: 0
 *	while it is under way, ENOENT afterwards.
 */
enum hws_cmd {
	HWS_CMD_UNSPEC,
	HWS_CMD_GET_INFO,
	HWS_CMD_SOCKET_PREPARE,
	HWS_CMD_SESSION_NEW,
	HWS_CMD_SESSION_GET,
	HWS_CMD_SESSION_SET,
	HWS_CMD_SESSION_DEL,
	HWS_CMD_CONN_RESERVE,
	HWS_CMD_CONN_RELEASE,
	HWS_CMD_CONN_ADOPT,
	HWS_CMD_CONN_DROP,
	HWS_CMD_PING,
	HWS_CMD_TMF,
	HWS_CMD_SCAN,
	HWS_CMD_STATS_GET,
	HWS_CMD_EVENT,
	HWS_CMD_TEXT,
	HWS_CMD_CONN_REMOVE,

	__HWS_CMD_MAX,
	HWS_CMD_MAX = __HWS_CMD_MAX - 1
};

/**
 * enum hws_attr - the attributes of a message
 *
 * @HWS_A_ABI: u32, HWS_ABI of the module
 * @HWS_A_MODULE_VERSION: string
 * @HWS_A_GENERATION: u64
 * @HWS_A_SID: u32, the session's number in sysfs (session<sid>)
 * @HWS_A_HOST: u32, the SCSI host's number
 * @HWS_A_FD: u32, a descriptor of the caller
 * @HWS_A_COOKIE: u64
 * @HWS_A_ADOPT_KIND: u8, &enum hws_adopt_kind
 * @HWS_A_SESSION: nest of &enum hws_session_attr
 * @HWS_A_CONNECTION: nest of &enum hws_conn_attr; may stand several times in
 *	what the module sends
 * @HWS_A_PING: nest of &enum hws_ping_attr
 * @HWS_A_TMF: nest of &enum hws_tmf_attr
 * @HWS_A_STATS: nest whose attribute types are &enum hws_session_stat, each u64
 * @HWS_A_EVENT: u8, &enum hws_event
 * @HWS_A_ASYNC: nest of &enum hws_async_attr
 * @HWS_A_SCAN: nest of &enum hws_scan_attr
 * @HWS_A_TEXT: nest of &enum hws_text_attr
 */
enum hws_attr {
	HWS_A_UNSPEC,
	HWS_A_ABI,
	HWS_A_MODULE_VERSION,
	HWS_A_GENERATION,
	HWS_A_SID,
	HWS_A_HOST,
	HWS_A_FD,
	HWS_A_COOKIE,
	HWS_A_ADOPT_KIND,
	HWS_A_SESSION,
	HWS_A_CONNECTION,
	HWS_A_PING,
	HWS_A_TMF,
	HWS_A_STATS,
	HWS_A_EVENT,
	HWS_A_ASYNC,
	HWS_A_SCAN,
	HWS_A_PAD,
	HWS_A_TEXT,

	__HWS_A_MAX,
	HWS_A_MAX = __HWS_A_MAX - 1
};

/**
 * enum hws_session_attr - a session (I_T nexus)
 *
 * "new": in HWS_CMD_SESSION_NEW, required unless "optional" is said. "adopt":
 * required in HWS_CMD_CONN_ADOPT of kind HWS_ADOPT_SESSION, as the new login
 * negotiated them. "set": may be in HWS_CMD_SESSION_SET. All are in
 * HWS_CMD_SESSION_GET's reply.
 *
 * @HWS_SESSION_A_STATE: u8, &enum hws_session_state; get only
 * @HWS_SESSION_A_INITIATOR_NAME: string, new
 * @HWS_SESSION_A_INITIATOR_ALIAS: string, new, optional
 * @HWS_SESSION_A_TARGET_NAME: string, new
 * @HWS_SESSION_A_TARGET_ALIAS: string, new, optional
 * @HWS_SESSION_A_ISID: 6 bytes, new
 * @HWS_SESSION_A_TSIH: u16, not 0, new, adopt
 * @HWS_SESSION_A_TPGT: u16, new
 * @HWS_SESSION_A_IFACE: string, the iface record's name, new
 * @HWS_SESSION_A_OWNER_KEY: bytes, new, optional: kept for the caller and given
 *	back, so that a daemon that was started anew finds its own records
 * @HWS_SESSION_A_INITIAL_R2T: u8, 0 or 1, new, adopt
 * @HWS_SESSION_A_IMMEDIATE_DATA: u8, 0 or 1, new, adopt
 * @HWS_SESSION_A_FIRST_BURST_LENGTH: u32, 512 to 2^24-1, new, adopt
 * @HWS_SESSION_A_MAX_BURST_LENGTH: u32, 512 to 2^24-1, new, adopt
 * @HWS_SESSION_A_MAX_OUTSTANDING_R2T: u16, 1 to HWS_R2T_MAX, new, adopt:
 *	userspace offers no more than that
 * @HWS_SESSION_A_DATA_PDU_IN_ORDER: u8, 0 or 1, new, adopt
 * @HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER: u8, 0 or 1, new, adopt
 * @HWS_SESSION_A_ERL: u8, ErrorRecoveryLevel, 0 to 2, new, adopt
 * @HWS_SESSION_A_MAX_CONNECTIONS: u16, 1 to 65535, new, adopt
 * @HWS_SESSION_A_TIME2WAIT: u16, 0 to 3600, new, adopt
 * @HWS_SESSION_A_TIME2RETAIN: u16, 0 to 3600, new, adopt
 * @HWS_SESSION_A_CMD_SN: u32, the CmdSN of the first command in full feature
 *	phase, new, adopt; in replies the next one
 * @HWS_SESSION_A_EXP_CMD_SN: u32, ExpCmdSN of the final login response, new,
 *	adopt; in replies the newest
 * @HWS_SESSION_A_MAX_CMD_SN: u32, MaxCmdSN likewise, new, adopt
 * @HWS_SESSION_A_CMDS_MAX: u32, commands outstanding in the session,
 *	HWS_CMDS_MAX_MIN to HWS_CMDS_MAX_MAX, new
 * @HWS_SESSION_A_QUEUE_DEPTH: u32, commands outstanding at one logical unit, 1
 *	to HWS_QUEUE_DEPTH_MAX, new
 * @HWS_SESSION_A_RECOVERY_TMO: s32, seconds after the loss of the last
 *	connection until I/O fails; 0 at once, negative never, at most
 *	HWS_RECOVERY_TMO_MAX; new, set. A recovery under way counts anew
 * @HWS_SESSION_A_ABORT_TMO: u32, new, set; for ABORT TASK, 1 to 3600
 * @HWS_SESSION_A_LU_RESET_TMO: u32, new, set; 1 to 3600
 * @HWS_SESSION_A_TGT_RESET_TMO: u32, new, set; 1 to 3600
 * @HWS_SESSION_A_SCAN: u8, &enum hws_scan_mode, new
 * @HWS_SESSION_A_STABLE_WRITES: u8, 0 or 1, new: the record permits data
 *	digests, so pages must not change while they are being written, in this
 *	login or a later one of the session
 * @HWS_SESSION_A_LAST_LOSS: u8, &enum hws_loss, why the last connection was
 *	lost; get only, absent when none was
 * @HWS_SESSION_A_DEVICES: u32, SCSI devices now; get only
 * @HWS_SESSION_A_TASK_REPORTING: u8, &enum hws_task_reporting, new, adopt,
 *	optional: RFC3720 when absent. What the module cannot act on is refused
 *	with EOPNOTSUPP
 * @HWS_SESSION_A_PROTOCOL_LEVEL: u8, iSCSIProtocolLevel, 0 to 31, new, adopt,
 *	optional: 1 when absent
 * @HWS_SESSION_A_POLICY: u8, &enum hws_policy, new, set, optional: failover when
 *	absent
 * @HWS_SESSION_A_USERNAME: string, CHAP_N that the login gave, new, optional: none
 *	when absent. Shown in sysfs to who may administer the machine; secrets
 *	never come to the module
 * @HWS_SESSION_A_USERNAME_IN: string, CHAP_N of the target, likewise
 */
enum hws_session_attr {
	HWS_SESSION_A_UNSPEC,
	HWS_SESSION_A_STATE,
	HWS_SESSION_A_INITIATOR_NAME,
	HWS_SESSION_A_INITIATOR_ALIAS,
	HWS_SESSION_A_TARGET_NAME,
	HWS_SESSION_A_TARGET_ALIAS,
	HWS_SESSION_A_ISID,
	HWS_SESSION_A_TSIH,
	HWS_SESSION_A_TPGT,
	HWS_SESSION_A_IFACE,
	HWS_SESSION_A_OWNER_KEY,
	HWS_SESSION_A_INITIAL_R2T,
	HWS_SESSION_A_IMMEDIATE_DATA,
	HWS_SESSION_A_FIRST_BURST_LENGTH,
	HWS_SESSION_A_MAX_BURST_LENGTH,
	HWS_SESSION_A_MAX_OUTSTANDING_R2T,
	HWS_SESSION_A_DATA_PDU_IN_ORDER,
	HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER,
	HWS_SESSION_A_ERL,
	HWS_SESSION_A_MAX_CONNECTIONS,
	HWS_SESSION_A_TIME2WAIT,
	HWS_SESSION_A_TIME2RETAIN,
	HWS_SESSION_A_CMD_SN,
	HWS_SESSION_A_EXP_CMD_SN,
	HWS_SESSION_A_MAX_CMD_SN,
	HWS_SESSION_A_CMDS_MAX,
	HWS_SESSION_A_QUEUE_DEPTH,
	HWS_SESSION_A_RECOVERY_TMO,
	HWS_SESSION_A_ABORT_TMO,
	HWS_SESSION_A_LU_RESET_TMO,
	HWS_SESSION_A_TGT_RESET_TMO,
	HWS_SESSION_A_SCAN,
	HWS_SESSION_A_STABLE_WRITES,
	HWS_SESSION_A_LAST_LOSS,
	HWS_SESSION_A_DEVICES,
	HWS_SESSION_A_TASK_REPORTING,
	HWS_SESSION_A_PROTOCOL_LEVEL,
	HWS_SESSION_A_POLICY,
	HWS_SESSION_A_USERNAME,
	HWS_SESSION_A_USERNAME_IN,

	__HWS_SESSION_A_MAX,
	HWS_SESSION_A_MAX = __HWS_SESSION_A_MAX - 1
};

/**
 * enum hws_conn_attr - a connection (CID) of a session
 *
 * "adopt": in HWS_CMD_SESSION_NEW and HWS_CMD_CONN_ADOPT, required unless
 * "optional". "set": may be in HWS_CMD_SESSION_SET.
 *
 * @HWS_CONN_A_CID: u16, the CID on the wire, adopt
 * @HWS_CONN_A_STATE: u8, &enum hws_conn_state; get only
 * @HWS_CONN_A_FD: u32, the connected socket, adopt only
 * @HWS_CONN_A_HEADER_DIGEST: u8, 0 none, 1 CRC32C, adopt
 * @HWS_CONN_A_DATA_DIGEST: u8, likewise, adopt
 * @HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH: u32, what we declared, 512 to
 *	2^24-1, adopt
 * @HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH: u32, what the target declared,
 *	512 to 2^24-1, adopt
 * @HWS_CONN_A_EXP_STAT_SN: u32, StatSN of the final login response plus one,
 *	adopt; in replies the newest
 * @HWS_CONN_A_PERSISTENT_ADDRESS: string, the record's portal, adopt
 * @HWS_CONN_A_PERSISTENT_PORT: u16, adopt
 * @HWS_CONN_A_PING_INTERVAL: u32, seconds without traffic until a NOP-Out is
 *	sent, 0 for never, at most 3600; adopt, set
 * @HWS_CONN_A_PING_TIMEOUT: u32, seconds that a ping may stay without an
 *	answer until the connection counts as lost, 0 for ever, at most 3600;
 *	adopt, set
 * @HWS_CONN_A_LOCAL_ADDRESS: string, numeric; get only
 * @HWS_CONN_A_LOCAL_PORT: u16; get only
 * @HWS_CONN_A_PEER_ADDRESS: string, numeric; get only
 * @HWS_CONN_A_PEER_PORT: u16; get only
 * @HWS_CONN_A_LOSS: u8, &enum hws_loss; in HWS_EVENT_CONNECTION_LOST
 * @HWS_CONN_A_STATS: nest whose attribute types are &enum hws_conn_stat, u64
 * @HWS_CONN_A_ROLE: u8, &enum hws_role, adopt, set, optional: active when absent
 * @HWS_CONN_A_WEIGHT: u32, the lower the better, adopt, set, optional: 0 when
 *	absent
 * @HWS_CONN_A_CARRIES: u8, 0 or 1: new commands may go over it now; get only
 * @HWS_CONN_A_OUTSTANDING: u32, commands that are its own now; get only
 */
enum hws_conn_attr {
	HWS_CONN_A_UNSPEC,
	HWS_CONN_A_CID,
	HWS_CONN_A_STATE,
	HWS_CONN_A_FD,
	HWS_CONN_A_HEADER_DIGEST,
	HWS_CONN_A_DATA_DIGEST,
	HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH,
	HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH,
	HWS_CONN_A_EXP_STAT_SN,
	HWS_CONN_A_PERSISTENT_ADDRESS,
	HWS_CONN_A_PERSISTENT_PORT,
	HWS_CONN_A_PING_INTERVAL,
	HWS_CONN_A_PING_TIMEOUT,
	HWS_CONN_A_LOCAL_ADDRESS,
	HWS_CONN_A_LOCAL_PORT,
	HWS_CONN_A_PEER_ADDRESS,
	HWS_CONN_A_PEER_PORT,
	HWS_CONN_A_LOSS,
	HWS_CONN_A_STATS,
	HWS_CONN_A_PAD,
	HWS_CONN_A_ROLE,
	HWS_CONN_A_WEIGHT,
	HWS_CONN_A_CARRIES,
	HWS_CONN_A_OUTSTANDING,

	__HWS_CONN_A_MAX,
	HWS_CONN_A_MAX = __HWS_CONN_A_MAX - 1
};

/**
 * enum hws_adopt_kind - what a login that was reserved is for
 *
 * @HWS_ADOPT_SESSION: session reinstatement (RFC 7143 section 6.3.5): same
 *	ISID, TSIH 0; for a session that has lost its last connection. The CID is
 *	one that the session had; its others stay lost until they join again
 * @HWS_ADOPT_JOIN: a connection for a session of which another is up, with the
 *	session's TSIH: a new one, or one that was lost and has been logged out
 *	over another since
 * @HWS_ADOPT_REINSTATE: connection reinstatement (section 6.3.4): for a session of
 *	ErrorRecoveryLevel 2 that has lost its last connection; same CID and the
 *	session's TSIH. Its tasks are reassigned, and the connections that are
 *	still lost are logged out over it
 */
enum hws_adopt_kind {
	HWS_ADOPT_SESSION = 1,
	HWS_ADOPT_JOIN,
	HWS_ADOPT_REINSTATE,
};

/**
 * enum hws_policy - which connection of the session a command goes over
 *
 * Of the connections that are up: the active ones, or when there are none, one
 * standby connection takes their place until one is back.
 *
 * @HWS_POLICY_FAILOVER: the first active one; the others wait
 * @HWS_POLICY_ROUND_ROBIN: each in turn, standby or not
 * @HWS_POLICY_ROUND_ROBIN_SUBSET: each active one in turn
 * @HWS_POLICY_WEIGHTED: the one with the lowest weight
 * @HWS_POLICY_LEAST_QUEUE: the one with the fewest commands outstanding
 * @HWS_POLICY_CPU: one for each processor, as far as they go round
 */
enum hws_policy {
	HWS_POLICY_FAILOVER = 1,
	HWS_POLICY_ROUND_ROBIN,
	HWS_POLICY_ROUND_ROBIN_SUBSET,
	HWS_POLICY_WEIGHTED,
	HWS_POLICY_LEAST_QUEUE,
	HWS_POLICY_CPU,
};

/**
 * enum hws_role - a connection's part in the policy
 *
 * @HWS_ROLE_ACTIVE: carries commands
 * @HWS_ROLE_STANDBY: carries them when no active one is up
 */
enum hws_role {
	HWS_ROLE_ACTIVE = 1,
	HWS_ROLE_STANDBY,
};

/**
 * enum hws_session_state
 *
 * @HWS_SESSION_ACTIVE: a connection is in full feature phase (RFC 7143 section
 *	8.3.1: LOGGED_IN)
 * @HWS_SESSION_FAILED: no connection is up, I/O is held back
 * @HWS_SESSION_EXPIRED: no connection is up and the recovery time-out has
 *	passed: I/O fails until a connection is back
 * @HWS_SESSION_CLOSING: being ended
 */
enum hws_session_state {
	HWS_SESSION_ACTIVE = 1,
	HWS_SESSION_FAILED,
	HWS_SESSION_EXPIRED,
	HWS_SESSION_CLOSING,
};

/**
 * enum hws_conn_state - RFC 7143 section 8.1.3, as far as the module has part
 *
 * @HWS_CONN_FREE: no socket and no login reserved (S1)
 * @HWS_CONN_IN_LOGIN: a login is reserved (S4)
 * @HWS_CONN_LOGGED_IN: full feature phase (S5)
 * @HWS_CONN_IN_LOGOUT: a Logout request was sent (S6)
 * @HWS_CONN_CLEANUP: lost, being taken down (S8)
 */
enum hws_conn_state {
	HWS_CONN_FREE = 1,
	HWS_CONN_IN_LOGIN,
	HWS_CONN_LOGGED_IN,
	HWS_CONN_IN_LOGOUT,
	HWS_CONN_CLEANUP,
};

/**
 * enum hws_loss - why a connection was lost
 *
 * @HWS_LOSS_CLOSED: the target closed it (FIN)
 * @HWS_LOSS_RESET: TCP reported an error (RST, time-out, unreachable)
 * @HWS_LOSS_PING: the target left a ping without an answer
 * @HWS_LOSS_PROTOCOL: the target broke the protocol
 * @HWS_LOSS_HEADER_DIGEST: a header digest did not match
 * @HWS_LOSS_DATA_DIGEST: a data digest did not match
 * @HWS_LOSS_REJECT: the target rejected a PDU that cannot be sent again
 * @HWS_LOSS_ASYNC_LOGOUT: the target asked for a logout
 * @HWS_LOSS_ASYNC_DROP: the target said that it drops the connection
 * @HWS_LOSS_TASK_MANAGEMENT: a task management function was not answered
 * @HWS_LOSS_ADMIN: HWS_CMD_CONN_DROP
 * @HWS_LOSS_MEMORY: memory for something that had to be sent was not to be had
 * @HWS_LOSS_SESSION: another connection was lost and could not be logged out, so
 *	the session is recovered as a whole
 * @HWS_LOSS_UNREPAIRED: PDUs were lost or damaged, and the target did not send
 *	them again (error recovery level 1)
 */
enum hws_loss {
	HWS_LOSS_CLOSED = 1,
	HWS_LOSS_RESET,
	HWS_LOSS_PING,
	HWS_LOSS_PROTOCOL,
	HWS_LOSS_HEADER_DIGEST,
	HWS_LOSS_DATA_DIGEST,
	HWS_LOSS_REJECT,
	HWS_LOSS_ASYNC_LOGOUT,
	HWS_LOSS_ASYNC_DROP,
	HWS_LOSS_TASK_MANAGEMENT,
	HWS_LOSS_ADMIN,
	HWS_LOSS_MEMORY,
	HWS_LOSS_SESSION,
	HWS_LOSS_UNREPAIRED,
};

/**
 * enum hws_scan_mode - node.session.scan
 *
 * @HWS_SCAN_AUTO: logical units are looked for at login
 * @HWS_SCAN_MANUAL: only when asked to
 */
enum hws_scan_mode {
	HWS_SCAN_AUTO = 1,
	HWS_SCAN_MANUAL,
};

/**
 * enum hws_task_reporting - TaskReporting, RFC 7143 section 13.23
 *
 * @HWS_TASK_REPORTING_RFC3720: nothing is promised
 * @HWS_TASK_REPORTING_RESPONSE_FENCE: the target fences responses (4.2.2.3.3)
 * @HWS_TASK_REPORTING_FAST_ABORT: and many tasks are aborted fast (4.2.3.4),
 *	which asks something of the initiator
 */
enum hws_task_reporting {
	HWS_TASK_REPORTING_RFC3720,
	HWS_TASK_REPORTING_RESPONSE_FENCE,
	HWS_TASK_REPORTING_FAST_ABORT,
};

/**
 * enum hws_ping_attr
 *
 * @HWS_PING_A_ID: u32, chosen by the caller, given back in the event
 * @HWS_PING_A_SIZE: u32, 0 to HWS_PING_MAX
 * @HWS_PING_A_STATUS: u32, 0 or a positive errno: ETIMEDOUT, ECONNRESET (the
 *	connection was lost), EBADMSG (other bytes came back)
 * @HWS_PING_A_RTT_NS: u64
 */
enum hws_ping_attr {
	HWS_PING_A_UNSPEC,
	HWS_PING_A_ID,
	HWS_PING_A_SIZE,
	HWS_PING_A_STATUS,
	HWS_PING_A_RTT_NS,
	HWS_PING_A_PAD,

	__HWS_PING_A_MAX,
	HWS_PING_A_MAX = __HWS_PING_A_MAX - 1
};

/**
 * enum hws_tmf_attr
 *
 * @HWS_TMF_A_ID: u32, chosen by the caller, given back in the event
 * @HWS_TMF_A_FUNCTION: u8, RFC 7143 section 11.5.1: 2 ABORT TASK SET, 3 CLEAR
 *	ACA, 4 CLEAR TASK SET, 5 LOGICAL UNIT RESET, 6 TARGET WARM RESET, 7
 *	TARGET COLD RESET; with iSCSIProtocolLevel 2 also, RFC 7144 section 6.3: 10
 *	QUERY TASK SET, 11 I_T NEXUS RESET, 12 QUERY ASYNCHRONOUS EVENT (EOPNOTSUPP
 *	without). The others name a task and are refused
 * @HWS_TMF_A_LUN: 8 bytes
 * @HWS_TMF_A_STATUS: u32, 0 or a positive errno: ETIMEDOUT, ECONNRESET
 * @HWS_TMF_A_RESPONSE: u8, the response code of section 11.6.1; 7 is RFC 7144's
 *	"function succeeded"
 */
enum hws_tmf_attr {
	HWS_TMF_A_UNSPEC,
	HWS_TMF_A_ID,
	HWS_TMF_A_FUNCTION,
	HWS_TMF_A_LUN,
	HWS_TMF_A_STATUS,
	HWS_TMF_A_RESPONSE,

	__HWS_TMF_A_MAX,
	HWS_TMF_A_MAX = __HWS_TMF_A_MAX - 1
};

/**
 * enum hws_text_attr
 *
 * @HWS_TEXT_A_ID: u32, chosen by the caller, given back in the event
 * @HWS_TEXT_A_TEXT: bytes, at most HWS_TEXT_MAX: key=value pairs, each with its
 *	NUL, as on the wire; in the event the answer, when it is whole
 * @HWS_TEXT_A_STATUS: u32, 0 or a positive errno: ETIMEDOUT (no whole answer in
 *	time), ENOTCONN or ECONNRESET (the connection was not up, or was lost),
 *	EMSGSIZE (an answer over HWS_TEXT_MAX), EPROTO (the target rejected the
 *	request, broke the rules of the exchange or found no end), EBUSY (neither
 *	we nor the target had room for a request), ENOMEM
 */
enum hws_text_attr {
	HWS_TEXT_A_UNSPEC,
	HWS_TEXT_A_ID,
	HWS_TEXT_A_TEXT,
	HWS_TEXT_A_STATUS,

	__HWS_TEXT_A_MAX,
	HWS_TEXT_A_MAX = __HWS_TEXT_A_MAX - 1
};

/**
 * enum hws_scan_attr
 *
 * @HWS_SCAN_A_STATUS: u32, 0 or a positive errno
 * @HWS_SCAN_A_ADDED: u32, devices that are new
 * @HWS_SCAN_A_REMOVED: u32, devices that are gone
 */
enum hws_scan_attr {
	HWS_SCAN_A_UNSPEC,
	HWS_SCAN_A_STATUS,
	HWS_SCAN_A_ADDED,
	HWS_SCAN_A_REMOVED,

	__HWS_SCAN_A_MAX,
	HWS_SCAN_A_MAX = __HWS_SCAN_A_MAX - 1
};

/**
 * enum hws_async_attr - an Asynchronous Message, RFC 7143 section 11.9
 *
 * @HWS_ASYNC_A_EVENT: u8, AsyncEvent
 * @HWS_ASYNC_A_VCODE: u8
 * @HWS_ASYNC_A_PARAMETER1: u16
 * @HWS_ASYNC_A_PARAMETER2: u16
 * @HWS_ASYNC_A_PARAMETER3: u16
 * @HWS_ASYNC_A_LUN: 8 bytes
 * @HWS_ASYNC_A_DATA: bytes, the data segment (sense or vendor data)
 */
enum hws_async_attr {
	HWS_ASYNC_A_UNSPEC,
	HWS_ASYNC_A_EVENT,
	HWS_ASYNC_A_VCODE,
	HWS_ASYNC_A_PARAMETER1,
	HWS_ASYNC_A_PARAMETER2,
	HWS_ASYNC_A_PARAMETER3,
	HWS_ASYNC_A_LUN,
	HWS_ASYNC_A_DATA,

	__HWS_ASYNC_A_MAX,
	HWS_ASYNC_A_MAX = __HWS_ASYNC_A_MAX - 1
};

/**
 * enum hws_event
 *
 * @HWS_EVENT_SESSION_NEW: a session was made (HWS_A_HOST)
 * @HWS_EVENT_SESSION_REMOVED: a session is gone, its number may be reused
 * @HWS_EVENT_SESSION_STATE: HWS_A_SESSION with HWS_SESSION_A_STATE
 * @HWS_EVENT_CONNECTION_UP: HWS_A_CONNECTION with HWS_CONN_A_CID
 * @HWS_EVENT_CONNECTION_LOST: HWS_A_CONNECTION with HWS_CONN_A_CID,
 *	HWS_CONN_A_LOSS; HWS_A_SESSION with HWS_SESSION_A_TIME2WAIT: seconds to
 *	wait before the next login (what is left of DefaultTime2Wait, or of what an
 *	Asynchronous Message said)
 * @HWS_EVENT_ASYNC: HWS_A_CONNECTION with HWS_CONN_A_CID; HWS_A_ASYNC; at most
 *	20 a second for each connection
 * @HWS_EVENT_SCAN: HWS_A_SCAN
 * @HWS_EVENT_PING: HWS_A_PING
 * @HWS_EVENT_TMF: HWS_A_TMF
 * @HWS_EVENT_UNIT_ATTENTION: a unit attention that an administrator wants to
 *	know of: HWS_A_ASYNC with HWS_ASYNC_A_LUN and HWS_ASYNC_A_DATA (sense)
 * @HWS_EVENT_TEXT: HWS_A_TEXT
 * @HWS_EVENT_CONNECTION_REMOVED: HWS_CMD_CONN_REMOVE has ended: HWS_A_CONNECTION
 *	with HWS_CONN_A_CID
 */
enum hws_event {
	HWS_EVENT_SESSION_NEW = 1,
	HWS_EVENT_SESSION_REMOVED,
	HWS_EVENT_SESSION_STATE,
	HWS_EVENT_CONNECTION_UP,
	HWS_EVENT_CONNECTION_LOST,
	HWS_EVENT_ASYNC,
	HWS_EVENT_SCAN,
	HWS_EVENT_PING,
	HWS_EVENT_TMF,
	HWS_EVENT_UNIT_ATTENTION,
	HWS_EVENT_TEXT,
	HWS_EVENT_CONNECTION_REMOVED,
};

/*
 * The counters, one row each: number, name (JSON and netlink alike), text.
 * The module's arrays, the netlink nests, the CLI's output and the
 * documentation are made from these two tables. Numbers are never reused.
 */
#define HWS_CONN_STATS(X)                                                      \
	X(1, TX_OCTETS, "tx_octets", "bytes given to TCP")                     \
	X(2, RX_OCTETS, "rx_octets", "bytes taken from TCP")                   \
	X(3, TX_DATA_OCTETS, "tx_data_octets", "data bytes sent")              \
	X(4, RX_DATA_OCTETS, "rx_data_octets", "data bytes received")          \
	X(5, TX_NOP_OUT, "noptx_pdus", "NOP-Out PDUs sent")                    \
	X(6, TX_SCSI_COMMAND, "scsicmd_pdus", "SCSI Command PDUs sent")        \
	X(7, TX_TMF, "tmfcmd_pdus", "Task Management requests sent")           \
	X(8, TX_DATA_OUT, "dataout_pdus", "Data-Out PDUs sent")                \
	X(9, TX_LOGOUT, "logout_pdus", "Logout requests sent")                 \
	X(10, TX_TEXT, "text_pdus", "Text requests sent")                      \
	X(11, TX_SNACK, "snack_pdus", "SNACK requests sent")                   \
	X(12, RX_NOP_IN, "noprx_pdus", "NOP-In PDUs received")                 \
	X(13, RX_SCSI_RESPONSE, "scsirsp_pdus", "SCSI Responses received")     \
	X(14, RX_TMF_RESPONSE, "tmfrsp_pdus", "Task Management responses")     \
	X(15, RX_DATA_IN, "datain_pdus", "Data-In PDUs received")              \
	X(16, RX_R2T, "r2t_pdus", "R2T PDUs received")                         \
	X(17, RX_ASYNC, "async_pdus", "Asynchronous Messages received")        \
	X(18, RX_REJECT, "rjt_pdus", "Reject PDUs received")                   \
	X(19, RX_LOGOUT_RESPONSE, "logoutrsp_pdus", "Logout responses")        \
	X(20, RX_TEXT_RESPONSE, "textrsp_pdus", "Text responses received")     \
	X(21, DIGEST_ERRORS, "digest_err", "header or data digests wrong")     \
	X(22, PROTOCOL_ERRORS, "protocol_err", "PDUs that broke the protocol") \
	X(23, SEND_WAITS, "send_waits", "times that the socket was full")      \
	X(24, UNKNOWN_TASK_TAGS, "unknown_task_tags", "PDUs for no live task") \
	X(25, REJECT_DATA_DIGEST, "rjt_data_digest",                           \
	  "Rejects: a damaged data segment")                                   \
	X(26, REJECT_SNACK, "rjt_snack", "Rejects: a SNACK")                   \
	X(27, REJECT_PROTOCOL, "rjt_protocol", "Rejects: a protocol error")    \
	X(28, REJECT_NOT_SUPPORTED, "rjt_not_supported",                       \
	  "Rejects: command not supported")                                    \
	X(29, REJECT_IMMEDIATE, "rjt_immediate",                               \
	  "Rejects: immediate requests")                                       \
	X(30, REJECT_TASK_IN_PROGRESS, "rjt_task_in_progress",                 \
	  "Rejects: task in progress")                                         \
	X(31, REJECT_INVALID_DATA_ACK, "rjt_invalid_data_ack",                 \
	  "Rejects: invalid DataACK")                                          \
	X(32, REJECT_INVALID_FIELD, "rjt_invalid_field",                       \
	  "Rejects: invalid PDU field")                                        \
	X(33, REJECT_LONG_OPERATION, "rjt_long_operation",                     \
	  "Rejects: no Target Transfer Tag")                                   \
	X(34, REJECT_NEGOTIATION_RESET, "rjt_negotiation_reset",               \
	  "Rejects: negotiation reset")                                        \
	X(35, REJECT_WAITING_FOR_LOGOUT, "rjt_waiting_for_logout",             \
	  "Rejects: it waits for a Logout")                                    \
	X(36, REJECT_OTHER, "rjt_other", "Rejects: a reason of no RFC")

#define HWS_SESSION_STATS(X)                                                   \
	X(1, COMMANDS, "commands", "SCSI commands taken from the midlayer")    \
	X(2, COMPLETIONS, "completions", "SCSI commands ended by the target")  \
	X(3, READ_OCTETS, "read_octets", "bytes read by commands")             \
	X(4, WRITE_OCTETS, "write_octets", "bytes written by commands")        \
	X(5, WINDOW_CLOSED, "window_closed", "sends held by MaxCmdSN")         \
	X(6, ABORTS, "aborts", "ABORT TASK requests by error handling")        \
	X(7, LU_RESETS, "lu_resets", "LOGICAL UNIT RESETs by error handling")  \
	X(8, TARGET_RESETS, "target_resets", "target resets, error handling")  \
	X(9, TMF_TIMEOUTS, "tmf_timeouts", "task management without answer")   \
	X(10, TIMEOUTS, "timeout_err", "SCSI commands that timed out")         \
	X(11, CONNECTION_LOSSES, "connection_losses", "connections lost")      \
	X(12, RECOVERIES, "recoveries", "session reinstatements done")         \
	X(13, EXPIRIES, "expiries", "recovery time-outs that passed")          \
	X(14, REQUEUED, "requeued", "commands issued again after a loss")      \
	X(15, FAILED_BY_LOSS, "failed_by_loss", "commands failed by a loss")   \
	X(16, UNIT_ATTENTIONS, "unit_attentions", "unit attentions received")  \
	X(17, CONNECTIONS_CLEARED, "connections_cleared",                      \
	  "lost connections logged out over another")                          \
	X(18, RETRIED, "retried", "commands sent again with their CmdSN")      \
	X(19, JOINED, "joined", "connections that joined the session")         \
	X(20, REINSTATED, "reinstated", "connections reinstated")              \
	X(21, CONNECTIONS_RECOVERED, "connections_recovered",                  \
	  "lost connections whose tasks went on")                              \
	X(22, REASSIGNED, "reassigned", "commands reassigned to a connection") \
	X(23, DATA_SNACKS, "data_snacks", "SNACKs for Data-In")                \
	X(24, R2T_SNACKS, "r2t_snacks", "SNACKs for R2Ts")                     \
	X(25, STATUS_SNACKS, "status_snacks", "SNACKs for statuses")           \
	X(26, DATA_ACKS, "data_acks", "SNACKs that acknowledge Data-In")       \
	X(27, REPAIRED, "repaired", "lost or damaged PDUs that came again")    \
	X(28, RECOVERY_R2TS, "recovery_r2ts",                                  \
	  "R2Ts for data that was sent before")

#define HWS_STAT_ENUM_ROW_CONN(nr, id, name, text)	HWS_CONN_STAT_##id = (nr),
#define HWS_STAT_ENUM_ROW_SESSION(nr, id, name, text)	HWS_SESSION_STAT_##id = (nr),

enum hws_conn_stat {
	HWS_CONN_STAT_PAD,
	HWS_CONN_STATS(HWS_STAT_ENUM_ROW_CONN)
	__HWS_CONN_STAT_MAX,
	HWS_CONN_STAT_MAX = __HWS_CONN_STAT_MAX - 1
};

enum hws_session_stat {
	HWS_SESSION_STAT_PAD,
	HWS_SESSION_STATS(HWS_STAT_ENUM_ROW_SESSION)
	__HWS_SESSION_STAT_MAX,
	HWS_SESSION_STAT_MAX = __HWS_SESSION_STAT_MAX - 1
};

#endif /* _UAPI_HAWSER_HAWSER_H */
