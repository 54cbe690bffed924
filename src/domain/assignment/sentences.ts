import type { Sentences } from '../event.ts'
import type { AssignmentEvent } from './events.ts'

export const assignmentSentences: Sentences<AssignmentEvent> = {
  AssignmentRulesChanged: ({ rules }) =>
    rules.length === 0
      ? 'Conversations are no longer assigned by rules'
      : `Conversations are assigned by these rules: ${rules.map(({ kind }) => kind).join(', ')}`,
  ConversationPicked: ({ userId, detail }) => `The rules chose user ${userId} for a conversation (${detail})`,
  ConversationLeftUnassigned: ({ detail }) => `The rules left a conversation unassigned (${detail})`,
  UserAvailabilityChanged: ({ userId, away, workingHours }) =>
    [
      away === null
        ? `User ${userId} is not away`
        : `User ${userId} is away from ${away.from} ${away.until === null ? 'until further notice' : `until ${away.until}`}`,
      ...(workingHours === null ? [] : [`with working hours in ${workingHours.timeZone}`]),
    ].join(', '),
}
