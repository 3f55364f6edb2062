/** UTF-8 in an engine without TextEncoder and TextDecoder. */

declare function escape(text: string): string;
declare function unescape(text: string): string;

export function encode(text: string): Uint8Array {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (character) => character.charCodeAt(0));
}

export function decode(bytes: Uint8Array): string {
  return decodeURIComponent(escape(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')));
}
