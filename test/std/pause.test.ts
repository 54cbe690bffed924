import t from 'tap'
import { pause } from '../../src/std/pause.ts'

const NEVER_MS = 600_000

t.test('a pause ends by itself', async (t) => {
  const began = performance.now()
  await pause(20)
  // Timers may fire a millisecond early.
  t.ok(performance.now() - began >= 19)
})

t.test('an abort ends a pause, or prevents it, and neither is an error', async () => {
  const stop = new AbortController()
  const waiting = pause(NEVER_MS, stop.signal)
  stop.abort(new Error('enough'))
  await waiting
  await pause(NEVER_MS, stop.signal)
})
