import { z } from 'zod'
import { accountId } from '../../domain/accounts/events.ts'
import { crmId } from '../../domain/directory/events.ts'
import { entryKinds, verdicts } from '../../domain/timeline/kinds.ts'
import type { TimelineQueries } from '../../projections/timeline/timeline.ts'
import { timesOf } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'

const listedKinds = z
  .string()
  .transform((text) => text.split(',').map((kind) => kind.trim()))
  .pipe(z.array(z.enum(entryKinds)).min(1).max(entryKinds.length))
  .overwrite((kinds) => [...new Set(kinds)])

/** Whose timeline is asked for, and what of it. */
export const askedTimeline = {
  contact: crmId.optional().describe('The timeline of this contact, and of those that were merged into it'),
  company: crmId.optional().describe('The timeline of this company'),
  deal: crmId.optional().describe('The timeline of this deal'),
  account: accountId
    .optional()
    .describe('The timeline of this account; beside another one, only entries of this account'),
  kinds: listedKinds.optional().describe('Only these kinds of entries, separated by commas'),
  direction: z.enum(['in', 'out']).optional().describe('Only what came in, or only what went out'),
  verdict: z
    .enum([...verdicts, 'any'])
    .default('human')
    .describe('Whose opens and clicks are listed: by default those of people, none of programs'),
  ...timesOf('dated'),
}
type Followed = Parameters<TimelineQueries['follow']>[0]
type TimelineFilter = Parameters<TimelineQueries['list']>[1]
type Asked = z.infer<z.ZodObject<typeof askedTimeline>>

export const oneTimeline = defineProblem(400, 'one-timeline', {
  title: 'Whose timeline?',
  meaning: 'A timeline is that of one contact, company, deal, thread or account.',
  remedy: 'Send one of `contact`, `company`, `deal` and, for a list, `thread`, or `account` alone.',
})

/** Null if none of them is asked for. @throws HttpProblem 400 if several are */
export const recordAsked = ({ contact, company, deal, account }: Asked): Followed | null => {
  const [record, ...others] = Object.entries({ contact, company, deal }).flatMap(([kind, id]) =>
    id === undefined ? [] : [{ kind: kind as 'contact' | 'company' | 'deal', id }],
  )
  if (others.length > 0) throw oneTimeline()
  return record ?? (account === undefined ? null : { kind: 'account', id: account })
}

export const filterAsked = (
  { account, kinds, direction, verdict, from, to }: Asked,
  userId: string | null,
): TimelineFilter => ({
  userId,
  kinds,
  direction,
  verdict: verdict === 'any' ? undefined : verdict,
  accountId: account,
  from,
  to,
})
