import {
  notificationKind,
  type NotificationChannel,
  type NotificationKind,
  type NotificationSettings,
} from './events.ts'

const DEFAULT_CHANNELS: readonly NotificationChannel[] = ['feed', 'webhook']

/** The settings of a user who chose none. */
export const defaultSettings: NotificationSettings = {
  kinds: [],
  accounts: [],
  digest: { isOn: false, hour: 8 },
}

/** By which channels a user is notified of this kind of thing in an account; none: not at all. */
export const channelsOf = (
  { kinds, accounts }: NotificationSettings,
  accountId: string,
  kind: NotificationKind,
): readonly NotificationChannel[] => {
  const ofAccount = accounts.find((each) => each.accountId === accountId)
  const chosen = [...(ofAccount?.kinds ?? []), ...kinds].find((each) => each.kind === kind)
  return chosen?.channels ?? DEFAULT_CHANNELS
}

/** The same settings with every kind named. */
export const inFull = (settings: NotificationSettings): NotificationSettings => ({
  ...settings,
  kinds: notificationKind.options.map((kind) => ({
    kind,
    channels: [...(settings.kinds.find((each) => each.kind === kind)?.channels ?? DEFAULT_CHANNELS)],
  })),
})
