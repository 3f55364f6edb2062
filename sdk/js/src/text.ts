/**
 * Text as UTF-8 bytes and back, with whatever the engine has for it.
 *
 * The small engine has no TextEncoder and TextDecoder. Loops over characters are slow there, so the
 * work is done by its built-in functions: a "binary string" has one character for each byte.
 */

// What every engine here has, and the type declarations of the language edition do not.
interface Base64 {
  fromBase64(text: string): Uint8Array;
}
interface ToBase64 {
  toBase64(): string;
}
interface WellFormed {
  isWellFormed(): boolean;
}

const NOT_ASCII = /[^\x00-\x7f]/;
const LONE_SURROGATES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

// The engine's own, if it has them: this module is loaded before ours are among the globals.
const encoder = typeof TextEncoder === 'function' ? new TextEncoder() : undefined;
const decoder = typeof TextDecoder === 'function' ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }) : undefined;

/** The bytes of `text`; half of a surrogate pair becomes U+FFFD. */
export function encodeText(text: string): Uint8Array {
  return encoder === undefined ? encodePortably(text) : encoder.encode(text);
}

/** The text of `bytes`. Throws a TypeError when they are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decoder === undefined ? decodePortably(bytes, true) : decoder.decode(bytes);
}

/** As `encodeText`, without a TextEncoder. */
export function encodePortably(text: string): Uint8Array {
  const binary = NOT_ASCII.test(text) ? unescape(encodeURIComponent(wellFormed(text))) : text;
  if ('fromBase64' in Uint8Array) return (Uint8Array as unknown as Base64).fromBase64(btoa(binary));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** As `decodeText`, without a TextDecoder; unless `fatal`, U+FFFD stands for what is not UTF-8. */
export function decodePortably(bytes: Uint8Array, fatal: boolean): string {
  const binary = 'toBase64' in bytes ? atob((bytes as unknown as ToBase64).toBase64()) : binaryString(bytes);
  if (!NOT_ASCII.test(binary)) return binary;
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    if (fatal) throw new TypeError('the bytes are not UTF-8');
    return decodeLeniently(bytes);
  }
}

/** `text` with U+FFFD for each half of a surrogate pair. */
export function wellFormed(text: string): string {
  if ('isWellFormed' in String.prototype && (text as unknown as WellFormed).isWellFormed()) return text;
  return text.replace(LONE_SURROGATES, '\ufffd');
}

function binaryString(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return binary;
}

/** One U+FFFD for each longest run of bytes that begins a character and does not end it. */
function decodeLeniently(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++]!;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    let missing = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
    let character = missing === 0 ? -1 : first & (0x3f >> missing);
    // The second byte is bounded more tightly where the first alone would allow overlong forms,
    // surrogates, or numbers beyond Unicode.
    let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    while (missing > 0 && at < bytes.length && bytes[at]! >= low && bytes[at]! <= high) {
      character = (character << 6) | (bytes[at++]! & 0x3f);
      missing -= 1;
      low = 0x80;
      high = 0xbf;
    }
    text += missing === 0 && character >= 0 ? String.fromCodePoint(character) : '\ufffd';
  }
  return text;
}
