import fc from 'fast-check'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { trackingTokens } from '../../../src/adapters/tracking/token.ts'
import { entityId, newCommandId } from '../../../src/commands/handle.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { runs } from '../../support/long-runs.ts'

const key = { id: 1, key: randomBytes(32) }
const tokens = trackingTokens([key])
const outgoingId = entityId('out', newCommandId(new Date('2026-01-22T14:30:00Z')))
const click = { outgoingId, recipient: 2, link: 7, url: 'https://files.acme.example/proposal.pdf?v=2#page=3' }

const idOf = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) =>
  entityId(
    'out',
    Buffer.from(bytes)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  ),
)
// A token keeps any text, so these are more than URLs: nothing in them is escaped.
const anyUrl = fc.string({ unit: anyCharacter, size: 'medium' }).map((text) => `https://acme.example/${text}`)
const recipientOf = fc.option(fc.integer({ min: 0, max: 0xfffe }))

t.test('a token gives back what was sealed in it, whatever that was', async (t) => {
  fc.assert(
    fc.property(
      idOf,
      recipientOf,
      fc.integer({ min: 0, max: 1999 }),
      anyUrl,
      (outgoingId, recipient, link, url) => {
        const open = { outgoingId, recipient }
        assert.deepEqual(tokens.readOpen(tokens.sealOpen(open)), open)
        assert.deepEqual(tokens.readClick(tokens.sealClick({ ...open, link, url })), { ...open, link, url })
      },
    ),
    { numRuns: runs(200, 500) },
  )
  for (const bytes of [1, 100, 2000]) {
    const url = 'x'.repeat(bytes)
    t.equal(tokens.readClick(tokens.sealClick({ ...click, url }))?.url, url)
  }
})

t.test('tokens are short, safe in a URL, never alike and show nothing', async (t) => {
  const open = tokens.sealOpen(click)
  t.equal(open.length, 64)
  const url = `https://acme.example/${'a'.repeat(92 - 21)}`
  t.equal(url.length, 92)
  const sealed = tokens.sealClick({ ...click, url })
  t.ok(sealed.length <= 190, `a link of 92 characters takes ${sealed.length}`)
  for (const token of [open, sealed]) t.match(token, /^[A-Za-z0-9_-]+$/)
  t.not(tokens.sealOpen(click), open)
  const bytes = Buffer.from(sealed, 'base64url').toString('latin1')
  t.notMatch(bytes, /acme|http|out_/)
})

t.test('no token with a flipped bit, another spelling or another length is accepted', async (t) => {
  const all = [
    tokens.sealOpen(click),
    tokens.sealClick(click),
    tokens.sealClick({ ...click, url: 'http://a.b/' }),
  ]
  let accepted = 0
  let tried = 0
  const attempt = (text: string): void => {
    tried++
    if (tokens.readOpen(text) || tokens.readClick(text)) accepted++
  }
  for (const token of all) {
    const bytes = Buffer.from(token, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      attempt(flipped.toString('base64url'))
    }
    for (let at = 0; at < token.length; at++)
      for (const other of 'ABCDabcd0189-_+/=. \n')
        if (token[at] !== other) attempt(token.slice(0, at) + other + token.slice(at + 1))
    for (let end = 0; end < token.length; end++) attempt(token.slice(0, end))
    for (const more of ['A', '=', '\n', ' ', '%00', token]) attempt(token + more)
  }
  const random = fc.sample(
    fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'.split('')), maxLength: 300 }),
    5000,
  )
  for (const text of random) attempt(text)
  for (let round = 0; round < 120; round++) {
    const bytes = Buffer.from(tokens.sealClick(click), 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      attempt(flipped.toString('base64url'))
    }
  }
  t.ok(tried >= 100_000, `${tried} tried`)
  t.equal(accepted, 0)
})

t.test('a token is good for its own kind, and our own keys only, at whatever host', async (t) => {
  const open = tokens.sealOpen(click)
  const sealed = tokens.sealClick(click)
  t.equal(tokens.readClick(open), null)
  t.equal(tokens.readOpen(sealed), null)
  const other = trackingTokens([{ id: 1, key: randomBytes(32) }])
  t.equal(other.readOpen(open), null)
  t.equal(other.readClick(sealed), null)
})

t.test('a new key seals and the old ones still open; without its key a token is nothing', async (t) => {
  const old = tokens.sealClick(click)
  const rotated = trackingTokens([key, { id: 2, key: randomBytes(32) }])
  t.strictSame(rotated.readClick(old), click)
  const fresh = rotated.sealClick(click)
  t.strictSame(rotated.readClick(fresh), click)
  t.equal(tokens.readClick(fresh), null)
})

t.test('keys and ids that cannot be right are refused before anything is sealed', async (t) => {
  t.throws(() => trackingTokens([]), RangeError)
  t.throws(() => trackingTokens([{ id: 256, key: randomBytes(32) }]), RangeError)
  t.throws(() => trackingTokens([key, key]), RangeError)
  t.throws(() => trackingTokens([{ id: 1, key: randomBytes(16) }]), RangeError)
  t.throws(() => tokens.sealOpen({ outgoingId: 'out_x', recipient: null }), RangeError)
  t.throws(() => tokens.sealOpen({ outgoingId, recipient: 0xffff }), RangeError)
  t.throws(() => tokens.sealClick({ ...click, link: 65536 }), RangeError)
})
