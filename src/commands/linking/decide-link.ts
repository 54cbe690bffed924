import { requireLevel, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import type { RecordRef } from '../../domain/linking/events.ts'
import type { Links } from '../../domain/linking/links.ts'
import { linksStream, messageLinks, type LinkCommand } from '../../domain/linking/message-links.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

export type DecideDeps = {
  readonly handle: Handle
  /** A message by its id or that of its copy, and whose it is. */
  readonly findMessage: (id: string) => Promise<{ readonly id: string; readonly accountId: string } | null>
  readonly findAccount: (id: string) => Promise<AccessRights | null>
  readonly isRecorded: (record: RecordRef) => Promise<boolean>
}

/** The message, if the caller has full access to its account. @throws NotFound; Refused `access-level-too-low` */
const requireMessage =
  ({ findMessage, findAccount }: Pick<DecideDeps, 'findMessage' | 'findAccount'>) =>
  async (caller: Caller, id: string): Promise<{ messageId: string; accountId: string }> => {
    const message = await findMessage(id)
    const account = message && (await findAccount(message.accountId))
    if (!message) throw new NotFound('message', id)
    requireLevel(account, userOf(caller), 'full', ['message', id])
    return { messageId: message.id, accountId: message.accountId }
  }

type Decision = Exclude<LinkCommand['do'], 'match'>

/**
 * What somebody decides about a message and a record: to link or unlink them, to accept or reject a suggestion, or to undo
 * what was decided, so that the rules decide again. The same again does nothing. @throws NotFound
 */
export const decideLink =
  (deps: DecideDeps) =>
  async (
    caller: Caller,
    id: string,
    decision: Decision,
    record: RecordRef,
    ifRevision?: IfRevision,
  ): Promise<Handled<Links>> => {
    const message = await requireMessage(deps)(caller, id)
    if (decision === 'link' && !(await deps.isRecorded(record))) throw new NotFound(record.kind, record.id)
    const command = { do: decision, ...message, record } as const
    return deps.handle(messageLinks, linksStream(message.messageId), command, caller, { ifRevision })
  }
