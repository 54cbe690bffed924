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
