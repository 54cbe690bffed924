import { randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/** What Graph tells of a subscription, or of what becomes of it. */
type Notice = 'changed' | 'missed' | 'reauthorization-required' | 'removed'

/**
 * Where Graph's notices arrive, and for whom. They are only hints: one that nobody waits for, or that does not know the
 * secret of its subscription, is passed over.
 */
export type Notices = {
  /** A public https address; null if there is none, and so no subscription. */
  readonly url: string | null
  /** Calls back for each notice with this secret, until the returned function ends that. */
  expect(heard: (notice: Notice) => void): { readonly clientState: string; readonly end: () => void }
  /** A body of Graph's, as it came. */
  take(body: unknown): void
}

const LIFECYCLE: Readonly<Record<string, Notice>> = {
  missed: 'missed',
  reauthorizationRequired: 'reauthorization-required',
  subscriptionRemoved: 'removed',
}

const bodies = z.object({
  value: z
    .array(z.object({ clientState: z.string().max(128), lifecycleEvent: z.string().optional() }))
    .max(1000),
})

/** `publicUrl`: where we are reached; Graph notifies only public https addresses. */
export const graphNotices = (publicUrl: string | null): Notices => {
  const expected = new Map<string, { readonly secret: Buffer; readonly heard: (notice: Notice) => void }>()
  return {
    url: publicUrl?.startsWith('https://') ? `${publicUrl}/v1/hints/outlook` : null,
    expect: (heard) => {
      const name = randomBytes(9).toString('base64url')
      const secret = randomBytes(24)
      expected.set(name, { secret, heard })
      return {
        clientState: `${name}.${secret.toString('base64url')}`,
        end: () => void expected.delete(name),
      }
    },
    take: (body) => {
      for (const { clientState, lifecycleEvent } of bodies.safeParse(body).data?.value ?? []) {
        const [name = '', secret = ''] = clientState.split('.')
        const found = expected.get(name)
        const told = Buffer.from(secret, 'base64url')
        if (found?.secret.length !== told.length || !timingSafeEqual(found.secret, told)) continue
        const notice = lifecycleEvent === undefined ? 'changed' : LIFECYCLE[lifecycleEvent]
        if (notice !== undefined) found.heard(notice)
      }
    },
  }
}
