import t from 'tap'
import { timeAgo } from '../../../src/http/server/time-ago.ts'

t.test('how long ago is said in whole units', async (t) => {
  const now = new Date('2026-01-01T12:00:00.000Z')
  for (const [seconds, words] of [
    [-5, 'just now'],
    [59.9, 'just now'],
    [60, '1 minute ago'],
    [3599, '59 minutes ago'],
    [3600, '1 hour ago'],
    [86_399, '23 hours ago'],
    [86_400, '1 day ago'],
    [200_000, '2 days ago'],
  ] as const)
    t.equal(timeAgo(new Date(now.getTime() - seconds * 1000).toISOString(), now), words)
  t.equal(timeAgo(null, now), 'never')
})
