import type { Subject, SubjectKind } from '../../domain/audit/subjects.ts'

/** What people ask the history of: a thing that events are about, or a thread. */
export type HistoryOf = { readonly kind: SubjectKind | 'thread'; readonly id: string }

type Thread = { readonly id: string; readonly merged: string[] }
type Member = { readonly id: string; readonly at: string }

export type BelongingDeps = {
  readonly findThread: (id: string, userId: string | null) => Promise<Thread | null>
  readonly membersOf: (
    thread: Thread,
    page: {
      readonly descending: boolean
      readonly after: readonly [at: string, id: string] | null
      readonly limit: number
    },
  ) => Promise<Member[]>
  readonly messagesOfEmails: (emails: readonly string[]) => Promise<string[]>
}

/**
 * A thing with all that belongs to it, for this user (null: a program): to an email its copies, answers and reports; to a
 * thread its messages and emails with all that belongs to them, and what was done about it as a conversation.
 */
export const belongingTo =
  (deps: BelongingDeps) =>
  async ({ kind, id }: HistoryOf, userId: string | null): Promise<Subject[]> => {
    if (kind !== 'email' && kind !== 'thread') return [{ kind, id }]
    const thread = kind === 'thread' ? await deps.findThread(id, userId) : null
    const members = kind === 'email' ? [id] : await membersOfThread(deps, thread)
    const conversations = thread === null ? [] : [thread.id, ...thread.merged]
    const emails = members.filter(isEmail)
    const messages = [
      ...members.filter((member) => !isEmail(member)),
      ...(await deps.messagesOfEmails(emails)),
    ]
    return [
      ...conversations.map((each): Subject => ({ kind: 'conversation', id: each })),
      ...emails.map((each): Subject => ({ kind: 'email', id: each })),
      ...[...new Set(messages)].map((each): Subject => ({ kind: 'message', id: each })),
    ]
  }

const isEmail = (id: string): boolean => id.startsWith('out_')

const PAGE = 1_000

const membersOfThread = async ({ membersOf }: BelongingDeps, thread: Thread | null): Promise<string[]> => {
  if (!thread) return []
  const members: Member[] = []
  for (;;) {
    const last = members.at(-1)
    const page = await membersOf(thread, {
      descending: false,
      after: last ? [last.at, last.id] : null,
      limit: PAGE,
    })
    members.push(...page)
    if (page.length < PAGE) return members.map((member) => member.id)
  }
}
