import { z } from 'zod'
import { recordRef } from '../../domain/linking/events.ts'
import { writtenMailbox } from '../../domain/mail.ts'
import { entryKinds, verdicts } from '../../domain/timeline/kinds.ts'
import type { TimelineQueries } from '../../projections/timeline/timeline.ts'
import { actorView } from '../server/actor-view.ts'
import { visible, visibleSubject } from '../server/visible.ts'

export const entryView = z
  .object({
    id: z.string(),
    at: z.string().describe('When it happened, the first time'),
    kind: z.enum(entryKinds).describe('What happened'),
    direction: z.enum(['in', 'out']).nullable(),
    verdict: z
      .enum(verdicts)
      .nullable()
      .describe('Of opens and clicks: who made them, as far as can be told'),
    accountId: z.string().nullable().describe('Null for entries of the CRM'),
    messageId: z.string().nullable().describe('The message or email that it is about'),
    emailId: z.string().nullable().describe('The same if it was sent from here'),
    threadId: z.string().nullable(),
    replyId: z.string().nullable().describe('The message that is the reply'),
    records: z.array(recordRef).describe('All records on whose timelines it is'),
    title: visibleSubject.describe(
      'The subject, or the title of an entry of the CRM; null if not visible to you',
    ),
    from: z.array(writtenMailbox).describe('At most 20'),
    to: z.array(writtenMailbox).describe('At most 20'),
    text: z
      .string()
      .nullable()
      .describe('The text of an entry of the CRM, or why something failed; null if not visible to you'),
    link: z
      .object({ url: z.string(), text: z.string() })
      .nullable()
      .describe('The link that was clicked; null if not visible to you'),
    count: z.int().describe('How many times it happened'),
    lastAt: z.string().describe('When it happened last'),
    actor: actorView.nullable().describe('Who did it, of entries of the CRM and changes of accounts'),
    position: z.string().describe('Position in the log of what changed the entry last'),
    visibility: visible,
  })
  .meta({ id: 'TimelineEntry' })

type VisibleEntry = Awaited<ReturnType<TimelineQueries['list']>>['entries'][number]

/** For each of these entries what is shown of it; `threadsOf` finds the threads of messages. */
export const entryViews = async (
  entries: readonly VisibleEntry[],
  threadsOf: (messageIds: readonly string[]) => Promise<ReadonlyMap<string, string>>,
): Promise<z.input<typeof entryView>[]> => {
  const threads = await threadsOf(entries.flatMap(({ messageId }) => messageId ?? []))
  return entries.map((entry) => ({
    ...entry,
    from: [...entry.from],
    to: [...entry.to],
    threadId: entry.messageId === null ? null : (threads.get(entry.messageId) ?? null),
  }))
}
