/** Messages over a pipe: the length in four bytes, then the value as V8 writes it. */
import type { Readable, Writable } from 'node:stream';
import { deserialize, serialize } from 'node:v8';

const HEAD = 4;

export function send(to: Writable, value: unknown): void {
  const body = serialize(value);
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(body.byteLength);
  to.write(head);
  to.write(body);
}

export function receive(from: Readable, told: (value: unknown) => void): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  from.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    for (;;) {
      if (bytes < HEAD) return;
      const first = chunks[0];
      if (first === undefined) return;
      if (first.byteLength < HEAD) chunks = [Buffer.concat(chunks)];
      const length = (chunks[0] ?? first).readUInt32LE();
      if (bytes < HEAD + length) return;
      const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      const rest = all.subarray(HEAD + length);
      chunks = rest.byteLength === 0 ? [] : [rest];
      bytes = rest.byteLength;
      told(deserialize(all.subarray(HEAD, HEAD + length)));
    }
  });
}
