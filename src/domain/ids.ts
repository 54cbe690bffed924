import { z } from 'zod'

/** What an id begins with: the kind of thing that it is of. */
export type IdKind = 'acc' | 'msg' | 'out' | 'thr' | 'tpl'

/** Ids of these kinds: the kind, and 128 bits in Crockford's base 32. */
export const idOf = (kind: IdKind, ...others: readonly IdKind[]): z.ZodString => {
  const kinds = others.length === 0 ? kind : `(${[kind, ...others].join('|')})`
  return z.string().regex(new RegExp(`^${kinds}_[0-9a-hjkmnp-tv-z]{26}$`))
}
