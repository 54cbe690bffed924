import { z } from 'zod'

/** The prefix of an id: the kind of thing it identifies. */
export type IdKind = 'acc' | 'msg' | 'not' | 'ntf' | 'out' | 'sin' | 'thr' | 'tle' | 'tpl' | 'whk'

/** Ids of these kinds: the prefix, and 128 bits in Crockford base 32. */
export const idOf = (kind: IdKind, ...others: readonly IdKind[]): z.ZodString => {
  const kinds = others.length === 0 ? kind : `(${[kind, ...others].join('|')})`
  return z.string().regex(new RegExp(`^${kinds}_[0-9a-hjkmnp-tv-z]{26}$`))
}

/**
 * The user as which an API key acts that is limited to some accounts: it has the access that it was given, as a member has.
 */
export const userOfKey = (keyId: string): string => `key.${keyId}`
export const isUserOfKey = (userId: string): boolean => /^key\.[0-9a-hjkmnp-tv-z]{12}$/.test(userId)
