import { randomUUID } from 'node:crypto'
import { entityIdOfSource, newCommandId, type Caller } from '../../src/commands/handle.ts'
import type { TrackedHit } from '../../src/commands/ports/tracking.ts'
import { ClickTracked, OpenTracked } from '../../src/domain/tracking/events.ts'

/** Examples for tests of tracking: requests for pixels and links, as they would be recorded. */

export const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36'

export const outgoingOf = (name: string | number): string => entityIdOfSource('out', String(name))

export type HitChanges = Partial<TrackedHit['data']> & { link?: number }

export const anOpen = (changes: Partial<TrackedHit['data']> = {}): TrackedHit =>
  OpenTracked({
    outgoingId: outgoingOf(1),
    recipient: 0,
    at: '2026-01-22T14:45:00.000Z',
    method: 'GET',
    ip: '198.51.100.7',
    userAgent: CHROME,
    prefetch: false,
    own: false,
    repeats: 0,
    bot: false,
    ...changes,
  })

export const aClick = ({ link = 0, ...changes }: HitChanges = {}): TrackedHit =>
  ClickTracked({ ...anOpen(changes).data, link, url: 'https://acme.example/proposal.pdf' })

export const aCaller = (): Caller => ({
  actor: { kind: 'system', id: 'tracking' },
  commandId: newCommandId(new Date()),
  correlationId: randomUUID(),
  causationId: null,
})
