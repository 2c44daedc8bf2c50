/* Packets: how a link crosses a stream of bytes into which older connections' bytes may still run. See PROTOCOL.md. */
#define _GNU_SOURCE
#include "packets.h"

#include <string.h>

/* Of what was read and holds no mark, the last bytes may still be the beginning of one. */
#define MARK_TAIL (MARK_SECRET - 1)

uint32_t packet_crc(uint32_t crc, const uint8_t *data, size_t length) {
  static uint32_t table[8][256];
  if (table[0][1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
      table[0][i] = value;
    }
    for (int k = 1; k < 8; k++) {
      for (int i = 0; i < 256; i++) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
    }
  }
  crc = ~crc;
  for (; length >= 8; data += 8, length -= 8) {
    uint32_t low = get_u32(data) ^ crc, high = get_u32(data + 4);
    crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
          table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^ table[0][high >> 24];
  }
  for (; length > 0; length--) crc = crc >> 8 ^ table[0][(crc ^ *data++) & 255];
  return ~crc;
}

void packet_header(uint8_t *p, const uint8_t nonce[NONCE_SIZE], uint32_t sequence, uint32_t length) {
  memcpy(p, nonce, NONCE_SIZE);
  put_u32(p + 8, sequence);
  put_u32(p + 12, length);
  put_u32(p + 16, packet_crc(0, p, 16));
}

/* Where the next bytes are to be read to; there is always room, as packets are taken before more is read. */
uint8_t *packets_room(struct packets *reader, size_t *room) {
  if (reader->start > 0) {
    memmove(reader->data, reader->data + reader->start, reader->end - reader->start);
    reader->scanned -= reader->start;
    reader->end -= reader->start;
    reader->start = 0;
  }
  *room = sizeof reader->data - reader->end;
  return reader->data + reader->end;
}

void packets_added(struct packets *reader, size_t length) { reader->end += length; }

/* True when a whole mark was there: all before it is dropped. */
static bool find_mark(struct packets *reader, enum packet_event *event) {
  uint8_t *from = reader->data + reader->scanned;
  size_t length = reader->end - reader->scanned;
  uint8_t *mark = length < MARK_SECRET ? NULL : memmem(from, length, reader->secret, MARK_SECRET);
  if (mark == NULL) {
    if (length > MARK_TAIL) reader->scanned = reader->end - MARK_TAIL;
    return false;
  }
  reader->open = false;
  reader->start = reader->scanned = (size_t)(mark - reader->data);
  *event = PACKET_MORE;
  if (reader->end - reader->start < MARK_SIZE) return true;
  memcpy(reader->nonce, mark + MARK_SECRET, NONCE_SIZE);
  reader->start = reader->scanned = reader->start + MARK_SIZE;
  reader->open = true;
  reader->sequence = 0;
  *event = PACKET_OPENED;
  return true;
}

static enum packet_event broken(struct packets *reader) {
  reader->open = false;
  return PACKET_BROKEN;
}

enum packet_event packets_next(struct packets *reader, const uint8_t **payload, size_t *length) {
  enum packet_event event;
  if (find_mark(reader, &event)) return event;
  if (!reader->open) {
    reader->start = reader->scanned;
    return PACKET_MORE;
  }
  const uint8_t *p = reader->data + reader->start;
  size_t have = reader->end - reader->start;
  if (have < PACKET_HEADER) return PACKET_MORE;
  uint32_t size = get_u32(p + 12);
  if (memcmp(p, reader->nonce, NONCE_SIZE) != 0 || get_u32(p + 8) != reader->sequence || size > MAX_PACKET) {
    return broken(reader);
  }
  if (have < PACKET_HEADER + size) return PACKET_MORE;
  uint32_t crc = packet_crc(0, p, 16);
  if (packet_crc(crc, p + PACKET_HEADER, size) != get_u32(p + 16)) return broken(reader);
  reader->start += PACKET_HEADER + size;
  if (reader->scanned < reader->start) reader->scanned = reader->start;
  reader->sequence++;
  *payload = p + PACKET_HEADER;
  *length = size;
  if (size > 0) return PACKET_DATA;
  reader->open = false;
  return PACKET_ENDED;
}
