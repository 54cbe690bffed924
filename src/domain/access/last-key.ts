import { defineRefusal } from '../refusal.ts'

const LASTING_DAYS = 7

type Key = {
  readonly id: string
  readonly scopes: readonly string[]
  readonly userId: string | null
  readonly expiresAt: string | null
  readonly revokedAt: string | null
}

const lastManagingKey = defineRefusal('last-managing-key', {
  title: 'Last key that can manage API keys',
  meaning: `Without this key nobody could create or revoke API keys: no other one has keys:manage, is bound to no user and stays valid for another ${LASTING_DAYS} days.`,
  remedy:
    'Create such a key first. To revoke this one all the same, repeat with `?force=true`; after that only `npm run create-key` on the machine can create one.',
})

/**
 * Not everybody may be locked out unknowingly.
 * @throws Refused if the key is the last one that can manage keys
 */
export const requireAnotherManager = (keys: readonly Key[], keyId: string, now: Date): void => {
  const lastingUntil = now.getTime() + LASTING_DAYS * 24 * 3_600_000
  const isManagerAt = (key: Key, time: number): boolean =>
    key.userId === null &&
    key.revokedAt === null &&
    (key.expiresAt === null || Date.parse(key.expiresAt) > time) &&
    ['*', 'keys:manage'].some((scope) => key.scopes.includes(scope))
  const isNeeded = keys.some((key) => key.id === keyId && isManagerAt(key, now.getTime()))
  if (isNeeded && !keys.some((key) => key.id !== keyId && isManagerAt(key, lastingUntil)))
    throw lastManagingKey()
}
