/* Packets over a stream that several connections share. PROTOCOL.md describes them. */
#ifndef CODESET_PACKETS_H
#define CODESET_PACKETS_H

#include "init.h"

#define NONCE_SIZE 8u
#define MARK_SECRET 16u
#define MARK_SIZE (MARK_SECRET + NONCE_SIZE)
#define PACKET_HEADER 20u
#define MAX_PACKET (64u << 10)

enum packet_event {
  PACKET_MORE,   /* more bytes are needed */
  PACKET_OPENED, /* a connection begins; the one before is over */
  PACKET_DATA,   /* a payload, good until packets_room is called */
  PACKET_ENDED,  /* the other side ended the connection */
  PACKET_BROKEN  /* something else came than the connection's next packet: it is over */
};

struct packets {
  uint8_t secret[MARK_SECRET]; /* of the marks that are looked for */
  uint8_t nonce[NONCE_SIZE];
  bool open;
  uint32_t sequence;
  size_t start;
  size_t end;
  size_t scanned; /* no mark begins before it */
  uint8_t data[2 * (PACKET_HEADER + MAX_PACKET)];
};

uint32_t packet_crc(uint32_t crc, const uint8_t *data, size_t length);
void packet_header(uint8_t *p, const uint8_t nonce[NONCE_SIZE], uint32_t sequence, uint32_t length);
uint8_t *packets_room(struct packets *reader, size_t *room);
void packets_added(struct packets *reader, size_t length);
enum packet_event packets_next(struct packets *reader, const uint8_t **payload, size_t *length);

#endif
