import type { Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import { defaultSettings } from './channels.ts'
import { NotificationSettingsChanged, type NotificationSettings } from './events.ts'

// ---------------------------------------------------------------- state

export type SettingsState = { readonly settings: NotificationSettings }

// ---------------------------------------------------------------- commands

export type ChangeSettings = { readonly userId: string; readonly settings: NotificationSettings }

// ---------------------------------------------------------------- decide

const decide = (
  { userId, settings }: ChangeSettings,
  state: SettingsState,
): EventOf<typeof NotificationSettingsChanged>[] =>
  // Both sides come from one schema, so their keys are in the same order.
  JSON.stringify(settings) === JSON.stringify(state.settings)
    ? []
    : [NotificationSettingsChanged({ userId, settings })]

export const userSettings: Decider<
  SettingsState,
  ChangeSettings,
  EventOf<typeof NotificationSettingsChanged>
> = {
  initial: { settings: defaultSettings },
  evolve: (_state, event) => ({ settings: event.data.settings }),
  decide,
}

/** `notificationsettings-<userId>` */
export const settingsStream = (userId: string): string => `notificationsettings-${userId}`
