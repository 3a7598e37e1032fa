/**
 * Encodes headers as literals without indexing with new names (RFC 7541 section 6.2.2) and without Huffman coding: the
 * longest form, and the only one that needs no state on either side.
 */
export function encodeHeaderBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.of(0x00), encodeText(name), encodeText(value)]));
}

/** A string literal (RFC 7541 section 5.2), its length as an integer with a 7-bit prefix (section 5.1). */
function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = rest >> 7) length.push((rest & 0x7f) | 0x80);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}
