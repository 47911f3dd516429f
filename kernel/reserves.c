// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory to receive into when there is none: pages may have to be written out
 * over a session, or over one that is about to be logged in to, to get some.
 *
 * The network stack may take from the reserves for all sockets, and drops what
 * it took unless it is for a socket that is marked. How many marked sockets there
 * are decides whether it may, and only whoever marks one can take that back, which
 * nobody does for a socket that a process made and closed. So one socket of the
 * module's is counted, and the others are only marked.
 */
#include <linux/net.h>
#include <net/sock.h>

#include "reserves.h"

static struct socket *counted;

int hws_reserves_init(void)
{
	int ret = sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
				   &counted);

	if (!ret)
		sk_set_memalloc(counted->sk);
	return ret;
}

void hws_reserves_exit(void)
{
	sk_clear_memalloc(counted->sk);
	sock_release(counted);
}

/**
 * hws_reserves_mark - let a socket use the reserves until it is closed
 * @sk: a TCP socket, locked
 */
void hws_reserves_mark(struct sock *sk)
{
	sock_set_flag(sk, SOCK_MEMALLOC);
	sk->sk_allocation |= __GFP_MEMALLOC;
}
