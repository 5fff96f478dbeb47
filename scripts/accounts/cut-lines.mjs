/** What one call takes: bytes, and lines. */
const MOST_BYTES = 64 * 1024;
const MOST_LINES = 1_000;
/** Lines that seem to bring a password to be hashed: so few that progress is seen. */
const MOST_PASSWORDS = 50;
const LINE_FEED = 0x0a;

/**
 * Lines as many as fit into one call.
 * @typedef {{ body: Buffer, numbers: number[], read: number, tooLong: number[] }} Cut
 * `numbers`: the numbers in the file of the lines in the body. `read`: bytes of the file up to here. `tooLong`: numbers of
 * lines that fit into no call
 */

/**
 * Cuts a file into calls, without ever holding more than one of them.
 * @param {AsyncIterable<Buffer>} chunks
 * @returns {AsyncGenerator<Cut>}
 */
export async function* cutLines(chunks) {
  let cut = emptyCut();
  for await (const { number, line, read } of linesOf(chunks)) {
    if (line === undefined) cut.tooLong.push(number);
    else if (line.toString().trim() !== '') {
      const hasPassword = line.includes('"password"');
      if (!fits(cut, line, hasPassword)) {
        yield finished(cut);
        cut = emptyCut();
      }
      cut.lines.push(line);
      cut.numbers.push(number);
      cut.bytes += line.length + 1;
      if (hasPassword) cut.passwords++;
    }
    cut.read = read;
  }
  if (cut.lines.length > 0 || cut.tooLong.length > 0) yield finished(cut);
}

function emptyCut() {
  return { lines: [], numbers: [], tooLong: [], bytes: 0, passwords: 0, read: 0 };
}

function fits({ lines, bytes, passwords }, line, hasPassword) {
  if (lines.length === MOST_LINES || bytes + line.length + 1 > MOST_BYTES) return false;
  return !hasPassword || passwords < MOST_PASSWORDS;
}

/** @returns {Cut} */
function finished({ lines, numbers, read, tooLong }) {
  const feed = Buffer.from([LINE_FEED]);
  return { body: Buffer.concat(lines.flatMap((line) => [line, feed])), numbers, read, tooLong };
}

/** Lines with their numbers; undefined for one that is longer than a call. A byte order mark at the start is dropped. */
async function* linesOf(chunks) {
  let rest = Buffer.alloc(0);
  let isTooLong = false;
  let number = 0;
  let read = 0;
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let feed = rest.indexOf(LINE_FEED); feed >= 0; feed = rest.indexOf(LINE_FEED)) {
      read += feed + 1;
      yield numbered(++number, rest.subarray(0, feed), isTooLong, read);
      isTooLong = false;
      rest = rest.subarray(feed + 1);
    }
    if (rest.length >= MOST_BYTES) {
      read += rest.length;
      rest = Buffer.alloc(0);
      isTooLong = true;
    }
  }
  if (rest.length > 0 || isTooLong) yield numbered(++number, rest, isTooLong, read + rest.length);
}

function numbered(number, bytes, isTooLong, read) {
  const hasMark = number === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const line = hasMark ? bytes.subarray(3) : bytes;
  return { number, line: isTooLong || line.length >= MOST_BYTES ? undefined : line, read };
}
