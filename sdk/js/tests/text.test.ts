/** UTF-8 where the engine has no codecs of its own: the same as where it has. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodePortably, encodePortably, wellFormed } from '../src/text.js';

const TEXTS = ['', 'plain', 'ünï¢ödé', '日本語', '😀', 'a\u0000b', '\ufeffmark', '\ud800', 'x\udc00y\ud83d', '😀\ud83d😀'];

test('text is encoded and decoded as the platform does it', () => {
  for (const text of TEXTS) {
    const expected = new TextEncoder().encode(text);
    assert.deepEqual(new Uint8Array(encodePortably(text)), expected, JSON.stringify(text));
    assert.equal(decodePortably(expected, true), new TextDecoder('utf-8', { ignoreBOM: true }).decode(expected));
    assert.equal(wellFormed(text), new TextDecoder('utf-8', { ignoreBOM: true }).decode(expected));
  }
});

test('bytes that are not UTF-8 are refused, or replaced as the platform does it', () => {
  let seed = 1;
  const next = (bound: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % bound;
  };
  const interesting = [0x00, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff];
  for (let round = 0; round < 5_000; round++) {
    const bytes = Uint8Array.from({ length: 1 + next(8) }, () => interesting[next(interesting.length)]!);
    const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    assert.equal(decodePortably(bytes, false), expected, String(bytes));
    const isValid = !expected.includes('\ufffd');
    if (isValid) assert.equal(decodePortably(bytes, true), expected);
    else assert.throws(() => decodePortably(bytes, true), TypeError);
  }
});
