import t from 'tap'
import { newCommandId, newEvent } from '../../../src/commands/handle.ts'
import {
  applyPatterns,
  requestPatternRun,
  type PatternDeps,
} from '../../../src/commands/sync/apply-patterns.ts'
import { previewPatterns } from '../../../src/commands/sync/preview-patterns.ts'
import { account, accountStream } from '../../../src/domain/accounts/account.ts'
import type { ExcludePattern } from '../../../src/domain/accounts/events.ts'
import { messageStream } from '../../../src/domain/sync/message.ts'
import { patternRuns, patternsStream } from '../../../src/domain/sync/pattern-run.ts'
import { messages } from '../../../src/projections/sync/messages.ts'
import { foldEvents } from '../../support/fold-events.ts'
import { readFrom } from '../../support/log-events.ts'
import { accountId, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { callerNow, numbers, syncRig } from '../../support/mailbox-to-sync.ts'

const never = new AbortController().signal
const shop: ExcludePattern = { pattern: '*@shop.test', match: 'sender' }
/** More than two batches; half of them are from the shop. */
const MESSAGES = 2_300

const rig = await syncRig(t, { settings: { excludePatterns: [shop] } })
const { store, load, handle } = rig.deps
for (const n of numbers(MESSAGES)) {
  const event = synced(n, { header: { from: [{ address: n % 2 === 0 ? 'news@shop.test' : 'jane@x.test' }] } })
  const events = [newEvent(event, newCommandId(new Date()), callerNow(), event.data.receivedAt)]
  await store.append({ stream: messageStream(messageIdOf(n)), expected: 'no_stream', events })
}
const all = () => readFrom(store, null, 1000)
const rows = async () => (await foldEvents(messages, await all())).message
const deps: PatternDeps = {
  ...rig.deps,
  hideableMessages: async (_, after, limit) =>
    (await rows())
      .filter(({ id }) => after === null || id > after)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map(({ id, direction, header, hidden_by: hiddenBy, shown_by_hand: shownByHand }) => ({
        id,
        isOurs: direction !== 'in',
        header,
        hiddenBy,
        shownByHand,
      })),
  countToFetch: async () => 0,
  patternsToApply: async () => ((await state()).run === null ? [] : [accountId]),
  caughtUp: async () => true,
}
const state = async () => (await load(patternRuns, patternsStream(accountId))).state
const hidden = async () => (await rows()).filter((row) => row.hidden_by !== null).map(({ id }) => id)
const eventsOf = async (type: string) => (await all()).filter((event) => event.type === type)
const request = () => requestPatternRun(deps)(callerNow(), accountId)
const untilDone = async (work: ReturnType<typeof applyPatterns>) => {
  while (await work(never));
}

t.test('patterns wait until no sync run uses those of before', async (t) => {
  await request()
  const lease = (await deps.leases.acquire(`sync-${accountId}`, never))!
  t.equal(await applyPatterns(deps)(never), false)
  t.match(await state(), { run: { after: null, examined: 0 } })
  t.same(await hidden(), [])
  await lease.release()
})

t.test('a crash in the middle changes nothing about the end', async (t) => {
  let left = 700
  const dying: PatternDeps = {
    ...deps,
    handle: (decider, stream, ...rest) => {
      if (stream.startsWith('presence-') && --left < 0) throw new Error('the process is gone')
      return handle(decider, stream, ...rest)
    },
  }
  const { hidden: foreseen } = await previewPatterns(deps)(callerNow(), accountId, { add: [], remove: [] })
  await t.rejects(untilDone(applyPatterns(dying)), /the process is gone/)
  t.match(await state(), { run: { after: String, examined: 1000 } }, 'a batch is done, another one is not')
  t.equal((await hidden()).length, 700)
  await untilDone(applyPatterns(deps))
  t.match(await state(), { run: null, applied: { number: 1, patterns: [shop], toFetch: false } })
  const even = numbers(MESSAGES)
    .filter((n) => n % 2 === 0)
    .map(messageIdOf)
  t.same((await hidden()).toSorted(), even.toSorted())
  t.equal((await eventsOf('MessageHidden')).length, foreseen, 'each once')
  t.match((await eventsOf('PatternRunFinished')).at(-1)?.data, { examined: MESSAGES })
})

t.test('a second time nothing changes, and without the pattern all is as before', async (t) => {
  await request()
  await untilDone(applyPatterns(deps))
  t.equal((await eventsOf('MessageHidden')).length, MESSAGES / 2)
  const command = { do: 'remove-exclude-pattern', pattern: shop, by: null } as const
  await handle(account, accountStream(accountId), command, callerNow())
  await request()
  await untilDone(applyPatterns(deps))
  t.same(await hidden(), [])
  t.match((await eventsOf('PatternRunFinished')).at(-1)?.data, { hidden: 0, shown: MESSAGES / 2 })
})
