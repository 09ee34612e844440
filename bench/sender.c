/* Small UDP packets of many flows, as fast as the kernel takes them.
 *
 *   sender ADDRESS FIRST_PORT PORTS SOCKETS SECONDS
 *
 * A flow is one of SOCKETS sockets (source ports 20000 and on) towards one of PORTS destination
 * ports. First every flow asks once and waits for its answer, so that all are answered connections;
 * then it says "ready" and sends round and round for SECONDS. At last it says how many it sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
enum { ANSWER_TIMEOUT_MS = 500, TRIES = 5, LONGEST_RUN_S = 300 };

static int ports, sockets;
static int descriptors[MOST_SOCKETS];
static struct sockaddr_in targets[MOST_PORTS];
static struct mmsghdr messages[MOST_PORTS];
static struct iovec vector;
static char payload[PAYLOAD];

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

static int send_round(int descriptor)
{
	int sent = sendmmsg(descriptor, messages, (unsigned)ports, 0);

	if (sent < 0 && errno != ENOBUFS && errno != EPERM)
		fail("sendmmsg");
	return sent < 0 ? 0 : sent;
}

/* Whether as many answers came as there are ports. */
static int ask(int descriptor)
{
	struct pollfd ready = { .fd = descriptor, .events = POLLIN };
	char answer[PAYLOAD];
	int answers = 0;

	send_round(descriptor);
	while (answers < ports && poll(&ready, 1, ANSWER_TIMEOUT_MS) > 0)
		while (recv(descriptor, answer, sizeof answer, MSG_DONTWAIT) >= 0)
			answers++;
	return answers >= ports;
}

int main(int count, char **arguments)
{
	unsigned long long sent = 0;
	double until;
	int i, tries;

	if (count != 6) {
		fprintf(stderr, "usage: sender ADDRESS FIRST_PORT PORTS SOCKETS SECONDS\n");
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
	for (i = 0; i < sockets; i++) {
		for (tries = 0; !ask(descriptors[i]); tries++)
			if (tries == TRIES) {
				fprintf(stderr, "sender: flows of socket %d get no answers\n", i);
				return 1;
			}
	}
	puts("ready");
	fflush(stdout);
	for (until = now() + atof(arguments[5]), i = 0; now() < until; i = (i + 1) % sockets)
		sent += (unsigned long long)send_round(descriptors[i]);
	printf("%llu\n", sent);
	return 0;
}
