/* `codeset-init network [FLAGS] -- PROGRAM ARG…`, inside a sandbox before its PID 1: closes what is not the world to
 * everything in this network namespace, gives up the capabilities that could open it again, and becomes PROGRAM.
 *
 * The filter is nf_tables', spoken over netlink by hand. It sits behind routing, so that neither a socket that is
 * bound to an interface nor a route of somebody's goes around it. Whatever it does not know is closed. */
#define _GNU_SOURCE
#include "init.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define TABLE "codeset"
#define MAX_ADDRESSES 64
#define TRIES 10

struct address {
  int family; /* AF_INET, AF_INET6 */
  uint8_t bytes[16];
  unsigned bits;
  uint16_t port; /* --allow only */
};

struct addresses {
  struct address all[MAX_ADDRESSES];
  size_t count;
};

static struct addresses resolvers, allowed, denied;

/* Not the world: this network, private ones, CGNAT, loopback, link-local with the metadata services in it, protocol
 * assignments, benchmarks, multicast, reserved; and one cloud's metadata at an address of the world. Addresses of
 * documentation are open: nobody's, or what a network without the real world stands in for it with. */
static const char *const closed[] = {
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
    /* Of IPv6 only 2000::/3 is open at all; these are inside it. 6to4 and Teredo wrap IPv4 addresses. */
    "2001::/23", "2002::/16",
};
#define OPEN_IN_IPV6 "2000::/3"

/* ---------------------------------------------------------------- messages */

#define BATCH_SIZE (256u << 10)

static struct {
  uint8_t bytes[BATCH_SIZE + 64]; /* a header that was begun at the very end can be ended */
  size_t length;
  uint32_t asked; /* how many messages want an answer; the last one's sequence number */
  bool full;
} batch;

static void *append(const void *data, size_t length) {
  size_t padded = (length + 3) & ~(size_t)3;
  if (batch.length + padded > BATCH_SIZE) {
    batch.full = true;
    batch.length = 0;
  }
  void *at = batch.bytes + batch.length;
  memset(at, 0, padded);
  if (data != NULL) memcpy(at, data, length);
  batch.length += padded;
  return at;
}

static size_t begin_message(uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
  size_t at = batch.length;
  struct nlmsghdr *header = append(NULL, sizeof *header);
  header->nlmsg_type = type;
  header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
  if ((flags & NLM_F_ACK) != 0) header->nlmsg_seq = ++batch.asked;
  struct nfgenmsg general = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
  append(&general, sizeof general);
  return at;
}

static void end_message(size_t at) {
  uint32_t length = (uint32_t)(batch.length - at);
  memcpy(batch.bytes + at, &length, sizeof length);
}

