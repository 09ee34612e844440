/* The floor: what any program over libnetfilter_queue pays. It accepts every packet of a queue.
 *
 *   floor QUEUE one|batch [gso]
 *
 * `one` gives each packet a verdict of its own; `batch` one verdict for up to 64 packets, sent early
 * when the socket runs dry. Queue length, copy range and receive buffer are the daemon's defaults.
 * It says "ready" when the queue is bound; SIGTERM ends it, and it says how many packets it judged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_LENGTH = 8192, COPY_RANGE = 2048, RECEIVE_BUFFER = 16777216, BATCH = 64 };
enum { LONGEST_RUN_S = 300 };

static volatile sig_atomic_t ended;
static uint64_t judged;
static uint32_t waiting, waiting_id, batch;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static void flush(struct nfq_q_handle *queue)
{
	if (waiting) {
		waiting = 0;
		nfq_set_verdict_batch(queue, waiting_id, NF_ACCEPT);
	}
}

static int judge(struct nfq_q_handle *queue, struct nfgenmsg *message, struct nfq_data *data, void *unused)
{
	uint32_t id = ntohl(nfq_get_msg_packet_hdr(data)->packet_id);

	(void)message;
	(void)unused;
	judged++;
	if (batch == 1)
		return nfq_set_verdict(queue, id, NF_ACCEPT, 0, NULL);
	waiting_id = id;
	if (++waiting >= batch)
		flush(queue);
	return 0;
}

static void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void loop(struct nfq_handle *handle, struct nfq_q_handle *queue)
{
	static char message[COPY_RANGE + 4096] __attribute__((aligned(8)));
	struct pollfd ready = { .fd = nfq_fd(handle), .events = POLLIN };
	ssize_t size;

	while (!ended) {
		size = recv(ready.fd, message, sizeof message, MSG_DONTWAIT);
		if (size >= 0)
			nfq_handle_packet(handle, message, (int)size);
		else if (errno == EAGAIN) {
			flush(queue);
			poll(&ready, 1, -1);
		} else if (errno != ENOBUFS && errno != EINTR)
			fail("recv");
	}
	flush(queue);
}

int main(int count, char **arguments)
{
	struct sigaction action = { .sa_handler = end };
	struct nfq_handle *handle;
	struct nfq_q_handle *queue;
	int size = RECEIVE_BUFFER;

	if (count < 3) {
		fprintf(stderr, "usage: floor QUEUE one|batch [gso]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LONGEST_RUN_S);
	sigaction(SIGTERM, &action, NULL);
	batch = strcmp(arguments[2], "batch") ? 1 : BATCH;
	handle = nfq_open();
	if (!handle)
		fail("nfq_open");
	queue = nfq_create_queue(handle, (uint16_t)atoi(arguments[1]), judge, NULL);
	if (!queue)
		fail("nfq_create_queue");
	if (nfq_set_mode(queue, NFQNL_COPY_PACKET, COPY_RANGE) < 0)
		fail("nfq_set_mode");
	if (nfq_set_queue_maxlen(queue, QUEUE_LENGTH) < 0)
		fail("nfq_set_queue_maxlen");
	if (count > 3 && nfq_set_queue_flags(queue, NFQA_CFG_F_GSO, NFQA_CFG_F_GSO) < 0)
		fail("nfq_set_queue_flags");
	if (setsockopt(nfq_fd(handle), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		fail("SO_RCVBUFFORCE");
	puts("ready");
	fflush(stdout);
	loop(handle, queue);
	printf("%llu\n", (unsigned long long)judged);
	nfq_destroy_queue(queue);
	nfq_close(handle);
	return 0;
}
