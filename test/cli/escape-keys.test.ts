import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EscapeKeys } from '../../src/cli/escape-keys.js';

/** What the command gets of keys read in these pieces, and what was asked. */
function taken(...pieces: readonly string[]): readonly [string, ...string[]] {
  const keys = new EscapeKeys();
  const asked: string[] = [];
  let data = '';
  for (const piece of pieces) {
    const came = keys.take(Buffer.from(piece));
    data += came.data.toString();
    if (came.asked !== undefined) asked.push(came.asked);
    if (came.asked === 'leave') break;
  }
  return [data, ...asked];
}

test('keys behind a line end are this program’s, wherever they were cut', () => {
  expect(taken('~.')).toEqual(['', 'leave']);
  expect(taken('ls\r', '~', '.', 'more')).toEqual(['ls\r', 'leave']);
  expect(taken('ls\n~?pwd\r')).toEqual(['ls\npwd\r', 'help']);
  expect(taken('~~.\r')).toEqual(['~.\r']);
  expect(taken('~', '~', '\r~', '.')).toEqual(['~\r', 'leave']);
  expect(taken('cd ~.\r')).toEqual(['cd ~.\r']);
  expect(taken('~/bin\r')).toEqual(['~/bin\r']);
  expect(taken('~\r~.')).toEqual(['~\r', 'leave']);
  expect(taken('~?', '~.')).toEqual(['', 'help', 'leave']);
});

test('all other keys go to the command as they are, cut however', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', '~', '/', '\r', 'é') })), (pieces) => {
      const text = pieces.join('');
      const bytes = Buffer.from(text);
      const keys = new EscapeKeys();
      const whole = Buffer.concat(
        Array.from(bytes, (byte) => keys.take(Buffer.from([byte])).data),
      ).toString();
      const [cut] = taken(...pieces);
      expect(cut).toBe(whole);
      // Behind a line end two tildes are one; one that ends the text waits for the next key.
      expect(whole).toBe(expected(text));
    }),
  );
});

function expected(text: string): string {
  return text
    .split('\r')
    .map((line, i, lines) => {
      const last = i === lines.length - 1;
      if (line.startsWith('~~')) return line.slice(1);
      return last && line === '~' ? '' : line;
    })
    .join('\r');
}