static size_t begin_table_message(uint16_t type, uint16_t flags) {
  return begin_message((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_ACK | flags, NFPROTO_INET, 0);
}

static void put_attribute(uint16_t type, const void *data, size_t length) {
  struct nlattr attribute = {.nla_len = (uint16_t)(sizeof attribute + length), .nla_type = type};
  append(&attribute, sizeof attribute);
  append(data, length);
}

static void put_text(uint16_t type, const char *text) { put_attribute(type, text, strlen(text) + 1); }

static void put_number(uint16_t type, uint32_t value) {
  value = htonl(value);
  put_attribute(type, &value, sizeof value);
}

static size_t begin_nest(uint16_t type) {
  size_t at = batch.length;
  struct nlattr attribute = {.nla_type = (uint16_t)(type | NLA_F_NESTED)};
  append(&attribute, sizeof attribute);
  return at;
}

static void end_nest(size_t at) {
  uint16_t length = (uint16_t)(batch.length - at);
  memcpy(batch.bytes + at, &length, sizeof length);
}

/* ---------------------------------------------------------------- expressions: all of them use register 1 */

static size_t expression_at, expression_data_at;

static void begin_expression(const char *name) {
  expression_at = begin_nest(NFTA_LIST_ELEM);
  put_text(NFTA_EXPR_NAME, name);
  expression_data_at = begin_nest(NFTA_EXPR_DATA);
}

static void end_expression(void) {
  end_nest(expression_data_at);
  end_nest(expression_at);
}

static void put_value(uint16_t type, const void *data, size_t length) {
  size_t at = begin_nest(type);
  put_attribute(NFTA_DATA_VALUE, data, length);
  end_nest(at);
}

static void load_meta(uint32_t key) {
  begin_expression("meta");
  put_number(NFTA_META_DREG, NFT_REG_1);
  put_number(NFTA_META_KEY, key);
  end_expression();
}

static void load_payload(uint32_t base, uint32_t offset, uint32_t length) {
  begin_expression("payload");
  put_number(NFTA_PAYLOAD_DREG, NFT_REG_1);
  put_number(NFTA_PAYLOAD_BASE, base);
  put_number(NFTA_PAYLOAD_OFFSET, offset);
  put_number(NFTA_PAYLOAD_LEN, length);
  end_expression();
}

static void compare(uint32_t how, const void *data, size_t length) {
  begin_expression("cmp");
  put_number(NFTA_CMP_SREG, NFT_REG_1);
  put_number(NFTA_CMP_OP, how);
  put_value(NFTA_CMP_DATA, data, length);
  end_expression();
}

static void compare_byte(uint32_t how, uint8_t value) { compare(how, &value, 1); }

static void mask(const uint8_t *bytes, size_t length) {
  static const uint8_t none[16];
  begin_expression("bitwise");
  put_number(NFTA_BITWISE_SREG, NFT_REG_1);
  put_number(NFTA_BITWISE_DREG, NFT_REG_1);
  put_number(NFTA_BITWISE_LEN, (uint32_t)length);
  put_value(NFTA_BITWISE_MASK, bytes, length);
  put_value(NFTA_BITWISE_XOR, none, length);
  end_expression();
}

static void is_family(int family) {
  load_meta(NFT_META_NFPROTO);
  compare_byte(NFT_CMP_EQ, family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

static void is_to(const struct address *address) {
  size_t length = address->family == AF_INET ? 4 : 16;
  is_family(address->family);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, address->family == AF_INET ? 16 : 24, (uint32_t)length);
  if (address->bits < length * 8) {
    uint8_t bytes[16];
    for (size_t i = 0; i < length; i++) {
      unsigned left = address->bits > i * 8 ? address->bits - (unsigned)i * 8 : 0;
      bytes[i] = left >= 8 ? 0xff : (uint8_t)(0xff00 >> left);
    }
    mask(bytes, length);
  }
  compare(NFT_CMP_EQ, address->bytes, length);
}

static void is_port(uint8_t protocol, uint16_t port) {
  load_meta(NFT_META_L4PROTO);
  compare_byte(NFT_CMP_EQ, protocol);
  load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
  port = htons(port);
  compare(NFT_CMP_EQ, &port, sizeof port);
}

static void accept_it(void) {
  begin_expression("immediate");
  put_number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  size_t data = begin_nest(NFTA_IMMEDIATE_DATA), verdict = begin_nest(NFTA_DATA_VERDICT);
  put_number(NFTA_VERDICT_CODE, NF_ACCEPT);
  end_nest(verdict);
  end_nest(data);
  end_expression();
}

/* Told to the sender, so that a connection fails at once. */
static void refuse_it(void) {
  uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
  begin_expression("reject");
  put_number(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
  put_attribute(NFTA_REJECT_ICMP_CODE, &code, sizeof code);
  end_expression();
}

/* ---------------------------------------------------------------- the filter */

static size_t rule_at, rule_expressions_at;

static void begin_rule(void) {
  rule_at = begin_table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  put_text(NFTA_RULE_TABLE, TABLE);
  put_text(NFTA_RULE_CHAIN, "output");
  rule_expressions_at = begin_nest(NFTA_RULE_EXPRESSIONS);
}

static void end_rule(void) {
  end_nest(rule_expressions_at);
  end_message(rule_at);
}

static void put_chain(const char *name, uint32_t hook) {
  size_t at = begin_table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
  put_text(NFTA_CHAIN_TABLE, TABLE);
  put_text(NFTA_CHAIN_NAME, name);
  size_t hooked = begin_nest(NFTA_CHAIN_HOOK);
  put_number(NFTA_HOOK_HOOKNUM, hook);
  put_number(NFTA_HOOK_PRIORITY, 0);
  end_nest(hooked);
  put_number(NFTA_CHAIN_POLICY, NF_DROP);
  put_text(NFTA_CHAIN_TYPE, "filter");
  end_message(at);
}

static bool read_address(const char *text, bool with_bits, struct address *address) {
  char copy[64];
  memset(address, 0, sizeof *address);
  if (strlen(text) >= sizeof copy) return false;
  strcpy(copy, text);
  char *slash = strchr(copy, '/');
  if (slash != NULL) *slash = 0;
  address->family = strchr(copy, ':') == NULL ? AF_INET : AF_INET6;
  unsigned most = address->family == AF_INET ? 32 : 128;
  address->bits = most;
  if (inet_pton(address->family, copy, address->bytes) != 1) return false;
  if (slash == NULL) return true;
  char *end;
  unsigned long bits = strtoul(slash + 1, &end, 10);
  if (!with_bits || slash[1] < '0' || slash[1] > '9' || *end != 0 || bits > most) return false;
  address->bits = (unsigned)bits;
  for (unsigned bit = address->bits; bit < most; bit++) address->bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
  return true;
}

/* ADDRESS:PORT, or [ADDRESS]:PORT */
static bool read_endpoint(const char *text, struct address *address) {
  char copy[64];
  if (strlen(text) >= sizeof copy) return false;
  strcpy(copy, text);
  char *colon = strrchr(copy, ':'), *host = copy, *end;
  if (colon == NULL) return false;
  *colon = 0;
  if (*host == '[') {
    if (colon == host || colon[-1] != ']') return false;
    colon[-1] = 0;
    host++;
  } else if (strchr(host, ':') != NULL) {
    return false;
  }
  unsigned long port = strtoul(colon + 1, &end, 10);
  if (colon[1] < '0' || colon[1] > '9' || *end != 0 || port == 0 || port > 65535) return false;
  if (!read_address(host, false, address)) return false;
  address->port = (uint16_t)port;
  return true;
}

static void put_rules(void) {
  static const char loopback[16] = "lo";
  static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
  static const uint8_t neighbours[] = {133, 135, 136}; /* router and neighbour solicitation, advertisement */
  struct address address;
  begin_rule();
  load_meta(NFT_META_OIFNAME);
  compare(NFT_CMP_EQ, loopback, sizeof loopback);
  accept_it();
  end_rule();
  /* IPv4 with options (source routes among them) names its destination elsewhere, and so does IPv6 with anything
   * but these three next to its header. */
  begin_rule();
  is_family(AF_INET);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, 0, 1);
  compare_byte(NFT_CMP_NEQ, 0x45);
  refuse_it();
  end_rule();
  begin_rule();
  is_family(AF_INET6);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, 6, 1);
  compare_byte(NFT_CMP_NEQ, IPPROTO_TCP);
  compare_byte(NFT_CMP_NEQ, IPPROTO_UDP);
  compare_byte(NFT_CMP_NEQ, IPPROTO_ICMPV6);
  refuse_it();
  end_rule();
  for (size_t i = 0; i < sizeof neighbours; i++) {
    begin_rule();
    is_family(AF_INET6);
    load_meta(NFT_META_L4PROTO);
    compare_byte(NFT_CMP_EQ, IPPROTO_ICMPV6);
    load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    compare_byte(NFT_CMP_EQ, neighbours[i]);
    accept_it();
    end_rule();
  }
  for (size_t i = 0; i < resolvers.count * 2; i++) {
    begin_rule();
    is_to(&resolvers.all[i / 2]);
    is_port(protocols[i % 2], 53);
    accept_it();
    end_rule();
  }
  for (size_t i = 0; i < allowed.count; i++) {
    begin_rule();
    is_to(&allowed.all[i]);
    is_port(IPPROTO_TCP, allowed.all[i].port);
    accept_it();
    end_rule();
  }
  for (size_t i = 0; i < sizeof closed / sizeof *closed + denied.count; i++) {
    size_t given = i - sizeof closed / sizeof *closed;
    if (i < sizeof closed / sizeof *closed) read_address(closed[i], true, &address);
    else address = denied.all[given];
    begin_rule();
    is_to(&address);
    refuse_it();
    end_rule();
  }
  begin_rule();
  is_family(AF_INET);
  accept_it();
  end_rule();
  read_address(OPEN_IN_IPV6, true, &address);
  begin_rule();
  is_to(&address);
  accept_it();
  end_rule();
  begin_rule();
  refuse_it();
  end_rule();
}

static void put_filter(void) {
  memset(&batch, 0, sizeof batch);
  end_message(begin_message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  size_t table = begin_table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  put_text(NFTA_TABLE_NAME, TABLE);
  end_message(table);
  put_chain("output", NF_INET_LOCAL_OUT);
  /* Nothing passes through a sandbox. */
  put_chain("forward", NF_INET_FORWARD);
  put_rules();
  end_message(begin_message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

/* All or nothing. Returns 0 when each message was answered with success, else an errno. */
static int set_filter(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return errno;
  struct timeval patience = {20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int size = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  put_filter();
  int problem = batch.full ? E2BIG : 0;
  if (problem == 0 &&
      sendto(fd, batch.bytes, batch.length, 0, (struct sockaddr *)&kernel, sizeof kernel) != (ssize_t)batch.length) {
    problem = errno;
  }
  for (uint32_t answered = 0; problem == 0 && answered < batch.asked;) {
    static _Alignas(struct nlmsghdr) uint8_t buffer[64 << 10];
    struct sockaddr_nl sender = {0};
    socklen_t sender_size = sizeof sender;
    ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&sender, &sender_size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      problem = n < 0 ? errno : EPROTO;
      break;
    }
    if (sender.nl_pid != 0) continue; /* not the kernel */
    int left = (int)n;
    for (struct nlmsghdr *at = (struct nlmsghdr *)buffer; problem == 0 && NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
      if (at->nlmsg_type != NLMSG_ERROR || at->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))) continue;
      problem = -((struct nlmsgerr *)NLMSG_DATA(at))->error;
      answered++;
    }
  }
  close(fd);
  return problem;
}

/* ---------------------------------------------------------------- capabilities */

static bool holds(const struct __user_cap_data_struct *data, uint32_t given_up) {
  return ((data->effective | data->permitted | data->inheritable) & given_up) != 0;
}

/* For good: from every set, the bounding one among them, so that no program's own capabilities bring them back. */
static int give_up(void) {
  static const unsigned long lost[] = {CAP_NET_ADMIN, CAP_NET_RAW};
  const uint32_t bits = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
    if (prctl(PR_CAPBSET_READ, lost[i], 0, 0, 0) == 1 && prctl(PR_CAPBSET_DROP, lost[i], 0, 0, 0) != 0) return errno;
    if (prctl(PR_CAPBSET_READ, lost[i], 0, 0, 0) != 0) return EPERM;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return errno;
  data[0].effective &= ~bits;
  data[0].permitted &= ~bits;
  data[0].inheritable &= ~bits;
  if (syscall(SYS_capset, &header, data) != 0 || syscall(SYS_capget, &header, data) != 0) return errno;
  return holds(&data[0], bits) ? EPERM : 0;
}

/* ---------------------------------------------------------------- the applet */

static int refuse_filter(int problem) {
  const char *why = problem == EPERM || problem == EACCES ? "CAP_NET_ADMIN is missing here"
                    : problem == EEXIST                   ? "there is one already in this network namespace"
                                                          : strerror(problem);
  const bool lacking = problem == EPROTONOSUPPORT || problem == EAFNOSUPPORT || problem == EOPNOTSUPP ||
                       problem == ENOENT || problem == EINVAL;
  dprintf(2, "network: the filter on private networks could not be set: %s%s.\n", why,
          lacking ? " (the kernel needs nf_tables with inet and reject: modprobe nf_tables nft_reject_inet)" : "");
  return 125;
}

static int usage(void) {
  dprintf(2, "usage: codeset-init network [--resolver ADDR | --allow ADDR:PORT | --deny-host ADDR[/BITS]]… -- PROGRAM…\n"
             "       codeset-init network --probe\n");
  return 125;
}

/* Whether this kernel has what it takes, found out in a network of its own. */
static int probe(void) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && unshare(CLONE_NEWNET) != 0) {
    dprintf(2, "network: no network namespace could be made to try the filter in: %s.\n", strerror(errno));
    return 125;
  }
  int problem = set_filter();
  return problem == 0 ? 0 : refuse_filter(problem);
}

