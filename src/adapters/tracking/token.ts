import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import type { ClickToken, OpenToken, TrackingTokens } from '../../commands/ports/tracking.ts'

/** 32 bytes and a number from 0 to 255. Links never expire, so keys are kept for good. */
export type TrackingKey = { readonly id: number; readonly key: Uint8Array }

type Kind = 'open' | 'click'

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 2 + NONCE_BYTES
const ID_BYTES = 16
const OPEN_BYTES = ID_BYTES + 2
const CLICK_BYTES = OPEN_BYTES + 2
const NOBODY = 0xffff
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * Tokens for tracking URLs: base64url of version, key number, nonce, AES-256-GCM ciphertext and tag
 * (NIST SP 800-38D). The kind is additional data, so a pixel's token is none of a link. The host is not: links outlive
 * the address that they were sent with, and whoever has the key may answer at any. A pixel's token is
 * 64 characters, a link's 67 and four thirds of its destination. The last key seals, all of them open.
 */
export const trackingTokens = (keys: readonly TrackingKey[]): TrackingTokens => {
  const opening = new Map<number, KeyObject>()
  for (const { id, key } of keys) {
    if (!Number.isInteger(id) || id < 0 || id > 255 || opening.has(id))
      throw new RangeError('The number of a tracking key must be unique and from 0 to 255')
    if (key.length !== 32) throw new RangeError(`Tracking key ${id} must have 32 bytes`)
    opening.set(id, createSecretKey(key))
  }
  const newest = keys.at(-1)?.id
  const sealing = newest === undefined ? undefined : opening.get(newest)
  if (newest === undefined || !sealing) throw new RangeError('Tracking requires a key')

  const additional = (kind: Kind, head: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`mailtrail ${kind}\n`, 'utf8'), head.subarray(0, 2)])

  const seal = (kind: Kind, plain: Buffer): string => {
    const head = Buffer.concat([Buffer.from([VERSION, newest]), randomBytes(NONCE_BYTES)])
    const cipher = createCipheriv('aes-256-gcm', sealing, head.subarray(2), { authTagLength: TAG_BYTES })
    cipher.setAAD(additional(kind, head))
    const sealed = Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    return sealed.toString('base64url')
  }

  const open = (kind: Kind, text: string): Buffer | null => {
    const sealed = Buffer.from(text, 'base64url')
    // Node decodes base64 leniently: only the exact encoding that we write is valid.
    if (sealed.length < HEAD_BYTES + TAG_BYTES || sealed.toString('base64url') !== text) return null
    const key = sealed[0] === VERSION ? opening.get(sealed[1]!) : undefined
    if (!key) return null
    const head = sealed.subarray(0, HEAD_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(2), { authTagLength: TAG_BYTES })
    decipher.setAAD(additional(kind, head))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const plain = decipher.update(sealed.subarray(HEAD_BYTES, -TAG_BYTES))
    try {
      decipher.final()
    } catch {
      // The only possible error is a tag that does not match.
      return null
    }
    return plain
  }

  return {
    sealOpen: (token) => seal('open', openBytes(token)),
    sealClick: (token) => {
      const link = Buffer.alloc(2)
      link.writeUInt16BE(token.link)
      return seal('click', Buffer.concat([openBytes(token), link, Buffer.from(token.url, 'utf8')]))
    },
    readOpen: (text) => {
      const plain = open('open', text)
      return plain && plain.length === OPEN_BYTES ? readOpenBytes(plain) : null
    },
    readClick: (text): ClickToken | null => {
      const plain = open('click', text)
      if (!plain || plain.length <= CLICK_BYTES) return null
      const url = plain.subarray(CLICK_BYTES).toString('utf8')
      return { ...readOpenBytes(plain), link: plain.readUInt16BE(OPEN_BYTES), url }
    },
  }
}

const openBytes = ({ outgoingId, recipient }: OpenToken): Buffer => {
  if (recipient === NOBODY) throw new RangeError('No email has this many recipients')
  const bytes = Buffer.alloc(OPEN_BYTES)
  idBytes(outgoingId).copy(bytes)
  bytes.writeUInt16BE(recipient ?? NOBODY, ID_BYTES)
  return bytes
}

const readOpenBytes = (bytes: Buffer): OpenToken => {
  const recipient = bytes.readUInt16BE(ID_BYTES)
  return {
    outgoingId: idText(bytes.subarray(0, ID_BYTES)),
    recipient: recipient === NOBODY ? null : recipient,
  }
}

/** The 128 bits encoded in an id's 26 base-32 digits. */
const idBytes = (outgoingId: string): Buffer => {
  if (!/^out_[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(outgoingId))
    throw new RangeError(`${outgoingId} is not the id of an email`)
  let value = 0n
  for (const digit of outgoingId.slice(4)) value = (value << 5n) | BigInt(ALPHABET.indexOf(digit))
  return Buffer.from(value.toString(16).padStart(ID_BYTES * 2, '0'), 'hex')
}

const idText = (bytes: Buffer): string => {
  let value = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (let digit = 0; digit < 26; digit++) {
    text = ALPHABET[Number(value & 31n)] + text
    value >>= 5n
  }
  return `out_${text}`
}
