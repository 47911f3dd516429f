// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a daemon meets after an upgrade that left another release's module loaded: the
 * family is there, and says a number that is not the daemon's.
 */
#include <linux/module.h>
#include <net/genetlink.h>

#define ABI_ATTR	1	/* HWS_A_ABI and the next are the same in every ABI */
#define VERSION_ATTR	2
#define GET_INFO	1

static struct genl_family family;

static int get_info(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *header;

	if (!skb)
		return -ENOMEM;
	header = genlmsg_put_reply(skb, info, &family, 0, GET_INFO);
	if (!header || nla_put_u32(skb, ABI_ATTR, 4711) ||
	    nla_put_string(skb, VERSION_ATTR, "9.9")) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

static const struct genl_ops ops[] = {
	{ .cmd = GET_INFO, .doit = get_info, },
};

static const struct genl_multicast_group groups[] = { { .name = "events", }, };

static struct genl_family family = {
	.name = "hawser",
	.version = 1,
	.maxattr = VERSION_ATTR,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = GET_INFO,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

static int __init other_abi_init(void)
{
	return genl_register_family(&family);
}

static void __exit other_abi_exit(void)
{
	genl_unregister_family(&family);
}

module_init(other_abi_init);
module_exit(other_abi_exit);
MODULE_DESCRIPTION("The netlink family of another Hawser release");
MODULE_LICENSE("GPL");
