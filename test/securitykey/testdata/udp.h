/*
 * Reports to and from a security key that listens on a UDP port of this
 * machine: one datagram of 64 bytes is one report. For libfido2's I/O functions.
 */
#ifndef UDP_H
#define UDP_H

#include <arpa/inet.h>
#include <fido.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPORT = 64 };

/* A path is "udp:PORT". */
static void *udp_open(const char *path) {
	struct sockaddr_in to;
	int *s;

	if (strncmp(path, "udp:", 4) != 0 || (s = malloc(sizeof(*s))) == NULL)
		return NULL;
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(path + 4));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*s = socket(AF_INET, SOCK_DGRAM, 0);
	if (*s < 0 || connect(*s, (struct sockaddr *)&to, sizeof(to)) != 0) {
		if (*s >= 0)
			close(*s);
		free(s);
		return NULL;
	}
	return s;
}

static void udp_close(void *handle) {
	close(*(int *)handle);
	free(handle);
}

static int udp_read(void *handle, unsigned char *buf, size_t len, int ms) {
	struct pollfd p = {.fd = *(int *)handle, .events = POLLIN};

	if (len != REPORT || poll(&p, 1, ms) != 1)
		return -1;
	return (int)recv(p.fd, buf, len, 0);
}

/* libfido2 puts a report number, zero, in front. */
static int udp_write(void *handle, const unsigned char *buf, size_t len) {
	if (len != REPORT + 1 || send(*(int *)handle, buf + 1, REPORT, 0) != REPORT)
		return -1;
	return (int)len;
}

static const fido_dev_io_t udp_io = {udp_open, udp_close, udp_read, udp_write};

#endif
