// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hawser, an iSCSI initiator. A newcomer reads this, session.h, connection.h
 * and task.h for what there is; send.c and out.c, receive.c and response.c for
 * the data path; recovery.c for what happens when it breaks; netlink.c for who
 * commands it.
 */
#include <linux/module.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "digest.h"
#include "main.h"
#include "reserves.h"

struct workqueue_struct *hws_send_wq;
struct workqueue_struct *hws_recovery_wq;
struct workqueue_struct *hws_control_wq;
struct workqueue_struct *hws_teardown_wq;

static void destroy_queues(void)
{
	if (hws_teardown_wq)
		destroy_workqueue(hws_teardown_wq);
	if (hws_control_wq)
		destroy_workqueue(hws_control_wq);
	if (hws_recovery_wq)
		destroy_workqueue(hws_recovery_wq);
	if (hws_send_wq)
		destroy_workqueue(hws_send_wq);
}

static void flush_queues(void)
{
	flush_workqueue(hws_teardown_wq);
	flush_workqueue(hws_control_wq);
	flush_workqueue(hws_recovery_wq);
	flush_workqueue(hws_send_wq);
}

static int create_queues(void)
{
	hws_send_wq = alloc_workqueue("hawser_send",
				      WQ_MEM_RECLAIM | HWS_WQ_PERCPU, 0);
	/* All commands of a connection wait for its recovery. */
	hws_recovery_wq = alloc_workqueue("hawser_recovery",
					  WQ_MEM_RECLAIM | WQ_UNBOUND |
					  WQ_HIGHPRI, 0);
	hws_control_wq = alloc_workqueue("hawser_control", WQ_UNBOUND, 0);
	hws_teardown_wq = alloc_workqueue("hawser_teardown", WQ_UNBOUND, 0);
	if (hws_send_wq && hws_recovery_wq && hws_control_wq &&
	    hws_teardown_wq)
		return 0;
	destroy_queues();
	return -ENOMEM;
}

static int __init hws_init(void)
{
	int ret;

	ret = hws_digest_init();
	if (ret)
		return ret;
	ret = hws_reserves_init();
	if (ret)
		goto digest;
	ret = create_queues();
	if (ret)
		goto reserves;
	ret = hws_transport_register();
	if (ret)
		goto destroy;
	ret = hws_netlink_register();
	if (ret)
		goto unregister;
	return 0;

unregister:
	hws_transport_unregister();
destroy:
	destroy_queues();
reserves:
	hws_reserves_exit();
digest:
	hws_digest_exit();
	return ret;
}

/* Every session holds the module, so there is none. */
static void __exit hws_exit(void)
{
	/*
	 * The last session's work may still be returning, or tell an event. A command
	 * that found the session before it ended may still queue something; the family
	 * is gone when all commands have returned.
	 */
	flush_queues();
	hws_netlink_unregister();
	destroy_queues();
	hws_transport_unregister();
	rcu_barrier();
	hws_reserves_exit();
	hws_digest_exit();
}

module_init(hws_init);
module_exit(hws_exit);

MODULE_DESCRIPTION("Hawser iSCSI initiator");
MODULE_AUTHOR("The Hawser developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(HWS_VERSION);
MODULE_ALIAS("net-pf-16-proto-16-family-hawser");
