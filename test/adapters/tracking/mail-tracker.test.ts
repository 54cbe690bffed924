import assert from 'node:assert/strict'
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { trackingOfMail } from '../../../src/adapters/tracking/mail-tracker.ts'
import { restoreHtml } from '../../../src/adapters/tracking/restore-html.ts'
import { trackingTokens } from '../../../src/adapters/tracking/token.ts'
import { trackHtml } from '../../../src/adapters/tracking/track-html.ts'
import type { TrackedHtml } from '../../../src/commands/ports/tracking.ts'
import { idOf } from '../../support/example-emails.ts'
import { runs } from '../../support/long-runs.ts'

const trackingUrl = 'https://track.acme.test'
const keys = [{ id: 0, key: randomBytes(32) }]
const tokens = trackingTokens(keys)
const { tracker, untrack, close } = trackingOfMail(keys, trackingUrl)
t.teardown(close)

const copy = { outgoingId: idOf('out', 1), recipient: 0, opens: true, clicks: true }
/** So long that a thread does it. */
const padding = '<p>Following up on our conversation.</p>'.repeat(400)

/** Every token is sealed under a nonce of its own. */
const withoutTokens = ({ html, ...rest }: TrackedHtml) => ({
  ...rest,
  html: html.replaceAll(/\/t\/[oc]\/[\w-]+/g, '/t/…'),
})

const piece = fc.oneof(
  fc.string(),
  fc.webUrl().map((url) => `<a href="${url}">there</a>`),
  fc.constantFrom('<!--', '</body>', '<a href=x', '<style>', '\u{1F600}', 'Grüße', '<a data-x>{name}</a>'),
)

t.test('long HTML is tracked and restored by a thread as it would be here', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const html = [...pieces, padding].join('')
      const tracked = await tracker!.track(html, copy)
      assert.deepEqual(withoutTokens(tracked), withoutTokens(trackHtml(html, copy, tokens, trackingUrl)))
      const restored = await untrack.html(tracked.html)
      assert.equal(restored, restoreHtml(tracked.html, tokens))
    }),
    { numRuns: runs(50, 1000) },
  )
})

t.test(
  'without a tracking address nothing is tracked, and what was tracked before is restored',
  async (t) => {
    const moved = trackingOfMail(keys, null)
    t.teardown(moved.close)
    t.equal(moved.tracker, null)
    const html = `${padding}<a href="https://acme.test/a">Proposal</a>`
    const tracked = trackHtml(html, copy, tokens, trackingUrl)
    t.not(tracked.html, html)
    t.equal(await moved.untrack.html(tracked.html), html)
  },
)