int network_main(int argc, char **argv) {
  if (argc == 1 && strcmp(argv[0], "--probe") == 0) return probe();
  int at = 0;
  for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
    if (at + 1 >= argc) return usage();
    bool resolver = strcmp(argv[at], "--resolver") == 0, deny = strcmp(argv[at], "--deny-host") == 0;
    if (!resolver && !deny && strcmp(argv[at], "--allow") != 0) return usage();
    struct addresses *list = resolver ? &resolvers : deny ? &denied : &allowed;
    struct address *next = &list->all[list->count];
    if (list->count == MAX_ADDRESSES ||
        !(resolver || deny ? read_address(argv[at + 1], deny, next) : read_endpoint(argv[at + 1], next))) {
      dprintf(2, "network: %s %s: not understood, or too many of them.\n", argv[at], argv[at + 1]);
      return 125;
    }
    list->count++;
  }
  char **command = argv + at + 1;
  if (at + 1 >= argc) return usage();
  int problem = EAGAIN;
  for (int i = 0; i < TRIES && (problem == EAGAIN || problem == EINTR); i++) problem = set_filter();
  if (problem != 0) return refuse_filter(problem);
  problem = give_up();
  if (problem != 0) {
    dprintf(2, "network: CAP_NET_ADMIN could not be given up (CAP_SETPCAP is needed for that): %s.\n", strerror(problem));
    return 125;
  }
  execv(command[0], command);
  problem = errno;
  dprintf(2, "network: %s: %s\n", command[0], strerror(problem));
  return problem == ENOENT ? 127 : 126;
}
