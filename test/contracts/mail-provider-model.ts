import fc from 'fast-check'
import type { Test } from 'tap'
import { inSession, mimeOf, type Harness, type OpenHarness } from './mail-provider-harness.ts'
import { product, sorted, type Product } from './mail-provider-product.ts'

type Step =
  | { readonly do: 'deliver'; readonly folder: number; readonly count: number }
  | { readonly do: 'move'; readonly which: number; readonly folder: number }
  | { readonly do: 'flag'; readonly which: number; readonly flags: string[] }
  | { readonly do: 'remove'; readonly which: number }
  | { readonly do: 'lose' }
  | { readonly do: 'run'; readonly crashAfter: number | undefined }

const which = fc.nat()
const folder = fc.nat({ max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('deliver'), folder, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move'), which, folder }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('flag'),
      which,
      flags: fc.subarray(['answered', 'flagged', 'seen']),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove'), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('run'),
      crashAfter: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
    }),
  },
)

const take = async (harness: Harness, reader: Product, action: Step, ids: () => string): Promise<void> => {
  const { mailbox, folders } = harness
  const names = [folders.inbox, folders.sent, folders.archive]
  if (action.do === 'run')
    return inSession(harness, async (session) => void (await reader.run(session, {}, action.crashAfter)))
  if (action.do === 'lose') return harness.loseCursors()
  if (action.do === 'deliver') {
    for (let n = 0; n < action.count; n += 1) await mailbox.deliver(names[action.folder]!, mimeOf(ids()))
    return
  }
  const contents = sorted(await mailbox.contents())
  const chosen = contents[action.which % (contents.length || 1)]
  if (chosen === undefined) return
  const { messageId, folder: from } = chosen
  const { answered } = harness.knows
  if (action.do === 'flag')
    return mailbox.flag(
      messageId,
      from,
      action.flags.filter((flag) => answered || flag !== 'answered'),
    )
  if (action.do === 'remove') return mailbox.remove(messageId, from)
  const to = names[action.folder]!
  if (to !== from) await mailbox.move(messageId, from, to)
}

/**
 * Whatever happens to a mailbox, and wherever runs end, a product that applies the sets of changes has what the mailbox
 * has.
 */
export const modelContract = (t: Test, open: OpenHarness, runs: number): void => {
  t.test('a product that applies the sets of changes ends up equal to the mailbox', async (t) => {
    let mails = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 16 }), async (steps) => {
        const harness = await open(t)
        const reader = product()
        for (const action of steps) await take(harness, reader, action, () => `${mails++}@x`)
        for (const thorough of [false, false, true])
          await inSession(harness, (session) => reader.run(session, { thorough }))
        const [here, there] = [sorted(reader.contents()), sorted(await harness.mailbox.contents())]
        if (JSON.stringify(here) !== JSON.stringify(there))
          throw new Error(`${JSON.stringify(here)}\nis not\n${JSON.stringify(there)}`)
        const before = reader.handedOut()
        await inSession(harness, (session) => reader.run(session))
        return reader.handedOut() === before
      }),
      { numRuns: runs },
    )
    t.pass()
  })
}
