/** Called with each part of one object's content. */
type Part = (part: Uint8Array) => void;

/**
 * Reads what `git cat-file --batch` prints, part by part.
 * @param begin called at each object with its type and id; what it returns is called with the content.
 */
export function readObjects(begin: (type: string, id: string) => Part): (data: Uint8Array) => void {
  let head = '';
  let part: Part | undefined;
  /** Of the object, with the line feed behind it. */
  let left = 0;
  return (data) => {
    let at = 0;
    while (at < data.length) {
      if (part === undefined) {
        const end = data.indexOf(0x0a, at);
        head += Buffer.from(data.subarray(at, end < 0 ? data.length : end)).toString('latin1');
        if (end < 0) return;
        at = end + 1;
        const [, id, type, size] = /^([0-9a-f]+) (\w+) (\d+)$/.exec(head) ?? [];
        head = '';
        // `… missing`: one that a partial clone has not, or that is broken.
        if (id === undefined || type === undefined) continue;
        part = begin(type, id);
        left = Number(size) + 1;
        continue;
      }
      const piece = data.subarray(at, at + left);
      const content = piece.length === left ? piece.subarray(0, left - 1) : piece;
      if (content.length > 0) part(content);
      left -= piece.length;
      at += piece.length;
      if (left === 0) part = undefined;
    }
  };
}

/**
 * The blobs in what `git cat-file --batch` printed, in order.
 * @throws Error when there are fewer than were asked for
 */
export function blobsIn(printed: Uint8Array, count: number): readonly Buffer[] {
  const blobs: Uint8Array[][] = [];
  readObjects((type) => {
    const parts: Uint8Array[] = [];
    if (type === 'blob') blobs.push(parts);
    return (part) => void parts.push(part);
  })(printed);
  if (blobs.length !== count) throw new Error('Git has not got what it told of.');
  return blobs.map((parts) => Buffer.concat(parts));
}
