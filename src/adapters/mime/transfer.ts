const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const TAB = 0x09
const EQUALS = 0x3d

const nibble = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Some senders pad every line: each piece up to its padding is complete in itself. */
const base64 = (body: Buffer): Buffer => {
  const text = body.toString('latin1').trimEnd()
  const padding = text.indexOf('=')
  if (padding === -1 || /^=+$/.test(text.slice(padding))) return Buffer.from(text, 'base64')
  return Buffer.concat(text.split(/=+/).map((piece) => Buffer.from(piece, 'base64')))
}

/** RFC 2045 6.7. Trailing spaces on a line are not content; invalid escapes are left unchanged. */
const quotedPrintable = (body: Buffer): Buffer => {
  const out = Buffer.allocUnsafeSlow(body.length)
  let length = 0
  /** Where the line would end if it ended here. */
  let kept = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!
    if (byte === LF || byte === CR) {
      out[kept] = byte
      length = ++kept
      continue
    }
    if (byte === EQUALS) {
      const code = nibble(body[at + 1]) * 16 + nibble(body[at + 2])
      if (nibble(body[at + 1]) >= 0 && nibble(body[at + 2]) >= 0) {
        out[length++] = code
        at += 2
        kept = length
        continue
      }
      let end = at + 1
      while (body[end] === SPACE || body[end] === TAB || body[end] === CR) end++
      if (end >= body.length || body[end] === LF) {
        at = end
        kept = length
        continue
      }
    }
    out[length++] = byte
    if (byte !== SPACE && byte !== TAB) kept = length
  }
  return out.subarray(0, kept)
}

/** What uuencode writes between `begin` and `end`: three bytes in four characters. */
const uuencoded = (body: Buffer): Buffer => {
  const lines = body.toString('latin1').split(/\r?\n/)
  const begin = lines.findIndex((line) => /^begin [0-7]{3,4} /.test(line))
  const bytes: Buffer[] = []
  for (const line of lines.slice(begin + 1)) {
    const length = (line.charCodeAt(0) - 32) & 63
    if (line === '' || line === 'end' || length === 0) break
    const sextets = Array.from(line.slice(1), (character) => (character.charCodeAt(0) - 32) & 63)
    const decoded = Buffer.alloc(Math.ceil(sextets.length / 4) * 3)
    for (let at = 0; at < sextets.length; at += 4) {
      const [a = 0, b = 0, c = 0, d = 0] = sextets.slice(at, at + 4)
      decoded.set([(a << 2) | (b >> 4), ((b & 15) << 4) | (c >> 2), ((c & 3) << 6) | d], (at / 4) * 3)
    }
    bytes.push(decoded.subarray(0, length))
  }
  return Buffer.concat(bytes)
}

/** The bytes that a part carries, decoded by its Content-Transfer-Encoding (RFC 2045 6), line endings included. */
export const decodeTransfer = (body: Buffer, encoding: string): Buffer => {
  const name = /[\w-]+/.exec(encoding.replace(/\([^)]*\)/g, ''))?.[0].toLowerCase() ?? ''
  if (name.includes('base64')) return base64(body)
  if (name.includes('quoted-printable')) return quotedPrintable(body)
  return /^(?:x-)?uu(?:e|encode)$/.test(name) ? uuencoded(body) : body
}
