import type { Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import { DeliveryReportRead } from './events.ts'

// ---------------------------------------------------------------- state

export type DeliveryReportState = { readonly status: 'unread' | 'read' }

// ---------------------------------------------------------------- commands

type ReportEvent = EventOf<typeof DeliveryReportRead>
export type DeliveryReportCommand = { readonly do: 'read' } & ReportEvent['data']

// ---------------------------------------------------------------- evolve

const evolve = (): DeliveryReportState => ({ status: 'read' })

// ---------------------------------------------------------------- decide

const decide = (command: DeliveryReportCommand, state: DeliveryReportState): ReportEvent[] => {
  const { do: _, ...report } = command
  return state.status === 'read' ? [] : [DeliveryReportRead(report)]
}

export const deliveryReport: Decider<DeliveryReportState, DeliveryReportCommand, ReportEvent> = {
  initial: { status: 'unread' },
  evolve,
  decide,
}

/** The id of ours in a Message-ID (without angle brackets), as composing makes it; null in those of others. */
export const outgoingIdIn = (headerMessageId: string): string | null =>
  /^(out_[0-9a-hjkmnp-tv-z]{26})@/.exec(headerMessageId)?.[1] ?? null
