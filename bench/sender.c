/* Small UDP packets of many flows, as fast as the kernel takes them.
 *
 *   sender ADDRESS FIRST_PORT PORTS SOCKETS SECONDS SOURCE DEVICE ROUTER
 *
 * A flow is one of SOCKETS sockets (source ports 20000 and on) towards one of PORTS destination
 * ports. First every flow asks once and waits for its answer, so that all are answered connections;
 * then it says "ready" and sends round and round for SECONDS, and at last how many it sent. To be
 * faster than any judge, it then gives whole frames to DEVICE (from the address SOURCE, to the
 * Ethernet address ROUTER) past the sender's own UDP, routing and queueing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PORTS = 256, MOST_SOCKETS = 256, PAYLOAD = 18, FIRST_SOURCE = 20000 };
enum { QDISC_BYPASS = 20 }; /* PACKET_QDISC_BYPASS of linux/if_packet.h */
enum { ANSWER_TIMEOUT_MS = 500, TRIES = 5, LONGEST_RUN_S = 300 };

static int ports, sockets;
static int descriptors[MOST_SOCKETS];
static struct sockaddr_in targets[MOST_PORTS];
static struct mmsghdr messages[MOST_PORTS];
static struct iovec vector;
static char payload[PAYLOAD];

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	char payload[PAYLOAD];
} __attribute__((packed));

static struct frame frames[MOST_SOCKETS][MOST_PORTS];
static struct iovec vectors[MOST_SOCKETS][MOST_PORTS];
static struct mmsghdr raw[MOST_SOCKETS][MOST_PORTS];

static void fail(const char *what)
{
	fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void make_flows(const char *address, int first_port)
{
	struct sockaddr_in source = { .sin_family = AF_INET };
	int i;

	vector.iov_base = payload;
	vector.iov_len = sizeof payload;
	for (i = 0; i < ports; i++) {
		targets[i].sin_family = AF_INET;
		targets[i].sin_port = htons((uint16_t)(first_port + i));
		if (inet_pton(AF_INET, address, &targets[i].sin_addr) != 1)
			fail("the address");
		messages[i].msg_hdr.msg_name = &targets[i];
		messages[i].msg_hdr.msg_namelen = sizeof targets[i];
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (i = 0; i < sockets; i++) {
		descriptors[i] = socket(AF_INET, SOCK_DGRAM, 0);
		source.sin_port = htons((uint16_t)(FIRST_SOURCE + i));
		if (descriptors[i] < 0 || bind(descriptors[i], (struct sockaddr *)&source, sizeof source) < 0)
			fail("a source port");
	}
}

static uint16_t checksum(struct iphdr header)
{
	uint32_t sum = 0;
	uint16_t words[sizeof header / 2];
	size_t i;

	memcpy(words, &header, sizeof words);
	for (i = 0; i < sizeof words / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

/* The same flows as frames; a UDP checksum of 0 is none. */
static void make_frames(const char *source, const char *router)
{
	struct frame frame = { .ethernet.ether_type = htons(ETHERTYPE_IP) };
	int i, j;

	if (!ether_aton_r(router, (struct ether_addr *)frame.ethernet.ether_dhost))
		fail("the router's address");
	frame.ip.version = 4;
	frame.ip.ihl = 5;
	frame.ip.tot_len = htons(sizeof frame - sizeof frame.ethernet);
	frame.ip.ttl = 64;
	frame.ip.protocol = IPPROTO_UDP;
	frame.ip.daddr = targets[0].sin_addr.s_addr;
	if (inet_pton(AF_INET, source, &frame.ip.saddr) != 1)
		fail("the source address");
	frame.ip.check = checksum(frame.ip);
	frame.udp.len = htons(sizeof frame.udp + PAYLOAD);
	for (i = 0; i < sockets; i++) {
		for (j = 0; j < ports; j++) {
			frame.udp.source = htons((uint16_t)(FIRST_SOURCE + i));
			frame.udp.dest = targets[j].sin_port;
			frames[i][j] = frame;
			vectors[i][j].iov_base = &frames[i][j];
			vectors[i][j].iov_len = sizeof frame;
			raw[i][j].msg_hdr.msg_iov = &vectors[i][j];
			raw[i][j].msg_hdr.msg_iovlen = 1;
		}
	}
}

static int open_device(const char *name)
{
	struct sockaddr_ll device = { .sll_family = AF_PACKET };
	int descriptor = socket(AF_PACKET, SOCK_RAW, 0); /* protocol 0: it receives nothing */
	int yes = 1;

	device.sll_ifindex = (int)if_nametoindex(name);
	if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&device, sizeof device) < 0)
		fail(name);
	if (setsockopt(descriptor, SOL_PACKET, QDISC_BYPASS, &yes, sizeof yes) < 0)
		fail("PACKET_QDISC_BYPASS");
	return descriptor;
}

static int send_round(int descriptor, struct mmsghdr *first)
{
	int sent = sendmmsg(descriptor, first, (unsigned)ports, 0);

	if (sent < 0 && errno != ENOBUFS && errno != EPERM)
		fail("sendmmsg");
	return sent < 0 ? 0 : sent;
}

/* Ask on all ports; whether each of them has answered by now, this time or before. */
static int ask(int descriptor, char *answered)
{
	struct pollfd ready = { .fd = descriptor, .events = POLLIN };
	struct sockaddr_in source;
	socklen_t size = sizeof source;
	char answer[PAYLOAD];
	int port;

	send_round(descriptor, messages);
	while (memchr(answered, 0, (size_t)ports) && poll(&ready, 1, ANSWER_TIMEOUT_MS) > 0)
		while (recvfrom(descriptor, answer, sizeof answer, MSG_DONTWAIT,
				(struct sockaddr *)&source, &size) >= 0) {
			port = ntohs(source.sin_port) - ntohs(targets[0].sin_port);
			if (port >= 0 && port < ports)
				answered[port] = 1;
		}
	return !memchr(answered, 0, (size_t)ports);
}

static void open_flows(void)
{
	char answered[MOST_PORTS];
	int i, tries;

	for (i = 0; i < sockets; i++) {
		memset(answered, 0, sizeof answered);
		for (tries = 0; !ask(descriptors[i], answered); tries++)
			if (tries == TRIES) {
				fprintf(stderr, "sender: flows of socket %d get no answers\n", i);
				exit(1);
			}
	}
}

int main(int count, char **arguments)
{
	unsigned long long sent = 0;
	double until;
	int i, device;

	if (count != 9) {
		fprintf(stderr, "usage: sender ADDRESS FIRST_PORT PORTS SOCKETS SECONDS "
				"SOURCE DEVICE ROUTER\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LONGEST_RUN_S);
	ports = atoi(arguments[3]);
	sockets = atoi(arguments[4]);
	if (ports < 1 || ports > MOST_PORTS || sockets < 1 || sockets > MOST_SOCKETS) {
		fprintf(stderr, "sender: 1 to %d ports, 1 to %d sockets\n", MOST_PORTS, MOST_SOCKETS);
		return 2;
	}
	make_flows(arguments[1], atoi(arguments[2]));
	make_frames(arguments[6], arguments[8]);
	device = open_device(arguments[7]);
	open_flows();
	puts("ready");
	fflush(stdout);
	for (until = now() + atof(arguments[5]), i = 0; now() < until; i = (i + 1) % sockets)
		sent += (unsigned long long)send_round(device, raw[i]);
	printf("%llu\n", sent);
	return 0;
}
