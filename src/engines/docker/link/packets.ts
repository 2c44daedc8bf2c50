import * as zlib from 'node:zlib';

// How the link's bytes travel over a container's stdin and stdout; init/PROTOCOL.md describes it.

export const MARK_SECRET = 16;
export const NONCE_SIZE = 8;
export const MARK_SIZE = MARK_SECRET + NONCE_SIZE;
export const PACKET_HEADER = 20;
export const MAX_PACKET = 64 * 1024;

/** Of which init's environment knows the hexadecimal digits: the first half opens connections, the second answers. */
export const SECRET_SIZE = 2 * MARK_SECRET;
export const SECRET_VARIABLE = 'CODESET_LINK_SECRET';

/** What opens a connection, sent to init. */
export function openingMark(secret: Buffer, nonce: Buffer): Buffer {
  return Buffer.concat([secret.subarray(0, MARK_SECRET), nonce]);
}

/** What init answers it with; all that comes before belongs to others. */
export function answeringMark(secret: Buffer, nonce: Buffer): Buffer {
  return Buffer.concat([secret.subarray(MARK_SECRET, SECRET_SIZE), nonce]);
}

/** The header of a packet to init, whose check sum covers the payload too. */
export function packetHeader(nonce: Buffer, sequence: number, payload: readonly Uint8Array[]): Buffer {
  const header = Buffer.allocUnsafe(PACKET_HEADER);
  let length = 0;
  for (const piece of payload) length += piece.length;
  nonce.copy(header);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt32LE(length, 12);
  let sum = crc32(header.subarray(0, 16), 0);
  for (const piece of payload) sum = crc32(piece, sum);
  header.writeUInt32LE(sum, 16);
  return header;
}

/** The length of the payload behind the header of a packet from init; undefined when it is not the one expected. */
export function payloadLength(header: Buffer, nonce: Buffer, sequence: number): number | undefined {
  const length = header.readUInt32LE(12);
  const fits =
    header.compare(nonce, 0, NONCE_SIZE, 0, NONCE_SIZE) === 0 &&
    header.readUInt32LE(8) === sequence &&
    length <= MAX_PACKET &&
    header.readUInt32LE(16) === crc32(header.subarray(0, 16), 0);
  return fits ? length : undefined;
}

/** Node has it since 20.15. */
export const crc32: (data: Uint8Array, before: number) => number =
  (zlib as { crc32?: (data: Uint8Array, before: number) => number }).crc32 ?? slowCrc32;

const TABLE = Int32Array.from({ length: 256 }, (_unused, i) => {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function slowCrc32(data: Uint8Array, before: number): number {
  let value = ~before;
  for (const byte of data) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 255] ?? 0);
  return ~value >>> 0;
}
